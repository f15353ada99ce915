"""The noise of a magnitude image, read in its background.

In air a magnitude image follows Rayleigh's distribution, whose median is sigma sqrt(2 ln 2), sigma being the standard
deviation of the real and of the imaginary part (Gudbjartsson and Patz 1995, Magn Reson Med 34:910,
doi:10.1002/mrm.1910340618).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError

# Where Rayleigh's distribution is cut so that signal stays out: 3 sigma leaves 98.9 % of the background in.
CUT = 3.0
SMALLEST_BACKGROUND = 0.01


def estimate_noise(image: ArrayLike) -> float:
    """Estimate the standard deviation of the noise in each of the real and imaginary parts.

    The background is taken where there is one that looks like noise. In an image that is masked or filled by the head,
    the differences between neighbors along the first axis are, which also hold fine structure and tend to be high.

    Parameters
    ----------
    image : array_like
        Magnitudes, the first axis in space: of one echo, or of all with the echoes last.

    Returns
    -------
    float
        In the unit of the image.

    Raises
    ------
    InputError
        When no noise can be found: the image is constant, masked and noise-free, or not finite.
    """
    data = np.asarray(image, dtype=np.float64)
    values = data[np.isfinite(data) & (data > 0)]
    if values.size >= 100:
        sigma = _from_background(values) or _from_differences(data)
        if sigma > 0:
            return sigma
    raise InputError("no noise could be found in this image", remedy="give the noise, or choose the method nlls")


def _from_background(values: NDArray) -> float:
    """Return sigma of the Rayleigh-like bulk of the lowest values, or 0 when there is none."""
    # Start from the lowest values, and grow until the cut at CUT sigma reproduces the sigma that made it.
    median_part = np.sqrt(-2.0 * np.log(1.0 - 0.5 * (1.0 - np.exp(-(CUT**2) / 2.0))))
    sigma = float(np.quantile(values, 0.05)) / np.sqrt(-2.0 * np.log(1.0 - 0.05))
    for _ in range(100):
        inside = values[values < CUT * sigma]
        if inside.size < SMALLEST_BACKGROUND * values.size:
            return 0.0
        previous, sigma = sigma, float(np.median(inside)) / median_part
        if abs(sigma - previous) < 1e-6 * sigma:
            break
    inside = values[values < CUT * sigma]
    # Rayleigh's quartiles are 0.759 and 1.665 sigma apart in ratio 0.456: signal that fades out is not like that.
    low, high = np.quantile(inside, [0.25, 0.75])
    return sigma if 0.38 < low / high < 0.53 else 0.0


def _from_differences(data: NDArray) -> float:
    """Return sigma from second differences along the first axis where there is signal: Gaussian there."""
    if data.shape[0] < 3:
        return 0.0
    second = data[2:] - 2.0 * data[1:-1] + data[:-2]
    lowest = np.minimum(np.minimum(data[2:], data[1:-1]), data[:-2])
    used = second[np.isfinite(second) & (lowest > 0)]
    # Second differences of independent noise have 6 times its variance; 1.4826 turns the median into a deviation.
    return float(np.median(np.abs(used)) * 1.4826 / np.sqrt(6.0)) if used.size else 0.0
