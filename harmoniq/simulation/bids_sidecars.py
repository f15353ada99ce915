"""The JSON sidecars of the images: everything that the pipeline needs, and what BIDS 1.10 requires and recommends."""

from typing import Any

from harmoniq.simulation.protocol import DWIProtocol, MP2RAGEProtocol, SiteProtocol

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


def _trains(protocol: MP2RAGEProtocol) -> Sidecar:
    timing = protocol.timing
    return {
        "RepetitionTimePreparation": timing.repetition_time,
        "RepetitionTimeExcitation": timing.echo_spacing,
        "NumberShots": list(timing.shots),
        "EchoTime": protocol.echo_time,
    }


def inversion_sidecar(site: SiteProtocol, inversion: int, *, phase: bool) -> Sidecar:
    """Make the sidecar of one inversion of MP2RAGE.

    Parameters
    ----------
    site : SiteProtocol
        Where it was measured.
    inversion : int
        1 or 2.
    phase : bool
        Whether it is a phase image rather than a magnitude.

    Returns
    -------
    dict of str to object
        Times in s, angles in degrees.
    """
    return _common(site) | _train(site.mp2rage, "MP2RAGE", inversion, phase=phase)


def saturation_sidecar(site: SiteProtocol, image: int, participant: str, *, phase: bool) -> Sidecar:
    """Make the sidecar of one image of SA2RAGE.

    Parameters
    ----------
    site : SiteProtocol
        Where it was measured.
    image : int
        1 or 2.
    participant : str
        Label with its ``sub-``.
    phase : bool
        Whether it is a phase image rather than a magnitude.

    Returns
    -------
    dict of str to object
        Times in s, angles in degrees; intended for UNIT1.
    """
    return _common(site) | _train(site.sa2rage, "SA2RAGE", image, phase=phase) | _intended(participant)


def _train(protocol: MP2RAGEProtocol, name: str, image: int, *, phase: bool) -> Sidecar:
    timing = protocol.timing
    content = {
        "SeriesDescription": f"{name.lower()}_INV{image}" + ("_PHS" if phase else ""),
        "PulseSequenceType": name,
        **_trains(protocol),
        "InversionTime": timing.inversion_times[image - 1],
        "FlipAngle": timing.flip_angles[image - 1],
    }
    return content | ({"Units": "rad"} if phase else {})


def uniform_sidecar(site: SiteProtocol) -> Sidecar:
    """Make the sidecar of UNIT1.

    Parameters
    ----------
    site : SiteProtocol
        Where it was measured.

    Returns
    -------
    dict of str to object
        Times in s.
    """
    return _common(site) | {"SeriesDescription": "mp2rage_UNI", "PulseSequenceType": "MP2RAGE", **_trains(site.mp2rage)}


def echo_sidecar(site: SiteProtocol, echo: int, *, phase: bool) -> Sidecar:
    """Make the sidecar of one echo of the multi-echo GRE.

    Parameters
    ----------
    site : SiteProtocol
        Where it was measured; it has a multi-echo GRE.
    echo : int
        Number of the echo, from 1.
    phase : bool
        Whether it is a phase image rather than a magnitude.

    Returns
    -------
    dict of str to object
        Times in s, angle in degrees.
    """
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
    """Make the sidecar of FLAIR.

    Parameters
    ----------
    site : SiteProtocol
        Where it was measured.

    Returns
    -------
    dict of str to object
        Times in s, angle in degrees.
    """
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
    """Make the sidecar of the B1+ map.

    Parameters
    ----------
    site : SiteProtocol
        Where it was measured.
    participant : str
        Label with its ``sub-``.

    Returns
    -------
    dict of str to object
        It says that the map is in percent of the nominal flip angle; intended for UNIT1.
    """
    content = {
        "SeriesDescription": "b1map",
        "Units": "percent",
        "Description": "Flip angle in percent of the nominal one",
    }
    return _common(site) | content | _intended(participant)


def _intended(participant: str) -> Sidecar:
    return {"IntendedFor": [f"bids::{participant}/anat/{participant}_UNIT1.nii.gz"]}


def diffusion_sidecar(site: SiteProtocol, lines: int) -> Sidecar:
    """Make the sidecar of the diffusion images.

    Parameters
    ----------
    site : SiteProtocol
        Where they were measured; it has diffusion.
    lines : int
        Number of phase-encoding lines, for the readout's time.

    Returns
    -------
    dict of str to object
        Times in s, angle in degrees.
    """
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
