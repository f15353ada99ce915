"""The JSON sidecars of the images: everything that the pipeline needs, and what BIDS 1.10 requires and recommends."""

from typing import Any

from harmoniq.simulation.protocol import DWIProtocol, SiteProtocol

Sidecar = dict[str, Any]


def _common(site: SiteProtocol) -> Sidecar:
    scanner = site.scanner
    return {
        "Manufacturer": scanner.manufacturer,
        "ManufacturersModelName": scanner.model,
        "MagneticFieldStrength": scanner.field_strength,
        "InstitutionName": scanner.institution,
        "Modality": "MR",
        "MRAcquisitionType": "3D",
        "ConversionSoftware": "harmoniq simulate",
    }


def _trains(site: SiteProtocol) -> Sidecar:
    timing = site.mp2rage.timing
    return {
        "RepetitionTimePreparation": timing.repetition_time,
        "RepetitionTimeExcitation": timing.echo_spacing,
        "NumberShots": list(timing.shots),
        "EchoTime": site.mp2rage.echo_time,
    }


def inversion_sidecar(site: SiteProtocol, inversion: int, *, phase: bool) -> Sidecar:
    """Return the sidecar of one inversion (1 or 2) of MP2RAGE."""
    timing = site.mp2rage.timing
    content = _common(site) | {
        "SeriesDescription": f"mp2rage_INV{inversion}" + ("_PHS" if phase else ""),
        "PulseSequenceType": "MP2RAGE",
        **_trains(site),
        "InversionTime": timing.inversion_times[inversion - 1],
        "FlipAngle": timing.flip_angles[inversion - 1],
    }
    return content | ({"Units": "rad"} if phase else {})


def uniform_sidecar(site: SiteProtocol) -> Sidecar:
    """Return the sidecar of UNIT1."""
    return _common(site) | {"SeriesDescription": "mp2rage_UNI", "PulseSequenceType": "MP2RAGE", **_trains(site)}


def echo_sidecar(site: SiteProtocol, echo: int, *, phase: bool) -> Sidecar:
    """Return the sidecar of one echo (from 1) of the multi-echo GRE."""
    assert site.megre is not None
    content = _common(site) | {
        "SeriesDescription": "megre" + ("_PHS" if phase else ""),
        "PulseSequenceType": "Multi-echo spoiled gradient echo",
        "EchoTime": site.megre.echo_times[echo - 1],
        "RepetitionTimeExcitation": site.megre.repetition_time,
        "FlipAngle": site.megre.flip_angle,
    }
    return content | ({"Units": "rad"} if phase else {})


def flair_sidecar(site: SiteProtocol) -> Sidecar:
    """Return the sidecar of FLAIR."""
    flair = site.flair
    return _common(site) | {
        "SeriesDescription": "flair",
        "PulseSequenceType": "Inversion-prepared turbo spin echo",
        "RepetitionTimePreparation": flair.repetition_time,
        "InversionTime": flair.inversion_time,
        "EchoTime": flair.echo_time,
        "FlipAngle": flair.flip_angle,
    }


def transmit_sidecar(site: SiteProtocol, participant: str) -> Sidecar:
    """Return the sidecar of the B1+ map, in percent of the nominal flip angle."""
    label = participant.removeprefix("sub-")
    return _common(site) | {
        "SeriesDescription": "b1map",
        "Units": "percent",
        "Description": "Flip angle in percent of the nominal one",
        "IntendedFor": [f"bids::sub-{label}/anat/sub-{label}_UNIT1.nii.gz"],
    }


def diffusion_sidecar(site: SiteProtocol, lines: int) -> Sidecar:
    """Return the sidecar of the diffusion images; `lines` is their number of phase-encoding lines."""
    assert site.dwi is not None
    dwi: DWIProtocol = site.dwi
    common = _common(site) | {"MRAcquisitionType": "2D"}
    return common | {
        "SeriesDescription": "dwi",
        "PulseSequenceType": "Spin echo EPI",
        "EchoTime": dwi.echo_time,
        "RepetitionTime": dwi.repetition_time,
        "FlipAngle": 90.0,
        "PhaseEncodingDirection": dwi.phase_encoding,
        "EffectiveEchoSpacing": dwi.echo_spacing,
        "TotalReadoutTime": round(dwi.echo_spacing * (lines - 1), 7),
    }
