"""Design matrices of age, sex and site, scaled so that age squared does no numerical harm."""

from dataclasses import dataclass

import numpy as np

#: A column is dropped when its part outside the span of those before it is a smaller share of its length (R's ``lm``).
RANK_TOLERANCE = 1e-7


@dataclass(frozen=True)
class AgeDesign:
    """Intercept, age, age squared and sex.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, 3 or 4)
        Columns 1, a, a^2 (when quadratic) and sex (0 = F, 1 = M), with a = (age - center) / scale.
    center, scale : float
        In years.
    """

    matrix: np.ndarray
    center: float
    scale: float


def age_design(age: np.ndarray, sex: np.ndarray, *, quadratic: bool = True) -> AgeDesign:
    """Build the design of the age models (Chen et al. 2026, equation 4).

    Parameters
    ----------
    age : numpy.ndarray, shape (n,)
        In years.
    sex : numpy.ndarray, shape (n,)
        ``F`` or ``M``.
    quadratic : bool
        With age squared.

    Returns
    -------
    AgeDesign
        Age centered at its mean, in units of its SD (n); 1 year where it does not vary.
    """
    center, scale = float(age.mean()), float(age.std()) or 1.0
    scaled = (age - center) / scale
    powers = [np.ones_like(scaled), scaled] + ([scaled**2] if quadratic else [])
    return AgeDesign(np.column_stack([*powers, (sex == "M").astype(float)]), center, scale)


def site_indicators(site: np.ndarray) -> np.ndarray:
    """Return one column of zeros and ones per site.

    Parameters
    ----------
    site : array, shape (n,)
        Label of each participant's site.

    Returns
    -------
    array, shape (n, n_sites)
        Sites sorted.
    """
    return (site[:, None] == np.unique(site)[None, :]).astype(float)


def independent_columns(matrix: np.ndarray) -> np.ndarray:
    """Find the columns that are no linear combination of those before them, as R drops aliased terms.

    Parameters
    ----------
    matrix : array, shape (n, k)
        Design matrix.

    Returns
    -------
    array of bool, shape (k,)
        True for those that are kept.
    """
    keep = np.zeros(matrix.shape[1], dtype=bool)
    basis = np.empty((matrix.shape[0], 0))
    for k, column in enumerate(matrix.T):
        rest = column.copy()
        # Twice is enough (Kahan): the second pass removes what rounding left of the first.
        for _ in range(2):
            rest = rest - basis @ (basis.T @ rest)
        length = np.linalg.norm(rest)
        if length > RANK_TOLERANCE * np.linalg.norm(column) and basis.shape[1] < matrix.shape[0]:
            keep[k] = True
            basis = np.column_stack([basis, rest / length])
    return keep
