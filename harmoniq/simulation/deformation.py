"""Smooth deformations that make subjects of the template: affine plus a few plane waves, with analytic gradients."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError

_CENTER = np.array([0.0, -18.0, 12.0])  # middle of the template's cerebrum, about which heads turn and scale


@dataclass(frozen=True)
class Deformation:
    """Map from a subject's RAS mm to the template's.

    ``y = matrix @ x + offset + sum_m amplitude_m sin(wave_m . x + phase_m)``

    Parameters
    ----------
    matrix : (3, 3) array
        Turns and scales.
    offset : (3,) array
        Shift, in mm.
    amplitude : (m, 3) array
        Displacement by each plane wave at its crest, in mm.
    wave : (m, 3) array
        Wave vectors, in rad/mm.
    phase : (m,) array
        Of the waves, in rad.

    Raises
    ------
    InputError
        When shapes disagree, or the map cannot be inverted by fixed-point iteration.
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    wave: NDArray[np.float64]
    phase: NDArray[np.float64]

    def __post_init__(self) -> None:
        modes = len(self.phase)
        shapes = {"matrix": (3, 3), "offset": (3,), "amplitude": (modes, 3), "wave": (modes, 3), "phase": (modes,)}
        for name, shape in shapes.items():
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != shape:
                raise InputError(f"must have shape {shape}", key=name, value=array.shape)
            object.__setattr__(self, name, array)
        # Banach: the iteration of `push` contracts when |M^-1| times the largest strain is below one.
        strain = np.sum(np.linalg.norm(self.amplitude, axis=1) * np.linalg.norm(self.wave, axis=1))
        if np.linalg.norm(np.linalg.inv(self.matrix), 2) * strain >= 0.9:
            raise InputError("the deformation folds or nearly so", key="amplitude", remedy="use smaller amplitudes")

    def pull(self, points: ArrayLike) -> NDArray[np.float64]:
        """Move points of the subject to the template.

        Parameters
        ----------
        points : array_like, shape (..., 3)
            In the subject's RAS mm.

        Returns
        -------
        ndarray, shape (..., 3)
            In the template's RAS mm.
        """
        x = np.asarray(points, dtype=np.float64)
        return x @ self.matrix.T + self.offset + np.sin(x @ self.wave.T + self.phase) @ self.amplitude

    def push(self, points: ArrayLike, tolerance_mm: float = 1e-5, max_iterations: int = 200) -> NDArray[np.float64]:
        """Move points of the template to the subject: the inverse of `pull`, by fixed-point iteration.

        Parameters
        ----------
        points : array_like, shape (..., 3)
            In the template's RAS mm.
        tolerance_mm : float, optional
            It ends where no coordinate moves by more, in mm.
        max_iterations : int, optional
            Rounds at most.

        Returns
        -------
        ndarray, shape (..., 3)
            In the subject's RAS mm.

        Raises
        ------
        InputError
            When the iteration does not converge.
        """
        y = np.asarray(points, dtype=np.float64)
        inverse = np.linalg.inv(self.matrix).T
        x = (y - self.offset) @ inverse
        for _ in range(max_iterations):
            new = (y - self.offset - np.sin(x @ self.wave.T + self.phase) @ self.amplitude) @ inverse
            step = np.max(np.abs(new - x), initial=0.0)
            x = new
            if step < tolerance_mm:
                return x
        raise InputError("the deformation could not be inverted", remedy="use smaller amplitudes")

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Compute the gradient of `pull`.

        Parameters
        ----------
        points : array_like, shape (..., 3)
            In the subject's RAS mm.

        Returns
        -------
        ndarray, shape (..., 3, 3)
            d template_i / d subject_j.
        """
        x = np.asarray(points, dtype=np.float64)
        cosines = np.cos(x @ self.wave.T + self.phase)
        return self.matrix + np.einsum("...m,mi,mj->...ij", cosines, self.amplitude, self.wave)


def identity_deformation() -> Deformation:
    """Make the deformation under which the subject is the template.

    Returns
    -------
    Deformation
        Without waves.
    """
    return Deformation(np.eye(3), np.zeros(3), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))


def random_deformation(rng: np.random.Generator, amplitude_mm: float = 3.0, modes: int = 5) -> Deformation:
    """Draw a subject's shape and position.

    Size varies by about 4 %, proportions by 1.5 %, the head's turn by 3 degrees and its place by 3 mm (SD); the waves
    (lengths of 150 to 300 mm) move tissue by at most `amplitude_mm` against that.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws all of it.
    amplitude_mm : float
        Largest sum of the waves' displacements, mm.
    modes : int
        Number of plane waves.

    Returns
    -------
    Deformation
        The subject's.
    """
    from scipy.spatial.transform import Rotation

    size = np.clip(rng.normal(0.0, 0.04), -0.09, 0.09) + np.clip(rng.normal(0.0, 0.015, 3), -0.035, 0.035)
    turn = Rotation.from_rotvec(np.radians(np.clip(rng.normal(0.0, 3.0, 3), -7, 7))).as_matrix()
    matrix = np.diag(1.0 / (1.0 + size)) @ turn.T
    shift = np.clip(rng.normal(0.0, 3.0, 3), -7, 7)
    direction = rng.normal(size=(modes, 3))
    wave = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    wave *= (2.0 * np.pi / rng.uniform(150.0, 300.0, modes))[:, None]
    amplitude = rng.normal(size=(modes, 3))
    amplitude *= amplitude_mm / np.linalg.norm(amplitude, axis=1).sum()
    phase = rng.uniform(0.0, 2.0 * np.pi, modes)
    return Deformation(matrix, _CENTER - matrix @ (_CENTER + shift), amplitude, wave, phase)
