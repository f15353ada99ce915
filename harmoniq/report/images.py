"""Figures to files, and files into pages."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from harmoniq.data.files import atomic_path
from harmoniq.data.tables import write_tsv
from harmoniq.report.columns import describe
from harmoniq.report.style import styled

_MIME = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class ReportFigure:
    """An image as a report shows it.

    Parameters
    ----------
    title, caption : str
        What stands above and below it.
    alt : str
        What it shows, for readers who do not see it.
    image : path or bytes
        A PNG or SVG file, or the bytes of a PNG.
    links : mapping
        Label to a path relative to the report, for example ``{"SVG": "figures/figure1_pca.svg"}``.
    second : path or bytes, optional
        An image of the same size that is shown in turn with the first, at the same place.
    names : tuple of str
        What the two images are called.
    """

    title: str
    alt: str
    image: Path | bytes
    caption: str = ""
    links: Mapping[str, str] | None = None
    second: Path | bytes | None = None
    names: tuple[str, str] = ("first", "second")

    @property
    def uri(self) -> str:
        """The image as a data URI."""
        return _data_uri(self.image)

    @property
    def second_uri(self) -> str:
        """The second image as a data URI, empty where there is none."""
        return "" if self.second is None else _data_uri(self.second)


def _data_uri(image: Path | bytes) -> str:
    if isinstance(image, bytes):
        mime, content = "image/png", image
    else:
        path = Path(image)
        mime, content = _MIME[path.suffix.lower()], path.read_bytes()
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"


@styled
def save_figure(figure: Figure, folder: str | Path, name: str, data: pd.DataFrame | None = None) -> Path:
    """Write a figure as SVG and PNG, and its data beside it, each whole or not at all.

    The bytes depend on the figure alone: no date, and identifiers from a fixed salt.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Its layout is computed once and then frozen.
    folder : path
        Made when absent.
    name : str
        Without a suffix.
    data : pandas.DataFrame, optional
        Written as ``name.tsv`` with its JSON sidecar.

    Returns
    -------
    path
        Of the PNG.
    """
    folder = Path(folder)
    _freeze_layout(figure)
    # The canvases are asked directly: savefig draws everything once more beforehand, which is half of the time.
    target, dpi = folder / f"{name}.png", figure.dpi
    with atomic_path(target) as temporary:
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})
    with atomic_path(folder / f"{name}.svg") as temporary:
        FigureCanvasSVG(figure).print_svg(temporary, metadata={"Date": None})
    # SVG counts in points, and leaves the figure so.
    figure.dpi = dpi
    if data is not None:
        write_tsv(data, folder / f"{name}.tsv", columns=describe(data.columns), digits=7)
    return target


@styled
def figure_bytes(figure: Figure) -> bytes:
    """Render a figure as PNG.

    Parameters
    ----------
    figure : Figure
        Its layout is settled first and stays.

    Returns
    -------
    bytes
        The same for the same figure: no version of matplotlib is written into them.
    """
    _freeze_layout(figure)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _freeze_layout(figure: Figure) -> None:
    # The constrained layout is the slow part of drawing: once is enough for both formats.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
