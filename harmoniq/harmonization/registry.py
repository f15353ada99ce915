"""Harmonizers by name."""

from pathlib import Path
from typing import Any

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.harmonization.base import MODEL_FILE, Harmonizer
from harmoniq.harmonization.batches import Choices
from harmoniq.harmonization.combat import Combat
from harmoniq.harmonization.gam import CombatGam
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.run import HbrRun
from harmoniq.harmonization.neuroharmonize import NeuroHarmonize
from harmoniq.harmonization.raw import Raw

METHODS = ("raw", "combat", "gam", "hbr")
ENGINES = ("native", "neuroharmonize")


def make_harmonizer(
    method: str,
    *,
    engine: str = "native",
    reference_site: str | None = None,
    seed: int = 0,
    choices: Choices | None = None,
    hbr: HbrRun | None = None,
) -> Harmonizer:
    """Make a harmonizer that is yet to be fitted.

    Parameters
    ----------
    method : {"raw", "combat", "gam", "hbr"}
        Method's name.
    engine : {"native", "neuroharmonize"}
        Of combat and gam.
    reference_site : str, optional
        Site whose scale the others are brought to.
    seed : int
        For neuroHarmonize's choice of the penalty, and for hbr; native ComBat uses no chance.
    choices : Choices, optional
        What is kept, and what to do with sites that share no age with the others.
    hbr : HbrRun, optional
        How hbr is run: its own engine, folds and settings.

    Returns
    -------
    Harmonizer
        Not fitted.

    Raises
    ------
    InputError
        For a method or engine that this version does not have, smooth covariates other than age with neuroHarmonize,
        and choices that the method cannot follow.
    """
    check_method(method)
    if engine not in ENGINES:
        raise InputError(f"must be one of {', '.join(ENGINES)}", key="engine", value=engine)
    if method == "raw":
        return Raw(reference_site=reference_site)
    choices = choices or Choices()
    if method == "hbr":
        run = hbr or HbrRun()
        return Hbr(
            reference_site=reference_site, protect=choices.kept(), engine=run.engine, fit=run.fit, seed=seed,
            disjoint_ages=choices.disjoint_ages, options=run.options, threads=run.threads,
        )  # fmt: skip
    common = {
        "reference_site": reference_site,
        "protect": choices.kept(),
        "disjoint_ages": choices.disjoint_ages,
    }
    if engine == "neuroharmonize":
        if method == "gam" and choices.smooth != ("age",):
            raise InputError("must be age alone with neuroHarmonize", key="smooth", value=", ".join(choices.smooth),
                             remedy="use the native engine")  # fmt: skip
        return NeuroHarmonize(method=method, seed=seed, **common)  # type: ignore[arg-type]
    return Combat(**common) if method == "combat" else CombatGam(smooth=choices.smooth, **common)  # type: ignore[arg-type]


def check_method(method: str) -> None:
    """Refuse a method that this version does not have.

    Parameters
    ----------
    method : str
        Method's name.

    Raises
    ------
    InputError
        With the names of those that it has.
    """
    if method not in METHODS:
        raise InputError(f"is not a method of this version, which has {', '.join(METHODS)}", key="method", value=method,
                         remedy="choose among them")  # fmt: skip


def load_harmonizer(folder: str | Path) -> Harmonizer:
    """Load a saved harmonizer of whatever method and engine; neuroHarmonize need not be installed for its models.

    Parameters
    ----------
    folder : str or Path
        Folder that ``save`` of a harmonizer wrote.

    Returns
    -------
    Harmonizer
        Fitted.

    Raises
    ------
    InputError
        When the folder holds none, or one that is damaged.
    """
    file = Path(folder) / MODEL_FILE
    content = read_json(file)
    kinds: dict[tuple[object, object], Any] = {
        ("raw", "native"): Raw,
        ("combat", "native"): Combat,
        ("gam", "native"): CombatGam,
        ("combat", "neuroharmonize"): NeuroHarmonize,
        ("gam", "neuroharmonize"): NeuroHarmonize,
        ("hbr", "native"): Hbr,
        ("hbr", "pcntoolkit"): Hbr,
    }
    kind = kinds.get((content.get("method"), content.get("engine"))) if isinstance(content, dict) else None
    if kind is None:
        raise InputError("is not a saved harmonizer", file=file, remedy="fit and save it again")
    return kind.load(folder)
