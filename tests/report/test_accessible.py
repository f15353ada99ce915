"""Colors that people with any color vision tell apart, and a text for every picture."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from harmoniq.report.style import COMPARISON_STYLES, METHOD_COLORS, TISSUE_STYLES, site_styles

#: Machado, Oliveira & Fernandes 2009 (IEEE TVCG 15:1291), severity 1.0, on linear RGB.
VISIONS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color, vision):
    """Return a color's CIE L*a*b* as a color vision sees it (sRGB, D65)."""
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(VISIONS[vision]) @ linear, 0, 1)
    x, y, z = (
        t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29
        for t in TO_XYZ @ seen / np.array([0.9505, 1.0, 1.089])
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


SETS = {
    "sites": [style.color for style in site_styles([f"site{k}" for k in range(7)]).values()],
    "tissues": [style[0] for style in TISSUE_STYLES.values()],
    "methods": list(METHOD_COLORS.values()),
    "comparisons": [style[0] for style in COMPARISON_STYLES.values()],
    "quality control": ["#56B4E9", "#D55E00"],
}


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", SETS)
def test_colors_differ_for_everybody(name, vision):
    # A difference of 2.3 is just noticeable; 10 is seen at a glance. Each color goes with a marker besides.
    for first, second in itertools.combinations(SETS[name], 2):
        assert np.linalg.norm(lab(first, vision) - lab(second, vision)) > 10, (first, second)


def test_markers_go_with_colors():
    assert len({style.marker for style in site_styles([f"site{k}" for k in range(7)]).values()}) == 7
    assert len({style[1] for style in TISSUE_STYLES.values()}) == len(TISSUE_STYLES)


def test_every_picture_of_a_template_has_a_text():
    folder = Path(__import__("harmoniq.report").report.__file__).parent / "templates"
    for path in folder.glob("*.html"):
        for tag in re.findall(r"<img[^>]*>", path.read_text()):
            assert re.search(r'alt="\{\{ [^}]+ \}\}', tag), (path.name, tag)
    script = (folder / "qc.js").read_text()
    assert script.count('make("img"') == 1 and 'alt: qc.kinds[kind] + " of "' in script
    assert '"aria-label": metric.title' in (folder / "qc_plot.js").read_text()
