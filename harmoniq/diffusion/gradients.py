"""b-values and directions: read, checked, turned with the head, and grouped into shells."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_text

#: Up to this b-value (s/mm²) a volume counts as not weighted.
B0_LIMIT = 50.0
#: b-values of one shell differ by no more than this.
SHELL_WIDTH = 150.0
#: A direction's length may be off by this much: rounding of the text.
_LENGTH_TOLERANCE = 0.05


@dataclass(frozen=True, eq=False)
class Gradients:
    """A gradient table.

    Parameters
    ----------
    bvals : numpy.ndarray, shape (n,)
        s/mm².
    bvecs : numpy.ndarray, shape (n, 3)
        FSL's convention: along the voxel axes, x mirrored where the affine's determinant is positive. Unit vectors,
        zero at b = 0.
    """

    bvals: npt.NDArray[np.float64]
    bvecs: npt.NDArray[np.float64]

    @property
    def unweighted(self) -> npt.NDArray[np.bool_]:
        """Volumes without diffusion weighting."""
        return self.bvals <= B0_LIMIT

    @property
    def shells(self) -> tuple[float, ...]:
        """Mean b-value of each shell above b = 0, in rising order."""
        return tuple(float(np.mean(self.bvals[members])) for members in _shells(self.bvals))

    def shell(self, b_value: float) -> npt.NDArray[np.bool_]:
        """Tell which volumes belong to the shell that is nearest to a b-value.

        Parameters
        ----------
        b_value : float
            In s/mm².

        Returns
        -------
        ndarray of bool, shape (n,)
            Never the unweighted ones.
        """
        members = min(_shells(self.bvals), key=lambda one: abs(float(np.mean(self.bvals[one])) - b_value))
        return members

    def part(self, chosen: npt.NDArray[np.bool_]) -> "Gradients":
        """Cut the table down to some volumes.

        Parameters
        ----------
        chosen : ndarray of bool, shape (n,)
            True for those to keep.

        Returns
        -------
        Gradients
            Of these, in their order.
        """
        return Gradients(self.bvals[chosen], self.bvecs[chosen])


def _shells(bvals: npt.NDArray[np.float64]) -> list[npt.NDArray[np.bool_]]:
    weighted = np.unique(bvals[bvals > B0_LIMIT])
    if not len(weighted):
        return []
    groups = np.split(weighted, np.flatnonzero(np.diff(weighted) > SHELL_WIDTH) + 1)
    return [np.isin(bvals, group) for group in groups]


def read_gradients(bval_path: str | Path, bvec_path: str | Path, n_volumes: int) -> Gradients:
    """Read FSL's ``bval`` and ``bvec`` files.

    Parameters
    ----------
    bval_path, bvec_path : path
        One row of b-values; three rows (or three columns) of directions.
    n_volumes : int
        Of the image.

    Returns
    -------
    Gradients
        Directions made exactly unit vectors, and zero where b is 50 s/mm² or less.

    Raises
    ------
    InputError
        For files that are absent, not numbers, of another number of volumes than the image, with b-values in another
        unit, with directions whose length is not 1 to 5 %, without an unweighted volume, or with fewer than six
        directions.
    """
    bvals = _numbers(bval_path).ravel()
    bvecs = _numbers(bvec_path)
    if bvecs.shape[0] == 3:
        bvecs = bvecs.T
    if len(bvals) != n_volumes:
        raise InputError(f"has {len(bvals)} b-values, the image {n_volumes} volumes", file=bval_path)
    if bvecs.shape != (n_volumes, 3):
        raise InputError(f"has directions of shape {bvecs.shape}, the image {n_volumes} volumes", file=bvec_path)
    if (bvals < 0).any() or (len(bvals) and bvals.max() < 100):
        raise InputError(
            "must be b-values in s/mm²", file=bval_path, value=f"{bvals.min():g} to {bvals.max():g}",
            remedy="check the unit",
        )  # fmt: skip
    weighted = bvals > B0_LIMIT
    if weighted.all():
        raise InputError("has no volume without diffusion weighting", file=bval_path)
    lengths = np.linalg.norm(bvecs, axis=1)
    if (abs(lengths[weighted] - 1) > _LENGTH_TOLERANCE).any():
        wrong = int(np.flatnonzero(weighted & (abs(lengths - 1) > _LENGTH_TOLERANCE))[0])
        raise InputError(f"direction {wrong} has the length {lengths[wrong]:.3g}, not 1", file=bvec_path)
    bvecs = np.where(weighted[:, None], bvecs / np.where(weighted, lengths, 1.0)[:, None], 0.0)
    table = Gradients(bvals, bvecs)
    if not table.shells or len(_distinct(bvecs[weighted])) < 6:
        raise InputError("has fewer than six directions", file=bvec_path, remedy="tracking needs some thirty")
    return table


def _numbers(path: str | Path) -> npt.NDArray[np.float64]:
    if not Path(path).is_file():
        raise InputError("file not found", file=path)
    try:
        found = np.loadtxt(path, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError("is not a table of numbers", file=path) from error
    if found.size == 0 or not np.isfinite(found).all():
        raise InputError("is empty or holds NaN", file=path)
    return found


def _distinct(directions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the directions without repetitions and opposites."""
    largest = np.take_along_axis(directions, np.argmax(abs(directions), axis=1)[:, None], axis=1)
    return np.unique(np.round(directions * np.sign(largest), 2), axis=0)


def write_gradients(table: Gradients, stem: str | Path) -> tuple[Path, Path]:
    """Write ``STEM.bval`` and ``STEM.bvec`` as FSL has them.

    Parameters
    ----------
    table : Gradients
        Written with three rows of directions.
    stem : path
        Path without the ending.

    Returns
    -------
    tuple (Path, Path)
        Of b-values and of directions.
    """
    bvals = " ".join(f"{value:g}" for value in table.bvals) + "\n"
    bvecs = "\n".join(" ".join(f"{value:.8f}" for value in row) for row in table.bvecs.T) + "\n"
    return write_text(f"{stem}.bval", bvals), write_text(f"{stem}.bvec", bvecs)


def turned(table: Gradients, motions: npt.NDArray[np.float64], affine: npt.NDArray[np.float64]) -> Gradients:
    """Turn the directions as the head was turned to undo its motion (Leemans & Jones 2009, doi:10.1002/mrm.21890).

    Parameters
    ----------
    table : Gradients
        As the scanner applied it.
    motions : numpy.ndarray, shape (n, 4, 4)
        Of each volume, from points of the reference to points of that volume, RAS mm: what resampled it.
    affine : numpy.ndarray, shape (4, 4)
        Of the image, from voxels to RAS mm.

    Returns
    -------
    Gradients
        A direction that was g in the volume is R^T g in the reference, with R the motion's rotation.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    mirror = np.diag([-1.0, 1.0, 1.0]) if np.linalg.det(axes) > 0 else np.eye(3)
    to_world = axes @ mirror
    rotations = np.asarray(motions, dtype=np.float64)[:, :3, :3]
    world = table.bvecs @ to_world.T
    back = np.einsum("nji,nj->ni", rotations, world)
    return Gradients(table.bvals, back @ to_world)


def to_dipy(table: Gradients, affine: npt.NDArray[np.float64]) -> object:
    """Make DIPY's gradient table, whose directions go along the voxel axes whatever the affine's determinant.

    DIPY takes FSL's directions as they are, and would mirror fibers in images whose determinant is positive.

    Parameters
    ----------
    table : Gradients
        In FSL's convention.
    affine : ndarray, shape (4, 4)
        Of the image, from voxels to mm: its handedness says whether x is mirrored.

    Returns
    -------
    dipy.core.gradients.GradientTable
        b-values in s/mm².
    """
    from dipy.core.gradients import gradient_table

    mirror = [-1.0, 1.0, 1.0] if np.linalg.det(affine[:3, :3]) > 0 else [1.0, 1.0, 1.0]
    return gradient_table(table.bvals, bvecs=table.bvecs * mirror, b0_threshold=B0_LIMIT, atol=1.0)
