"""Stages on volumes with cat-surf (GPL-2.0-or-later), in the worker's process only."""

from typing import Any

import numpy as np

from harmoniq.data.images import load_image, save_image


def denoise(in_file: str, out_file: str) -> dict[str, Any]:
    """Denoise by non-local means that adapt to the noise around (Manjon et al. 2010, doi:10.1002/jmri.22003).

    Parameters
    ----------
    in_file, out_file : path
        Corrected image; the denoised one, float32, on its grid.

    Returns
    -------
    dict
        ``noise``: standard deviation of what was taken out, in the image's unit.
    """
    import cat_surf

    image = load_image(in_file, ndim=3)
    values = cat_surf.vol_sanlm(np.asfortranarray(image.data, dtype=np.float32), is_rician=False)
    save_image(np.asarray(values, dtype=np.float32), image.affine, out_file)
    return {"noise": round(float(np.std(values - image.data)), 2)}
