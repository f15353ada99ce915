"""The contract of all harmonizers, and what they read of a cohort in the same way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError

FEATURE_KEYS = ("metric", "tissue", "region")

#: Name under which the Z-scores of hierarchical Bayesian regression stand among a cohort's values by method.
HBR_Z = "hbr_z"

#: Name of the JSON file in the folder of a saved harmonizer; the arrays stand beside it.
MODEL_FILE = "model.json"


class HarmonizationWarning(UserWarning):
    """Something about the participants that makes their harmonized values less certain."""


@runtime_checkable
class Harmonizer(Protocol):
    """What every harmonizer does.

    Only controls enter `fit`; all participants, patients too, are transformed with the parameters of their site. The
    data of the reference site are returned bit by bit as they are.
    """

    @property
    def method(self) -> str:
        """Short name of the method."""
        ...

    @property
    def engine(self) -> str:
        """``native``, or the package that estimates."""
        ...

    @property
    def reference_site(self) -> str | None:
        """Label of the reference site."""
        ...

    @property
    def notes(self) -> list[str]:
        """What the last fit has to say: regions and covariates left out, and the like."""
        ...

    def fit(self, cohort: Cohort) -> Self:
        """Estimate the parameters from the controls of `cohort`.

        Parameters
        ----------
        cohort : Cohort
            Of one metric.

        Returns
        -------
        Self
            The object itself, with what was estimated.
        """
        ...

    def transform(self, cohort: Cohort) -> np.ndarray:
        """Harmonize values.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        array, shape (n_participants, n_features)
            In 1/s; NaN where there is no harmonized value.
        """
        ...

    def outside(self, cohort: Cohort) -> list[str]:
        """Say for whom the fit has to be extrapolated.

        Parameters
        ----------
        cohort : Cohort
            New or known participants of sites and regions that were in the fit, of one metric.

        Returns
        -------
        list of str
            Notes; none where nobody lies outside.
        """
        ...

    def save(self, folder: str | Path) -> Path:
        """Write the parameters as JSON and NPZ, without data of any participant.

        Parameters
        ----------
        folder : str or Path
            Made where it is absent.

        Returns
        -------
        Path
            The folder.
        """
        ...

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : str or Path
            Folder that `save` wrote.

        Returns
        -------
        Self
            Fitted.
        """
        ...


def site_label(value: object) -> str:
    """Return a site's label as text, so that 1, 1.0 and "1" are the same site.

    Parameters
    ----------
    value : object
        As it stands in the table.

    Returns
    -------
    str
        ``1`` for 1.0.
    """
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def site_labels(cohort: Cohort) -> np.ndarray:
    """Return the site of every participant.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).

    Returns
    -------
    array of str (object), shape (n_participants,)
        By `site_label`.

    Raises
    ------
    InputError
        When a participant's site is missing.
    """
    column = cohort.participants["site"]
    absent = column.isna().to_numpy()
    if absent.any():
        who = cohort.participants["participant_id"].iloc[int(np.flatnonzero(absent)[0])]
        raise InputError("is missing", key=f"site of {who}", remedy="fill it in, or leave the participant out")
    return np.array([site_label(value) for value in column], dtype=object)


def feature_names(features: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the name of every column of the values.

    Parameters
    ----------
    features : DataFrame
        One row per feature: metric, tissue, region.

    Returns
    -------
    list of tuple of str
        ``(metric, tissue, region)``.
    """
    columns = [features[key].astype(str) for key in FEATURE_KEYS]
    return list(zip(*columns))


def feature_positions(cohort: Cohort, fitted: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Find the features of a cohort among the fitted ones; the order may differ.

    Parameters
    ----------
    cohort : Cohort
        Participants and their regional values (n participants x features).
    fitted : sequence of tuple of str
        ``(metric, tissue, region)`` of each feature of the fit.

    Returns
    -------
    array of int, shape (n_features,)
        Position in `fitted` of each column of the values.

    Raises
    ------
    InputError
        When `cohort` has a feature that was not fitted.
    """
    position = {tuple(name): index for index, name in enumerate(fitted)}
    names = feature_names(cohort.features)
    unknown = [name for name in names if name not in position]
    if unknown:
        raise InputError(
            f"was not among the {len(position)} regions that the model was fitted on", key="metric tissue region",
            value=" ".join(unknown[0]), remedy="fit again with this region, or leave it out",
        )  # fmt: skip
    return np.array([position[name] for name in names], dtype=int)


def check_sites_known(labels: np.ndarray, known: Sequence[str]) -> None:
    """Refuse participants of sites that were not in the fit.

    Parameters
    ----------
    labels : array of str, shape (n,)
        Sites of participants, from `site_labels`.
    known : sequence of str
        Sites of the fit.

    Raises
    ------
    InputError
        For the first such site.
    """
    unseen = sorted(set(labels) - set(known))
    if unseen:
        raise InputError(
            f"was not in the fit, which knows {', '.join(known)}", key="site", value=unseen[0],
            remedy="fit again with controls of this site",
        )  # fmt: skip


def check_reference(reference: str | None, sites: Sequence[str]) -> None:
    """Refuse a reference site that the data do not have.

    Parameters
    ----------
    reference : str or None
        Its label; None: there is none, and nothing is checked.
    sites : sequence of str
        Sites of the data.

    Raises
    ------
    InputError
        When it is not among `sites`.
    """
    if reference is not None and reference not in sites:
        raise InputError(
            f"is not a site of the data, which has {', '.join(sites)}", key="reference_site", value=reference,
            remedy="name one of them",
        )  # fmt: skip


def some(items: Sequence[str], most: int = 5) -> str:
    """Return the first items as text, and how many there are if not all are named.

    Parameters
    ----------
    items : sequence of str
        Words to join.
    most : int, optional
        How many at most.

    Returns
    -------
    str
        Such as ``a, b and 3 more``.
    """
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
