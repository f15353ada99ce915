"""A folder of results of many simulated sessions: their metrics and small pictures, without the images."""

import io
import json

import numpy as np
import pytest

from harmoniq.report.qc.metrics import QC_METRICS
from harmoniq.report.qc.thumbnails import PICTURES, thumbnail_path

#: Metric to its mean and standard deviation.
LEVELS = {
    "snr_mp2rage": (45, 5), "snr_megre": (60, 6), "registration_cost": (-1.1, 0.05), "head_motion_mm": (1.5, 0.4),
    "dwi_motion_mm": (1.2, 0.3), "b1_median": (0.97, 0.02), "b1_p05": (0.8, 0.03), "b1_p95": (1.1, 0.03),
    "r1_outside_percent": (0.4, 0.1), "surface_defects": (30, 6), "surface_euler": (-30, 6), "areas": (82, 0),
    "vertices_min": (110, 10), "vertices_median": (2500, 150), "bundles": (18, 0), "streamlines_min": (60, 10),
    "streamlines_median": (400, 40), "excluded_percent": (0.5, 0.1), "R1_brain": (0.75, 0.02), "R1_cGM": (0.68, 0.02),
    "R1_sWM": (0.85, 0.02), "R1_WM": (1.05, 0.02), "R2star_brain": (19, 0.6), "R2star_cGM": (16, 0.5),
    "R2star_sWM": (19, 0.5), "R2star_WM": (22, 0.6),
}  # fmt: skip


def picture(seed):
    """Return a WebP of 240 x 90 pixels and some 4 kB: noise is the worst that a picture can hold."""
    from PIL import Image

    grain = np.random.default_rng(seed).integers(0, 255, (15, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grain).resize((240, 90), Image.Resampling.BICUBIC).save(buffer, "WEBP", quality=60)
    return buffer.getvalue()


def make_results(root, people, *, seed=0):
    """Write the metrics, pictures and participants.tsv of sessions at three sites; return the planted outlier."""
    assert set(LEVELS) == set(QC_METRICS)
    rng = np.random.default_rng(seed)
    lines, pictures = ["participant_id\tsite\tgroup\tage\tsex"], [picture(k) for k in range(8)]
    for number in range(people):
        label, site = f"sub-{number:04d}", number % 3
        values = {
            name: round(float(mean * (1 + 0.1 * site) + sd * np.clip(rng.normal(), -2.5, 2.5)), 4)
            for name, (mean, sd) in LEVELS.items()
        }
        if number == 7:
            values["snr_megre"], values["dwi_motion_mm"] = 12.0, 9.0
        folder = root / label
        (folder / "figures").mkdir(parents=True)
        content = {"participant_id": label, "session_id": "n/a", "metrics": values, "where": {"vertices_min": "BA26 L"}}
        (folder / f"{label}_qc.json").write_text(json.dumps(content))
        for k, kind in enumerate(PICTURES):
            thumbnail_path(folder / "figures", label, kind).write_bytes(pictures[(number + k) % len(pictures)])
        lines.append(f"{label}\tsite{site + 1}\t{'MS' if number % 4 == 0 else 'HC'}\t40\tF")
    (root / "participants.tsv").write_text("\n".join(lines) + "\n")
    return "sub-0007"


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Return the folder of sixty simulated sessions; nobody may change it."""
    root = tmp_path_factory.mktemp("results")
    make_results(root, 60)
    return root


@pytest.fixture(scope="session")
def many_results():
    """Return the function that makes a folder of results."""
    return make_results
