"""Stages on volumes with cat-surf (GPL-2.0-or-later), in the worker's process only."""

from typing import Any

import numpy as np

from harmoniq.data.images import load_image, save_image


def denoise(in_file: str, out_file: str) -> dict[str, Any]:
    """Denoise by non-local means that adapt to the noise around (Manjon et al. 2010, doi:10.1002/jmri.22003).

    Parameters
    ----------
    in_file : str
        Image to read.
    out_file : str
        Image to write.

    Returns
    -------
    dict of str to object
        What it says of its result.
    """
    import cat_surf

    image = load_image(in_file, ndim=3)
    values = cat_surf.vol_sanlm(np.asfortranarray(image.data, dtype=np.float32), is_rician=False)
    save_image(np.asarray(values, dtype=np.float32), image.affine, out_file)
    return {"noise": round(float(np.std(values - image.data)), 2)}
