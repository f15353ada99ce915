"""The figures of one session on its participant's page: what the nodes drew, and what is drawn from its samples."""

from pathlib import Path
from typing import Final

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.files import write_bytes
from harmoniq.data.tables import read_tsv
from harmoniq.regions.collect import find_profiles
from harmoniq.report.images import ReportFigure, figure_bytes
from harmoniq.report.samples import read_samples

_COLORS: Final = (
    "turned round for rates, as Fuderer et al. 2025 recommend: black is no value. Outside the "
    "brain mask the picture is dimmed; the map is not."
)
_MAPS: Final = {
    "R1": (
        "R1",
        "R1 in three planes, 0 to 1.6 1/s",
        f"Fixed scale and lipari colors, {_COLORS}",
    ),
    "R2star": (
        "R2*",
        "R2* in three planes, 0 to 50 1/s",
        f"Fixed scale and navia colors, {_COLORS}",
    ),
}
_CORTEX: Final = {
    "outlines": (
        "Surfaces",
        "Outlines of the white and pial surfaces on R1 in three planes",
        "The white surface (blue) should follow the edge of the white matter, the pial surface (orange) that of the "
        "cortex. Where they do not, samples are not of the tissue they are named after.",
    ),
    "R1cortex": (
        "R1 along the cortex",
        "R1 on the inflated and flat cortex, mid-cortex and superficial white matter, 0.4 to 1.2 1/s",
        "On fsaverage5, fixed scale. Black lines: borders of areas; gray: no value or no cortex.",
    ),
    "R2starcortex": (
        "R2* along the cortex",
        "R2* on the inflated and flat cortex, mid-cortex and superficial white matter, 5 to 35 1/s",
        "On fsaverage5, fixed scale. Black lines: borders of areas; gray: no value or no cortex.",
    ),
    "depths": (
        "Thickness and depths",
        "Histograms of the cortical thickness, and of where samples lie between the white and the pial surface",
        "Of vertices with an area. b: 0 is the white vertex and 1 its pial vertex; FreeSurfer's projfrac goes along "
        "the normal of the white surface, so that 0.5 is not the middle of that line. The medians stand in the legend.",
    ),
    "areas": (
        "Size of the areas",
        "Vertices of each area of both hemispheres, with those marked that have few",
        "A mean over few vertices is as uncertain as its place: those in the shaded range are named in the notes.",
    ),
}
_EDGES: Final = (
    "Registration",
    "Edges of MP2RAGE over the first ME-GRE echo",
    "The edges of MP2RAGE (orange) should follow those of the ME-GRE image beneath.",
)
_LESIONS: Final = (
    "Lesions",
    "Outlines of what is left out for lesions over R1 in three planes",
    "Around each lesion and its dilation (orange): what lies inside enters no regional value.",
)
_BUNDLES: Final = (
    "Bundles",
    "White-matter bundles over the R1 map from the left, from the front and from above",
    "Up to 80 streamlines of each, seen through the head; from the left without those of the right side.",
)
_PROFILES: Final = {
    "R1": ("R1 along the bundles", "Profiles of R1 along the bundles, a panel each"),
    "R2star": ("R2* along the bundles", "Profiles of R2* along the bundles, a panel each"),
}
_PROFILE_CAPTION: Final = (
    "Weighted mean and standard deviation over the streamlines, whose number stands in brackets, node by node. The "
    "shaded central part enters the regional value; at the ends streamlines fan out into cortex."
)
_TURN: Final = (
    "Registration, in turn",
    "The same slices of MP2RAGE and of the registered first ME-GRE echo",
    "Shown in turn at one place, nothing but the contrast should change: what jumps is not registered.",
)
_HISTOGRAMS: Final = (
    "Tissues",
    "Distributions of R1 and R2* in cortical gray matter, superficial white matter and white-matter bundles",
    "All vertices, and the central nodes of the bundles; median and quartiles. Fixed scales.",
)
_LOOKUP: Final = (
    "Lookup curve",
    "Uniform image of MP2RAGE over T1, with the tissues' T1 below it and the range in which it is monotonic",
    "R1 is read from the bold curve. Where it is flat, noise costs most; in the shaded range a signal belongs to two "
    "T1. The gray curves show what a transmit field of 0.8 and 1.2 times nominal does: without a B1+ map R1 moves from "
    "the one to the other.",
)

_ENGINES: Final = {
    "difference": (
        "{0} of two engines",
        "{0} of the native engine minus that of the reference engine, in three planes",
        "In percent of the reference engine's map; the scale (of 0.01 to 100 %) holds 99 % of the solid tissue.",
    ),
    "scatter": (
        "{0} of two engines, voxel by voxel",
        "{0} of the native engine over that of the reference engine, and their difference over their mean",
        "Left, the line of equal values; right (Bland and Altman), the median and the range of 95 % of the voxels.",
    ),
}


_PROFILE_ENGINES: Final = (
    "{0} along the bundles by two engines",
    "Profiles of {0} along the bundles by the native engine and by SCILPY, a panel each",
    "In brackets the difference of the central means, native minus SCILPY, of SCILPY's. SCILPY averages the voxels "
    "nearest to each node, weighted by the density of streamlines; the native engine samples points along them.",
)


def session_figures(
    out_dir: Path,
    label: str,
    *,
    timing: MP2RAGETiming | None = None,
    figures_dir: Path | None = None,
    draw: bool = True,
) -> list[ReportFigure]:
    """Collect a session's figures, and draw those that need all of its samples.

    Parameters
    ----------
    out_dir : path
        Root of the derivatives.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.
    timing : MP2RAGETiming, optional
        For the lookup curve.
    figures_dir : path, optional
        Default: ``out_dir/sub-X/figures``.
    draw : bool
        Whether to draw those at all.

    Returns
    -------
    list of ReportFigure
        In the order of the page; what is absent is left out. The figures drawn here are written beside the others.

    Raises
    ------
    InputError
        When samples cannot be read; the file is named.
    """
    folder = figures_dir or out_dir / label.split("_")[0] / "figures"
    session = f" ({label.partition('_ses-')[2]})" if "_ses-" in label else ""

    def picture(name: str) -> Path:
        return folder / f"{label}_desc-{name}.png"

    def figure(
        about: tuple[str, str, str], image: Path, second: Path | None = None,
        names: tuple[str, str] = ("MP2RAGE", "ME-GRE"),
    ) -> ReportFigure:  # fmt: skip
        title, alt, caption = about
        return ReportFigure(f"{title}{session}", alt, image, caption, second=second, names=names)

    found = [figure(about, picture(name)) for name, about in _MAPS.items() if picture(name).is_file()]
    for name, about in _CORTEX.items():
        plain = picture(f"{name}plain")
        if picture(name).is_file() and plain.is_file():
            found.append(figure(about, picture(name), plain, ("surfaces", "without")))
        elif picture(name).is_file():
            found.append(figure(about, picture(name)))
    found += [figure(about, path) for about, path in _drawn(out_dir, label, timing, folder)] if draw else []
    for metric, (word, *_) in _MAPS.items():
        for kind, about in _ENGINES.items():
            if picture(f"{metric}engines{kind}").is_file():
                title, alt, caption = (text.format(word) for text in about)
                found.append(figure((title, alt, caption), picture(f"{metric}engines{kind}")))
        if picture(f"{metric}profileengines").is_file():
            title, alt, caption = (text.format(word) for text in _PROFILE_ENGINES)
            found.append(figure((title, alt, caption), picture(f"{metric}profileengines")))
    if picture("bundles").is_file():
        found.append(figure(_BUNDLES, picture("bundles")))
    if picture("lesions").is_file():
        found.append(figure(_LESIONS, picture("lesions")))
    if picture("registration").is_file():
        found.append(figure(_EDGES, picture("registration")))
    frames = picture("registrationMP2RAGE"), picture("registrationMEGRE")
    if all(path.is_file() for path in frames):
        found.append(figure(_TURN, *frames))
    return found


def _drawn(
    out_dir: Path, label: str, timing: MP2RAGETiming | None, folder: Path
) -> list[tuple[tuple[str, str, str], Path]]:
    """Draw the histograms and the lookup curve into the folder, as far as there is something to draw."""
    from harmoniq.report.histograms import figure_tissue_histograms
    from harmoniq.report.lookup_curve import figure_lookup_curve
    from harmoniq.report.tract_profiles import figure_profiles

    samples = read_samples(out_dir.joinpath(*label.split("_")), label)
    figures = []
    if samples:
        figures.append((_HISTOGRAMS, "histograms", figure_tissue_histograms(samples)))
    if timing is not None:
        figures.append((_LOOKUP, "lookup", figure_lookup_curve(timing, samples.get("R1"))))
    for metric, (title, alt) in _PROFILES.items():
        table = find_profiles(out_dir.joinpath(*label.split("_")), label, metric)
        if table is not None:
            figure = figure_profiles(read_tsv(table), metric, f"{label}: {title}")
            figures.append(((title, alt, _PROFILE_CAPTION), f"{metric}profiles", figure))
    found = []
    for about, name, figure in figures:
        path = folder / f"{label}_desc-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, figure_bytes(figure))
        found.append((about, path))
    return found
