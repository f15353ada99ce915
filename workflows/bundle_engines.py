"""What finds the bundles of sessions that have none: pyAFQ, where it and AFQ's waypoint regions are there."""

from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.acquisitions import DWI
from harmoniq.data.errors import InputError
from harmoniq.diffusion.preprocess import mrtrix_commands
from harmoniq.diffusion.process import INSTALL, pyafq_version
from harmoniq.diffusion.waypoints import find_templates
from harmoniq.settings.schema import BundleSettings, Settings


@dataclass(frozen=True)
class BundleEngine:
    """The engine of the bundles.

    Parameters
    ----------
    name : str
        ``pyafq``, or ``none`` where nothing can find them.
    version : str
        Of pyAFQ.
    reason : str
        Why this one, or why none.
    templates : path, optional
        AFQ's waypoint regions.
    error : InputError, optional
        What a session is refused with, where an engine that was asked for is not there.
    asked_for : bool
        Whether existing bundles are passed over.
    """

    name: str = "none"
    version: str = ""
    reason: str = ""
    templates: Path | None = None
    error: InputError | None = None
    asked_for: bool = False

    @property
    def tracks(self) -> bool:
        """Whether it can find bundles in diffusion images."""
        return self.name == "pyafq"


def choose_bundle_engine(settings: Settings) -> BundleEngine:
    """Choose what finds bundles in diffusion images; with ``auto``, existing ones go before it."""
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
    """Return the steps of preprocessing; none for images that are preprocessed."""
    if dwi.preprocessed or "none" in bundles.preprocessing:
        return ()
    return bundles.preprocessing


def bundle_engine_name(dwi: DWI, bundles: BundleSettings, engine: BundleEngine) -> str:
    """Return what stands in the regional table: a quick look is never pooled unnoticed with what QSIPrep made."""
    if dwi.preprocessed:
        return f"pyafq-csd {engine.version}"
    steps = steps_for(dwi, bundles)
    wanted = {"denoise", "gibbs"} & set(steps)
    by_mrtrix = bool(wanted) and wanted <= set(mrtrix_commands(steps))
    return f"pyafq-csd-{'mrtrix' if by_mrtrix else 'quicklook'} {engine.version}"
