"""Can site and covariates be told apart? Refusals where they cannot, and notes where they hardly can."""

from collections.abc import Sequence

import numpy as np

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import site_labels
from harmoniq.harmonization.training import Training, covariate_columns

#: Share of a covariate's variance that must lie within sites; below it the covariate is all but a function of the site.
MIN_WITHIN = 0.02

#: Controls under which a site's effects are said to be uncertain.
FEW_CONTROLS = 10


def full_rank(design: np.ndarray) -> bool:
    """Return whether the columns of a design matrix are independent, whatever their units.

    Parameters
    ----------
    design : array, shape (n, p)
        Scaled column by column before it is judged.

    Returns
    -------
    bool
        False also for fewer rows than columns, and a column of zeros.
    """
    if design.shape[0] < design.shape[1]:
        return False
    norm = np.linalg.norm(design, axis=0)
    if (norm == 0).any():
        return False
    singular = np.linalg.svd(design / norm, compute_uv=False)
    return bool(singular[-1] > 1e-7 * singular[0])


def within_share(x: np.ndarray, site: np.ndarray) -> float:
    """Return how much of a covariate varies within sites.

    Parameters
    ----------
    x : array, shape (n,)
        The covariate.
    site : array of int, shape (n,)
        Site of each participant.

    Returns
    -------
    float
        Share of its sum of squares that lies within sites, 0 to 1: the inverse of the variance inflation. 1 where it
        does not vary.
    """
    total = ((x - x.mean()) ** 2).sum()
    within = sum(((x[site == s] - x[site == s].mean()) ** 2).sum() for s in np.unique(site))
    return float(within / total) if total > 0 else 1.0


def disjoint_sites(age: np.ndarray, site: np.ndarray, sites: Sequence[str]) -> list[list[str]]:
    """Group the sites whose age ranges hang together; more than one group means that some share no age.

    Parameters
    ----------
    age : numpy.ndarray, shape (n,)
        In years.
    site : numpy.ndarray of int, shape (n,)
        Position in `sites`.
    sites : sequence of str
        Labels.

    Returns
    -------
    list of list of str
        Groups of sites in the order of age.
    """
    ranges = sorted((age[site == s].min(), age[site == s].max(), sites[s]) for s in np.unique(site))
    groups: list[list[str]] = []
    reach = -np.inf
    for low, high, label in ranges:
        if low > reach:
            groups.append([])
        groups[-1].append(label)
        reach = max(reach, high)
    return groups


def check_design(training: Training, *, disjoint_ages: str) -> list[str]:
    """Refuse a fit in which site and covariates cannot be told apart.

    Parameters
    ----------
    training : Training
        The controls that are fitted.
    disjoint_ages : {"refuse", "warn"}
        What to do with sites that share no age with the others: the age curve between them is not measured, and the
        difference between the sites can be age as well as scanner.

    Returns
    -------
    list of str
        A note where ages are disjoint and `disjoint_ages` is ``warn``; otherwise none.

    Raises
    ------
    InputError
        When a covariate is (nearly) a function of the site, the design matrix lacks rank, or ages are disjoint.
    """
    for name, column in zip(training.covariates, training.columns.T):
        share = within_share(column, training.site)
        if share < MIN_WITHIN:
            raise InputError(
                f"cannot be told apart from the site: {100 * share:.2g} % of its variance lies within sites, "
                f"at least {100 * MIN_WITHIN:g} % are needed", key=name,
                remedy="add controls so that the sites overlap, or leave out the site",
            )  # fmt: skip
    if not full_rank(np.column_stack([training.one_hot, training.columns])):
        raise InputError(
            f"site, {' and '.join(training.covariates)} are collinear among the controls", key="site",
            remedy="add controls so that the sites overlap, or leave out the site",
        )  # fmt: skip
    if "age" not in training.covariates:
        return []
    age = training.columns[:, training.covariates.index("age")]
    groups = disjoint_sites(age, training.site, training.sites)
    if len(groups) < 2:
        return []
    said = " | ".join(", ".join(_range(label, age[training.site == training.sites.index(label)]) for label in group)
                      for group in groups)  # fmt: skip
    problem = f"the controls' ages do not overlap between sites ({said}), so that site and age cannot be told apart"
    if disjoint_ages == "refuse":
        raise InputError(
            problem, key="age",
            remedy="add controls so that the ages overlap, leave out the site, or set disjoint_ages to warn",
        )  # fmt: skip
    return [problem]


def diagnostics(cohort: Cohort) -> list[str]:
    """Say what makes the harmonization of a cohort uncertain, without refusing anything.

    Parameters
    ----------
    cohort : Cohort
        Of one metric; only its controls are looked at.

    Returns
    -------
    list of str
        Notes on small sites, on sites of one sex, and on how the ages of each site overlap with the others'.

    Raises
    ------
    InputError
        For a control without site, age or sex.
    """
    controls = cohort.select(rows=cohort.is_control)
    if not len(controls.participants):
        return ["there are no controls"]
    labels = site_labels(controls)
    age, male = covariate_columns(controls, ("age", "sex")).T
    notes = []
    for label in sorted(set(labels)):
        here = labels == label
        count = int(here.sum())
        if count < FEW_CONTROLS:
            notes.append(f"{label} has only {count} controls: its site effects are uncertain")
        if np.ptp(male[here]) == 0 and np.ptp(male) > 0:
            notes.append(f"all {count} controls of {label} are {'M' if male[here][0] else 'F'}")
        if here.all():
            continue
        low, high = age[~here].min(), age[~here].max()
        inside = (age[here] >= low) & (age[here] <= high)
        if not inside.any():
            notes.append(
                f"no control of {_range(label, age[here])} has an age of the other sites ({low:g} to {high:g})"
            )
        elif inside.mean() < 0.5:
            notes.append(
                f"only {100 * inside.mean():.0f} % of the controls of {_range(label, age[here])} have an age of the "
                f"other sites ({low:g} to {high:g})"
            )
    return notes


def _range(label: str, age: np.ndarray) -> str:
    return f"{label} {age.min():g} to {age.max():g}"
