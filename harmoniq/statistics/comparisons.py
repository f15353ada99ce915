"""Who is compared with whom: patients and the controls of one site, of their own, or of all that overlap in age."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError

COMPARISONS = ("cross_site", "within_site", "harmonized")


def comparison_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Take those of the group level's options that say who is compared.

    Parameters
    ----------
    options : mapping of str to object
        The group level's options.

    Returns
    -------
    dict of str to object
        Keyword arguments of `comparison_rows`.
    """
    return {
        "reference_site": options["reference_site"],
        "patient_group": options["patient_group"],
        "overlap_only": options["overlap_only"],
        "overlap_share": options.get("overlap_share", 0.5),
    }


def comparison_rows(
    cohort: Cohort,
    measured: np.ndarray,
    *,
    reference_site: str,
    patient_group: str,
    overlap_only: bool = True,
    overlap_share: float = 0.5,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Find the participants of each comparison (Chen et al. 2026, section 2.5.4).

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    measured : numpy.ndarray of bool, shape (n_participants,)
        Who has any value of the metric.
    reference_site : str
        Its controls are those of ``cross_site``.
    patient_group : str
        Label of the patients; participants of other groups than this and the controls take no part.
    overlap_only : bool
        ``harmonized``: only controls of sites that overlap the patients in age, as `overlapping_sites` decides.
    overlap_share : float
        Share of the patients within the range of a site's control ages, 0 to 1, from which it overlaps.

    Returns
    -------
    dict of str to numpy.ndarray of bool, shape (n_participants,)
        For each of ``COMPARISONS``, patients and controls together.
    list of str
        Notes on sites that are left out and on patients that are at the reference site.
    """
    people = cohort.participants
    site = people["site"].to_numpy()
    controls = cohort.is_control & measured
    patients = (people["group"] == patient_group).to_numpy() & measured
    own = np.unique(site[patients])
    notes = []
    if reference_site in own:
        notes.append(f"patients at the reference site {reference_site}: cross_site compares them within their own site")
    if len(own) > 1:
        notes.append(f"patients at {len(own)} sites: within_site pools the controls of {', '.join(own)}")
    chosen = controls
    if overlap_only:
        shares = overlapping_sites(people["age"].to_numpy(dtype=float), site, controls, patients)
        for label, share in shares.items():
            if share < overlap_share:
                notes.append(
                    f"{label} left out of harmonized: {100 * share:.0f} % of the patients are within its controls' ages"
                )
        chosen = controls & np.isin(site, [label for label, share in shares.items() if share >= overlap_share])
    return {
        "cross_site": patients | (controls & (site == reference_site)),
        "within_site": patients | (controls & np.isin(site, own)),
        "harmonized": patients | chosen,
    }, notes


def overlapping_sites(
    age: np.ndarray, site: np.ndarray, controls: np.ndarray, patients: np.ndarray
) -> dict[str, float]:
    """Return how many of the patients lie within the range of each site's control ages.

    Chen et al. 2026 (section 2.5.4) leave out site 3 "due to age mismatch": its controls are 8 to 25 years old, the
    patients 18 to 75, so that the ranges touch but few patients lie in both.

    Parameters
    ----------
    age, site : numpy.ndarray, shape (n,)
        Age in years; label of the site.
    controls, patients : numpy.ndarray of bool, shape (n,)
        Who is a control; who is a patient.

    Returns
    -------
    dict of str to float
        Share by site with controls, 0 to 1; 0 without patients.
    """
    theirs = age[patients]
    out = {}
    for label in np.unique(site[controls]):
        ages = age[controls & (site == label)]
        inside = (theirs >= ages.min()) & (theirs <= ages.max())
        out[str(label)] = float(inside.mean()) if len(theirs) else 0.0
    return out


def check_reference(people: pd.DataFrame, reference_site: str) -> None:
    """Refuse a reference site that nobody comes from.

    Parameters
    ----------
    people : DataFrame
        Participants with a column ``site``.
    reference_site : str
        Label that is looked for.

    Raises
    ------
    InputError
        The sites that there are are named.
    """
    sites = sorted(people["site"].unique())
    if reference_site not in sites:
        raise InputError(
            f"no participant is from this site (found: {', '.join(sites)})", key="reference_site",
            value=reference_site, remedy="choose one of them",
        )  # fmt: skip
