"""What can be set: one frozen data class per table of the TOML file, with defaults, ranges and choices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harmoniq.data.names import BUNDLES

R1_ENGINES = ("auto", "native", "matlab")
R2STAR_ENGINES = ("auto", "native", "sepia")
R2STAR_METHODS = ("nlls", "iwls", "arlo", "trapezoidal", "loglinear", "rician")
FIELD_AXES = ("x", "y", "z", "xy", "xz", "yz", "xyz", "none")
SURFACE_ENGINES = ("auto", "freesurfer", "catsurf")
BUNDLE_ENGINES = ("auto", "qsiprep", "pyafq")
TRACTOMETRY_ENGINES = ("native", "scilpy")
DWI_STEPS = ("denoise", "gibbs", "motion", "bias", "none")
COMBAT_ENGINES = ("native", "neuroharmonize")
HBR_ENGINES = ("native", "pcntoolkit")
HBR_FITS = ("best-fold", "all")
METHODS = ("raw", "combat", "gam", "hbr")
PEAK_SIGNS = ("minus", "printed")
PEAK_ERRORS = ("covariance", "printed")
EDSS_FAMILIES = ("all", "tissue")
QSIPREP_RUNTIMES = ("auto", "apptainer", "docker", "native")
LESION_ENGINES = ("auto", "existing", "samseg")
STAGES = ("maps", "surfaces", "bundles", "regions")


def option(default: Any, help: str, *, choices: tuple = (), bounds: tuple[float, float] | None = None) -> Any:
    """Return a field of a settings class with its help text, choices or bounds in its metadata.

    Parameters
    ----------
    default : object
        Value where nothing is given.
    help : str
        What the setting does.
    choices : tuple, optional
        Allowed values.
    bounds : tuple (float, float) or None, optional
        Lowest and highest value; None: any.

    Returns
    -------
    dataclasses.Field
        Typed as object, so that it can stand as the default of a field of any type.
    """
    metadata = {"help": help, "choices": choices, "bounds": bounds}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class StudySettings:
    """The ``[study]`` table: what is compared with what."""

    name: str = option("study", "name of the study, for reports")
    reference_site: str = option("site1", "site whose scale the others are brought to")
    patient_group: str = option("MS", "label of the patients in the group column")
    control_group: str = option("HC", "label of the controls in the group column")
    methods: tuple[str, ...] = option(METHODS, "harmonization methods", choices=METHODS)
    published: str = option("builtin", "table of published figures for the scorecard: builtin, none, or a TSV file")


@dataclass(frozen=True)
class R1Settings:
    """The ``[r1]`` table: R1 from MP2RAGE."""

    engine: str = option("auto", "engine of the R1 maps", choices=R1_ENGINES)
    efficiency: float = option(0.96, "efficiency of the inversion pulse, where no sidecar gives it", bounds=(0.1, 1.0))
    b1_correction: str = option("auto", "use a B1+ map where there is one", choices=("auto", "off"))
    plausible: tuple[float, float] = option((0.1, 3.0), "range of values that enter the regions, 1/s")


@dataclass(frozen=True)
class R2StarSettings:
    """The ``[r2star]`` table: R2* from multi-echo gradient echo."""

    engine: str = option("auto", "engine of the R2* maps", choices=R2STAR_ENGINES)
    method: str = option(
        "auto", "fit of the decay; auto: nlls, or trapezoidal with SEPIA", choices=("auto", *R2STAR_METHODS)
    )
    field_correction: str = option("auto", "correct for gradients of the main field, by phase", choices=("auto", "off"))
    field_axes: str = option(
        "xyz", "voxel axes along which a voxel is a box; the others are encoded", choices=FIELD_AXES
    )
    plausible: tuple[float, float] = option((1.0, 200.0), "range of values that enter the regions, 1/s")


@dataclass(frozen=True)
class SurfaceSettings:
    """The ``[surfaces]`` table: cortex and superficial white matter."""

    engine: str = option("auto", "engine of the cortical surfaces", choices=SURFACE_ENGINES)
    atlas: str = option("auto", "PALS-B12 (auto, or the folder of its files), or another atlas as /path/?h.name.annot")
    merge_ba33: bool = option(False, "read the right BA33 as BA3, as FreeSurfer does")
    hires: str = option("auto", "recon-all at the image's own resolution", choices=("auto", "on", "off"))
    pial: str = option("T1", "contrast that refines recon-all's pial surface", choices=("T1", "T2", "FLAIR"))
    skull_strip: str = option("mask", "recon-all's brain: by this run's mask", choices=("mask", "freesurfer"))
    few_vertices: int = option(50, "areas with fewer vertices are warned of", bounds=(0, 100_000))
    cgm_depth: str = option("projfrac", "how mid-cortex is defined", choices=("projfrac", "midpoint"))
    cgm_fraction: float = option(0.5, "fraction of the thickness", bounds=(0.0, 1.0))
    swm_distance: float = option(-0.5, "mm along the white surface's normal, negative is inward", bounds=(-5.0, 0.0))
    depths: tuple[str, ...] = option((), "further depths: projfrac:F, midpoint:F or projdist:MM")
    area_weighted: bool = option(False, "weight vertices by their share of the white surface")
    interpolation: str = option("trilinear", "between voxels", choices=("trilinear", "nearest"))


@dataclass(frozen=True)
class BundleSettings:
    """The ``[bundles]`` table: white-matter bundles."""

    engine: str = option("auto", "engine of the bundles", choices=BUNDLE_ENGINES)
    tractometry: str = option("native", "engine of the profiles along the bundles", choices=TRACTOMETRY_ENGINES)
    central: float = option(0.70, "central part of each bundle, as a fraction of its nodes", bounds=(0.05, 1.0))
    nodes: int = option(100, "nodes along each bundle", bounds=(10, 1000))
    templates: str = option("auto", "AFQ's waypoint regions: auto, or their folder")
    preprocessing: tuple[str, ...] = option(DWI_STEPS[:4], "steps for raw diffusion images", choices=DWI_STEPS)
    seeds: int = option(500_000, "places from which tracking begins", bounds=(100, 20_000_000))
    step: float = option(1.0, "length of a step of tracking, mm", bounds=(0.1, 5.0))
    angle: float = option(30.0, "largest turn per step, degrees", bounds=(1.0, 90.0))
    fod_cutoff: float = option(0.2, "fiber density where tracking ends, of a single fiber's", bounds=(0.0, 1.0))
    expected: tuple[str, ...] = option(BUNDLES, "bundles to look for", choices=BUNDLES)


@dataclass(frozen=True)
class HarmonizationSettings:
    """The ``[harmonization]`` table: what is removed, what is kept, and who is fitted."""

    batch: tuple[str, ...] = option(("site",), "what tells batches apart", choices=("site", "scanner", "sex"))
    reference_scanner: str = option("", "reference among the reference site's scanners; empty: that of most controls")
    protect: tuple[str, ...] = option(("age", "sex"), "covariates whose effects are kept")
    smooth: tuple[str, ...] = option(("age",), "protected covariates with a smooth effect in ComBat-GAM")
    fit_groups: tuple[str, ...] = option(("controls",), "groups that may enter the fit")
    disjoint_ages: str = option("refuse", "sites that share no age with the others", choices=("refuse", "warn"))
    outside_ages: str = option("flag", "participants beyond the ages of the fit", choices=("flag", "refuse"))
    adapt_controls: int = option(10, "controls that --adapt needs of a new site", bounds=(3, 10_000))
    held_out_methods: tuple[str, ...] = option(("combat", "gam"), "methods whose held-out bias is measured",
                                               choices=METHODS)  # fmt: skip
    folds: int = option(5, "folds of the held-out bias; 0 leaves it out", bounds=(0, 50))
    simulations: int = option(20, "simulated cohorts of the held-out bias; 0 leaves them out", bounds=(0, 1000))


@dataclass(frozen=True)
class QSIPrepSettings:
    """The ``[qsiprep]`` table: the reference engine of the bundles."""

    runtime: str = option("auto", "where QSIPrep and QSIRecon run", choices=QSIPREP_RUNTIMES)
    image: str = option("", "of QSIPrep: file of an Apptainer image, or name of a Docker image")
    recon_image: str = option("", "of QSIRecon, which QSIPrep needs from version 0.22 on")
    version: str = option("", "of QSIPrep, where the image's name does not say it")
    recon_spec: str = option("mrtrix_multishell_msmt_pyafq_tractometry", "workflow of the reconstruction")
    resolution: float = option(1.8, "voxels of the preprocessed diffusion images, mm", bounds=(0.5, 5.0))
    memory: float = option(16.0, "GB that QSIPrep may use", bounds=(1.0, 1000.0))


@dataclass(frozen=True)
class LesionSettings:
    """The ``[lesions]`` table: what keeps to normal-appearing tissue."""

    exclude: str = option("auto", "leave lesions out of the regions where there is a mask", choices=("auto", "off"))
    engine: str = option("auto", "engine of the lesion masks", choices=LESION_ENGINES)
    missing: str = option("allow", "patients without a lesion mask", choices=("allow", "refuse"))
    dilation: float = option(1.0, "mm around a lesion that are left out as well", bounds=(0.0, 10.0))
    threshold: float = option(0.5, "of maps of lesion probabilities", bounds=(0.01, 1.0))
    registration: str = option("auto", "of masks on another image's grid", choices=("auto", "header"))


@dataclass(frozen=True)
class StatisticsSettings:
    """The ``[statistics]`` table: the group level."""

    combat_engine: str = option("native", "engine of ComBat and ComBat-GAM", choices=COMBAT_ENGINES)
    hbr_engine: str = option("native", "engine of hierarchical Bayesian regression", choices=HBR_ENGINES)
    hbr_fit: str = option("best-fold", "best of five fits to four fifths each, or one fit to all", choices=HBR_FITS)
    zscore_sites: tuple[str, ...] = option(("auto",), "sites whose controls make the model of the Z-scores")
    bootstrap: int = option(10000, "bootstrap resamples of the peak ages", bounds=(2, 1_000_000))
    stratify_bootstrap: bool = option(False, "resample within each site, so that every site keeps its size")
    standardize_r2star: bool = option(True, "standardize R2* before the age models (section 2.5.2)")
    alpha: float = option(0.05, "significance threshold", bounds=(0.0, 1.0))
    harmonized_method: str = option("hbr", "scale of the harmonized comparison", choices=METHODS)
    overlap_only: bool = option(True, "harmonized comparison only with sites whose ages overlap the patients'")
    overlap_share: float = option(0.5, "share of the patients within a site's control ages that makes it overlap",
                                  bounds=(0.0, 1.0))  # fmt: skip
    peak_sign: str = option("minus", "sign of the peak age; printed: that of equation 5", choices=PEAK_SIGNS)
    peak_error: str = option("covariance", "error of the peak age; printed: equation 6", choices=PEAK_ERRORS)
    edss_family: str = option("all", "selected regions whose p of EDSS are adjusted together", choices=EDSS_FAMILIES)


@dataclass(frozen=True)
class Settings:
    """All settings of a study.

    Parameters
    ----------
    study, r1, r2star, surfaces, bundles, harmonization, qsiprep, lesions, statistics : data classes
        The tables of their names.
    columns : mapping of str to str
        Our name of a column of participants.tsv to the file's.
    sites : mapping
        By site and suffix (`harmoniq.settings.load.SITE_KEYS`), what sidecars may lack.
    datasets : mapping
        By name, what ``reproduce`` processes (`harmoniq.settings.load.DATASET_KEYS`).
    source : str
        The config, or the built-in study; for people.
    """

    study: StudySettings = field(default_factory=StudySettings)
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    r1: R1Settings = field(default_factory=R1Settings)
    r2star: R2StarSettings = field(default_factory=R2StarSettings)
    surfaces: SurfaceSettings = field(default_factory=SurfaceSettings)
    bundles: BundleSettings = field(default_factory=BundleSettings)
    harmonization: HarmonizationSettings = field(default_factory=HarmonizationSettings)
    qsiprep: QSIPrepSettings = field(default_factory=QSIPrepSettings)
    lesions: LesionSettings = field(default_factory=LesionSettings)
    statistics: StatisticsSettings = field(default_factory=StatisticsSettings)
    sites: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=lambda: MappingProxyType({}))
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    source: str = "defaults"
