"""SCILPY's tractometry beside ours: its commands, run in an environment of their own, and the differences.

SCILPY 2.3.0 pins libraries of its own (numpy 1.26): it is never imported. ``HARMONIQ_SCILPY`` names the folder of its
commands, for example ``/opt/scilpy/bin``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.data.tools import run_tool
from harmoniq.tract.profile import central_nodes

VARIABLE: Final = "HARMONIQ_SCILPY"
_COMMANDS: Final = ("scil_bundle_compute_centroid", "scil_bundle_label_map", "scil_bundle_mean_std")
_INSTALL: Final = (
    f"python -m venv /opt/scilpy && /opt/scilpy/bin/pip install scilpy==2.3.0, and set {VARIABLE} to its bin"
)


def find_scilpy() -> Path:
    """Return the folder of SCILPY's commands.

    Raises
    ------
    InputError
        When the variable is not set, or a command is not there.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        raise InputError("SCILPY is not there", key=VARIABLE, remedy=_INSTALL)
    for command in _COMMANDS:
        if not (Path(text) / command).is_file():
            raise InputError(f"has no {command}", file=text, key=VARIABLE, remedy=_INSTALL)
    return Path(text)


def scilpy_profiles(
    tractogram: str | Path, maps: Mapping[str, str | Path], out_dir: Path, *, nodes: int = 100
) -> dict[str, npt.NDArray[np.float64]]:
    """Return SCILPY's mean of maps at each label of a bundle, density-weighted.

    Parameters
    ----------
    tractogram : path
        ``.trk`` in the space of the maps.
    maps : mapping of str to path
        Metric to its map; all on the tractogram's grid.
    out_dir : path
        Gets SCILPY's files and logs.
    nodes : int
        Labels along the bundle.

    Returns
    -------
    dict
        Metric to means, shape (nodes,); NaN at labels without a voxel. Label n + 1 is our node n.

    Raises
    ------
    InputError
        When SCILPY is not there, or a command fails.
    """
    folder, bundle = find_scilpy(), str(tractogram)
    out_dir.mkdir(parents=True, exist_ok=True)
    centroid, labels, result = out_dir / "centroid.trk", out_dir / "labels", out_dir / "means.json"
    calls = (
        (_COMMANDS[0], bundle, str(centroid), "--nb_points", str(nodes), "-f"),
        (_COMMANDS[1], bundle, str(centroid), str(labels), "-f"),
        (
            _COMMANDS[2], bundle, *map(str, maps.values()), "--per_point", str(labels / "labels_map.nii.gz"),
            "--density_weighting", "--out_json", str(result),
        ),
    )  # fmt: skip
    for command, *arguments in calls:
        run_tool([str(folder / command), *arguments], title=f"SCILPY's {command}", log=out_dir / f"{command}.log")
    (found,) = read_json(result).values()
    return {metric: _means(found[_stem(path)], nodes) for metric, path in maps.items()}


def _means(points: Mapping[str, Any], nodes: int) -> npt.NDArray[np.float64]:
    means = np.full(nodes, np.nan)
    for label, statistics in points.items():
        means[int(label) - 1] = statistics["mean"]
    return means


def _stem(path: str | Path) -> str:
    return Path(path).name.removesuffix(".gz").removesuffix(".nii")


def central_difference(
    ours: npt.NDArray[np.float64], scilpy: npt.NDArray[np.float64], *, central: float = 0.70
) -> tuple[float, float, float]:
    """Return our mean of the central nodes, SCILPY's of the same labels, and the difference in percent of SCILPY's."""
    part = central_nodes(len(ours), central)
    own, other = float(np.nanmean(ours[part])), float(np.nanmean(scilpy[part]))
    return own, other, 100 * (own - other) / other
