"""The age curve's B-splines, as PCNtoolkit 1.3 lays them out: 5 uniform knots over the ages and 5 % beyond."""

from dataclasses import dataclass

import numpy as np

N_KNOTS = 5
DEGREE = 3
EXPAND = 0.05
#: B-splines of the curve.
N_SPLINES = N_KNOTS + DEGREE - 1


@dataclass(frozen=True)
class AgeBasis:
    """Cubic B-splines of standardized age.

    Parameters
    ----------
    mean, sd : float
        By which age is standardized, in years.
    low, high : float
        Range of the training ages in years. The knots reach 5 % of it beyond on either side.
    """

    mean: float
    sd: float
    low: float
    high: float

    @classmethod
    def from_ages(cls, age: np.ndarray) -> "AgeBasis":
        """Lay the basis over the training ages.

        Parameters
        ----------
        age : array, shape (n,)
            In years, not all the same.

        Returns
        -------
        AgeBasis
            Standardized by their mean and SD (n).
        """
        return cls(float(age.mean()), float(age.std()), float(age.min()), float(age.max()))

    @property
    def knots(self) -> np.ndarray:
        """Knots in standardized age, the outer ones four times, shape (11,)."""
        low, high = (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd
        width = high - low
        inner = np.linspace(low - EXPAND * width, high + EXPAND * width, N_KNOTS)
        return np.concatenate([[inner[0]] * DEGREE, inner, [inner[-1]] * DEGREE])

    @property
    def greville(self) -> np.ndarray:
        """Coefficients that make the curve equal to standardized age, shape (7,)."""
        knots = self.knots
        return np.array([knots[j + 1 : j + 1 + DEGREE].mean() for j in range(N_SPLINES)])

    def evaluate(self, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate the four B-splines that are not zero at each age.

        Beyond the knots the curve keeps the value it has there.

        Parameters
        ----------
        age : numpy.ndarray, shape (n,)
            In years.

        Returns
        -------
        values : numpy.ndarray, shape (n, 4)
            The B-splines at the ages; they sum to 1.
        first : numpy.ndarray of int, shape (n,)
            Position of the first of them among the 7.
        """
        from scipy.interpolate import BSpline

        knots = self.knots
        x = np.clip((np.asarray(age, dtype=np.float64) - self.mean) / self.sd, knots[0], knots[-1])
        matrix = BSpline.design_matrix(x, knots, DEGREE)
        return matrix.data.reshape(-1, DEGREE + 1), matrix.indices.reshape(-1, DEGREE + 1)[:, 0].astype(np.int64)

    def dense(self, age: np.ndarray) -> np.ndarray:
        """Evaluate all B-splines at each age.

        Parameters
        ----------
        age : array, shape (n,)
            In years; beyond the knots as `evaluate`.

        Returns
        -------
        array, shape (n, 7)
            0 where a spline does not reach.
        """
        values, first = self.evaluate(age)
        out = np.zeros((len(values), N_SPLINES))
        out[np.arange(len(values))[:, None], first[:, None] + np.arange(DEGREE + 1)] = values
        return out
