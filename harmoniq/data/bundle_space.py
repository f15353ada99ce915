"""Where a session's bundles lie, and what relates that space to MP2RAGE."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BundleSpace:
    """The space of a session's bundles.

    Parameters
    ----------
    acpc : bool
        Whether they say that they are in QSIPrep's AC-PC space; else they are in MP2RAGE's own scanner space.
    anatomy : path, optional
        QSIPrep's T1-weighted image in that space.
    transform : path, optional
        Between that space and the T1-weighted image's own.
    inverse : bool
        Whether `transform` maps points of the T1-weighted image to AC-PC; else it maps AC-PC's to those.
    """

    acpc: bool = False
    anatomy: Path | None = None
    transform: Path | None = None
    inverse: bool = False
