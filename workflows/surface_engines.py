"""What makes the surfaces of sessions that have none: FreeSurfer where it is installed and licensed."""

from dataclasses import dataclass
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.settings.schema import Settings
from harmoniq.surface.freesurfer import find_freesurfer


@dataclass(frozen=True)
class SurfaceEngine:
    """The engine of the surfaces.

    Parameters
    ----------
    name : str
        ``freesurfer``, or ``none`` where nothing can make them.
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
    """

    name: str
    version: str = ""
    reason: str = ""
    error: InputError | None = None
    license_file: Path | None = None
    freesurfer_tools: bool = False

    @property
    def builds(self) -> bool:
        """Whether it can make surfaces."""
        return self.name != "none"


def choose_surface_engine(settings: Settings, license_file: Path | None = None) -> SurfaceEngine:
    """Choose what makes surfaces where there are none; existing FreeSurfer subjects go before it.

    Parameters
    ----------
    settings : Settings
    license_file : path, optional
        Of FreeSurfer.
    """
    wanted = settings.surfaces.engine
    if license_file is not None and not license_file.is_file():
        raise InputError("file not found", file=license_file, key="--fs-license-file")
    try:
        found = find_freesurfer(license_file)
    except InputError as error:
        if wanted == "freesurfer":
            return SurfaceEngine("none", reason="asked for, and not to be had", error=error)
        return SurfaceEngine("none", reason=f"no reference engine: {error.problem}")
    reason = "asked for" if wanted == "freesurfer" else "the reference engine is installed and licensed"
    return SurfaceEngine("freesurfer", f"v{found.version}", reason, license_file=license_file, freesurfer_tools=True)
