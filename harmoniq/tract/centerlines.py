"""The course of the 18 bundles in a standard brain: control points for pictures and for the simulator."""

from importlib.resources import files
from io import StringIO
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.names import BUNDLES

#: FreeSurfer's affine from MNI305 (fsaverage) to MNI152 RAS (surfer.nmr.mgh.harvard.edu, CoordinateSystems).
MNI305_TO_MNI152: Final = np.array(
    [
        [0.9975, -0.0073, 0.0176, -0.0429],
        [0.0146, 1.0009, -0.0024, 1.5496],
        [-0.0130, -0.0093, 0.9971, 1.1840],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


def read_centerlines() -> dict[str, NDArray[np.float64]]:
    """Read the course of each of the 18 bundles.

    Returns
    -------
    dict of str to ndarray, shape (n, 3)
        Bundle, in the study's order, to its control points in fsaverage's space (MNI305), RAS mm.
    """
    import pandas

    text = files("harmoniq.tract").joinpath("data", "centerlines.tsv").read_text(encoding="utf-8")
    table = pandas.read_csv(StringIO(text), sep="\t")
    inverse = np.linalg.inv(MNI305_TO_MNI152)
    lines = {}
    for name in BUNDLES:
        points = table[table["bundle"] == name].sort_values("point")[["x", "y", "z"]].to_numpy(float)
        lines[name] = points @ inverse[:3, :3].T + inverse[:3, 3]
    return lines
