"""The report of the group level."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from harmoniq.data.files import write_text
from harmoniq.report.blocks import Image, Notes, Section, Text, Tiles, table_block
from harmoniq.report.citations import bibtex
from harmoniq.report.diagnostics import diagnostics_section
from harmoniq.report.group_figures import FigureMaker
from harmoniq.report.group_tables import GroupTables
from harmoniq.report.images import ReportFigure
from harmoniq.report.methods import Lookup, group_methods, methods_section
from harmoniq.report.page import write_page
from harmoniq.report.site_effects import site_effect_summary
from harmoniq.report.study_sections import exclusion_blocks, readings_section, rerun_section, scorecard_section
from harmoniq.report.style import METHOD_TITLES

#: Longer tables are folded away.
_FOLD_ABOVE = 60


def write_group_report(
    folder: str | Path,
    *,
    settings: Mapping[str, object],
    notes: Sequence[str],
    versions: Mapping[str, object],
    participants: pd.DataFrame | None = None,
    title: str = "Group report",
    command: str = "",
) -> Path:
    """Draw the group level's figures and write its report.

    Parameters
    ----------
    folder : path
        Holds the group level's tables; whatever is absent is said to be so.
    settings : mapping
        Of the run, nested as the study's TOML.
    notes : sequence of str
        What the user should know: participants left out, methods not run.
    versions : mapping
        Program or library to its version; ``harmoniq`` stands in the foot of the page.
    participants : pandas.DataFrame, optional
        ``participant_id site group age sex``; else ``participants.tsv`` in `folder`, or such columns of
        ``regions_harmonized.tsv``. Without any of them figure 2 is left out.
    title : str
        Heading of the page.
    command : str
        What makes the same results again.

    Returns
    -------
    path
        Of ``report.html`` in `folder`; the figures are in ``figures`` as SVG and PNG.
    """
    tables = GroupTables.read(folder)
    people = tables.people(participants)
    get = Lookup(settings)
    control = str(get("study.control_group", "HC"))
    alpha, atlas = float(str(get("statistics.alpha", 0.05))), str(get("surfaces.atlas", "auto"))
    maker = FigureMaker(tables, people, control_group=control, alpha=alpha, atlas=atlas)
    figures = maker.make_all()
    paragraphs = group_methods(settings, tables.methods(), tables.frames)
    sections = [
        _summary(tables, people, control, [*notes, *tables.problems]),
        _participants(tables),
        _site_effects(tables, figures),
        _harmonized(tables, figures),
        diagnostics_section(tables),
        _age(tables, figures),
        _differences(tables, figures),
        _clinical(tables, figures),
        _bundles(tables, figures),
        scorecard_section(tables, figures),
        readings_section(tables),
        _diagnostics(tables),
        methods_section(paragraphs, settings, versions),
        rerun_section(command, versions, paragraphs),
    ]
    if references := bibtex(paragraphs):
        write_text(Path(folder) / "references.bib", references + "\n")
    methods = ", ".join(METHOD_TITLES.get(name, name) for name in tables.methods())
    return write_page(
        Path(folder) / "report.html",
        title=title,
        subtitle=f"Regional R1 and R2* across sites: {methods or 'no tables found'}",
        sections=sections,
        version=str(versions.get("harmoniq", "")),
    )


def _summary(tables: GroupTables, people: pd.DataFrame | None, control: str, notes: list[str]) -> Section:
    tiles = []
    if people is not None:
        controls = int((people["group"] == control).sum())
        tiles += [
            (str(controls), "controls"),
            (str(len(people) - controls), "patients"),
            (str(people["site"].nunique()), "sites"),
            (f"{people['age'].min():.0f}–{people['age'].max():.0f}", "years of age"),
        ]
    effects = tables.get("site_effects")
    if effects is not None:
        tiles.append((str(len(effects[["metric", "tissue", "region"]].drop_duplicates())), "regional measures"))
        means = effects.groupby("data", sort=False)["eta2"].mean()
        tiles += [(f"{means[m]:.3f}", f"mean η² of site, {METHOD_TITLES[m]}") for m in METHOD_TITLES if m in means]
    return Section("summary", "Summary", [Tiles(tiles), Notes(notes, title="Notes")])


def _participants(tables: GroupTables) -> Section:
    blocks = _tables(
        tables, ("table1_demographics", "Table 1. Demographics"), ("table2_acquisition", "Table 2. Acquisition")
    )
    blocks += exclusion_blocks(tables)
    return Section("participants", "Participants", blocks)


def _site_effects(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    effects = tables.get("site_effects")
    blocks = [*_images(figures, "site_effects")]
    if effects is not None:
        blocks.append(table_block(site_effect_summary(effects), "Mean and standard deviation over regions"))
    blocks += _tables(tables, ("site_effects", "Site effects of every region"))
    blocks += _images(figures, "figure1_pca", *(name for name in figures if name.startswith("figureS1_")))
    blocks += _tables(tables, ("pca_summary", "Principal components"))
    return Section("site-effects", "Site effects", blocks)


def _harmonized(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    blocks: list[object] = [*_images(figures, "figure2_distributions", "figure2_age_curves")]
    if not blocks:
        blocks = [_absent("regions_harmonized or participants")]
    elif (tables.folder / "regions_harmonized.tsv").is_file():
        blocks.append(Text('<p>Every value: <a href="regions_harmonized.tsv">regions_harmonized.tsv</a>.</p>'))
    return Section("harmonized", "Harmonized values", blocks)


def _age(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    blocks = _tables(
        tables, ("peak_age_summary", "Peak ages (years)"), ("rmse_change", "Decrease of the RMSE from raw (%)")
    )
    blocks += _images(figures, "figure3_peak_ages")
    blocks += _tables(
        tables, ("peak_age_correlation", "Correlation of peak ages"), ("age_models", "Age models of every region")
    )
    return Section("age", "Age models", blocks)


def _differences(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    blocks = _tables(tables, ("table3_group_differences", "Table 3. Group differences"))
    blocks += _images(figures, *(name for name in figures if name.startswith("group_differences_")))
    blocks += _tables(tables, ("group_differences", "Group differences of every region"))
    return Section("differences", "Group differences", blocks)


def _clinical(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    blocks = _images(figures, "figure4_z_maps", "figureS2_z_maps_raw")
    if tables.get("zscore_summary") is not None:
        blocks += _tables(tables, ("zscore_summary", "Mean Z-score of the patients in every region"))
    blocks += _images(figures, "figure5_edss")
    if tables.get("edss") is not None:
        blocks += _tables(tables, ("edss", "Associations with EDSS"))
    return Section("clinical", "Z-scores and EDSS", blocks)


def _bundles(tables: GroupTables, figures: Mapping[str, ReportFigure]) -> Section:
    blocks = _images(figures, *(name for name in figures if name.startswith("tract_profiles_")))
    if blocks:
        blocks.append(Text('<p>Every node: <a href="tract_profiles.tsv">tract_profiles.tsv</a>.</p>'))
    return Section("bundles", "Along the bundles", blocks)


def _diagnostics(tables: GroupTables) -> Section:
    blocks = [] if tables.get("hbr_diagnostics") is None else _tables(tables, ("hbr_diagnostics", "HBR diagnostics"))
    return Section("hbr_diagnostics", "HBR diagnostics", blocks)


def _tables(tables: GroupTables, *wanted: tuple[str, str]) -> list[object]:
    blocks: list[object] = []
    for name, title in wanted:
        frame = tables.get(name)
        if frame is None:
            known = name in tables.frames
            blocks.append(Notes([f"{name}.tsv has no rows."]) if known else _absent(name))
        else:
            blocks.append(table_block(frame, title, folded=len(frame) > _FOLD_ABOVE, source=f"{name}.tsv"))
    return blocks


def _images(figures: Mapping[str, ReportFigure], *names: str) -> list[object]:
    return [Image(figures[name]) for name in names if name in figures]


def _absent(name: str) -> Notes:
    return Notes(
        [f"{name}.tsv was not written, so it is not shown." if " " not in name else f"The tables {name} are absent."]
    )
