"""The sites' protocols: rows of Table 2 of Chen et al. 2026, completed with what the paper does not print."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.configs import read_builtin
from harmoniq.data.acquisitions import DEFAULT_EFFICIENCY, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.mp2rage.signal import inversion_signals

VoxelSize = tuple[float, float, float]

#: Diffusion is measured more coarsely than the anatomy: 1.8 mm where MP2RAGE has 1 mm.
DWI_COARSENING = 1.8
#: No voxel larger than this still shows a cortex.
LARGEST_VOXEL_MM = 10.0
SMALLEST_VOXEL_MM = 0.4


@dataclass(frozen=True)
class MP2RAGEProtocol:
    """MP2RAGE at one site.

    Parameters
    ----------
    timing : MP2RAGETiming
        Of the sequence.
    echo_time : float
        In s.
    voxel_size : tuple of float
        In mm.
    """

    timing: MP2RAGETiming
    echo_time: float
    voxel_size: VoxelSize

    def signals(self, t1: ArrayLike, b1: ArrayLike = 1.0) -> tuple[NDArray, NDArray]:
        """Compute the signals of both trains, as `harmoniq.mp2rage.signal.inversion_signals`.

        Parameters
        ----------
        t1 : array_like
            In s.
        b1 : array_like, optional
            Flip angle relative to nominal; broadcast against `t1`.

        Returns
        -------
        tuple (ndarray, ndarray)
            Signed, per unit of proton density, without T2* decay.
        """
        return inversion_signals(t1, self.timing, b1)


@dataclass(frozen=True)
class SA2RAGEProtocol(MP2RAGEProtocol):
    """SA2RAGE: MP2RAGE with a pulse of nominally 90 degrees that saturates in place of the inversion.

    Parameters
    ----------
    timing, echo_time, voxel_size
        As `MP2RAGEProtocol` takes them; the inversion efficiency is not used.
    """

    def signals(self, t1: ArrayLike, b1: ArrayLike = 1.0) -> tuple[NDArray, NDArray]:
        """Compute the signals of both trains; B1+ also decides how far the pulse saturates.

        Parameters
        ----------
        t1 : array_like
            In s.
        b1 : array_like, optional
            Flip angle relative to nominal; broadcast against `t1`.

        Returns
        -------
        tuple (ndarray, ndarray)
            Signed, per unit of proton density, without T2* decay.
        """
        return inversion_signals(t1, self.timing, b1, efficiency=-np.cos(np.asarray(b1) * np.pi / 2))


@dataclass(frozen=True)
class MEGREProtocol:
    """Multi-echo GRE with equally spaced echoes.

    Parameters
    ----------
    repetition_time : float
        In s.
    echo_times : tuple of float
        In s, two or more.
    flip_angle : float
        In degrees.
    voxel_size : tuple of float
        In mm.
    """

    repetition_time: float
    echo_times: tuple[float, ...]
    flip_angle: float
    voxel_size: VoxelSize

    @property
    def echo_spacing(self) -> float:
        """Time from one echo to the next, in s."""
        return (self.echo_times[-1] - self.echo_times[0]) / (len(self.echo_times) - 1)


@dataclass(frozen=True)
class DWIProtocol:
    """Multi-shell diffusion.

    Parameters
    ----------
    b_values : tuple of float
        In s/mm²; the first is 0.
    directions : tuple of int
        Volumes of each b-value.
    voxel_size : tuple of float
        In mm.
    repetition_time, echo_time, echo_spacing : float
        In s.
    phase_encoding : str
        BIDS's PhaseEncodingDirection.
    """

    b_values: tuple[float, ...]
    directions: tuple[int, ...]
    voxel_size: VoxelSize
    repetition_time: float = 3.2
    echo_time: float = 0.075
    echo_spacing: float = 0.00058
    phase_encoding: str = "j-"


@dataclass(frozen=True)
class FLAIRProtocol:
    """Inversion-prepared turbo spin echo.

    Parameters
    ----------
    voxel_size : tuple of float
        In mm; for the record only, since FLAIR is scanned on MP2RAGE's grid.
    repetition_time, inversion_time, echo_time : float
        In s; the echo time is the effective one.
    flip_angle : float
        Of the refocusing pulses, in degrees.
    """

    voxel_size: VoxelSize
    repetition_time: float = 9.0
    inversion_time: float = 2.5
    echo_time: float = 0.08
    flip_angle: float = 120.0


@dataclass(frozen=True)
class Scanner:
    """What the site's scanner writes about itself.

    Parameters
    ----------
    manufacturer, model, institution : str
        For the sidecars.
    field_strength : float
        In T.
    """

    manufacturer: str = "Siemens"
    model: str = "Prisma"
    field_strength: float = 3.0
    institution: str = "simulated"


@dataclass(frozen=True)
class SiteProtocol:
    """All sequences of one site.

    Parameters
    ----------
    site : str
        ``site1`` to ``siteN``.
    scanner : Scanner
        What its sidecars say.
    mp2rage, megre, dwi, flair, sa2rage
        The sequences' protocols; None where the site has none.
    """

    site: str
    scanner: Scanner
    mp2rage: MP2RAGEProtocol
    megre: MEGREProtocol | None
    dwi: DWIProtocol | None
    flair: FLAIRProtocol
    sa2rage: SA2RAGEProtocol


#: Table 1 of Eggenschwiler et al. 2012, Magn Reson Med 67:1609, rounded to whole excitations; the grid is coarser.
_SA2RAGE = SA2RAGEProtocol(
    MP2RAGETiming(2.4, (0.075, 1.8), (4.0, 11.0), 0.0031, (20, 20), source="harmoniq simulate"), 0.0012, (4.0, 4.0, 4.0)
)


def site_protocols(sites: int, voxel_size: float | None = None) -> tuple[SiteProtocol, ...]:
    """Make the protocols of ``site1`` to ``siteN``.

    Parameters
    ----------
    sites : int
        Beyond the study's three sites, those of the two with ME-GRE are borrowed in turn: ``site4`` measures as
        ``site1`` does, ``site5`` as ``site2``.
    voxel_size : float, optional
        In mm: MP2RAGE, ME-GRE and FLAIR become isotropic at it, diffusion at 1.8 times it. None keeps each site's own.

    Returns
    -------
    tuple of SiteProtocol
        In the sites' order.

    Raises
    ------
    InputError
        When `voxel_size` is no plausible voxel size.

    Notes
    -----
    Table 2 of Chen et al. 2026, doi:10.1162/IMAG.a.1140. The paper gives no echo spacing, partial Fourier, echo time
    of MP2RAGE, nor timing of diffusion: these are assumptions that stand in ``configs/chen2026.toml`` and here.
    """
    if voxel_size is not None and not SMALLEST_VOXEL_MM <= voxel_size <= LARGEST_VOXEL_MM:
        raise InputError(
            f"must be from {SMALLEST_VOXEL_MM:g} to {LARGEST_VOXEL_MM:g} mm",
            key="--voxel-size",
            value=voxel_size,
            remedy="1 is the study's, 3 is quick",
        )
    study = _study_sites()
    names = sorted(study)
    complete = [name for name in names if "MEGRE" in study[name]]
    lenders = [*names, *(complete[number % len(complete)] for number in range(sites))][:sites]
    return tuple(
        _resized(_site_protocol(f"site{number + 1}", lender, study[lender]), voxel_size)
        for number, lender in enumerate(lenders)
    )


@cache
def _study_sites() -> dict[str, Any]:
    return tomllib.loads(read_builtin("chen2026.toml"))["protocols"]


def _triple(values: object, default: float) -> VoxelSize:
    x, y, z = values if isinstance(values, list) else (default,) * 3
    return (float(x), float(y), float(z))


def _site_protocol(site: str, lender: str, tables: Mapping[str, Any]) -> SiteProtocol:
    scanner = Scanner(model="Skyra" if lender == "site3" else "Prisma", institution=f"simulated {site}")
    return SiteProtocol(
        site=site,
        scanner=scanner,
        mp2rage=_mp2rage(lender, tables["MP2RAGE"]),
        megre=_megre(tables["MEGRE"]) if "MEGRE" in tables else None,
        dwi=_dwi(tables["DWI"]) if "DWI" in tables else None,
        flair=FLAIRProtocol(voxel_size=_triple(None, 1.0)),
        sa2rage=_SA2RAGE,
    )


def _mp2rage(lender: str, table: Mapping[str, Any]) -> MP2RAGEProtocol:
    (ti1, ti2), (a1, a2), (before, after) = table["InversionTime"], table["FlipAngle"], table["NumberShots"]
    timing = MP2RAGETiming(
        repetition_time=table["RepetitionTimePreparation"],
        inversion_times=(ti1, ti2),
        flip_angles=(a1, a2),
        echo_spacing=table["RepetitionTimeExcitation"],
        shots=(before, after),
        efficiency=table.get("InversionEfficiency", DEFAULT_EFFICIENCY),
        source=f"configs/chen2026.toml [protocols.{lender}.MP2RAGE]",
    )
    return MP2RAGEProtocol(timing, table.get("EchoTime", 0.0029), _triple(table.get("VoxelSize"), 1.0))


def _megre(table: Mapping[str, Any]) -> MEGREProtocol:
    times = tuple(round(table["FirstEchoTime"] + n * table["EchoSpacing"], 7) for n in range(table["Echoes"]))
    return MEGREProtocol(table["RepetitionTime"], times, table["FlipAngle"], _triple(table["VoxelSize"], 1.0))


def _dwi(table: Mapping[str, Any]) -> DWIProtocol:
    return DWIProtocol(
        b_values=tuple(float(b) for b in table["BValues"]),
        directions=tuple(int(n) for n in table["Directions"]),
        voxel_size=_triple(table.get("VoxelSize"), DWI_COARSENING),
    )


def _resized(protocol: SiteProtocol, voxel_size: float | None) -> SiteProtocol:
    if voxel_size is None:
        return protocol
    fine: VoxelSize = (voxel_size,) * 3
    coarse: VoxelSize = (DWI_COARSENING * voxel_size,) * 3
    return replace(
        protocol,
        mp2rage=replace(protocol.mp2rage, voxel_size=fine),
        megre=replace(protocol.megre, voxel_size=fine) if protocol.megre else None,
        dwi=replace(protocol.dwi, voxel_size=coarse) if protocol.dwi else None,
        flair=replace(protocol.flair, voxel_size=fine),
        sa2rage=replace(protocol.sa2rage, voxel_size=(max(2 * voxel_size, _SA2RAGE.voxel_size[0]),) * 3),
    )
