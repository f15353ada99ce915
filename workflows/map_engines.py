"""Which engine makes the maps, and why: the reference toolbox where it is installed, the embedded fit otherwise."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import harmoniq
from harmoniq.data.errors import InputError
from harmoniq.data.octave import TOOLBOXES, find_interpreter, find_toolbox, toolbox_version
from harmoniq.r2star.sepia import METHODS as SEPIA_METHODS
from harmoniq.settings.schema import Settings
from harmoniq.tract.scilpy import Scilpy, find_scilpy
from harmoniq.workflows.bundle_engines import BundleEngine, choose_bundle_engine
from harmoniq.workflows.surface_engines import SurfaceEngine, choose_surface_engine


@dataclass(frozen=True)
class MapEngine:
    """One map's engine.

    Parameters
    ----------
    name : str
        ``native``, ``marques`` or ``sepia``.
    method : str
        How it fits.
    version : str
        Of the program or toolbox.
    reason : str
        Why this one, and what it costs.
    toolbox : path, optional
        Folder of the reference toolbox.
    """

    name: str
    method: str
    version: str
    reason: str
    toolbox: Path | None = None

    @property
    def label(self) -> str:
        """What stands in sidecars and in the regional table."""
        return f"{self.name}-{self.method} {self.version}"


@dataclass(frozen=True)
class MapEngines:
    """The engines of a run.

    Parameters
    ----------
    r1, r2star : MapEngine
        Of the maps.
    surfaces : SurfaceEngine
        Of the surfaces of sessions that have none.
    bundles : BundleEngine
        Of the bundles of sessions that have none.
    tractometry : Scilpy, optional
        Where it makes the profiles along the bundles; None for the embedded engine.
    """

    r1: MapEngine
    r2star: MapEngine
    surfaces: SurfaceEngine = field(default_factory=lambda: SurfaceEngine("none"))
    bundles: BundleEngine = field(default_factory=BundleEngine)
    tractometry: Scilpy | None = None


def choose_map_engines(settings: Settings, license_file: Path | None = None) -> MapEngines:
    """Choose the engines of a run.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.
    license_file : path, optional
        Of FreeSurfer; default: as FreeSurfer finds it.

    Returns
    -------
    MapEngines
        An engine of surfaces or bundles that was asked for and is not there has its `error`: sessions that need it are
        refused.

    Raises
    ------
    InputError
        When a reference engine of the maps is asked for by name and the toolbox, or MATLAB and Octave, are not there,
        or the toolbox has not the method; when SCILPY is asked for and not there, and for a license that is named and
        absent.
    """
    return MapEngines(
        _r1(settings), _r2star(settings), choose_surface_engine(settings, license_file),
        choose_bundle_engine(settings, license_file),
        find_scilpy() if settings.bundles.tractometry == "scilpy" else None,
    )  # fmt: skip


def _r1(settings: Settings) -> MapEngine:
    native = "within 0.1 % of the reference scripts on their own grid"
    if settings.r1.engine == "native":
        return MapEngine("native", "lookup", harmoniq.__version__, f"asked for; {native}")
    try:
        find_interpreter()
        folder = find_toolbox("marques")
    except InputError as error:
        if settings.r1.engine == "matlab":
            raise
        return MapEngine("native", "lookup", harmoniq.__version__, f"{_absent('marques', error)}; {native}")
    return MapEngine(
        "marques", "lookup", toolbox_version("marques", folder), "the reference engine is installed", folder
    )


def _r2star(settings: Settings) -> MapEngine:
    method, cost = settings.r2star.method, "at SNR 50 a spread of 6 %, without bias"
    embedded = "nlls" if method == "auto" else method
    if settings.r2star.engine == "native":
        return MapEngine("native", embedded, harmoniq.__version__, f"asked for; {cost}")
    wanted = "trapezoidal" if method == "auto" else method
    try:
        if wanted not in SEPIA_METHODS:
            raise InputError(
                f"SEPIA has no {wanted}", key="--r2star-method", value=wanted, remedy="use the native engine"
            )
        find_interpreter()
        folder = find_toolbox("sepia")
    except InputError as error:
        if settings.r2star.engine == "sepia":
            raise
        return MapEngine("native", embedded, harmoniq.__version__, f"{_absent('sepia', error)}; {cost}")
    return MapEngine("sepia", wanted, toolbox_version("sepia", folder), "the reference engine is installed", folder)


def _absent(toolbox: Literal["marques", "sepia"], error: InputError) -> str:
    """Say why the reference engine is not taken, when nobody asked for it by name."""
    variable = TOOLBOXES[toolbox].variable
    reason = error.problem if os.environ.get(variable) else f"{variable} is not set"
    return f"no reference engine: {reason}"
