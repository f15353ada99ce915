"""Which engine makes what, and what the sidecars say of it."""

from pathlib import Path
from typing import Any

import harmoniq
from harmoniq.data.inputs import SessionInputs
from harmoniq.settings.schema import Settings
from harmoniq.workflows.map_engines import MapEngines

_GENERATED_BY = [{"Name": "harmoniq", "Version": harmoniq.__version__}]


def engine_names(inputs: SessionInputs, engines: MapEngines) -> dict[str, str]:
    """Return the engine and version of each metric, and of the surfaces and bundles where there are any."""
    names = {}
    if inputs.mp2rage is not None:
        # Values with and without the correction must not be pooled unnoticed: it is part of the engine's name.
        corrected = "" if inputs.b1 is None else "-b1"
        names["R1"] = f"{engines.r1.name}-{engines.r1.method}{corrected} {engines.r1.version}"
    if inputs.megre is not None:
        names["R2star"] = engines.r2star.label
    if inputs.freesurfer is not None:
        names["surfaces"] = f"freesurfer {freesurfer_version(inputs.freesurfer)}"
    if inputs.bundles:
        names["bundles"] = "pyafq"
    return names


def freesurfer_version(subject_dir: Path) -> str:
    """Return the version in a FreeSurfer subject's build stamp, for example ``v6.0.0``; ``unknown`` without one."""
    stamp = subject_dir / "scripts" / "build-stamp.txt"
    if not stamp.is_file():
        return "unknown"
    words = stamp.read_text(encoding="utf-8", errors="replace").split()
    text = words[0] if words else "unknown"
    parts = [part for part in text.split("-") if part[:1] == "v" and part[1:2].isdigit()]
    return parts[0] if parts else text


def map_sidecars(inputs: SessionInputs, settings: Settings, engines: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the content of each derivative's JSON sidecar."""
    sidecars: dict[str, dict[str, Any]] = {}
    sources: list[str] = []
    if (mp2rage := inputs.mp2rage) is not None:
        sources += [path.name for path in mp2rage.files]
        timing = mp2rage.timing
        sidecars["R1"] = {
            **_common("R1 = 1/T1 by the lookup table of MP2RAGE", engines["R1"], [path.name for path in mp2rage.files]),
            "Units": "1/s",
            "SkullStripped": False,
            "RepetitionTimePreparation": timing.repetition_time,
            "RepetitionTimeExcitation": timing.echo_spacing,
            "NumberShots": list(timing.shots),
            "InversionTimes": list(timing.inversion_times),
            "FlipAngles": list(timing.flip_angles),
            "InversionEfficiency": timing.efficiency,
            "B1Correction": False if inputs.b1 is None else inputs.b1.image.name,
            "Notes": list(mp2rage.notes),
        }
        names = [path.name for path in mp2rage.files]
        outside = "Voxels whose R1 is not a measurement: outside the monotonic range of the lookup table"
        sidecars["outside"] = {**_common(outside, engines["R1"], names), "Type": "ROI"}
        robust = (
            "Uniform image with its background suppressed (O'Brien et al. 2014), for skull-stripping; not for fitting"
        )
        sidecars["robust"] = {**_common(robust, "native", names), "SkullStripped": False}
        sidecars["mask"] = {
            **_common(
                "Brain mask", "freesurfer" if inputs.freesurfer else "native", [path.name for path in mp2rage.files]
            ),
            "Type": "Brain",
        }
    if (megre := inputs.megre) is not None:
        names = [path.name for path in megre.files]
        sources += names
        fit = _common(f"Decay over {len(megre.echo_times)} echoes", engines["R2star"], names)
        fit["SkullStripped"] = False
        sidecars["R2star"] = {**fit, "Units": "1/s", "EchoTimes": list(megre.echo_times)}
        sidecars["S0"] = {**fit, "Description": "Signal at echo time 0, in the image's units", "Units": "arbitrary"}
    if mp2rage is not None and megre is not None:
        sidecars["xfm"] = {
            **_common(
                "Rigid transform, ITK: maps points of UNIT1 into MEGRE, to resample MEGRE onto UNIT1",
                "SimpleITK",
                sources,
            )
        }
    sampled = _common("Samples at the vertices", engines.get("surfaces", ""), sources)
    for metric in ("R1", "R2star"):
        for tissue, where in (
            ("cGM", _cgm(settings)),
            ("sWM", f"{settings.surfaces.swm_distance:g} mm along the white normal"),
        ):
            sidecars[f"{metric}_{tissue}"] = {**sampled, "Depth": where, "Units": "1/s"}
    sidecars["profiles"] = {
        **_common("Map along the bundles, from node to node", engines.get("bundles", ""), sources),
        "CentralFraction": settings.bundles.central,
        "bundle": {"Description": "Bundle, in the names of AFQ"},
        "node": {"Description": "Node, 0 to the number of nodes - 1"},
        "value": {"Description": "Gaussian-weighted mean over the streamlines", "Units": "1/s"},
        "sd": {"Description": "Weighted standard deviation over the streamlines", "Units": "1/s"},
        "central": {"Description": "Whether the node enters the regional value"},
        "n_streamlines": {"Description": "Streamlines of the bundle"},
    }
    return sidecars


def _common(description: str, engine: str, sources: list[str]) -> dict[str, Any]:
    return {"Description": description, "Engine": engine, "GeneratedBy": _GENERATED_BY, "SourceFiles": sources}


def _cgm(settings: Settings) -> str:
    if settings.surfaces.cgm_depth == "midpoint":
        return "midpoint between white and pial"
    return f"{settings.surfaces.cgm_fraction:g} of the thickness along the white normal"
