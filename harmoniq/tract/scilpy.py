"""SCILPY's tractometry, by its commands in an environment of their own.

SCILPY 2.3.0 pins libraries of its own (numpy 1.26): it is never imported. ``HARMONIQ_SCILPY`` names the folder of its
commands, for example ``/opt/scilpy/bin``; without it they are looked for on the ``PATH``.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.data.images import Image, load_image, save_image
from harmoniq.data.tools import run_tool
from harmoniq.tract.profile import MIN_WEIGHT, Profile, central_nodes
from harmoniq.tract.streamlines import inside_grid, save_streamlines

VARIABLE: Final = "HARMONIQ_SCILPY"
CENTROID: Final = "scil_bundle_compute_centroid"
LABEL_MAP: Final = "scil_bundle_label_map"
MEAN_STD: Final = "scil_bundle_mean_std"
INSTALL: Final = (
    f"python -m venv /opt/scilpy && /opt/scilpy/bin/pip install scilpy==2.3.0, and set {VARIABLE} to its bin"
)
#: Its label map wants more than one streamline.
_FEWEST: Final = 2
#: What this process's environment may hold for its own libraries is none of SCILPY's business.
_ENVIRONMENT: Final = {"PYTHONPATH": "", "PYTHONHOME": "", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Scilpy:
    """Where SCILPY is.

    Parameters
    ----------
    folder : path
        Of its commands.
    version : str
        ``unknown`` where the environment does not say it.
    """

    folder: Path
    version: str

    @property
    def label(self) -> str:
        """What stands in sidecars and in the regional table."""
        return f"scilpy {self.version}"


def find_scilpy() -> Scilpy:
    """Find SCILPY's commands: in the folder that ``HARMONIQ_SCILPY`` names, else on the ``PATH``.

    Returns
    -------
    Scilpy
        Folder and version.

    Raises
    ------
    InputError
        When they are nowhere, or one of them is absent.
    """
    text, found = os.environ.get(VARIABLE), shutil.which(MEAN_STD)
    if not text and found is None:
        raise InputError("SCILPY is not there", key=VARIABLE, remedy=INSTALL)
    folder = Path(text) if text else Path(str(found)).parent
    for command in (CENTROID, LABEL_MAP, MEAN_STD):
        if not (folder / command).is_file():
            raise InputError(f"has no {command}", file=folder, key=VARIABLE, remedy=INSTALL)
    infos = sorted(folder.absolute().parent.glob("lib/python*/site-packages/scilpy-*.dist-info"))
    return Scilpy(folder.absolute(), infos[-1].name.split("-")[1].removesuffix(".dist") if infos else "unknown")


def scilpy_profile(
    scilpy: Scilpy,
    streamlines: Sequence[npt.NDArray[np.float32]],
    image: Image,
    out_dir: Path,
    *,
    nodes: int,
    central: float,
    valid_range: tuple[float, float],
) -> tuple[Profile, list[str]]:
    """Profile a map along one bundle by SCILPY: means over labeled voxels, weighted by streamline density.

    Parameters
    ----------
    scilpy : Scilpy
        As `find_scilpy` found it.
    streamlines : sequence of array, shape (n, 3)
        In the map's space, RAS mm.
    image : Image
        The map, with the file it came from; its NaN are left out.
    out_dir : path
        Gets SCILPY's files and logs.
    nodes : int
        Labels along the bundle; label n + 1 is node n of `harmoniq.tract.profile.bundle_profile`.
    central : float
        Share of the nodes in ``Profile.central``.
    valid_range : tuple of float
        Lowest and highest plausible value.

    Returns
    -------
    profile : Profile
        Its samples are voxels, where those of the embedded engine are points of streamlines. Without a value where
        SCILPY has nothing to work on.
    notes : list of str
        Streamlines that leave the map, which SCILPY refuses, and why there is no value.

    Raises
    ------
    InputError
        When a command fails; its log is named as the file.

    Notes
    -----
    What is left out is taken out of SCILPY's label map. NaN in the map would not do: SCILPY 2.3.0 leaves such voxels
    out of its weighted sum, but not out of the sum of the weights, so that the mean comes out too low.
    """
    kept = [line for line in streamlines if inside_grid(line, image).all()]
    notes = []
    if len(kept) < len(streamlines):
        lost = len(streamlines) - len(kept)
        notes = [f"{lost} of {len(streamlines)} streamlines leave the map, and SCILPY takes none of those"]
    if len(kept) < _FEWEST:
        notes.append(f"no value: SCILPY needs {_FEWEST} streamlines, and {len(kept)} can be used")
        return _without_value(len(kept), nodes, central), notes
    out_dir.mkdir(parents=True, exist_ok=True)
    bundle = save_streamlines(kept, image, out_dir / "bundle.trk")
    centroid, folder = out_dir / "centroid.trk", out_dir / "labels"
    _run(scilpy, out_dir, CENTROID, str(bundle), str(centroid), "--nb_points", str(nodes), "-f")
    _run(scilpy, out_dir, LABEL_MAP, str(bundle), str(centroid), str(folder), "-f")
    labels = _labels(folder / "labels_map.nii.gz", out_dir / f"{LABEL_MAP}.log")
    valid = np.isfinite(image.data) & (image.data >= valid_range[0]) & (image.data <= valid_range[1])
    chosen = np.where(valid, labels, 0)
    used = save_image(chosen, image.affine, out_dir / "used.nii.gz", dtype=np.uint16)
    result = out_dir / "means.json"
    result.unlink(missing_ok=True)
    _run(
        scilpy, out_dir, MEAN_STD, str(bundle), str(image.path), "--per_point", str(used), "--density_weighting",
        "--out_json", str(result),
    )  # fmt: skip
    ((points,),) = (found.values() for found in read_json(result).values())
    return _profile(points, labels, valid, image, len(kept), nodes, central), notes


def _run(scilpy: Scilpy, out_dir: Path, command: str, *arguments: str) -> None:
    run_tool(
        [str(scilpy.folder / command), *arguments], title=f"SCILPY's {command}", log=out_dir / f"{command}.log",
        env=_ENVIRONMENT,
    )  # fmt: skip


def _labels(path: Path, log: Path) -> npt.NDArray[np.int_]:
    if not path.is_file():
        raise InputError(f"SCILPY's {LABEL_MAP} wrote no label map", file=log, remedy="read this log")
    return np.asarray(np.rint(load_image(path, ndim=3).data), dtype=np.int_)


def _profile(
    points: Mapping[str, Mapping[str, Any]], labels: npt.NDArray[np.int_], valid: npt.NDArray[np.bool_], image: Image,
    streamlines: int, nodes: int, central: float,
) -> Profile:  # fmt: skip
    """Return the profile of SCILPY's statistics per label, where enough of a label's voxels are used."""
    mean, sd = np.full(nodes, np.nan), np.full(nodes, np.nan)
    for label, statistics in points.items():
        mean[int(label) - 1], sd[int(label) - 1] = statistics["mean"], statistics["std"]
    total = np.bincount(labels[labels > 0], minlength=nodes + 1)[1:]
    left = np.bincount(labels[(labels > 0) & valid], minlength=nodes + 1)[1:]
    used = np.isfinite(mean) & (left >= MIN_WEIGHT * total)
    volume = float(total.sum() * abs(np.linalg.det(image.affine[:3, :3])))
    return Profile(
        np.where(used, mean, np.nan), np.where(used, sd, np.nan), used, central_nodes(nodes, central), streamlines,
        int(left.sum()), int((total - left).sum()), total - left, volume,
    )  # fmt: skip


def _without_value(streamlines: int, nodes: int, central: float) -> Profile:
    nothing, none = np.full(nodes, np.nan), np.zeros(nodes, dtype=int)
    return Profile(
        nothing, nothing.copy(), none.astype(bool), central_nodes(nodes, central), streamlines, 0, 0, none, 0.0
    )
