"""The methods text of a report, out of the settings and versions of the run."""

from collections.abc import Iterable, Mapping

from harmoniq.report.blocks import Section, Text, escape, flatten, pairs_block
from harmoniq.report.citations import cite, reference_list
from harmoniq.report.style import METHOD_TITLES

_R2STAR_FITS = {
    "nlls": "nonlinear least squares on the magnitudes",
    "iwls": "iteratively reweighted log-linear least squares",
    "arlo": "auto-regression on linear operations",
    "trapezoidal": "the trapezoidal rule",
    "loglinear": "log-linear least squares",
    "rician": "maximum likelihood under Rician noise",
}


class Lookup:
    """Settings by dotted key, wherever a run's dump holds them.

    ``study.reference_site`` is found as such, nested, or as ``reference_site`` or ``study_reference_site`` at the top.

    Parameters
    ----------
    settings : mapping of str to object
        Of the run, nested or flat.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._flat = flatten(settings)

    def __call__(self, key: str, default: object = None) -> object:
        """Return the value of a dotted key, `default` where no spelling of it is there."""
        if key in self._flat:
            return self._flat[key]
        last = key.rsplit(".", 1)[-1]
        # Of several sections only the named one, or the top level, may answer: r1.engine is not surfaces.engine.
        section = key.rsplit(".", 1)[0] if "." in key else ""
        flat_names = (last, f"{section.replace('.', '_')}_{last}")
        return next((self._flat[name] for name in flat_names if name in self._flat), default)


def group_methods(settings: Mapping[str, object], methods: Iterable[str], tables: Iterable[str]) -> list[str]:
    """Describe the group level's methods.

    Parameters
    ----------
    settings : mapping
        Of the run, nested as the study's TOML or flat.
    methods : iterable of str
        Methods of harmonization that were applied.
    tables : iterable of str
        Names of the tables that were found: only what was done is described.

    Returns
    -------
    list of str
        Paragraphs of HTML, with links by `cite`.
    """
    get, done, have = Lookup(settings), list(methods), set(tables)
    reference = escape(get("study.reference_site", "the reference site"))
    controls = escape(get("study.control_group", "HC"))
    patients = escape(get("study.patient_group", "patients"))
    out = [
        f"The analysis follows {cite('chen2026')[1:-1]}. Regional R1 and R2* come from the participants' regional "
        "tables; the two sides of a Brodmann area are averaged."
    ]
    if "site_effects" in have:
        out.append(
            "Site effects were measured per region in the controls: the intra-class correlation of a random site "
            "intercept (restricted maximum likelihood), without covariates and with age, age² and sex; and η² from "
            "type II sums of squares of site in a linear model with age, age² and sex. A fit at the boundary counts "
            "as zero and is marked singular."
        )
    harmonized = [name for name in done if name != "raw"]
    if harmonized:
        out.append(_harmonization(harmonized, reference, controls, escape(get("statistics.combat_engine", "native"))))
    if "age_models" in have:
        out.append(_age_models(get))
    if "group_differences" in have:
        out.append(_differences(get, reference, patients, done))
    if "zscore_summary" in have:
        out.append(_zscores(get, done))
    if "edss" in have:
        out.append(
            "In patients, EDSS was regressed on the regional Z-score, phenotype, disease duration and sex; the false "
            f"discovery rate {cite('benjamini1995')} covers the regions that are significant in the harmonized "
            "comparison."
        )
    return out


def _harmonization(names: list[str], reference: str, controls: str, engine: str) -> str:
    said = {
        "combat": f"ComBat with linear age and sex {cite('johnson2007', 'fortin2018')}",
        "gam": f"ComBat-GAM with a smooth term of age and linear sex {cite('pomponio2020')}",
        "hbr": "hierarchical Bayesian regression with B-splines of age and random intercepts of site and sex in mean "
        f"and SD, Z-scores transformed back at the reference site {cite('kia2020', 'deboer2024')}",
    }
    listed = "; ".join(said.get(name, escape(METHOD_TITLES.get(name, name))) for name in names)
    by = f" ComBat's engine was {engine}." if {"combat", "gam"} & set(names) else ""
    return (
        f"Values were harmonized by: {listed}. {reference} is the reference site, whose values are left as "
        f"they are. Models were fitted to the controls ({controls}) alone and then applied to the patients.{by}"
    )


def _age_models(get: Lookup) -> str:
    bootstrap = get("statistics.bootstrap", None)
    resamples = (
        f" over {escape(bootstrap)} bootstrap resamples" if bootstrap is not None else " over bootstrap resamples"
    )
    peak = "b_age / (2 b_age²)" if get("statistics.peak_sign") == "printed" else "−b_age / (2 b_age²)"
    error = "without" if get("statistics.peak_error") == "printed" else "with"
    scaled = "R2* was standardized first: raw within each site, harmonized over all sites together. "
    return (
        "In the controls each region was modeled as value ~ age + age² + sex. "
        + (scaled if get("statistics.standardize_r2star", True) else "")
        + "A likelihood-ratio test decides on age² (1 degree of freedom); where it is not significant there is no "
        f"peak age. The peak age is {peak}; its standard error is by the delta method {error} the coefficients' "
        f"covariance, and{resamples}. Regions whose bootstrap error exceeds the third quartile by more "
        "than 1.5 interquartile ranges (of their metric, tissue and data) are not kept in the means and correlations "
        "of peak ages."
    )


def _differences(get: Lookup, reference: str, patients: str, done: list[str]) -> str:
    wanted = str(get("statistics.harmonized_method", "hbr"))
    # The group level takes ComBat-GAM where the wanted method was not run.
    scale = METHOD_TITLES[wanted if wanted in done else "gam"]
    return (
        f"Groups were compared on the residuals of value ~ age + sex: Cohen's d (controls minus {patients}, pooled "
        "standard deviation) and a two-sample t-test with equal variances, with the false discovery rate "
        f"{cite('benjamini1995')} within metric, tissue and comparison at {escape(get('statistics.alpha', 0.05))}. "
        f"Cross-site: raw patients with the controls of {reference}; within-site: with the controls of their own "
        f"site; harmonized: on the scale of {scale} with the controls of "
        + ("the sites whose ages overlap the patients'." if get("statistics.overlap_only", True) else "all sites.")
    )


def _zscores(get: Lookup, done: list[str]) -> str:
    whose = "the sites whose ages overlap the patients'" if get("statistics.overlap_only", True) else "all sites"
    if "hbr" in done:
        return (
            "Z-scores are the deviations from the hierarchical Bayesian model of the controls of the patients' sites "
            f"and those of like age {cite('kia2020', 'deboer2024')}."
        )
    return (
        "Z-scores are the deviations of the ComBat-GAM values from value ~ age + age² + sex of the controls of "
        f"{whose}, in standard errors of the prediction; a control does not enter its own prediction."
    )


def participant_methods(settings: Mapping[str, object], metrics: Iterable[str], tissues: Iterable[str]) -> list[str]:
    """Describe what was done at the participant level.

    Parameters
    ----------
    settings : mapping of str to object
        The run's settings, as nested mappings.
    metrics : iterable of str
        Metrics of the regional table: only what was made is described.
    tissues : iterable of str
        Tissues of the regional table.

    Returns
    -------
    list of str
        Paragraphs of HTML, with links by `cite`.
    """
    get, found, sampled = Lookup(settings), set(metrics), set(tissues)
    out = [f"Input is raw BIDS {cite('bids2016')}; the steps are connected by Nipype {cite('nipype2011')}."]
    if "R1" in found:
        corrected = (
            " Where a map of the transmit field exists, flip angles are corrected by it " + cite("marques2013") + "."
        )
        out.append(
            "R1 is read from the uniform MP2RAGE image through the table of the sequence's signal equations "
            f"{cite('marques2010')}, inversion efficiency {escape(get('r1.efficiency', 0.96))}."
            + ("" if get("r1.b1_correction", "auto") == "off" else corrected)
        )
    if "R2star" in found:
        method = str(get("r2star.method", "nlls"))
        source = f" {cite('pei2015')}" if method == "arlo" else ""
        out.append(
            f"R2* is fitted to the multi-echo magnitudes by {_R2STAR_FITS.get(method, escape(method))}{source}; the "
            f"paper used SEPIA {cite('chan2021')}. The multi-echo images are aligned with MP2RAGE by a rigid "
            "registration."
        )
    if sampled & {"cGM", "sWM"}:
        out.append(_surface_text(get))
    if "WM" in sampled:
        share = 100 * float(str(get("bundles.central", 0.7)))
        out.append(
            f"Bundles are sampled along their length {cite('yeatman2012', 'kruper2021')} at "
            f"{escape(get('bundles.nodes', 100))} nodes, of which the central {share:.0f} % are averaged"
            + (f", by SCILPY's commands {cite('renauld2026')}." if get("bundles.tractometry") == "scilpy" else ".")
        )
    if sampled:
        out.append(
            "Vertices and nodes in lesions, outside the field of view or outside the plausible range are left out and "
            "counted."
        )
    return out


def _surface_text(get: Lookup) -> str:
    depth = (
        f"at {100 * float(str(get('surfaces.cgm_fraction', 0.5))):.0f} % of the thickness along the white surface's "
        "normal"
        if get("surfaces.cgm_depth", "projfrac") == "projfrac"
        else "midway between the white and the pial surface"
    )
    return (
        f"Cortical gray matter is sampled {depth}, superficial white matter "
        f"{abs(float(str(get('surfaces.swm_distance', -0.5)))):g} mm below the white surface {cite('fischl2012')}, "
        f"{escape(get('surfaces.interpolation', 'trilinear'))} in the map's own space, and averaged per Brodmann area "
        f"of the PALS-B12 atlas {cite('vanessen2005')}."
    )


def methods_section(
    paragraphs: list[str], settings: Mapping[str, object], versions: Mapping[str, object], *, title: str = "Methods"
) -> Section:
    """Make the section of methods, references, versions and settings.

    Parameters
    ----------
    paragraphs : list of str
        HTML, by `group_methods` or `participant_methods`.
    settings : mapping of str to object
        The run's settings, as nested mappings.
    versions : mapping of str to object
        Program to its version.
    title : str, optional
        Title.

    Returns
    -------
    Section
        The references are those that the paragraphs cite.
    """
    blocks: list[object] = [Text(f"<p>{paragraph}</p>") for paragraph in paragraphs]
    references = reference_list(paragraphs)
    if references:
        blocks.append(Text(f"<h3>References</h3>{references}"))
    if versions:
        blocks.append(pairs_block(versions, "Versions"))
    if settings:
        blocks.append(pairs_block(settings, "Settings", folded=True))
    return Section("methods", title, blocks)
