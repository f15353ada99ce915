"""What enters a fit: the controls of a cohort, checked, in an order that does not depend on the table's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.harmonization.base import check_reference, feature_names, site_label, site_labels

#: Controls that a site needs at least, in all and in a region, for its mean and variance to be estimated.
MIN_CONTROLS = 3

COVARIATES = ("age", "sex")


@dataclass(frozen=True)
class Training:
    """The controls of a cohort.

    Parameters
    ----------
    sites : tuple of str
        Labels, sorted.
    site : numpy.ndarray of int, shape (n,)
        Position of each control's site in `sites`.
    reference : int or None
        Position of the reference site.
    covariates : tuple of str
        Protected covariates that vary among the controls.
    columns : numpy.ndarray, shape (n, n_covariates)
        Their values: age in years, sex 0 for F and 1 for M, others in the unit of participants.tsv.
    values : numpy.ndarray, shape (n, p)
        Regional values, NaN where missing, and where a site has fewer than `MIN_CONTROLS` of a region.
    features : list of tuple
        ``(metric, tissue, region)`` of the columns of `values`.
    notes : list of str
        What was left out.
    """

    sites: tuple[str, ...]
    site: np.ndarray
    reference: int | None
    covariates: tuple[str, ...]
    columns: np.ndarray
    values: np.ndarray
    features: list[tuple[str, ...]]
    notes: list[str]

    @property
    def one_hot(self) -> np.ndarray:
        """Indicator of each site, shape (n, n_sites)."""
        return (self.site[:, None] == np.arange(len(self.sites))).astype(np.float64)


def covariate_columns(cohort: Cohort, names: Sequence[str]) -> np.ndarray:
    """Return covariates as numbers.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    names : sequence of str
        Columns of the participants.

    Returns
    -------
    array, shape (n_participants, n_names)
        Age in years, sex as 0 (F) or 1 (M), others in the unit of participants.tsv.

    Raises
    ------
    InputError
        When the participants lack a column, or one of them a value; the participant is named.
    """
    out = np.empty((len(cohort.participants), len(names)))
    for index, name in enumerate(names):
        if name not in cohort.participants:
            raise InputError("is not a column of the participants", key="protect", value=name,
                             remedy="add it to participants.tsv, or leave it out")  # fmt: skip
        column = cohort.participants[name]
        numbers = column.map({"F": 0.0, "M": 1.0}) if name == "sex" else column
        out[:, index] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.flatnonzero(~np.isfinite(out[:, index]))
        if len(wrong):
            who = cohort.participants["participant_id"].iloc[int(wrong[0])]
            wanted = {"sex": "must be F or M", "age": "must be a number of years"}.get(name, "must be a number")
            raise InputError(
                wanted, key=f"{name} of {who}", value=column.iloc[int(wrong[0])],
                remedy="fill it in, or leave the participant out",
            )  # fmt: skip
    return out


def training_of(
    cohort: Cohort, *, reference_site: str | None, protect: Sequence[str] = COVARIATES, min_sites: int = 2
) -> Training:
    """Take the controls of a cohort, in the order of their labels.

    Parameters
    ----------
    cohort : Cohort
        Controls and patients of one metric.
    reference_site : str or None
        Label of the reference site; None: there is none.
    protect : sequence of str
        Which covariates are protected: columns of the participants.
    min_sites : int
        Sites that are needed: two to harmonize, one for a normative model.

    Returns
    -------
    Training
        Covariates that do not vary, and regions that a site has in too few controls, are left out with a note.

    Raises
    ------
    InputError
        For an unknown reference site, a single site, a site with fewer than `MIN_CONTROLS` controls, a missing
        covariate.
    """
    everyone = site_labels(cohort)
    sites = tuple(sorted(set(everyone)))
    reference = None if reference_site is None else site_label(reference_site)
    check_reference(reference, sites)
    _check_counts(everyone, cohort, sites, min_sites)
    rows = np.flatnonzero(cohort.is_control)
    # Sums depend on the order of their terms in the last bits; a fixed order makes equal cohorts give equal bits.
    rows = rows[np.argsort(cohort.participants["participant_id"].astype(str).to_numpy()[rows], kind="stable")]
    controls = cohort.select(rows=rows)
    notes: list[str] = []
    columns = covariate_columns(controls, protect)
    varies = np.ptp(columns, axis=0) > 0
    notes += [
        f"{name} is the same for all controls and cannot be protected" for name, v in zip(protect, varies) if not v
    ]
    site = np.array([sites.index(label) for label in site_labels(controls)])
    features = feature_names(controls.features)
    values = np.where(np.isfinite(controls.values), controls.values, np.nan).astype(np.float64)
    notes += _drop_sparse(values, site, sites, features)
    return Training(
        sites=sites,
        site=site,
        reference=None if reference is None else sites.index(reference),
        covariates=tuple(name for name, v in zip(protect, varies) if v),
        columns=columns[:, varies],
        values=values,
        features=features,
        notes=notes,
    )


def _check_counts(everyone: np.ndarray, cohort: Cohort, sites: tuple[str, ...], min_sites: int) -> None:
    if len(sites) < min_sites:
        raise InputError(
            f"there is only {'one site' if sites else 'no participant'}: nothing to harmonize", key="site",
            value=sites[0] if sites else None, remedy="add a second site, or use the raw values",
        )  # fmt: skip
    measured = np.isfinite(cohort.values).any(axis=1)
    counts = Counter(everyone[cohort.is_control & measured])
    few = [site for site in sites if counts[site] < MIN_CONTROLS]
    if few:
        have = ", ".join(f"{site}: {counts[site]}" for site in few)
        raise InputError(
            f"needs at least {MIN_CONTROLS} controls ({cohort.control_group}) with values; found {have}",
            key="site", value=few[0], remedy="add controls of the site, or leave it out",
        )  # fmt: skip


def _drop_sparse(
    values: np.ndarray, site: np.ndarray, sites: tuple[str, ...], features: list[tuple[str, ...]]
) -> list[str]:
    """Set a region to NaN where a site has too few values of it; return notes."""
    notes = []
    for index, label in enumerate(sites):
        rows = site == index
        count = np.isfinite(values[rows]).sum(axis=0)
        sparse = np.flatnonzero(count < MIN_CONTROLS)
        if len(sparse):
            values[np.ix_(rows, sparse)] = np.nan
            names = [f"{' '.join(features[column])} ({count[column]})" for column in sparse]
            shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
            notes.append(f"{label} has fewer than {MIN_CONTROLS} controls in {len(names)} regions: {shown}")
    return notes
