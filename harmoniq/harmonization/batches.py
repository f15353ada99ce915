"""What tells batches apart: the site, on request also the scanner, and the sexes apart."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import check_reference, site_label, site_labels
from harmoniq.harmonization.training import COVARIATES

#: Between the labels of site and scanner.
SEPARATOR = " / "

#: Stands for the study's control group among the groups that may enter a fit.
CONTROLS = "controls"


@dataclass(frozen=True)
class Choices:
    """What a harmonization removes, keeps, and is fitted on.

    Parameters
    ----------
    batch : tuple of str
        ``site``; with ``scanner`` every scanner of a site is a batch of its own; with ``sex`` women and men are
        harmonized apart, so that a scanner's effect may differ between them while their difference is kept.
    reference_scanner : str
        Scanner of the reference site that is the reference; empty: the one with most controls.
    protect : tuple of str
        Covariates whose effects are kept.
    smooth : tuple of str
        Those with a smooth effect in ComBat-GAM.
    fit_groups : tuple of str
        Groups that may enter the fit; ``controls`` stands for the control group. Never the patients.
    disjoint_ages : {"refuse", "warn"}
        What to do with sites that share no age with the others.
    outside_ages : {"flag", "refuse"}
        What to do with participants beyond the ages of the fit.

    Raises
    ------
    InputError
        When `batch` lacks ``site``.
    """

    batch: tuple[str, ...] = ("site",)
    reference_scanner: str = ""
    protect: tuple[str, ...] = COVARIATES
    smooth: tuple[str, ...] = ("age",)
    fit_groups: tuple[str, ...] = (CONTROLS,)
    disjoint_ages: Literal["refuse", "warn"] = "refuse"
    outside_ages: Literal["flag", "refuse"] = "flag"

    def __post_init__(self) -> None:
        if "site" not in self.batch:
            raise InputError("must include site", key="batch", value=", ".join(self.batch) or "nothing")

    def kept(self) -> tuple[str, ...]:
        """Return the covariates that enter a fit: sex does not where the sexes are harmonized apart.

        Returns
        -------
        tuple of str
            In the order of `protect`.
        """
        return tuple(name for name in self.protect if not (name == "sex" and "sex" in self.batch))


def batched(cohort: Cohort, batch: Sequence[str]) -> Cohort:
    """Return the cohort with the label of its batch as every participant's site.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    batch : sequence of str
        As `Choices.batch`.

    Returns
    -------
    Cohort
        With ``scanner`` the site reads ``site / scanner``; otherwise the cohort itself.

    Raises
    ------
    InputError
        When the scanner is wanted and somebody's is missing.
    """
    if "scanner" not in batch:
        return cohort
    people = cohort.participants
    scanner = people["scanner"] if "scanner" in people else people["site"].map(lambda _: None)
    absent = np.flatnonzero(scanner.isna())
    if len(absent):
        who = people["participant_id"].iloc[int(absent[0])]
        raise InputError("is missing", key=f"scanner of {who}",
                         remedy="fill in participants.tsv, or leave scanner out of batch")  # fmt: skip
    labels = [f"{site}{SEPARATOR}{site_label(name)}" for site, name in zip(site_labels(cohort), scanner)]
    return replace(cohort, participants=people.assign(site=labels))


def reference_batch(cohort: Cohort, reference_site: str, choices: Choices) -> tuple[str, list[str]]:
    """Find the reference batch.

    Parameters
    ----------
    cohort : Cohort
        As it came, before `batched`.
    reference_site : str
        Label of the reference site.
    choices : Choices
        What a batch is, and which scanner is the reference.

    Returns
    -------
    label : str
        As `batched` writes it.
    notes : list of str
        One line when the scanner had to be chosen: the one of most controls.

    Raises
    ------
    InputError
        For a site that the data do not have, a scanner that its controls do not have, and a reference site without
        controls.
    """
    reference = site_label(reference_site)
    check_reference(reference, sorted(set(site_labels(cohort))))
    if "scanner" not in choices.batch:
        return reference, []
    here = cohort.select(rows=(site_labels(cohort) == reference) & cohort.is_control)
    counts = Counter(site_labels(batched(here, choices.batch)))
    if choices.reference_scanner:
        label = f"{reference}{SEPARATOR}{choices.reference_scanner}"
        if label not in counts:
            has = ", ".join(sorted(counts)) or "no controls"
            raise InputError(f"is not a scanner of {reference}'s controls, which has {has}", key="reference_scanner",
                             value=choices.reference_scanner, remedy="name one of them")  # fmt: skip
        return label, []
    if not counts:
        raise InputError("has no controls", key="reference_site", value=reference, remedy="name another site")
    label = min(counts, key=lambda name: (-counts[name], name))
    if len(counts) == 1:
        return label, []
    return label, [f"{label} is the reference, having most controls of {reference}'s {len(counts)} scanners"]


def strata(cohort: Cohort, batch: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    """Return the parts of a cohort that are harmonized apart.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    batch : sequence of str
        As `Choices.batch`.

    Returns
    -------
    list of tuple (str, array of int)
        Name and rows: ``sex-F`` and ``sex-M`` with ``sex`` in the batch, as far as there are any; else one part of all
        with an empty name.
    """
    if "sex" not in batch:
        return [("", np.arange(len(cohort.participants)))]
    sex = cohort.participants["sex"]
    return [(f"sex-{label}", np.flatnonzero(sex == label)) for label in ("F", "M") if (sex == label).any()]


def fitted_part(cohort: Cohort, fit_groups: Sequence[str], patient_group: str | None = None) -> Cohort:
    """Return the cohort with everybody who may enter the fit as a control, and nobody else.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    fit_groups : sequence of str
        As `Choices.fit_groups`.
    patient_group : str or None, optional
        Label of the patients, who may not be named; None: not checked.

    Returns
    -------
    Cohort
        The same participants and values: ``group`` is the control group for those who may enter the fit, and a label
        that nobody has for the others.

    Raises
    ------
    InputError
        When the patients are among the groups, or a group is not in the data.
    """
    groups = {cohort.control_group if name == CONTROLS else name for name in fit_groups}
    if groups == {cohort.control_group}:
        return cohort
    if patient_group in groups:
        raise InputError("must not name the patients, who never enter a fit", key="fit_groups", value=patient_group)
    own = cohort.participants["group"]
    unknown = sorted(groups - set(own) - {cohort.control_group})
    if unknown:
        raise InputError(f"is not a group of the data, which has {', '.join(sorted(set(own)))}", key="fit_groups",
                         value=unknown[0], remedy="name one of them")  # fmt: skip
    # A label that no group has: those who are neither fitted nor patients are only transformed.
    apart = "".join(sorted(set(own))) + "?"
    inside = own.isin(groups)
    return replace(cohort, participants=cohort.participants.assign(group=np.where(inside, cohort.control_group, apart)))
