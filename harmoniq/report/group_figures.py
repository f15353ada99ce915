"""The figures of the group level, drawn from its tables and written beside them."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from harmoniq.data.names import METRIC_WORDS, METRICS
from harmoniq.report.clinical_figures import clinical_figures
from harmoniq.report.distributions import figure_age_curves, figure_distributions
from harmoniq.report.examples import example_curves, example_values
from harmoniq.report.group_differences import figure_group_differences
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.images import ReportFigure, save_figure
from harmoniq.report.pca_figure import figure_pca
from harmoniq.report.peak_ages import figure_peak_ages, peak_pairs
from harmoniq.report.site_effects import figure_site_effects
from harmoniq.report.style import METHOD_TITLES, metric_word, records
from harmoniq.report.tract_profiles import profile_figures


class FigureMaker:
    """Draws what the tables permit, and keeps each figure under its name.

    Parameters
    ----------
    tables : GroupTables
        What was read.
    people : pandas.DataFrame or None
        ``participant_id site group age sex``.
    control_group : str
        Label of the controls.
    alpha : float
        Level of significance.
    atlas : str
        Of the Brodmann areas: ``auto`` or a folder.
    """

    def __init__(
        self, tables: GroupTables, people: pd.DataFrame | None, *, control_group: str, alpha: float, atlas: str = "auto"
    ) -> None:
        self.atlas = atlas
        self.tables, self.people, self.control_group, self.alpha = tables, people, control_group, alpha
        self.sites = tables.sites(people)
        self.figures: dict[str, ReportFigure] = {}

    def make_all(self) -> dict[str, ReportFigure]:
        """Draw and write every figure that the tables permit.

        Returns
        -------
        dict of str to ReportFigure
            The figures by name, in the order in which they were drawn.
        """
        self._pca()
        self._site_effects()
        self._examples()
        self._peak_ages()
        self._differences()
        for drawn in [
            *clinical_figures(self.tables, alpha=self.alpha, atlas=self.atlas), *profile_figures(self.tables)
        ]:  # fmt: skip
            self._keep(*drawn)
        return self.figures

    def _keep(
        self, name: str, figure: Figure, title: str, caption: str, alt: str, data: pd.DataFrame | None = None
    ) -> None:
        folder: Path = self.tables.folder / "figures"
        image = save_figure(figure, folder, name, data)
        links = {"SVG": f"figures/{name}.svg", "PNG": f"figures/{name}.png"}
        if data is not None:
            links["data"] = f"figures/{name}.tsv"
        self.figures[name] = ReportFigure(title=title, alt=alt, image=image, caption=caption, links=links)

    def _pca(self) -> None:
        pca, summary = self.tables.get("pca"), self.tables.get("pca_summary")
        if pca is None:
            return
        pca = pca.assign(site=pca["site"].astype(str))
        for data in [name for name in METHOD_TITLES if name in set(pca["data"])]:
            raw = data == "raw"
            words = "raw values" if raw else f"values harmonized by {METHOD_TITLES[data]}"
            self._keep(
                "figure1_pca" if raw else f"figureS1_pca_{data}",
                figure_pca(pca, summary, data=data, sites=self.sites),
                f"Figure {'1' if raw else 'S1'}. Principal components of {words}",
                "Each point is a participant, each color and marker a site. Ellipses hold 95 % of a normal "
                "distribution with the site's covariance. η² is the share of a component's variance that lies "
                "between sites; it includes what age and sex contribute where sites differ in them.",
                f"Scatter plots of the first two principal components of {words} by site, for R1 and R2* in three "
                "tissues. " + _pca_numbers(summary, data),
                pca[pca["data"] == data],
            )

    def _site_effects(self) -> None:
        effects = self.tables.get("site_effects")
        if effects is None:
            return
        means = effects.groupby("data", sort=False)["eta2"].mean()
        numbers = ", ".join(f"{METHOD_TITLES.get(str(name), name)} {value:.3f}" for name, value in means.items())
        self._keep(
            "site_effects",
            figure_site_effects(effects),
            "Site effects before and after harmonization",
            "Each point is a region; boxes span the quartiles, whiskers reach the last region within 1.5 "
            "interquartile ranges. ICC adjusted and η² are given age, age² and sex.",
            "Box plots of the intra-class correlation and eta squared of site per tissue and method. Mean eta "
            f"squared: {numbers}.",
            effects,
        )

    def _examples(self) -> None:
        regions = self.tables.get("regions_harmonized")
        if regions is None or self.people is None:
            return
        people = self.people.assign(site=self.people["site"].astype(str))
        values = example_values(regions, people, control_group=self.control_group)
        if values.empty:
            return
        curves = example_curves(values)
        shown = values[["metric", "tissue", "region"]].drop_duplicates()
        names = ", ".join(f"{metric_word(r.metric)} {r.tissue} {r.region}" for r in records(shown))
        self._keep(
            "figure2_distributions",
            figure_distributions(values, sites=self.sites),
            "Figure 2 (a, b). Distributions of example regions",
            "Controls, one density per site (Gaussian kernel, Scott's bandwidth), one column per method; a row has "
            "one scale, which spans 99.5 % of its values.",
            f"Density curves per site and method for {names}.",
            values,
        )
        self._keep(
            "figure2_age_curves",
            figure_age_curves(values, curves, sites=self.sites),
            "Figure 2 (c, d). Age curves of example regions",
            "Controls. Each curve is the quadratic fit of a site (value ~ age + age² + sex, drawn midway between the "
            "sexes) over the site's ages; the scale spans 99.5 % of a row's values.",
            f"Scatter plots of values against age with a quadratic curve per site, one column per method, for {names}.",
            curves,
        )

    def _peak_ages(self) -> None:
        models = self.tables.get("age_models")
        pairs = peak_pairs(models) if models is not None else None
        if pairs is None or pairs.empty:
            return
        self._keep(
            "figure3_peak_ages",
            figure_peak_ages(pairs, self.tables.get("peak_age_correlation")),
            "Figure 3. Peak ages between methods",
            "Each point is a region that is kept and has a peak under both methods. Lines are least-squares fits "
            "with pointwise 95 % bands; ρ is Spearman's rank correlation.",
            "Scatter plots of the regions' peak ages under one method against another, with lines per tissue.",
            pairs,
        )

    def _differences(self) -> None:
        differences = self.tables.get("group_differences")
        if differences is None:
            return
        counts = differences.assign(hit=differences["p_fdr"] < self.alpha).groupby("comparison", sort=False)["hit"]
        numbers = ", ".join(f"{name} {int(hits.sum())} of {len(hits)}" for name, hits in counts)
        for metric in [name for name in METRICS if name in set(differences["metric"])]:
            mine = differences[differences["metric"] == metric]
            self._keep(
                f"group_differences_{metric}",
                figure_group_differences(mine, alpha=self.alpha),
                f"Controls against patients, {METRIC_WORDS[metric]}",
                f"Cohen's d with its 95 % interval; above zero: higher in controls. Filled: p FDR < {self.alpha:g}.",
                f"Dot plot of Cohen's d per region of {METRIC_WORDS[metric]} in the comparisons. Significant over "
                f"both metrics: {numbers}.",
                mine,
            )


def _pca_numbers(summary: pd.DataFrame | None, data: str) -> str:
    if summary is None:
        return ""
    rows = summary[summary["data"] == data]
    return "Eta squared of site on PC1: " + ", ".join(
        f"{metric_word(r.metric)} {r.tissue} {r.eta2_PC1:.2f}" for r in records(rows)
    )
