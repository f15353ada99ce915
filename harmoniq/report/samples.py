"""What was measured at every vertex and along every bundle, read back from a session's derivatives."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harmoniq.data.names import METRICS
from harmoniq.data.tables import flags, read_tsv
from harmoniq.regions.collect import find_profiles
from harmoniq.surface.gifti import read_shape

#: Metric to tissue to the values of a session.
Samples = dict[str, dict[str, NDArray[np.float64]]]


def read_samples(folder: Path, label: str) -> Samples:
    """Read all samples of a session.

    Parameters
    ----------
    folder : path
        Of the session, with ``anat`` and ``dwi`` in it.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.

    Returns
    -------
    dict of str to dict of str to ndarray
        Metric to tissue to values in 1/s: of the vertices of both hemispheres, and of the central nodes of the bundles.
        Finite and above 0: vertices outside the field of view or in lesions hold no value. What is absent has no entry.
    """
    samples: Samples = {}
    for metric in METRICS:
        found = {tissue: _vertices(folder, label, metric, tissue) for tissue in ("cGM", "sWM")}
        found["WM"] = _nodes(folder, label, metric)
        samples[metric] = {tissue: values for tissue, values in found.items() if values.size}
    return {metric: found for metric, found in samples.items() if found}


def _vertices(folder: Path, label: str, metric: str, tissue: str) -> NDArray[np.float64]:
    paths = sorted((folder / "anat").glob(f"{label}_hemi-?_desc-{tissue}_{metric}map.shape.gii"))
    return _measured([read_shape(path) for path in paths])


def _nodes(folder: Path, label: str, metric: str) -> NDArray[np.float64]:
    path = find_profiles(folder, label, metric)
    if path is None:
        return _measured([])
    table = read_tsv(path)
    return _measured([table.loc[flags(table["central"]), "value"].to_numpy(dtype=float)])


def _measured(parts: list[NDArray]) -> NDArray[np.float64]:
    values = np.concatenate([np.empty(0), *parts])
    return values[np.isfinite(values) & (values > 0)]
