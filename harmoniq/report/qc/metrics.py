"""The metrics of quality control: their names, units, meaning, and on which side they are bad."""

from typing import Final, Literal, NamedTuple

from harmoniq.data.names import METRIC_WORDS, TISSUES
from harmoniq.data.names import METRICS as MAPS
from harmoniq.report.style import TISSUE_SHORT, TISSUE_TITLES

Side = Literal["low", "high", "both"]


class Metric(NamedTuple):
    """One column of the table of quality control.

    Parameters
    ----------
    title : str
        On the page.
    unit : str
        Empty for numbers without one.
    side : {'low', 'high', 'both'}
        On which side an outlier is marked.
    meaning : str
        A sentence.
    """

    title: str
    unit: str
    side: Side
    meaning: str


def _medians() -> dict[str, Metric]:
    found = {}
    for name in MAPS:
        word = METRIC_WORDS[name]
        said = f"Median of {word} in the brain mask"
        found[f"{name}_brain"] = Metric(f"{word} brain", "1/s", "both", said)
        for tissue in TISSUES:
            said = f"Median over the regions of {word} in {TISSUE_TITLES[tissue]}"
            found[f"{name}_{tissue}"] = Metric(f"{word} {TISSUE_SHORT[tissue]}", "1/s", "both", said)
    return found


#: In the order of the page.
QC_METRICS: Final[dict[str, Metric]] = {
    "snr_mp2rage": Metric(
        "SNR MP2RAGE", "", "low", "Median of the second inversion's magnitude in the brain over the noise's SD"
    ),
    "snr_megre": Metric("SNR ME-GRE", "", "low", "Median of the first echo in the brain over the noise's SD"),
    "registration_cost": Metric(
        "registration cost", "nat", "high", "Negative mutual information of ME-GRE and MP2RAGE once registered"
    ),
    "head_motion_mm": Metric(
        "motion MP2RAGE to ME-GRE", "mm", "high", "By how much the registration moved the center of the head"
    ),
    "dwi_motion_mm": Metric(
        "motion of DWI", "mm", "high",
        "Largest displacement of the brain between diffusion volumes; of QSIPrep the largest framewise displacement",
    ),
    "b1_median": Metric("B1+ median", "nominal", "both", "Median of the transmit field in the brain"),
    "b1_p05": Metric("B1+ 5 %", "nominal", "low", "5th percentile of the transmit field in the brain"),
    "b1_p95": Metric("B1+ 95 %", "nominal", "high", "95th percentile of the transmit field in the brain"),
    "r1_outside_percent": Metric(
        "R1 outside the curve", "%", "high", "Brain voxels outside the monotonic range of the lookup table"
    ),
    "surface_defects": Metric(
        "surface defects", "", "high",
        "Holes that FreeSurfer mended in the surfaces of both hemispheres; of catsurf the faces that cut one another",
    ),
    "surface_euler": Metric(
        "Euler number", "", "low", "Lower Euler number of the hemispheres, before repair where that is kept; whole: 2"
    ),
    "areas": Metric("areas", "", "low", "Cortical areas with an R1 or R2* value, of 82 in both hemispheres"),
    "vertices_min": Metric("vertices, fewest", "", "low", "Vertices used in the cortical area with the fewest"),
    "vertices_median": Metric("vertices, median", "", "low", "Median of the vertices used per cortical area"),
    "bundles": Metric("bundles", "", "low", "White-matter bundles with a value, of 18"),
    "streamlines_min": Metric("streamlines, fewest", "", "low", "Streamlines of the bundle with the fewest"),
    "streamlines_median": Metric("streamlines, median", "", "low", "Median of the streamlines per bundle"),
    "excluded_percent": Metric(
        "left out", "%", "high",
        "Vertices and nodes left out: lesion, outside the field of view or the plausible range",
    ),
    **_medians(),
}  # fmt: skip

#: What a person says of a session.
RATINGS: Final = ("pass", "warn", "fail")
