"""The sphere against FreeSurfer's own, as nilearn bundles it, and the labels on it."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from harmoniq.surface.icosphere import FSAVERAGE5_VERTICES, FSAVERAGE_VERTICES, icosphere
from harmoniq.surface.labels import map_labels


def _fsaverage5_sphere(side):
    import nilearn

    folder = Path(nilearn.__file__).parent / "datasets" / "data" / "fsaverage5"
    return [array.data for array in nib.load(folder / f"sphere_{side}.gii.gz").darrays]


@pytest.mark.parametrize("side", ["left", "right"])
def test_fsaverage5_equals_freesurfer(side):
    points, faces = _fsaverage5_sphere(side)
    vertices, own_faces = icosphere(5)
    np.testing.assert_array_equal(own_faces, faces)
    # ic7.tri has four decimals of the unit sphere; ten vertices round the other way there.
    unit = points / np.linalg.norm(points, axis=1, keepdims=True) * 100
    apart = np.linalg.norm(vertices - unit, axis=1)
    assert apart.max() < 0.0101
    assert np.count_nonzero(apart > 1e-4) <= 10


def test_fsaverage_has_its_counts_and_first_faces():
    vertices, faces = icosphere(7)
    assert vertices.shape == (FSAVERAGE_VERTICES, 3)
    # The first and last rows of fsaverage's own sphere.reg.
    assert faces[:5].tolist() == [
        [0, 40964, 40962], [0, 40962, 40965], [0, 40965, 40967], [0, 40967, 40969], [0, 40969, 40964],
    ]  # fmt: skip
    # A closed surface: Euler characteristic 2, every vertex used.
    edges = np.unique(np.sort(np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)
    assert len(vertices) - len(edges) + len(faces) == 2
    np.testing.assert_array_equal(np.unique(faces), np.arange(FSAVERAGE_VERTICES))
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 100)


def test_levels_share_their_vertices():
    np.testing.assert_array_equal(icosphere(7)[0][:FSAVERAGE5_VERTICES], icosphere(5)[0])
    with pytest.raises(ValueError, match="level"):
        icosphere(8)


@pytest.mark.parametrize("hemisphere", ["L", "R"])
def test_labels_are_exact_on_fsaverage5(test_data, hemisphere):
    name = "lh" if hemisphere == "L" else "rh"
    full = np.load(test_data / "atlas" / f"{name}.pals_brodmann_fsaverage.npy")
    wanted = np.load(test_data / "atlas" / f"{name}.pals_brodmann_fsaverage5.npy")
    points, _ = _fsaverage5_sphere("left" if hemisphere == "L" else "right")
    np.testing.assert_array_equal(map_labels({hemisphere: full}, points, hemisphere), wanted)
