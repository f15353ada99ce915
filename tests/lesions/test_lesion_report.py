"""What the participant's page says and shows of lesions."""

import matplotlib.image
import numpy as np
import pandas as pd

from harmoniq.report.lesions import draw_lesions, lesion_section

FACTS = {
    "session": None, "metric": "R1", "LesionMask": "sub-1_label-lesion_mask.nii.gz", "LesionMaskSpace": "reference",
    "LesionMaskReference": "sub-1_FLAIR.nii.gz", "Lesions": 16, "LesionVolume": 3.81, "Dilation": 1.0,
    "ExcludedVolume": 6.5,
}  # fmt: skip


def test_outlines_lie_around_what_is_left_out(volume, ball, tmp_path):
    x, y, z = np.ogrid[:20, :24, :16]
    brain = (x - 10) ** 2 + (y - 12) ** 2 + (z - 8) ** 2 < 60
    paths = [
        volume("r1.nii.gz", np.where(brain, 1.0, 0.0)), volume("out.nii.gz", ball, dtype=np.uint8),
        volume("brain.nii.gz", brain, dtype=np.uint8),
    ]  # fmt: skip
    draw_lesions(*paths, tmp_path / "a.png", metric="R1", title="sub-1")
    draw_lesions(paths[0], volume("none.nii.gz", 0 * ball, dtype=np.uint8), paths[2], tmp_path / "b.png",
                 metric="R1", title="sub-1")  # fmt: skip
    orange = [
        (np.abs(matplotlib.image.imread(tmp_path / name)[..., :3] - (0.902, 0.624, 0)) < 0.1).all(axis=-1).mean()
        for name in ("a.png", "b.png")
    ]
    assert orange[0] > 0.005
    assert orange[1] < 0.0005


def test_section_says_which_mask_and_how_much(tmp_path):
    table = pd.DataFrame({"metric": "R1", "tissue": ["cGM", "cGM", "WM"], "n": [10, 20, 70], "n_excluded": [1, 2, 7]})
    section = lesion_section([FACTS], table, [])
    words = str([vars(block) for block in section.blocks])
    assert "sub-1_FLAIR.nii.gz" in words
    assert "registered to MP2RAGE" in words
    assert lesion_section([], None, []).blocks == []
    assert "without a lesion mask" in str(vars(lesion_section([], None, ["a patient without a lesion mask"]).blocks[0]))
