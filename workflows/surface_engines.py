"""What makes the surfaces of sessions that have none: FreeSurfer where it is licensed, else the embedded engine."""

from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.data.inputs import SessionInputs
from harmoniq.settings.schema import Settings
from harmoniq.surface.freesurfer import find_freesurfer
from harmoniq.surface.reconstruction.installed import REMEDY, check_installed
from harmoniq.surface.reconstruction.suitable import unsuitable

#: What the embedded engine costs, said wherever it is taken by itself.
COST = "embedded: on a real brain its white surface lies 0.25 mm (mean) from FreeSurfer's; see docs/cortex.md"


@dataclass(frozen=True)
class SurfaceEngine:
    """The engine of the surfaces.

    Parameters
    ----------
    name : str
        ``freesurfer``, ``catsurf``, or ``none`` where nothing can make them.
    version : str
        Of the program.
    reason : str
        Why this one, or why none.
    error : InputError, optional
        What a session without surfaces is refused with, where an engine that was asked for is not there.
    license_file : path, optional
        As the user named it.
    freesurfer_tools : bool
        Whether FreeSurfer's own tools can bring the atlas to a subject.
    wanted : str
        What was asked for.
    """

    name: str
    version: str = ""
    reason: str = ""
    error: InputError | None = None
    license_file: Path | None = None
    freesurfer_tools: bool = False
    wanted: str = "auto"

    @property
    def builds(self) -> bool:
        """Whether it can make surfaces."""
        return self.name != "none"

    def builds_for(self, inputs: SessionInputs) -> bool:
        """Say whether it can make the surfaces of a session.

        Parameters
        ----------
        inputs : SessionInputs
            What the session has.

        Returns
        -------
        bool
        """
        return self.builds and self.unsuitable(inputs) is None

    def unsuitable(self, inputs: SessionInputs) -> str | None:
        """Say why it cannot make a session's surfaces.

        Parameters
        ----------
        inputs : SessionInputs
            What the session has.

        Returns
        -------
        str or None
            None where it can: MP2RAGE is needed, and for cat-surf small voxels and a head.
        """
        if inputs.mp2rage is None:
            return "there are no MP2RAGE images to make surfaces from"
        if self.name != "catsurf":
            return None
        return unsuitable(inputs.mp2rage.files[0])


def choose_surface_engine(settings: Settings, license_file: Path | None = None) -> SurfaceEngine:
    """Choose what makes surfaces where there are none; existing FreeSurfer subjects go before it.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.
    license_file : path, optional
        Of FreeSurfer.

    Returns
    -------
    SurfaceEngine
        Of the name ``none``, with the reason, where nothing can make surfaces; with an `error` where what was asked for
        is not there.

    Raises
    ------
    InputError
        Where the license that is named is not there.
    """
    wanted = settings.surfaces.engine
    if license_file is not None and not license_file.is_file():
        raise InputError("file not found", file=license_file, key="--fs-license-file")
    if wanted == "catsurf":
        return _catsurf(wanted, "asked for; ")
    try:
        found = find_freesurfer(license_file)
    except InputError as error:
        if wanted == "freesurfer":
            return SurfaceEngine("none", reason="asked for, and not to be had", error=error, wanted=wanted)
        return _catsurf(wanted, f"no reference engine: {error.problem}; ")
    reason = "asked for" if wanted == "freesurfer" else "the reference engine is installed and licensed"
    return SurfaceEngine(
        "freesurfer", f"v{found.version}", reason, license_file=license_file, freesurfer_tools=True, wanted=wanted
    )


def _catsurf(wanted: str, why: str) -> SurfaceEngine:
    """Return the embedded engine; where it is not installed, none, and what would mend it."""
    try:
        version = check_installed()["cat-surf"]
    except InputError as error:
        if wanted == "catsurf":
            return SurfaceEngine("none", reason="asked for, and not installed", error=error, wanted=wanted)
        return SurfaceEngine("none", reason=f"{why}no embedded engine: {error.problem} ({REMEDY})", wanted=wanted)
    return SurfaceEngine("catsurf", version, f"{why}{COST}", wanted=wanted)
