"""What each column of the group's tables means: sidecars of figure data and tooltips of the reports."""

from collections.abc import Iterable
from typing import Final

#: Column to its meaning and unit.
MEANINGS: Final[dict[str, str]] = {
    "participant_id": "Participant",
    "session_id": "Session",
    "site": "Site",
    "group": "Controls or patient group",
    "age": "Age in years",
    "sex": "F or M",
    "metric": "R1 = 1/T1 or R2star = 1/T2*, in 1/s",
    "tissue": "cGM: cortical gray matter, sWM: superficial white matter, WM: white-matter bundles",
    "region": "Brodmann area (PALS-B12) or bundle",
    "hemisphere": "L, R, or n/a where the region's name holds the side",
    "data": "raw, or the method of harmonization",
    "data_x": "Data of the horizontal axis",
    "data_y": "Data of the vertical axis",
    "value": "Regional mean, in 1/s",
    "sd": "Standard deviation over the samples, in 1/s",
    "n": "Number of observations",
    "n_excluded": "Samples left out: lesion, outside the field of view or the plausible range",
    "engine": "Engine and version",
    "icc_unadjusted": "Share of the variance that lies between sites, no covariates",
    "icc_adjusted": "Share of the variance that lies between sites, given age, age² and sex",
    "singular_unadjusted": "The fit ended at a site variance of zero",
    "singular_adjusted": "The fit with covariates ended at a site variance of zero",
    "eta2": "Type II sum of squares of site over the total, given age, age² and sex",
    "partial_eta2": "Type II sum of squares of site over itself plus the residual",
    "PC1": "Score on the first principal component",
    "PC2": "Score on the second principal component",
    "variance_PC1": "Share of the variance on the first principal component",
    "variance_PC2": "Share of the variance on the second principal component",
    "eta2_PC1": "Share of the first component's variance that lies between sites",
    "eta2_PC2": "Share of the second component's variance that lies between sites",
    "b0": "Intercept",
    "b_age": "Coefficient of age, per year",
    "b_age2": "Coefficient of age², per year²",
    "b_sex": "Coefficient of sex",
    "lrt_chi2": "Likelihood-ratio statistic of age², 1 degree of freedom",
    "lrt_p": "p of the likelihood-ratio test of age²",
    "peak_age": "Age at which the quadratic turns, in years; n/a where age² is not significant",
    "peak_x": "Peak age under data_x, in years",
    "peak_y": "Peak age under data_y, in years",
    "se_peak": "Standard error of the peak age by the delta method, in years",
    "se_peak_paper": "Standard error of the peak age by the paper's equation 6, in years",
    "se_peak_boot": "Standard error of the peak age over bootstrap resamples, in years",
    "ci_low": "Lower end of the 95 % confidence interval",
    "ci_high": "Upper end of the 95 % confidence interval",
    "kept": "Bootstrap standard error not above the third quartile by more than 1.5 interquartile ranges",
    "rmse": "Root mean square of the residuals",
    "mean": "Mean",
    "se": "Standard error",
    "n_kept": "Regions kept",
    "n_regions": "Regions",
    "rho": "Spearman's rank correlation",
    "p": "p value",
    "p_fdr": "p value, false discovery rate (Benjamini-Hochberg)",
    "q25": "First quartile",
    "q75": "Third quartile",
    "comparison": (
        "cross_site: reference site's controls; within_site: the patients' own site; harmonized: harmonized values, "
        "controls of the sites that overlap the patients in age"
    ),
    "n_controls": "Controls",
    "n_patients": "Patients",
    "d": "Cohen's d, controls minus patients, of the residuals of age and sex",
    "direction": "Which group has the higher mean",
    "n_significant": "Regions with p FDR below the threshold",
    "d_median": "Median of Cohen's d over the significant regions",
    "d_q25": "First quartile of Cohen's d over the significant regions",
    "d_q75": "Third quartile of Cohen's d over the significant regions",
    "n_hc_gt_ms": "Significant regions that are higher in controls",
    "n_hc_lt_ms": "Significant regions that are higher in patients",
    "p_trend": "Whether p FDR rises or falls from the within-site to the harmonized comparison",
    "beta": "Coefficient of the Z-score",
    "adj_r2": "Adjusted R²",
    "selected": "Significant in the harmonized group comparison",
    "z": "Deviation from the normative model, in standard deviations",
    "fold": "Cross-validation fold",
    "rhat_max": "Largest R-hat over the parameters",
    "ess_min": "Smallest effective sample size over the parameters",
    "divergences": "Divergent transitions",
    "converged": "R-hat, effective sample size and divergences are within limits",
    "edss_adjusted": "EDSS less what phenotype, disease duration and sex contribute",
    "within_spread": "Whether it lies within the published spread",
    "paper_spread": "Published standard deviation, standard error, interquartile range or regions",
    "here_spread": "The same, as found here",
    "unit": "Unit",
    "remark": "What differs from the paper",
    "where": "Where in the paper",
    "setting": "Key of the config",
    "unclear": "What the paper leaves open",
    "chosen": "The reading of this run",
    "other": "The other reading",
    "value_chosen": "Under the reading of this run",
    "value_other": "Under the other reading",
    "change": "The other minus the chosen one",
    "reason": "Why the participant is left out",
    "panel": "Panel of the figure",
    "quantity": "What is compared",
    "paper": "As published by Chen et al. 2026",
    "here": "As found here",
    "difference": "Here minus paper",
    "true": "Simulated truth, in 1/s",
    "recovered": "As measured from the simulated images, in 1/s",
    "error_percent": "Recovered minus true, in % of true",
    "r": "Pearson correlation over all participants and regions",
    "r_participants": "Median over participants of the Pearson correlation over regions",
    "slope": "Slope of recovered on true, least squares",
    "bias_percent": "Median of recovered minus true, in % of true",
    "median_abs_error_percent": "Median absolute error, in % of true",
    "p90_abs_error_percent": "90th percentile of the absolute error, in % of true",
    "max_abs_error_percent": "Largest absolute error, in % of true",
    "n_participants": "Number of participants",
    "age_low": "Youngest age of the site, in years",
    "age_high": "Oldest age of the site, in years",
}


def describe(columns: Iterable[str]) -> dict[str, str]:
    """Return the meaning of each column; one that is not known is described by its name.

    Parameters
    ----------
    columns : iterable of str
        Their names.

    Returns
    -------
    dict of str to str
        Column to a sentence for the table's sidecar.
    """
    return {str(name): MEANINGS.get(str(name), str(name).replace("_", " ")) for name in columns}
