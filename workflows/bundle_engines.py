"""What finds the bundles of sessions that have none: pyAFQ, where it and AFQ's waypoint regions are there."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from harmoniq.data.acquisitions import DWI
from harmoniq.data.errors import InputError
from harmoniq.diffusion.preprocess import mrtrix_commands
from harmoniq.diffusion.process import INSTALL, pyafq_version
from harmoniq.diffusion.waypoints import find_templates
from harmoniq.qsiprep.command import is_combined
from harmoniq.qsiprep.runtime import Runtime, find_runtime
from harmoniq.settings.schema import BundleSettings, QSIPrepSettings, Settings
from harmoniq.surface.freesurfer import find_license


@dataclass(frozen=True)
class BundleEngine:
    """The engine of the bundles.

    Parameters
    ----------
    name : str
        ``qsiprep``, ``pyafq``, or ``none`` where nothing can find them.
    version : str
        Of the program.
    reason : str
        Why this one, or why none.
    templates : path, optional
        AFQ's waypoint regions.
    qsiprep, qsirecon : Runtime, optional
        Where QSIPrep runs, and QSIRecon where the two are separate.
    license_file : path, optional
        Of FreeSurfer, which QSIPrep wants.
    error : InputError, optional
        What a session is refused with, where an engine that was asked for is not there.
    asked_for : bool
        Whether existing bundles are passed over.
    """

    name: str = "none"
    version: str = ""
    reason: str = ""
    templates: Path | None = None
    qsiprep: Runtime | None = None
    qsirecon: Runtime | None = None
    license_file: Path | None = None
    error: InputError | None = None
    asked_for: bool = False

    @property
    def tracks(self) -> bool:
        """Whether it can find bundles in diffusion images."""
        return self.name == "pyafq"


def choose_bundle_engine(settings: Settings, license_file: Path | None = None) -> BundleEngine:
    """Choose what finds bundles in diffusion images; with ``auto``, existing ones go before it.

    QSIPrep is the reference engine: ``auto`` takes it where the config names its image, or it is installed.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.
    license_file : Path or None, optional
        FreeSurfer's license; None: where FreeSurfer looks.

    Returns
    -------
    BundleEngine
        Of the name ``none``, with the reason, where nothing can find bundles; with an `error` where what was asked for
        is not there.
    """
    asked_for = settings.bundles.engine == "qsiprep"
    if asked_for or (settings.bundles.engine == "auto" and (settings.qsiprep.image or shutil.which("qsiprep"))):
        try:
            return _qsiprep(settings.qsiprep, license_file, asked_for)
        except InputError as error:
            if asked_for:
                return BundleEngine("qsiprep", reason="asked for, and not to be had", error=error, asked_for=True)
            found = _pyafq(settings)
            return replace(found, reason=f"no reference engine: {error.problem}; {found.reason}")
    return _pyafq(settings)


def _qsiprep(settings: QSIPrepSettings, license_file: Path | None, asked_for: bool) -> BundleEngine:
    first = find_runtime("qsiprep", settings.runtime, settings.image, settings.version)
    second = None
    if not is_combined(first.version):
        second = find_runtime("qsirecon", settings.runtime, settings.recon_image, "")
    found = find_license(Path(os.environ.get("FREESURFER_HOME") or os.devnull), license_file)[0]
    if found is None:
        raise InputError(
            "QSIPrep refuses to run without a FreeSurfer license", key="--fs-license-file",
            remedy="name yours, or set FS_LICENSE",
        )  # fmt: skip
    reason = "asked for" if asked_for else "no bundles in the derivatives; the reference engine is there"
    return BundleEngine(
        "qsiprep", first.version, f"{reason}, in {first.kind}", qsiprep=first, qsirecon=second,
        license_file=found.absolute(), asked_for=asked_for,
    )  # fmt: skip


def _pyafq(settings: Settings) -> BundleEngine:
    asked_for = settings.bundles.engine == "pyafq"
    try:
        version = pyafq_version()
        if version is None:
            raise InputError("pyAFQ is not installed", key="--bundle-engine", value="pyafq", remedy=INSTALL)
        templates = find_templates(settings.bundles.templates)
    except InputError as error:
        if asked_for:
            return BundleEngine(reason="asked for, and not to be had", error=error, asked_for=True)
        remedy = f"; {error.remedy}" if error.remedy else ""
        return BundleEngine(reason=f"{error.problem}{remedy}")
    reason = "asked for" if asked_for else "no bundles in the derivatives; pyAFQ and its waypoint regions are installed"
    return BundleEngine("pyafq", version, reason, templates, asked_for=asked_for)


def steps_for(dwi: DWI, bundles: BundleSettings) -> tuple[str, ...]:
    """Choose the steps of preprocessing.

    Parameters
    ----------
    dwi : DWI
        Its images, raw or preprocessed.
    bundles : BundleSettings
        Settings of the bundles.

    Returns
    -------
    tuple of str
        None for images that are preprocessed, and where the settings have ``none``.
    """
    if dwi.preprocessed or "none" in bundles.preprocessing:
        return ()
    return bundles.preprocessing


def bundle_engine_name(dwi: DWI, bundles: BundleSettings, engine: BundleEngine) -> str:
    """Name what finds bundles, for the regional table.

    A quick look is never pooled unnoticed with what QSIPrep made.

    Parameters
    ----------
    dwi : DWI
        Its images, raw or preprocessed.
    bundles : BundleSettings
        Settings of the bundles.
    engine : BundleEngine
        It finds the bundles.

    Returns
    -------
    str
        Such as ``pyafq-csd-quicklook 3.4``.
    """
    if engine.qsiprep is not None:
        return f"qsiprep-pyafq {engine.version}"
    if dwi.preprocessed:
        return f"pyafq-csd {engine.version}"
    steps = steps_for(dwi, bundles)
    wanted = {"denoise", "gibbs"} & set(steps)
    by_mrtrix = bool(wanted) and wanted <= set(mrtrix_commands(steps))
    return f"pyafq-csd-{'mrtrix' if by_mrtrix else 'quicklook'} {engine.version}"
