"""The study's 18 bundles under the names that AFQ and its successors gave them."""

import re
from typing import Final

#: Names of the bundles that have a left and a right one, without the side, in any spelling:
#: AFQ in MATLAB ("Left Thalamic Radiation", "Left IFOF"), pyAFQ 1.x (ATR_L), pyAFQ 3.4 ("Left Anterior Thalamic"),
#: RecoBundles and TractSeg (AF_L, AF_left).
_SIDED: Final = {
    "ARC": ("ARC", "AF", "Arcuate", "Arcuate Fasciculus"),
    "pARC": ("pARC", "Posterior Arcuate"),
    "ATR": ("ATR", "Anterior Thalamic", "Thalamic Radiation", "Anterior Thalamic Radiation"),
    "CGC": ("CGC", "CG", "Cingulum Cingulate"),
    "CST": ("CST", "Corticospinal", "Corticospinal Tract"),
    "IFO": ("IFO", "IFOF", "Inferior Fronto-occipital", "Inferior Fronto-occipital Fasciculus"),
    "ILF": ("ILF", "Inferior Longitudinal", "Inferior Longitudinal Fasciculus"),
    "SLF": ("SLF", "Superior Longitudinal", "Superior Longitudinal Fasciculus"),
}
_MIDLINE: Final = {
    "FA": ("FA", "Forceps Minor", "Callosum Forceps Minor", "CC_ForcepsMinor"),
    "FP": ("FP", "Forceps Major", "Callosum Forceps Major", "CC_ForcepsMajor"),
}

#: The names of pyAFQ 3.4, without their side.
PYAFQ_NAMES: Final = {
    "FA": "Forceps Minor",
    "FP": "Forceps Major",
    "ARC": "Arcuate",
    "pARC": "Posterior Arcuate",
    "ATR": "Anterior Thalamic",
    "CGC": "Cingulum Cingulate",
    "CST": "Corticospinal",
    "IFO": "Inferior Fronto-occipital",
    "ILF": "Inferior Longitudinal",
    "SLF": "Superior Longitudinal",
}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _known() -> dict[str, str]:
    known = {_plain(alias): bundle for bundle, aliases in _MIDLINE.items() for alias in aliases}
    for bundle, aliases in _SIDED.items():
        for alias in map(_plain, aliases):
            for side, word in (("L", "left"), ("R", "right")):
                for spelling in (word + alias, alias + word, alias + side.lower()):
                    known[spelling] = f"{bundle}_{side}"
    return known


_KNOWN: Final = _known()


def canonical_bundle(name: str) -> str | None:
    """Translate the name of a bundle into the study's.

    Parameters
    ----------
    name : str
        As in a file's ``desc`` entity, a profile's ``tractID`` or a title, in any case and punctuation.

    Returns
    -------
    str or None
        One of `harmoniq.data.names.BUNDLES`; None for a bundle that is not among the 18.

    Examples
    --------
    >>> [canonical_bundle(name) for name in ("ARCL", "Left Arcuate", "LeftInferiorFrontooccipital", "UNC_L")]
    ['ARC_L', 'ARC_L', 'IFO_L', None]
    """
    return _KNOWN.get(_plain(name))


def description(bundle: str) -> str:
    """Translate the study's name of a bundle into the ``desc`` entity of pyAFQ 3's files.

    Parameters
    ----------
    bundle : str
        One of `harmoniq.data.names.BUNDLES`.

    Returns
    -------
    str
        Letters only.

    Examples
    --------
    >>> description("IFO_L"), description("FA")
    ('LeftInferiorFrontooccipital', 'ForcepsMinor')
    """
    name, _, side = bundle.partition("_")
    title = PYAFQ_NAMES[name].replace(" ", "").replace("-", "")
    return {"L": "Left", "R": "Right", "": ""}[side] + title
