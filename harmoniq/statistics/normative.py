"""Deviations from a normative model of the controls, where no hierarchical Bayesian one gives them."""

import numpy as np
import pandas as pd

from harmoniq.data.missing import missingness_groups
from harmoniq.statistics.design import age_design
from harmoniq.statistics.linear import is_constant, least_squares


def normative_z(people: pd.DataFrame, values: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Return how many standard deviations each value is away from what its age and sex lead to expect.

    Per region value ~ age + age^2 + sex is fitted to the participants in `trained` (Chen et al. 2026, equation 4).
    For everybody else z = (value - prediction) / (s sqrt(1 + h)), with s the residual SD and h = x'(X'X)^-1 x; for
    somebody in the fit z is the same from a fit without that person (the externally studentized residual), so that
    both have the same distribution, t with n - rank degrees of freedom, or one fewer.

    Parameters
    ----------
    people : pandas.DataFrame
        ``age`` in years, ``sex`` F or M.
    values : numpy.ndarray, shape (n, p)
        Harmonized or raw, NaN where missing.
    trained : numpy.ndarray of bool, shape (n,)
        Who enters the fit.

    Returns
    -------
    numpy.ndarray, shape (n, p)
        NaN where the value is missing, the region does not vary or the fit has no degrees of freedom.
    """
    age, sex = people["age"].to_numpy(dtype=float), people["sex"].to_numpy()
    out = np.full(values.shape, np.nan)
    inside = np.flatnonzero(trained)
    for picked, columns in missingness_groups(values[inside]):
        rows = inside[picked]
        design = age_design(age[rows], sex[rows])
        fit = least_squares(design.matrix, values[np.ix_(rows, columns)])
        dof = fit.n - fit.rank
        if dof < 2:
            continue
        keep = np.isfinite(np.diag(fit.unscaled))
        unscaled = fit.unscaled[np.ix_(keep, keep)]
        coefficients = fit.coefficients[keep]
        scaled = (age - design.center) / design.scale
        everybody = np.column_stack([np.ones_like(scaled), scaled, scaled**2, (sex == "M").astype(float)])[:, keep]
        leverage = np.einsum("ij,jk,ik->i", everybody, unscaled, everybody)[:, None]
        error = values[:, columns] - everybody @ coefficients
        z = error / np.sqrt(fit.variance * (1 + leverage))
        # A leverage of 1 leaves nothing of a person's own value: 0 / 0.
        with np.errstate(divide="ignore", invalid="ignore"):
            own = leverage[rows]
            left = (fit.rss - error[rows] ** 2 / (1 - own)) / (dof - 1)
            z[rows] = error[rows] / np.sqrt(left * (1 - own))
        z[:, is_constant(values[np.ix_(rows, columns)])] = np.nan
        out[:, columns] = np.where(np.isfinite(z), z, np.nan)
    return out
