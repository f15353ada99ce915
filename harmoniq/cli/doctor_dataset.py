"""What a BIDS dataset permits, participant by participant, before anything runs."""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harmoniq.data.errors import InputError
from harmoniq.data.inputs import SessionInputs

if TYPE_CHECKING:
    from harmoniq.cli.discover import Discovery
    from harmoniq.settings.schema import Settings
    from harmoniq.workflows.map_engines import MapEngines

#: An estimate: what the maps, the intermediate results and the derivatives of a session take, in times of the raw
#: images as float32, and what surfaces and bundles add.
_TIMES_RAW: Final = 2.5
_CORTEX_BYTES: Final = 60_000_000
_COLUMNS: Final = ("session", "R1", "R2*", "cortex", "bundles", "lesions")


def examine_dataset(bids_dir: Path, args: argparse.Namespace, settings: "Settings") -> int:
    """Print what each session of a dataset permits, and what all of them need.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    args : Namespace
        Of ``harmoniq doctor``.
    settings : Settings
        Of the study.

    Returns
    -------
    int
        Exit code: 0, or 1 where a session is refused.

    Raises
    ------
    InputError
        For what concerns the whole dataset.
    """
    from harmoniq.cli.discover import discover, print_notes
    from harmoniq.workflows.map_engines import choose_map_engines

    license_file = args.fs_license_file and args.fs_license_file.absolute()
    engines = choose_map_engines(settings, license_file)
    found = discover(
        bids_dir, settings, participants=args.participant_label, filter_file=args.bids_filter_file,
        derivatives=[path.absolute() for path in args.derivatives],
        fs_subjects_dir=args.fs_subjects_dir and args.fs_subjects_dir.absolute(),
        surface_engine=engines.surfaces, bundle_engine=engines.bundles, fs_license_file=license_file,
    )  # fmt: skip
    print(f"\nWhat {bids_dir} permits:")
    rows = [_row(inputs, engines) for inputs in found.sessions]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows)]
    for row in (_COLUMNS, *rows) if rows else ():
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    for label, error in found.refused.items():
        print(f"  {label}: cannot be processed: {error}")
    print_notes(found.sessions)
    _print_needs(found, engines)
    return int(bool(found.refused))


#: What the cortex and the bundles are related to.
_NO_SPACE: Final = "no, needs MP2RAGE or an R1 map"


def _row(inputs: SessionInputs, engines: "MapEngines") -> tuple[str, ...]:
    from harmoniq.cli.discover import describe

    r1 = "no" if inputs.mp2rage is None else "yes, no B1+ map" if inputs.b1 is None else "yes, with B1+"
    phase = inputs.megre is not None and bool(inputs.megre.phases)
    r2star = "no" if inputs.megre is None else f"yes, {len(inputs.megre.echo_times)} echoes{', phase' if phase else ''}"
    r1, r2star = ("existing map" if name in inputs.maps else said for name, said in (("R1", r1), ("R2star", r2star)))
    lesions = describe(inputs)["lesions"]
    return inputs.label, r1, r2star, _cortex(inputs, engines), _bundles(inputs, engines), lesions


def _cortex(inputs: SessionInputs, engines: "MapEngines") -> str:
    if inputs.r1_space is None:
        return _NO_SPACE
    if inputs.freesurfer is not None:
        return "existing surfaces"
    return f"by {engines.surfaces.name}" if engines.surfaces.builds_for(inputs) else "no surfaces"


def _bundles(inputs: SessionInputs, engines: "MapEngines") -> str:
    if inputs.r1_space is None:
        return _NO_SPACE
    if inputs.bundles:
        return f"{len(inputs.bundles)} of 18 exist"
    return f"by {engines.bundles.name} from DWI" if inputs.dwi else "none"


def _print_needs(found: "Discovery", engines: "MapEngines") -> None:
    """Say how many sessions permit what, and what disk, memory and network they need."""
    from harmoniq.cli.memory_needs import fit_gb, voxel_bytes

    sessions = found.sessions
    asked: dict[str, Callable[[SessionInputs], bool]] = {
        "R1": lambda s: s.mp2rage is not None or "R1" in s.maps,
        "R2*": lambda s: s.megre is not None or "R2star" in s.maps,
        "cortex": lambda s: s.freesurfer is not None or engines.surfaces.builds_for(s),
        "bundles": lambda s: s.r1_space is not None and bool(s.bundles or s.dwi),
    }
    counts = ", ".join(f"{name} {sum(map(test, sessions))}" for name, test in asked.items())
    refused = f"; {len(found.refused)} cannot be processed" if found.refused else ""
    print(f"{len(sessions)} sessions: {counts}{refused}")
    if not sessions:
        return
    disk = sum(_TIMES_RAW * voxel_bytes(s) + _CORTEX_BYTES * asked["cortex"](s) for s in sessions) / 1e9
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    memory = max(map(fit_gb, sessions))
    builds = any(s.freesurfer is None and engines.surfaces.builds_for(s) for s in sessions)
    tracks = any(s.dwi and not s.bundles for s in sessions)
    memory = max(memory, 2.0 if builds else 0.0, 4.0 if tracks else 0.0)
    print(f"disk: about {disk:.1f} GB for results and intermediate ones; {free:.0f} GB are free here")
    print(f"memory: about {memory + 0.5:.1f} GB per process")
    print("network: none")


def split_given(given: list[Path]) -> tuple[Path | None, Path | None]:
    """Tell the study's config and the dataset apart among what the command was given.

    Parameters
    ----------
    given : list of Path
        TOML files and folders, by their names.

    Returns
    -------
    config : Path or None
        The TOML file.
    bids_dir : Path or None
        The folder.

    Raises
    ------
    InputError
        For something that is neither, or two of one kind.
    """
    configs = [path for path in given if path.suffix.lower() == ".toml"]
    folders = [path for path in given if path.suffix.lower() != ".toml"]
    for path in folders:
        if not path.is_dir():
            raise InputError(
                "is neither a folder nor a TOML file", file=path.absolute(), remedy="give STUDY.toml, BIDS_DIR or both"
            )
    if len(configs) > 1 or len(folders) > 1:
        raise InputError("give at most one config and one dataset", value=" ".join(map(str, given)))
    return next(iter(configs), None), next(iter(folders), None)
