"""Register MNI152 to a participant: where AFQ's regions lie in this head.

An affine by mutual information, then a symmetric diffeomorphism by cross-correlation (Avants et al. 2008,
doi:10.1016/j.media.2007.06.004), both DIPY's, on grids of 2 mm. Tissue fractions are registered, not intensities: the
template's are those of the MNI152 average that nilearn carries, and what a rough brain mask holds beside the brain does
not count.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.diffusion.tissue import Tissue

Points = npt.NDArray[np.float64]

GRID_MM = 2.0
#: How bright gray matter is where white matter is 1.
_GRAY = 0.5
#: Correlation of template and participant in the brain after registration, below which it has failed.
MIN_CORRELATION = 0.4


@dataclass(frozen=True, eq=False)
class TemplateWarp:
    """Moves points between the participant's space and MNI152 (see `harmoniq.diffusion.regions.Warp`).

    Parameters
    ----------
    forward, backward : numpy.ndarray, float32, shape (x, y, z, 3)
        Displacements in mm: of participant points on the participant's grid, before the affine; and of points that the
        inverse affine has brought from the template, on the same grid.
    grid : numpy.ndarray, shape (4, 4)
        Affine of that grid.
    matrix : numpy.ndarray, shape (4, 4)
        From the participant's to the template's points, RAS mm, after the displacement.
    correlation : float
        Of the images in the brain, afterwards.
    """

    forward: npt.NDArray[np.float32]
    backward: npt.NDArray[np.float32]
    grid: npt.NDArray[np.float64]
    matrix: npt.NDArray[np.float64]
    correlation: float = 1.0

    def to_template(self, points: Points) -> Points:
        """Move points of the participant to the template.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            In the participant's space, RAS mm.

        Returns
        -------
        ndarray, shape (n, 3)
            In MNI152, RAS mm.
        """
        moved = points + _displacement(self.forward, self.grid, points)
        return moved @ self.matrix[:3, :3].T + self.matrix[:3, 3]

    def to_participant(self, points: Points) -> Points:
        """Move points of the template to the participant.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            In MNI152, RAS mm.

        Returns
        -------
        ndarray, shape (n, 3)
            In the participant's space, RAS mm.
        """
        inverse = np.linalg.inv(self.matrix)
        near = points @ inverse[:3, :3].T + inverse[:3, 3]
        return near + _displacement(self.backward, self.grid, near)


def _displacement(field: npt.NDArray[np.float32], grid: npt.NDArray[np.float64], points: Points) -> Points:
    from scipy.ndimage import map_coordinates

    inverse = np.linalg.inv(grid)
    voxels = (points @ inverse[:3, :3].T + inverse[:3, 3]).T
    parts = [map_coordinates(field[..., n], voxels, order=1, mode="nearest", output=np.float64) for n in range(3)]
    return np.stack(parts, axis=-1)


def register_template(tissue: Tissue, affine: npt.NDArray[np.float64], *, source: str | Path = "R1map") -> TemplateWarp:
    """Register MNI152 to a participant's tissue.

    Parameters
    ----------
    tissue : Tissue
        From the R1 map.
    affine : numpy.ndarray, shape (4, 4)
        Of its grid, from voxels to RAS mm.
    source : path, optional
        Named in errors.

    Returns
    -------
    TemplateWarp
        Between the R1 map's space and MNI152.

    Raises
    ------
    InputError
        When there is no gray or white matter, or the two do not come to lie on each other.
    """
    template, template_affine = _template()
    head, grid = _on_coarse_grid(tissue.white + np.float32(_GRAY) * tissue.gray, affine)
    matrix = _affine(head, grid, template, template_affine)
    forward, backward, warped = _diffeomorphism(head, grid, template, template_affine, matrix)
    brain = head > 0.1
    correlation = float(np.corrcoef(head[brain], warped[brain])[0, 1]) if brain.sum() > 100 else 0.0
    if not correlation >= MIN_CORRELATION:
        raise InputError(
            f"could not be registered to MNI152 (correlation {correlation:.2f})", file=source,
            remedy="check the R1 map's orientation and the brain mask",
        )  # fmt: skip
    return TemplateWarp(forward, backward, grid, matrix, correlation)


def midline(warp: TemplateWarp) -> npt.NDArray[np.float64]:
    """Find where the template's midline lies in the participant.

    Parameters
    ----------
    warp : TemplateWarp
        Between the participant's space and MNI152.

    Returns
    -------
    ndarray, shape (4, 4)
        Rigid, from the participant's space, RAS mm, to one where that midline is the plane x = 0.
    """
    origin, behind, above = warp.to_participant(np.array([[0.0, 0, 0], [0, -60, 0], [0, 0, 40]]))
    y = (origin - behind) / np.linalg.norm(origin - behind)
    z = above - origin - ((above - origin) @ y) * y
    z /= np.linalg.norm(z)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.cross(y, z), y, z])
    matrix[:3, 3] = -matrix[:3, :3] @ origin
    return matrix


def _template() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return the MNI152 average's tissue as one image, from nilearn's own files."""
    from nilearn.datasets import load_mni152_gm_template, load_mni152_wm_template

    white, gray = load_mni152_wm_template(resolution=2), load_mni152_gm_template(resolution=2)
    data = np.asarray(white.dataobj, dtype=np.float32) + np.float32(_GRAY) * np.asarray(gray.dataobj, dtype=np.float32)
    return data, np.asarray(white.affine, dtype=np.float64)


def _on_coarse_grid(
    volume: npt.NDArray[np.float32], affine: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return the volume's own box on a grid of 2 mm along scanner axes."""
    from scipy.ndimage import affine_transform, gaussian_filter

    voxels = np.argwhere(volume > 0)
    if not len(voxels):
        raise InputError("holds no brain", file="R1map")
    corners = np.stack(np.meshgrid(*np.stack([voxels.min(axis=0), voxels.max(axis=0)]).T, indexing="ij"), -1)
    world = corners.reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3]
    low, high = world.min(axis=0) - 12.0, world.max(axis=0) + 12.0
    grid = np.diag([GRID_MM] * 3 + [1.0])
    grid[:3, 3] = low
    shape = tuple(np.ceil((high - low) / GRID_MM).astype(int))
    to_voxel = np.linalg.inv(affine) @ grid
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    smooth = gaussian_filter(volume.astype(np.float32), np.maximum(GRID_MM / sizes / 2.355, 0))
    return affine_transform(smooth, to_voxel[:3, :3], to_voxel[:3, 3], output_shape=shape, order=1), grid


def _affine(
    static: npt.NDArray[np.float32],
    static_affine: npt.NDArray[np.float64],
    moving: npt.NDArray[np.float32],
    moving_affine: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the affine from static to moving points."""
    from dipy.align.imaffine import AffineRegistration, MutualInformationMetric, transform_centers_of_mass
    from dipy.align.transforms import AffineTransform3D, RigidTransform3D

    registration = AffineRegistration(
        metric=MutualInformationMetric(nbins=32, sampling_proportion=None),
        level_iters=[200, 50], sigmas=[3.0, 1.0], factors=[4, 2], verbosity=0,
    )  # fmt: skip
    start: Any = transform_centers_of_mass(static, static_affine, moving, moving_affine).affine
    for transform in (RigidTransform3D(), AffineTransform3D()):
        start = registration.optimize(
            static, moving, transform, None,
            static_grid2world=static_affine, moving_grid2world=moving_affine, starting_affine=start,
        ).affine  # fmt: skip
    return np.asarray(start, dtype=np.float64)


def _diffeomorphism(
    static: npt.NDArray[np.float32],
    grid: npt.NDArray[np.float64],
    moving: npt.NDArray[np.float32],
    moving_affine: npt.NDArray[np.float64],
    matrix: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the displacements both ways on the static grid, and the moving image brought to it."""
    from dipy.align.imwarp import SymmetricDiffeomorphicRegistration
    from dipy.align.metrics import CCMetric
    from scipy.ndimage import affine_transform

    # The affine is applied beforehand, so that both fields are displacements in mm on one grid.
    to_voxel = np.linalg.inv(moving_affine) @ matrix @ grid
    near = affine_transform(moving, to_voxel[:3, :3], to_voxel[:3, 3], output_shape=static.shape, order=1)
    registration = SymmetricDiffeomorphicRegistration(CCMetric(3, sigma_diff=3.0, radius=3), level_iters=[30, 20, 5])
    registration.verbosity = 0
    mapping = registration.optimize(
        static.astype(np.float64), near.astype(np.float64), static_grid2world=grid, moving_grid2world=grid
    )
    forward, backward = (np.asarray(field, dtype=np.float32) for field in (mapping.forward, mapping.backward))
    return forward, backward, np.asarray(mapping.transform(near.astype(np.float64)), dtype=np.float32)
