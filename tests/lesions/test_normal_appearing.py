"""The point of it: with lesions left out the head's normal-appearing values come back; left in, they bias them."""

import numpy as np
import pytest

from harmoniq.data.files import read_json
from harmoniq.data.images import save_image
from harmoniq.data.lesions import LesionMask
from harmoniq.data.names import BUNDLES
from harmoniq.lesions.volumes import write_excluded
from harmoniq.regions.bundles import sample_bundles
from harmoniq.registration.itk import write_itk
from harmoniq.simulation.anatomy import Anatomy, Lesion, place_lesions
from harmoniq.simulation.deformation import random_deformation
from harmoniq.simulation.rasterize import tissue_fractions, truth_map
from harmoniq.simulation.template import load_template
from harmoniq.simulation.tractograms import write_tractograms
from harmoniq.simulation.values import default_values
from harmoniq.tract.find import find_bundles

SIZE = 1.5
AFFINE = np.array([[SIZE, 0, 0, -88], [0, SIZE, 0, -125], [0, 0, SIZE, -90], [0, 0, 0, 1]])
SHAPE = (118, 144, 123)
#: Grid of the FLAIR, finer than the maps'.
FLAIR, FLAIR_SHAPE = np.array([[1.2, 0, 0, -85], [0, 1.0, 0, -120], [0, 0, 1.0, -85], [0, 0, 0, 1]]), (142, 206, 174)


@pytest.fixture(scope="module")
def head(test_data, tmp_path_factory):
    """The maps of one head with and without lesions, its bundles, and its lesion mask as drawn on a FLAIR."""
    folder = tmp_path_factory.mktemp("head")
    sides = {"L": "lh", "R": "rh"}
    labels = {s: np.load(test_data / "atlas" / f"{h}.pals_brodmann_fsaverage5.npy") for s, h in sides.items()}
    template, rng = load_template(labels), np.random.default_rng(7)
    deformation = random_deformation(rng)
    healthy = Anatomy(template, deformation)
    drawn = place_lesions(template, deformation, 40, rng)
    # A lesion in the midst of the left corticospinal tract, so that a bundle is surely hit.
    line = healthy.centerlines()["CST_L"]
    ill = Anatomy(template, deformation, (*drawn, Lesion(tuple(map(float, line[len(line) // 2])), 6.0)))
    for name, anatomy in (("healthy", healthy), ("ill", ill)):
        maps = truth_map(anatomy, default_values(), AFFINE, SHAPE)
        for metric, key in (("R1", "r1"), ("R2star", "r2star")):
            save_image(maps[key], AFFINE, folder / f"{name}_{metric}.nii.gz")
    motion = np.eye(4)
    motion[:3, :3] = [[0.9962, -0.0872, 0], [0.0872, 0.9962, 0], [0, 0, 1]]
    motion[:3, 3] = (2.0, -3.0, 1.5)
    share = tissue_fractions(ill, FLAIR, FLAIR_SHAPE, 2)["lesion"]
    save_image(share >= 0.5, motion @ FLAIR, folder / "sub-1_label-lesion_mask.nii.gz", dtype=np.uint8)
    write_itk(motion, folder / "to_flair.txt")
    write_tractograms(healthy, folder / "pyafq", "1", rng=rng)
    return folder


def bundles(head, name, metric, out, lesions=None):
    """Values by bundle, and the central nodes left out."""
    plausible = (0.1, 3.0) if metric == "R1" else (1.0, 200.0)
    _, rows = sample_bundles(
        head / f"{name}_{metric}.nii.gz", find_bundles(head / "pyafq", "1"), metric=metric, engine="e", nodes=100,
        central=0.7, plausible=plausible, out_dir=out, lesions=lesions,
    )  # fmt: skip
    return {row["region"]: (row["value"], row["n_excluded"]) for row in read_json(rows)["rows"]}


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["R1", "R2star"])
def test_excluding_restores_what_lesions_bias(head, tmp_path, metric):
    mask = head / "excluded.nii.gz"
    facts = write_excluded(
        LesionMask(head / "sub-1_label-lesion_mask.nii.gz", "mask", "reference", head / "sub-1_FLAIR.nii.gz"),
        head / f"ill_{metric}.nii.gz", mask, dilation=1.0, mask_transform=head / "to_flair.txt",
    )  # fmt: skip
    assert facts["Lesions"] > 10
    true = bundles(head, "healthy", metric, tmp_path)
    left_in, left_out = bundles(head, "ill", metric, tmp_path), bundles(head, "ill", metric, tmp_path, mask)
    bias = {name: 100 * (left_in[name][0] / true[name][0] - 1) for name in BUNDLES}
    rest = {name: 100 * (left_out[name][0] / true[name][0] - 1) for name in BUNDLES}

    # Lesions lower R1 by 35 and R2* by 28 %; the one in the corticospinal tract covers some 8 of its central 70 nodes.
    assert bias["CST_L"] < -1.5
    assert left_out["CST_L"][1] > 3
    assert left_in["CST_L"][1] == 0
    # What remains is the partial volume of voxels of 1.5 mm beyond the mask and its dilation: 0.15 % measured.
    assert max(map(abs, rest.values())) < 0.3
    assert all(abs(rest[name]) <= abs(bias[name]) / 4 + 0.03 for name in BUNDLES)
