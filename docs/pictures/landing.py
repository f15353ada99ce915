"""Make the start page's picture from a finished demo, whose folder is the argument (`make docs-pictures`).

Every panel is the demo's output: the maps and the cortex of its first control, and the harmonized cohort's tables.
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from harmoniq.report.map_colors import SCALES, color_map, color_norm
from harmoniq.report.style import site_styles

HERE = Path(__file__).resolve().parent
REGION = ("R1", "cGM", "BA4")
# Where the left lateral view of mid-cortex lies in the participant's figure: left, top, right, bottom, as shares.
VIEW = (0.021, 0.182, 0.174, 0.482)


def show_map(axes: Axes, folder: Path, metric: str) -> None:
    """Show a map's slice a little above the middle of the brain, the nose up."""
    (file,) = folder.glob(f"anat/*_{metric}map.nii.gz")
    image = nib.as_closest_canonical(nib.load(file))
    brain = nib.as_closest_canonical(nib.load(next(folder.glob("anat/*_desc-brain_mask.nii.gz"))))
    inside = np.argwhere(np.asarray(brain.dataobj) > 0)
    middle = brain.affine @ [*(inside.min(0) * 0.4 + inside.max(0) * 0.6), 1]
    k = round((np.linalg.inv(image.affine) @ middle)[2])
    data = np.where(np.asarray(brain.dataobj) > 0, np.asarray(image.dataobj), np.nan)[:, :, k]
    (left, back, _), (right, front, _) = inside.min(0), inside.max(0)
    colors = color_map(metric).with_extremes(bad="white")
    axes.imshow(data[left : right + 1, back : front + 1].T, origin="lower", cmap=colors, norm=color_norm(metric))
    axes.set_title(f"1  map of {SCALES[metric].label}", loc="left")
    axes.axis("off")


def show_cortex(axes: Axes, folder: Path) -> None:
    """Show R1 at mid-cortex on the inflated surface with the borders of the areas."""
    picture = plt.imread(next(folder.glob("figures/*_desc-R1cortex.png")))
    rows, columns = picture.shape[:2]
    left, top, right, bottom = VIEW
    axes.imshow(picture[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)])
    axes.set_title("2  R1 in 41 areas of the cortex", loc="left")
    axes.axis("off")


def show_ages(axes: Axes, cohort: Path, method: str, title: str) -> None:
    """Show a region of the controls over age, each site with its quadratic curve."""
    people = pd.read_csv(cohort / "simulated" / "participants.tsv", sep="\t")
    table = pd.read_csv(cohort / "regions_harmonized.tsv", sep="\t")
    wanted = (table[["metric", "tissue", "region"]] == list(REGION)).all(axis=1)
    table = table[wanted].merge(people)
    table = table[table["group"] == "HC"].dropna(subset=[method])
    for site, style in site_styles(table["site"].unique()).items():
        part = table[table["site"] == site]
        axes.scatter(part["age"], part[method], s=5, alpha=0.3, color=style.color, marker=style.marker, linewidths=0)
        ages = np.linspace(part["age"].min(), part["age"].max(), 50)
        axes.plot(ages, np.polyval(np.polyfit(part["age"], part[method], 2), ages), color=style.color, label=site)
    axes.set_title(title, loc="left")
    axes.set_xlabel("age (years)")
    axes.set_ylabel(f"{REGION[0]} of {REGION[2]} (1/s)")
    axes.spines[["top", "right"]].set_visible(False)


def main(demo: Path) -> None:
    """Draw the picture of a demo's folder."""
    folder = next(path for path in sorted((demo / "derivatives").glob("sub-*")) if path.is_dir())
    with mpl.rc_context({"font.size": 9, "axes.titlesize": 9, "axes.titleweight": "bold"}):
        figure = plt.figure(figsize=(10, 3.6), layout="constrained")
        grid = figure.add_gridspec(1, 4, width_ratios=[0.8, 1.1, 1.15, 1.15])
        show_map(figure.add_subplot(grid[0]), folder, "R1")
        show_cortex(figure.add_subplot(grid[1]), folder)
        before = figure.add_subplot(grid[2])
        show_ages(before, demo / "cohort", "raw", "3  three sites, as measured")
        after = figure.add_subplot(grid[3], sharey=before)
        show_ages(after, demo / "cohort", "gam", "4  the same, harmonized")
        after.legend(frameon=False, loc="lower right")
        figure.savefig(HERE / "landing.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
