"""``harmoniq doctor``: what is there, what is not, and what would mend it."""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Literal, NamedTuple

import harmoniq
from harmoniq.cli.doctor_dataset import examine_dataset, split_given
from harmoniq.data.errors import InputError
from harmoniq.settings.load import load_settings

_FREESURFER = "https://surfer.nmr.mgh.harvard.edu/fswiki/DownloadAndInstall"
_QSIPREP = "https://qsiprep.readthedocs.io/en/latest/installation.html"


class Finding(NamedTuple):
    """One line of the doctor's.

    Parameters
    ----------
    name : str
        What was looked for.
    state : str
        ``ok``, ``missing``, ``note`` or ``error``.
    text : str
        What was found, or what would mend it.
    """

    name: str
    state: str
    text: str


def execute(args: argparse.Namespace) -> int:
    """Print what is there, and what a dataset permits.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq doctor``.

    Returns
    -------
    int
        Exit code: 0; 1 when a session of the dataset cannot be processed; 2 when the config is wrong.
    """
    config, bids_dir = split_given(args.given)
    findings = [*_program(), *_engines(config), *_atlas(), *_tools(), *_resources()]
    code = 0
    if config is not None:
        findings.append(_config(config))
        code = 2 if findings[-1].state == "error" else 0
    width = max(len(finding.name) for finding in findings)
    marks = {"ok": "found  ", "missing": "missing", "note": "note   ", "error": "error  "}
    for finding in findings:
        print(f"{marks[finding.state]} {finding.name:<{width}}  {finding.text}")
    if code:
        print(f"error: {findings[-1].text}", file=sys.stderr)
        return code
    if bids_dir is None:
        print("Next: harmoniq doctor BIDS_DIR says what a dataset permits, participant by participant")
        return 0
    return examine_dataset(bids_dir.absolute(), args, load_settings(config))


def _program() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("harmoniq", "ok", f"{harmoniq.__version__} on Python {python}")
    yield Finding("network", "note", "never used at run time; nothing needs to be fetched before a run on a cluster")


def _engines(config: Path | None) -> Iterator[Finding]:
    yield Finding("R1: native", "ok", "lookup table of the sequence")
    yield Finding("R2*: native", "ok", "nlls, iwls, arlo, trapezoidal, loglinear, rician")
    yield Finding("lesions: existing masks", "ok", "give --derivatives: BIDS names, LST, LST-AI, SAMSEG")
    yield _samseg()
    yield Finding("surfaces: existing FreeSurfer", "ok", "give --fs-subjects-dir; no FreeSurfer installation is needed")
    yield _freesurfer()
    yield _catsurf()
    yield from _reference_engines()
    yield Finding("bundles: existing tractograms", "ok", "give --derivatives: pyAFQ, QSIPrep or QSIRecon results")
    yield _qsiprep(config)
    yield from _bundles()
    yield _scilpy()
    yield Finding("ComBat, ComBat-GAM: native", "ok", "the default")
    remedy = "pip install --no-deps neuroHarmonize==2.5.2 neuroCombat==0.2.12"
    yield _reference_package("neuroHarmonize", "--combat-engine neuroharmonize", remedy)
    yield Finding("HBR: native", "ok", "the default")
    remedy = "pip install -c constraints.txt 'harmoniq[hbr]'"
    yield _reference_package("pcntoolkit", "--hbr-engine pcntoolkit", remedy)


def _reference_package(name: str, option: str, remedy: str) -> Finding:
    try:
        return Finding(name, "ok", f"{metadata.version(name)}, with {option}")
    except metadata.PackageNotFoundError:
        return Finding(name, "missing", f"optional reference engine: {remedy}")


def _qsiprep(config: Path | None) -> Finding:
    """Say whether QSIPrep can be run, by the config where one is given."""
    from harmoniq.qsiprep.runtime import find_runtime

    try:
        settings = load_settings(config).qsiprep
    except InputError:
        settings = load_settings().qsiprep  # the config's own line says what is wrong with it
    try:
        found = find_runtime("qsiprep", settings.runtime, settings.image, settings.version)
    except InputError as error:
        return Finding("bundles: QSIPrep", "missing" if settings.image else "note", f"optional: {error} ({_QSIPREP})")
    return Finding("bundles: QSIPrep", "ok", f"{found.version}, {found.kind}: {found.image or found.program}")


def _bundles() -> Iterator[Finding]:
    """Say whether bundles can be found in diffusion images, and how to get what is missing."""
    from harmoniq.diffusion.preprocess import mrtrix_commands
    from harmoniq.diffusion.process import INSTALL, pyafq_version
    from harmoniq.diffusion.waypoints import available_bundles, find_templates

    version = pyafq_version()
    if version is None:
        yield Finding("bundles: pyAFQ", "missing", f"to find bundles in diffusion images: {INSTALL}")
    else:
        yield Finding("bundles: pyAFQ", "ok", version)
    try:
        folder = find_templates()
        yield Finding("AFQ's waypoint regions", "ok", f"{folder}, for {len(available_bundles(folder))} of 18 bundles")
    except InputError as error:
        yield Finding("AFQ's waypoint regions", "missing", str(error))
    commands = ", ".join(Path(path).name for path in mrtrix_commands().values())
    yield Finding(
        "MRtrix3",
        "ok" if commands else "note",
        commands or "optional: apt-get install mrtrix3 (https://www.mrtrix.org); without it DIPY denoises, more slowly",
    )


def _scilpy() -> Finding:
    from harmoniq.tract.scilpy import VARIABLE, find_scilpy

    try:
        found = find_scilpy()
    except InputError as error:
        state = "missing" if os.environ.get(VARIABLE) else "note"
        return Finding("profiles: SCILPY", state, f"optional reference engine: {error}")
    return Finding("profiles: SCILPY", "ok", f"{found.version} in {found.folder}, with --tractometry-engine scilpy")


def _freesurfer() -> Finding:
    from harmoniq.surface.freesurfer import find_freesurfer

    if not os.environ.get("FREESURFER_HOME"):
        return Finding("FreeSurfer", "note", f"optional: install it and set FREESURFER_HOME ({_FREESURFER})")
    try:
        found = find_freesurfer()
    except InputError as error:
        return Finding("FreeSurfer", "missing", str(error))
    return Finding("FreeSurfer", "ok", f"{found.version} in {found.home}, license {found.license}")


def _catsurf() -> Finding:
    from harmoniq.surface.reconstruction.installed import check_installed

    try:
        found = check_installed()
    except InputError as error:
        return Finding("surfaces: catsurf", "missing", str(error))
    versions = ", ".join(f"{name} {version}" for name, version in found.items())
    return Finding("surfaces: catsurf", "ok", f"{versions}; 15 CPU minutes and 2 GB per session")


def _reference_engines() -> Iterator[Finding]:
    """Say what runs the reference toolboxes, and which of them are there."""
    from harmoniq.data.octave import COMMAND_VARIABLE, TOOLBOXES, find_interpreter, find_toolbox, toolbox_version

    try:
        found = find_interpreter()
        kind = {"matlab": "MATLAB", "octave": "Octave", "compiled": "a compiled runtime"}[found.kind]
        yield Finding("MATLAB or Octave", "ok", f"{kind}: {' '.join(found.command)}")
    except InputError as error:
        wrong = os.environ.get(COMMAND_VARIABLE)
        yield Finding(
            "MATLAB or Octave",
            "missing" if wrong else "note",
            f"optional, for reference engines: {error} (apt-get install octave)",
        )
    engines: tuple[tuple[Literal["marques", "sepia"], str, str], ...] = (
        ("marques", "R1: Marques' scripts", "--r1-engine matlab"),
        ("sepia", "R2*: SEPIA", "--r2star-engine sepia"),
    )
    for name, title, option in engines:
        try:
            folder = find_toolbox(name)
            yield Finding(title, "ok", f"{toolbox_version(name, folder)} in {folder}, with {option}")
        except InputError as error:
            variable, address = TOOLBOXES[name].variable, TOOLBOXES[name].address
            if os.environ.get(variable):
                yield Finding(title, "missing", str(error))
            else:
                yield Finding(title, "note", f"optional: set {variable} to the folder of your copy ({address})")


def _samseg() -> Finding:
    from harmoniq.lesions.samseg import find_samseg

    try:
        found = find_samseg()
    except InputError as error:
        return Finding("lesions: SAMSEG", "note", f"optional: {error} ({_FREESURFER})")
    return Finding("lesions: SAMSEG", "ok", f"FreeSurfer {found.version} in {found.home}")


def _atlas() -> Iterator[Finding]:
    from harmoniq.surface.atlas import find_atlas

    try:
        yield Finding("atlas PALS-B12", "ok", str(find_atlas().source))
    except InputError as error:
        yield Finding("atlas PALS-B12", "missing", str(error))


def _tools() -> Iterator[Finding]:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if validator.is_file() or shutil.which("bids-validator-deno"):
        yield Finding("BIDS validator", "ok", "bids-validator-deno")
    else:
        yield Finding("BIDS validator", "missing", "optional: pip install bids-validator-deno")
    if util.find_spec("SimpleITK") is None:
        yield Finding("SimpleITK", "missing", "registration needs it: pip install SimpleITK")


def _resources() -> Iterator[Finding]:
    from harmoniq.cli.resources import memory_gb, process_count

    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding("processes", "note", f"{process_count(None)}, unless --nprocs says otherwise")
    yield Finding(
        "memory", "note", f"{memory_gb(None):.1f} GB, unless --mem says otherwise; 2 GB per process are enough at 1 mm"
    )
    yield Finding(
        "disk", "ok" if free > 5 else "note", f"{free:.0f} GB free here; about 0.5 GB per participant are needed"
    )


def _config(path: Path) -> Finding:

    try:
        settings = load_settings(path)
    except InputError as error:
        return Finding("config", "error", str(error))
    sites = ", ".join(settings.sites) or "none"
    return Finding("config", "ok", f"{path}: study {settings.study.name}, sites with values of their own: {sites}")
