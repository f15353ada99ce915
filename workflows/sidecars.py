"""What the JSON sidecars of the derivatives say."""

from typing import Any

import harmoniq
from harmoniq.data.acquisitions import MP2RAGE
from harmoniq.data.existing_maps import ExistingMap
from harmoniq.data.inputs import SessionInputs
from harmoniq.r2star.gradient_report import WARNINGS
from harmoniq.regions.bundles import PROFILE_COLUMNS, SCILPY_COLUMNS
from harmoniq.regions.cortex import DEPTH_COLUMNS
from harmoniq.settings.schema import BundleSettings, Settings, SurfaceSettings
from harmoniq.surface.depths import Depth, depth_label, parse_depth

Sidecars = dict[str, dict[str, Any]]


def session_sidecars(inputs: SessionInputs, settings: Settings, engines: dict[str, str]) -> Sidecars:
    """Lay out the content of each derivative's sidecar.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.
    settings : Settings
        Of the study, with the flags over it.
    engines : dict of str to str
        What made each part, as `harmoniq.workflows.engines.engine_names` names it.

    Returns
    -------
    dict of str to dict of str to object
        By the name of the derivative, such as ``R1`` or ``R2star_cGM``; also of some that the session does not have.
    """
    groups = [group.files for group in (inputs.mp2rage, inputs.megre) if group is not None]
    sources = [path.name for files in groups for path in files]
    sidecars: Sidecars = {}
    if inputs.mp2rage is not None:
        sidecars |= _mp2rage(inputs, inputs.mp2rage, engines["R1"])
    elif inputs.r1_space is not None:
        sidecars["mask"] = _mask(inputs, [inputs.r1_space.name])
    if inputs.megre is not None:
        sidecars |= _megre(inputs, engines["R2star"])
    sidecars |= {metric: _existing(metric, existing) for metric, existing in inputs.maps.items()}
    transform = "Rigid transform, ITK: maps points of UNIT1 into MEGRE, to resample MEGRE onto UNIT1"
    sidecars["xfm"] = _common(transform, "SimpleITK", sources)
    sidecars["lesions"] = {
        **_common("Left out of the regions: lesions and what lies within the dilation of one", "native", sources),
        "Type": "Lesion",
    }
    sidecars |= _samples(settings.surfaces, engines.get("surfaces", ""), sources)
    sidecars |= _profiles(settings.bundles, engines, sources)
    sidecars["tracts"] = _tracts(inputs, engines.get("bundles", ""))
    said = _lesions(inputs, settings.lesions.dilation)
    for name in ("R1_cGM", "R1_sWM", "R2star_cGM", "R2star_sWM", "profiles", "profiles_native"):
        sidecars[name] = {**sidecars[name], "Lesions": said}
    return sidecars


def _lesions(inputs: SessionInputs, dilation: float) -> str:
    if inputs.lesions is not None:
        return f"left out, dilated by {dilation:g} mm: {inputs.lesions.describe()}"
    return f"left out, dilated by {dilation:g} mm: SAMSEG" if inputs.samseg_flair is not None else "not left out"


def _tracts(inputs: SessionInputs, engine: str) -> dict[str, Any]:
    sources = [dwi.image.name for dwi in inputs.dwi]
    common = _common("Bundle in the space of UNIT1, RAS mm", engine, sources)
    return {**common, "QuickLook": any(not dwi.preprocessed for dwi in inputs.dwi)}


def raw_uri(inputs: SessionInputs, name: str) -> str:
    """Return the BIDS URI of one of the session's raw anatomical images.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.
    name : str
        The file's name.

    Returns
    -------
    str
        ``bids:raw:sub-X[/ses-Y]/anat/NAME``.
    """
    return "bids:raw:" + "/".join([*inputs.label.split("_"), "anat", name])


def _common(description: str, engine: str, sources: list[str]) -> dict[str, Any]:
    return {
        "Description": description,
        "Engine": engine,
        "GeneratedBy": [{"Name": "harmoniq", "Version": harmoniq.__version__}],
        "SourceFiles": sources,
    }


def _mp2rage(inputs: SessionInputs, mp2rage: MP2RAGE, engine: str) -> Sidecars:
    names, timing = [path.name for path in mp2rage.files], mp2rage.timing
    outside = "Voxels whose R1 is not a measurement: outside the monotonic range of the lookup table"
    robust = "Uniform image, background suppressed (O'Brien et al. 2014): for skull-stripping, not for fitting"
    b1 = "Transmit field in the space of MP2RAGE, not smoothed; 0 where it was not measured"
    sources = [inputs.b1.image.name] if inputs.b1 is not None else []
    return {
        "b1": {
            **_common(b1, "native", sources),
            "Units": "relative to the nominal flip angle",
            "SkullStripped": False,
            "SpatialReference": raw_uri(inputs, names[0]),
        },
        "R1": {
            **_common("R1 = 1/T1 by the lookup table of MP2RAGE", engine, names),
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
        },
        "R1_native": {
            **_common("R1 by the embedded engine, for comparison", f"native-lookup {harmoniq.__version__}", names),
            "Units": "1/s",
            "SkullStripped": False,
        },
        "outside": {**_common(outside, engine, names), "Type": "ROI"},
        "robust": {**_common(robust, "native", names), "SkullStripped": False},
        "mask": _mask(inputs, names),
    }


def _mask(inputs: SessionInputs, sources: list[str]) -> dict[str, Any]:
    return {**_common("Brain mask", "freesurfer" if inputs.freesurfer else "native", sources), "Type": "Brain"}


def _existing(metric: str, existing: ExistingMap) -> dict[str, Any]:
    word, time = {"R1": ("R1", "T1"), "R2star": ("R2*", "T2*")}[metric]
    how = f"{word} = 1/{time}" if existing.inverted else word
    described = _common(f"{how} of an existing map; nothing was fitted", existing.engine, [str(existing.path)])
    return {**described, "Units": "1/s", "SkullStripped": False}


def _megre(inputs: SessionInputs, engine: str) -> Sidecars:
    assert inputs.megre is not None
    names, times = [path.name for path in inputs.megre.files], list(inputs.megre.echo_times)
    fit = {**_common(f"Decay over {len(times)} echoes", engine, names), "SkullStripped": False}
    return {
        "R2star": {**fit, "Units": "1/s", "EchoTimes": times},
        "R2star_native": {
            **_common("R2* by the embedded engine, for comparison", f"native {harmoniq.__version__}", names),
            "Units": "1/s",
            "SkullStripped": False,
        },
        "S0": {**fit, "Description": "Signal at echo time 0, in the image's units", "Units": "arbitrary"},
        "warning": {**fit, "Description": "Where gradients of the main field bias R2*", "Labels": WARNINGS},
    }


def _samples(surfaces: SurfaceSettings, engine: str, sources: list[str]) -> Sidecars:
    cgm: Depth = (surfaces.cgm_depth, surfaces.cgm_fraction)  # type: ignore[assignment]
    further = [parse_depth(text) for text in surfaces.depths]
    depths = {"cGM": cgm, "sWM": ("projdist", surfaces.swm_distance)} | {depth_label(d): d for d in further}
    common = {**_common("Samples at the vertices", engine, sources), "Units": "1/s"}
    made = {
        f"{metric}_{name}": {**common, "Depth": _depth_words(*depth)}
        for metric in ("R1", "R2star")
        for name, depth in depths.items()
    }
    areas = _common("Area of each vertex; the names stand in the file's table", engine, sources)
    made |= {
        f"{metric}_dscalar": {**common, "Description": "Samples on fsaverage", "Depth": sorted(depths)}
        for metric in ("R1", "R2star")
    }
    made |= {
        kind: _common(f"{kind.capitalize()} surface in scanner space, mm", engine, sources)
        for kind in ("white", "pial", "midthickness")
    }
    made["thickness"] = {**_common("Cortical thickness", engine, sources), "Units": "mm"}
    return {**made, "areas": areas, "depths": {**_common("Means at depths", engine, sources), **DEPTH_COLUMNS}}


def _depth_words(kind: str, value: float) -> str:
    return {
        "midpoint": f"{value:g} of the way from white to pial",
        "projfrac": f"{value:g} of the thickness along the white normal",
        "projdist": f"{value:g} mm along the white normal",
    }[kind]


def _profiles(bundles: BundleSettings, engines: dict[str, str], sources: list[str]) -> Sidecars:
    common = _common("Map along the bundles, from node to node", engines.get("bundles", ""), sources)
    common["CentralFraction"] = bundles.central
    native = {**common, "Tractometry": f"native {harmoniq.__version__}", **PROFILE_COLUMNS}
    if "tractometry" not in engines:
        return {"profiles": native, "profiles_native": native}
    return {"profiles": {**common, "Tractometry": engines["tractometry"], **SCILPY_COLUMNS}, "profiles_native": native}
