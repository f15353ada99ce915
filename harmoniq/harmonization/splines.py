"""Cubic B-splines of one covariate and the integral of their squared second derivative."""

from dataclasses import dataclass

import numpy as np

DEGREE = 3


@dataclass(frozen=True)
class SplineBasis:
    """Cubic B-splines without the first one, so that they vanish at the lower bound and hold no constant.

    This is the basis of ``statsmodels.gam.BSplines(x, df, degree=3)``, which neuroHarmonize takes.

    Parameters
    ----------
    knots : numpy.ndarray
        All knots in ascending order, each bound four times, in the unit of the covariate.
    """

    knots: np.ndarray

    @classmethod
    def from_data(cls, x: np.ndarray, *, n_splines: int = 10) -> "SplineBasis":
        """Place the inner knots at quantiles of `x` and the bounds at its extremes.

        Parameters
        ----------
        x : numpy.ndarray, shape (n,)
            The covariate, finite, not constant.
        n_splines : int
            Number of B-splines with the first one; the basis has one column fewer. Inner knots that ties put onto
            each other or onto a bound are taken once or left out, and the basis is smaller by as many.

        Returns
        -------
        SplineBasis
            Knots at the bounds and in between.
        """
        low, high = float(x.min()), float(x.max())
        inner = np.percentile(x, 100.0 * np.linspace(0.0, 1.0, n_splines - DEGREE + 1)[1:-1])
        inner = np.unique(inner)
        inner = inner[(inner > low) & (inner < high)]
        return cls(np.concatenate([np.repeat(low, DEGREE + 1), inner, np.repeat(high, DEGREE + 1)]))

    @property
    def bounds(self) -> tuple[float, float]:
        """The covariate's range in the fit."""
        return float(self.knots[0]), float(self.knots[-1])

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.knots) - DEGREE - 2

    def evaluate(self, x: np.ndarray, derivative: int = 0) -> np.ndarray:
        """Evaluate the splines; beyond the bounds each goes on as its tangent there.

        A cubic would leave the data's range steeply and in silence; the tangent is the extrapolation of least
        curvature, and who is extrapolated is reported by the harmonizer.

        Parameters
        ----------
        x : numpy.ndarray, shape (n,)
            Values of the covariate, in the unit of the knots.
        derivative : int
            0, or 2 for the second derivative (inside the bounds only).

        Returns
        -------
        numpy.ndarray, shape (n, size)
            The splines at `x`, or their second derivatives.
        """
        from scipy.interpolate import BSpline

        low, high = self.bounds
        inside = np.clip(np.asarray(x, dtype=np.float64), low, high)
        splines = BSpline(self.knots, np.eye(self.size + 1), DEGREE)
        if derivative:
            return splines.derivative(derivative)(inside)[:, 1:]
        beyond = (np.asarray(x) - inside)[:, None]
        values = splines(inside)
        if beyond.any():
            values = values + beyond * splines.derivative(1)(inside)
        return values[:, 1:]

    def linear(self) -> np.ndarray:
        """Return the coefficients that make the splines a straight line, x - lower bound.

        Returns
        -------
        array, shape (size,)
            Greville abscissae less the lower bound, in the unit of the covariate.
        """
        t = self.knots
        greville = (t[1:-3] + t[2:-2] + t[3:-1]) / DEGREE
        return (greville - t[0])[1:]

    def penalty(self) -> np.ndarray:
        """Return the integral of the products of second derivatives.

        Two Gauss points per interval integrate the products, which are quadratic there, exactly; so does the Simpson
        rule of statsmodels.

        Returns
        -------
        array, shape (size, size)
            In the covariate's unit to the power -3.
        """
        edges = np.unique(self.knots)
        half, middle = np.diff(edges) / 2.0, (edges[:-1] + edges[1:]) / 2.0
        points = np.concatenate([middle - half / np.sqrt(3.0), middle + half / np.sqrt(3.0)])
        second = self.evaluate(points, derivative=2)
        return second.T @ (second * np.concatenate([half, half])[:, None])
