"""Which methods the group level runs, and what has to be said of those that it does not."""

from dataclasses import replace
from pathlib import Path

from harmoniq.data.cohort import PARTICIPANT_COLUMNS, Cohort
from harmoniq.data.errors import InputError
from harmoniq.settings.schema import Settings

#: Methods that this version has.
AVAILABLE = ("raw", "combat", "gam", "hbr")


def published_from(settings: Settings) -> Settings:
    """Check the table of published figures, and make its path absolute: nodes run in folders of their own.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.

    Returns
    -------
    Settings
        The same but for that path.

    Raises
    ------
    InputError
        When the table cannot be used.
    """
    from harmoniq.statistics.summaries import read_published

    where = settings.study.published
    read_published(where)
    if where in ("builtin", "none"):
        return settings
    return replace(settings, study=replace(settings.study, published=str(Path(where).absolute())))


def further_covariates(settings: Settings) -> list[str]:
    """Return the protected covariates that a cohort does not have anyway.

    Parameters
    ----------
    settings : Settings
        For the table ``[harmonization]``.

    Returns
    -------
    list of str
        Columns of ``participants.tsv``.
    """
    return [name for name in settings.harmonization.protect if name not in PARTICIPANT_COLUMNS]


def choose_methods(settings: Settings, cohort: Cohort | None = None) -> tuple[Settings, list[str], list[str]]:
    """Choose the methods that are run.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.
    cohort : Cohort, optional
        Given when nobody named the methods: a cohort that is too small to be harmonized is then analyzed raw.

    Returns
    -------
    Settings
        With those methods.
    list of str
        The methods, ``raw`` first.
    list of str
        What has to be said about those that are not run.

    Raises
    ------
    InputError
        For a method that this version does not have, and an engine of hbr that is not installed.
    """
    from harmoniq.harmonization.hbr.engines import check_installed

    missing = [method for method in settings.study.methods if method not in AVAILABLE]
    if missing:
        raise InputError(
            f"not part of this version, which has {', '.join(AVAILABLE)}", key="--methods", value=missing[0],
            remedy="leave it out: what needs it uses gam",
        )  # fmt: skip
    methods = list(dict.fromkeys(("raw", *settings.study.methods)))
    if "hbr" in methods:
        check_installed(settings.statistics.hbr_engine)
    notes = []
    if cohort is not None and (small := _too_few_controls(cohort)):
        methods = ["raw"]
        notes.append(f"not harmonized, raw values alone: {small}")
    wanted = settings.statistics.harmonized_method
    if wanted not in methods:
        instead = "no harmonized comparison, no harmonized Z-scores and no EDSS"
        if "gam" in methods:
            instead = "the harmonized comparison uses gam; Z-scores and EDSS too"
        notes.append(f"{wanted} was not run: {instead}")
    return replace(settings, study=replace(settings.study, methods=tuple(methods))), methods, notes


def _too_few_controls(cohort: Cohort) -> str:
    """Name the sites with too few controls to be harmonized, with their number."""
    from harmoniq.harmonization.training import MIN_CONTROLS

    people = cohort.participants
    counts = {site: int((cohort.is_control & (people["site"] == site)).sum()) for site in cohort.sites}
    small = ", ".join(f"{site} has {n} controls" for site, n in counts.items() if n < MIN_CONTROLS)
    return small and f"{small}; at least {MIN_CONTROLS} per site are needed"
