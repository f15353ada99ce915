"""What made each map, surface and bundle: the names that stand in sidecars and in the regional table."""

from collections.abc import Mapping
from pathlib import Path

from harmoniq.data.derivatives import makers
from harmoniq.data.inputs import SessionInputs
from harmoniq.settings.schema import Settings, SurfaceSettings
from harmoniq.surface.reconstruction.installed import STAMP
from harmoniq.workflows.bundle_engines import bundle_engine_name
from harmoniq.workflows.map_engines import MapEngines


def field_axes(inputs: SessionInputs, settings: Settings, engines: MapEngines) -> tuple[int, ...] | None:
    """Choose the voxel axes along which a voxel is a box, for the correction of R2*.

    Parameters
    ----------
    inputs : SessionInputs
        Its echoes.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes the maps.

    Returns
    -------
    tuple of int or None
        0 to 2 each; None without a correction: without phases, with a reference engine or an existing map, and where it
        is off.
    """
    wanted = settings.r2star.field_correction == "auto" and engines.r2star.toolbox is None
    if inputs.megre is None or not inputs.megre.phases or not wanted or "R2star" in inputs.maps:
        return None
    names = settings.r2star.field_axes.replace("none", "")
    return tuple("xyz".index(axis) for axis in names)


def engine_names(inputs: SessionInputs, settings: Settings, engines: MapEngines) -> dict[str, str]:
    """Name what makes each metric, the surfaces, the bundles and their profiles, with its version.

    Values with and without a correction must not be pooled unnoticed: it is part of the engine's name.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes what does not exist.

    Returns
    -------
    dict of str to str
        By ``R1``, ``R2star``, ``surfaces``, ``bundles`` and ``tractometry``, as far as there are any.
    """
    names = {metric: existing.engine for metric, existing in inputs.maps.items()}
    if inputs.mp2rage is not None and "R1" not in names:
        corrected = "" if inputs.b1 is None else "-b1"
        names["R1"] = f"{engines.r1.name}-{engines.r1.method}{corrected} {engines.r1.version}"
    if inputs.megre is not None and "R2star" not in names:
        restored = "" if field_axes(inputs, settings, engines) is None else "-field"
        names["R2star"] = f"{engines.r2star.name}-{engines.r2star.method}{restored} {engines.r2star.version}"
    if inputs.freesurfer is not None:
        program, version = surface_program(inputs.freesurfer)
        names["surfaces"] = f"{program}{_variant(settings.surfaces)} {version}"
    elif engines.surfaces.builds_for(inputs):
        names["surfaces"] = f"{engines.surfaces.name}{_variant(settings.surfaces)} {engines.surfaces.version}"
    if inputs.bundles:
        names["bundles"] = existing_program(inputs.bundles)
    elif inputs.dwi and inputs.r1_space is not None and (engines.bundles.tracks or engines.bundles.qsiprep):
        names["bundles"] = bundle_engine_name(inputs.dwi[0], settings.bundles, engines.bundles)
    if "bundles" in names and engines.tractometry is not None:
        names["tractometry"] = engines.tractometry.label
    return names


def existing_program(bundles: Mapping[str, Path]) -> str:
    """Find out what made existing bundles.

    Parameters
    ----------
    bundles : mapping of str to Path
        Tractogram of each bundle, by name; the first one's place is looked at.

    Returns
    -------
    str
        With its version where its dataset says it: ``qsirecon-pyafq 1.0.1``.
    """
    path = next(iter(bundles.values()))
    named = "/".join(path.parts[-9:]).lower()
    old = "qsirecon" in named and "space-t1w" in named
    program = "qsiprep-pyafq" if old else "qsirecon-pyafq" if "qsirecon" in named else "pyafq"
    wanted = {"qsiprep-pyafq": ("qsiprep", "qsirecon"), "qsirecon-pyafq": ("qsirecon",), "pyafq": ("pyafq",)}[program]
    for maker in makers(path):
        if str(maker.get("Name", "")).lower() in wanted and maker.get("Version"):
            return f"{program} {maker['Version']}"
    return program


def _variant(surfaces: SurfaceSettings) -> str:
    """Return what is unlike the study's own sampling, for the engine's name."""
    kinds = {
        "midpoint": surfaces.cgm_depth == "midpoint",
        "nearest": surfaces.interpolation == "nearest",
        "area": surfaces.area_weighted,
        "merged33": surfaces.merge_ba33,
    }
    return "".join(f"-{kind}" for kind, wanted in kinds.items() if wanted)


def surface_program(subject_dir: Path) -> tuple[str, str]:
    """Find out which engine made a subject.

    Parameters
    ----------
    subject_dir : Path
        FreeSurfer subject.

    Returns
    -------
    program : str
        ``freesurfer`` or ``catsurf``.
    version : str
        ``unknown`` where it does not say.
    """
    version = freesurfer_version(subject_dir)
    if version.startswith(f"{STAMP}-"):
        return "catsurf", version.removeprefix(f"{STAMP}-")
    return "freesurfer", version


def freesurfer_version(subject_dir: Path) -> str:
    """Read the version of a FreeSurfer subject's build stamp.

    Parameters
    ----------
    subject_dir : Path
        FreeSurfer subject.

    Returns
    -------
    str
        Such as ``v6.0.0``; ``unknown`` without a stamp.
    """
    stamp = subject_dir / "scripts" / "build-stamp.txt"
    if not stamp.is_file():
        return "unknown"
    words = stamp.read_text(encoding="utf-8", errors="replace").split()
    text = words[0] if words else "unknown"
    parts = [part for part in text.split("-") if part[:1] == "v" and part[1:2].isdigit()]
    return parts[0] if parts else text
