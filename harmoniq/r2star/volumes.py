"""R2* from multi-echo images on disk: read, fit, write."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harmoniq.data.images import load_image, same_grid, save_image


def fit_r2star_files(
    magnitudes: Sequence[str | Path], echo_times: Sequence[float], method: str, *, r2star_out: Path, s0_out: Path
) -> None:
    """Fit the decay to magnitude images and write R2* and S0.

    Parameters
    ----------
    magnitudes : sequence of path
        One image per echo, or a single 4-D image.
    echo_times : sequence of float
        In s.
    method : str
        As `harmoniq.r2star.fit.fit_r2star` takes it.
    r2star_out, s0_out : path
        The maps: 1/s, and the images' units; float32.

    Raises
    ------
    InputError
        For images that cannot be read or are not on one grid; the file is named.
    """
    from harmoniq.r2star.fit import fit_r2star
    from harmoniq.r2star.noise import estimate_noise

    images = [load_image(path) for path in magnitudes]
    for image in images[1:]:
        same_grid(images[0], image)
    affine = images[0].affine
    signal = images[0].data if len(images) == 1 else np.stack([image.data for image in images], axis=-1)
    del images
    noise = estimate_noise(signal) if method == "rician" else None
    fit = fit_r2star(signal, echo_times, method, noise=noise)
    save_image(fit.r2star, affine, r2star_out)
    save_image(fit.s0, affine, s0_out)
