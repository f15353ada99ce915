"""The raw diffusion images of a session, with the b-values and directions that BIDS gives them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harmoniq.data.acquisitions import DWI

if TYPE_CHECKING:
    from bids.layout import BIDSImageFile, BIDSLayout


def raw_diffusion(layout: "BIDSLayout", files: "Sequence[BIDSImageFile]") -> tuple[DWI, ...]:
    """Return the diffusion images that have both a ``bval`` and a ``bvec``, by inheritance where they lie higher up.

    Single-band references, field maps and phase images are not series; neither is what lacks its gradients.

    Parameters
    ----------
    layout : BIDSLayout
        PyBIDS' index.
    files : sequence of BIDSImageFile
        Diffusion images of the session.

    Returns
    -------
    tuple of DWI
        In the order of `files`, not preprocessed.
    """
    found = []
    for file in files:
        if file.get_entities().get("part", "mag") != "mag":
            continue
        try:
            bval, bvec = layout.get_bval(file.path), layout.get_bvec(file.path)
        except IndexError:  # PyBIDS's word for none
            continue
        if bval is not None and bvec is not None:
            found.append(DWI(Path(file.path), Path(bval), Path(bvec)))
    return tuple(found)
