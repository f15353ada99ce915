"""The bundles of one map, from files to files: profiles per node, and the bundles' rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_json
from harmoniq.data.images import Image, load_image
from harmoniq.data.names import BUNDLES
from harmoniq.data.tables import write_tsv
from harmoniq.lesions.mask import without_lesions
from harmoniq.regions.aggregate import bundle_rows
from harmoniq.registration.itk import read_itk
from harmoniq.tract.orientation import run_one_way
from harmoniq.tract.profile import Profile, bundle_profile
from harmoniq.tract.scilpy import Scilpy, scilpy_profile
from harmoniq.tract.streamlines import (
    EmptyTractogramError,
    Streamline,
    load_streamlines,
    move,
    outside,
)

PROFILE_COLUMNS: dict[str, dict[str, object]] = {
    "bundle": {"Description": "Bundle, in the names of AFQ"},
    "node": {"Description": "Node along the bundle, from 0; it runs as AFQ's, from its first region to its last"},
    "value": {"Description": "Gaussian-weighted mean over the streamlines", "Units": "1/s"},
    "sd": {"Description": "Weighted standard deviation over the streamlines", "Units": "1/s"},
    "central": {"Description": "Whether the node enters the regional value", "Levels": {"true": "yes", "false": "no"}},
    "n_streamlines": {"Description": "Streamlines of the bundle"},
    "n_excluded": {
        "Description": "Streamlines left out at the node: lesion, outside the field of view or the plausible range"
    },
    "volume": {"Description": "Volume of the map's voxels that the bundle passes", "Units": "mm^3"},
}
#: What SCILPY's commands put into them instead.
SCILPY_COLUMNS: dict[str, dict[str, object]] = {
    **PROFILE_COLUMNS,
    "value": {"Description": "Mean over the node's voxels, weighted by the density of streamlines", "Units": "1/s"},
    "sd": {"Description": "Weighted standard deviation over the node's voxels", "Units": "1/s"},
    "n_excluded": {"Description": "Voxels left out at the node: lesion or outside the plausible range"},
}

#: From a bundle's name and streamlines, in the space of MP2RAGE, to its profile, and what is to be said.
Profiler = Callable[[str, list[Streamline]], tuple[Profile, list[str]]]


@dataclass(frozen=True, eq=False)
class _Sampling:
    """What is sampled, and how; as `sample_bundles` takes it."""

    image: Image
    to_map: npt.NDArray[np.float64] | None
    nodes: int
    central: float
    plausible: tuple[float, float]
    out_dir: Path


def sample_bundles(
    in_map: str | Path,
    tractograms: Mapping[str, str | Path],
    *,
    metric: str,
    engine: str,
    nodes: int,
    central: float,
    plausible: tuple[float, float],
    out_dir: Path,
    reference: Path | None = None,
    transform: Path | None = None,
    placement: Path | None = None,
    lesions: Path | None = None,
    scilpy: Scilpy | None = None,
) -> tuple[Path, Path]:
    """Sample a map along bundles and average their central part.

    Parameters
    ----------
    in_map : path
        R1 or R2* map, 1/s, in its own space.
    tractograms : mapping of str to path
        Of each bundle, in the contract's names.
    metric, engine : str
        Entries of the columns of these names.
    nodes : int
        Along each bundle.
    central : float
        Fraction of the nodes that enters the regional value.
    plausible : tuple of float
        Values outside are left out, 1/s.
    out_dir : path
        Gets ``profiles.tsv`` and ``rows.json``.
    reference : path, optional
        Image of MP2RAGE, for the check that the streamlines lie in it.
    transform : path, optional
        ITK text, from points of MP2RAGE to the map's; identity by default.
    placement : path, optional
        ITK text, from points of the streamlines' space to MP2RAGE's; identity by default.
    lesions : path, optional
        Mask on the map's grid: samples that touch it are left out.
    scilpy : Scilpy, optional
        Its commands make the profiles, and leave their files and logs in ``out_dir/scilpy``.

    Returns
    -------
    profiles, rows : path
        TSV, and JSON with the regional table's ``rows`` and ``notes``.

    Raises
    ------
    InputError
        For a map or tractogram that cannot be used, and when SCILPY fails.
    """
    image = without_lesions(load_image(in_map, ndim=3), lesions)
    space = None if reference is None else load_image(reference, ndim=3)
    to_map = None if transform is None else read_itk(transform)
    place = None if placement is None else read_itk(placement)
    sampling = _Sampling(image, to_map, nodes, central, plausible, out_dir)
    profiler = _native(sampling) if scilpy is None else _by_scilpy(sampling, scilpy)
    profiles: dict[str, Profile] = {}
    notes = _absent(tractograms)
    turned: list[str] = []
    for name, path in tractograms.items():
        try:
            streamlines, said = load_streamlines(path)
        except EmptyTractogramError as error:
            notes.append(f"{name}: {error}")
            continue
        streamlines, against = run_one_way(name, move(streamlines, place))
        turned += [f"{name} {against} of {len(streamlines)}"] if against else []
        profiles[name], more = profiler(name, streamlines)
        notes += [f"{name}: {note}" for note in (*said, *more)]
        notes += outside(name, streamlines, space, profiles[name].n_samples)
    if not profiles:
        raise InputError("no bundle holds a streamline", file=next(iter(tractograms.values()), None))
    notes += [f"streamlines that ran the other way were turned round: {', '.join(turned)}"] if turned else []
    table = pd.concat([_table(name, profile) for name, profile in profiles.items()], ignore_index=True)
    rows = bundle_rows(profiles, metric=metric, engine=engine)
    return (
        write_tsv(table, out_dir / "profiles.tsv", columns=PROFILE_COLUMNS if scilpy is None else SCILPY_COLUMNS),
        write_json(out_dir / "rows.json", {"rows": rows, "notes": notes}),
    )


def _native(sampling: _Sampling) -> Profiler:
    def profile(name: str, streamlines: list[Streamline]) -> tuple[Profile, list[str]]:
        made = bundle_profile(
            streamlines, sampling.image.data, sampling.image.affine, nodes=sampling.nodes, central=sampling.central,
            world_to_map=sampling.to_map, valid_range=sampling.plausible,
        )  # fmt: skip
        return made, []

    return profile


def _by_scilpy(sampling: _Sampling, scilpy: Scilpy) -> Profiler:
    def profile(name: str, streamlines: list[Streamline]) -> tuple[Profile, list[str]]:
        return scilpy_profile(
            scilpy, move(streamlines, sampling.to_map), sampling.image, sampling.out_dir / "scilpy" / name,
            nodes=sampling.nodes, central=sampling.central, valid_range=sampling.plausible,
        )  # fmt: skip

    return profile


def _absent(tractograms: Mapping[str, str | Path]) -> list[str]:
    absent = [name for name in BUNDLES if name not in tractograms]
    return [f"no tractogram of {', '.join(absent)}"] if absent else []


def _table(name: str, profile: Profile) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "bundle": name,
            "node": np.arange(len(profile.mean)),
            "value": profile.mean,
            "sd": profile.sd,
            "central": profile.central,
            "n_streamlines": profile.n_streamlines,
            "n_excluded": profile.excluded,
            "volume": profile.volume,
        }
    )
