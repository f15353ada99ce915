"""The names that stand in files and tables: metrics, tissues, regions and the columns of the regional table."""

from typing import Final

METRICS: Final = ("R1", "R2star")
#: What a reader calls them, in plain text.
METRIC_WORDS: Final = {"R1": "R1", "R2star": "R2*"}
TISSUES: Final = ("cGM", "sWM", "WM")
HEMISPHERES: Final = ("L", "R")

#: The 41 Brodmann areas of PALS-B12 (Van Essen 2005): 12 to 16 and 34 are not in the atlas.
BRODMANN_NUMBERS: Final = (*range(1, 12), *range(17, 34), *range(35, 48))
BRODMANN_AREAS: Final = tuple(f"BA{number}" for number in BRODMANN_NUMBERS)

#: The 18 bundles of Chen et al. 2026, section 2.3.2, in the names of AFQ.
BUNDLES: Final = (
    "FA", "FP", "ARC_L", "ARC_R", "pARC_L", "pARC_R", "ATR_L", "ATR_R", "CGC_L", "CGC_R",
    "CST_L", "CST_R", "IFO_L", "IFO_R", "ILF_L", "ILF_R", "SLF_L", "SLF_R",
)  # fmt: skip

#: Columns of ``*_regions.tsv`` with their BIDS descriptions, in the order in which they are written.
REGION_COLUMNS: Final[dict[str, dict[str, object]]] = {
    "participant_id": {"Description": "Participant, as in participants.tsv"},
    "session_id": {"Description": "Session, n/a where the dataset has none"},
    "metric": {"Description": "R1 = 1/T1 or R2star = 1/T2*", "Levels": {"R1": "R1", "R2star": "R2*"}},
    "tissue": {
        "Description": "Where it was sampled",
        "Levels": {
            "cGM": "mid-cortex",
            "sWM": "superficial white matter",
            "WM": "white-matter bundle, central part",
        },
    },
    "region": {"Description": "Brodmann area (PALS-B12) or bundle"},
    "hemisphere": {"Description": "L, R, or n/a where the name of the bundle holds the side"},
    "value": {"Description": "Mean over the vertices or nodes used", "Units": "1/s"},
    "sd": {"Description": "Standard deviation over them (n - 1)", "Units": "1/s"},
    "n": {"Description": "Vertices or nodes used"},
    "n_excluded": {
        "Description": "Vertices or nodes left out: lesion, outside the field of view or the plausible range"
    },
    "engine": {"Description": "Engine and version that made the map, and the one that made the surfaces or bundles"},
}


def with_prefix(participant: object) -> str:
    """Return a participant's label as BIDS writes it.

    Parameters
    ----------
    participant : object
        With or without ``sub-``; a number counts as its text.

    Returns
    -------
    str
        With ``sub-``.
    """
    text = str(participant)
    return text if text.startswith("sub-") else f"sub-{text}"
