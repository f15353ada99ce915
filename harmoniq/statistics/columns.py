"""Descriptions of the columns that the group level's tables share."""

from typing import Final

ColumnDescriptions = dict[str, str | dict[str, object]]

METRIC: Final[dict[str, object]] = {
    "Description": "Quantitative map",
    "Levels": {"R1": "longitudinal relaxation rate, 1/T1", "R2star": "effective transverse relaxation rate, 1/T2*"},
}
TISSUE: Final[dict[str, object]] = {
    "Description": "Where it was sampled",
    "Levels": {"cGM": "mid-cortex", "sWM": "superficial white matter", "WM": "white-matter bundle, central part"},
}
REGION: Final = "Brodmann area (PALS-B12) or bundle"
DATA: Final[dict[str, object]] = {
    "Description": "The values analyzed",
    "Levels": {
        "raw": "as measured",
        "combat": "harmonized by ComBat",
        "gam": "harmonized by ComBat-GAM",
        "hbr": "harmonized by hierarchical Bayesian regression",
    },
}
FEATURE_COLUMNS: Final[ColumnDescriptions] = {"metric": METRIC, "tissue": TISSUE, "region": REGION}
BLOCK_COLUMNS: Final[ColumnDescriptions] = {"metric": METRIC, "tissue": TISSUE, "data": DATA}
