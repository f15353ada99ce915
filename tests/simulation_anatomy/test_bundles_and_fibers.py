import json

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.names import BUNDLES
from harmoniq.simulation.fibers import fiber_map
from harmoniq.simulation.tractograms import bundle_streamlines, pyafq_name, write_tractograms


def test_names_are_those_of_pyafq():
    assert pyafq_name("pARC_R") == "Right Posterior Arcuate" and pyafq_name("FP") == "Forceps Major"
    assert len({pyafq_name(bundle) for bundle in BUNDLES}) == 18
    with pytest.raises(InputError, match="unknown bundle"):
        pyafq_name("UNC_L")


def test_files_hold_world_coordinates(anatomy, tmp_path):
    paths = write_tractograms(anatomy, tmp_path, "01", ses="2", n_streamlines=20, rng=np.random.default_rng(1))
    assert len(paths) == 18
    assert paths[2] == tmp_path / "sub-01/ses-2/dwi/bundles/sub-01_ses-2_desc-LeftArcuate_tractography.trk"
    assert json.loads((tmp_path / "dataset_description.json").read_text())["DatasetType"] == "derivative"
    lines = anatomy.centerlines()
    for bundle, path in zip(BUNDLES, paths):
        streamlines = nib.streamlines.load(path).streamlines
        assert len(streamlines) == 20
        for streamline in streamlines:
            apart = np.linalg.norm(streamline[:, None] - lines[bundle][None], axis=2).min(axis=1)
            assert apart.max() < 3.0


def test_dipy_reads_them(anatomy, tmp_path):
    from dipy.io.streamline import load_tractogram

    path = write_tractograms(anatomy, tmp_path, "01", n_streamlines=3)[0]
    tractogram = load_tractogram(str(path), "same")
    assert tractogram.is_bbox_in_vox_valid()


def test_same_seed_same_streamlines(anatomy):
    first, second = (bundle_streamlines(anatomy, "CST_L", 4, np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second))


def test_fibers_follow_the_streamlines(anatomy):
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = [-100, -125, -70]
    shape = (100, 112, 90)
    index, direction = fiber_map(anatomy, affine, shape)
    assert index.shape == (*shape, 2) and direction.shape == (*shape, 2, 3)
    assert set(np.unique(index)) == set(range(-1, 18))
    assert np.allclose(np.linalg.norm(direction[index >= 0], axis=-1), 1, atol=1e-5)
    assert np.all(direction[index < 0] == 0)
    for number, line in enumerate(anatomy.centerlines().values()):
        n = len(line)
        tangents = np.gradient(line, axis=0)
        central = slice(int(0.15 * n), int(0.85 * n))
        voxel = tuple(np.rint((line[central] - affine[:3, 3]) / 2.0).astype(int).T)
        here = index[voxel] == number
        assert np.mean(here.any(axis=1)) > 0.95
        cosine = (
            np.einsum("nfx,nx->nf", direction[voxel], tangents[central])
            / np.linalg.norm(tangents[central], axis=1)[:, None]
        )
        assert np.median(np.abs(cosine[here])) > 0.99
