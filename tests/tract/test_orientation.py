"""Every bundle runs the same way in every head: that of AFQ's regions, whichever way its streamlines ran."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.images import load_image, save_image
from harmoniq.data.names import BUNDLES
from harmoniq.data.tables import read_tsv
from harmoniq.regions.bundles import sample_bundles
from harmoniq.tract.centerlines import MNI305_TO_MNI152, read_centerlines
from harmoniq.tract.orientation import run_one_way
from harmoniq.tract.profile import resample
from harmoniq.tract.streamlines import save_streamlines


def turn(degrees, axis):
    angle = np.radians(degrees)
    i, j = [(1, 2), (0, 2), (0, 1)][axis]
    out = np.eye(3)
    out[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
    return out


def bundle(name, rng, n=20):
    course = resample(read_centerlines()[name], 40)
    return [(course + rng.normal(0, 2, 3)).astype(np.float32) for _ in range(n)]


@pytest.mark.parametrize("name", BUNDLES)
def test_whichever_way_streamlines_ran(name):
    """In heads nodding, tilted and turned by 30 degrees, elsewhere in the scanner."""
    rng = np.random.default_rng(BUNDLES.index(name))
    lines = bundle(name, rng)
    straight, against = run_one_way(name, lines)
    assert against == 0
    mixed = [line[::-1] if number < 6 else line for number, line in enumerate(lines)]
    for given, expected in ((lines, 0), ([line[::-1] for line in lines], 0), (mixed, 6)):
        for degrees, axis in ((0, 0), (30, 0), (-30, 1), (30, 2)):
            matrix = turn(degrees, axis)
            found, against = run_one_way(name, [(line @ matrix.T + (9, -30, 50)).astype(np.float32) for line in given])
            assert against == expected
            back = [(line - (9, -30, 50)) @ matrix for line in found]
            np.testing.assert_allclose(np.stack(back), np.stack(straight), atol=1e-3)


def test_the_way_is_afq_s(test_data):
    """Along each oriented bundle AFQ's regions come in the order in which AFQ passes them."""
    from harmoniq.diffusion.waypoints import Slab, available_bundles

    ways = available_bundles(test_data / "afq")
    assert set(ways) == set(BUNDLES)
    for name, way in ways.items():
        (line,), _ = run_one_way(name, bundle(name, np.random.default_rng(0), n=1))
        line = resample(line @ MNI305_TO_MNI152[:3, :3].T + MNI305_TO_MNI152[:3, 3])
        places = []
        for region in way.include:
            if isinstance(region, Slab):
                points = np.array([np.add(region.low, region.high) / 2])
            else:
                image = nib.load(region)
                points = nib.affines.apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj) > 0))
                points = points[:: max(1, len(points) // 300)]
            places.append(int(np.linalg.norm(line[:, None] - points[None], axis=2).min(axis=1).argmin()))
        assert places == sorted(places) and len(set(places)) > 1, name


def test_profiles_of_two_participants_are_node_by_node(tmp_path):
    """Tractograms that run opposite ways give one table."""
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = (-90, -120, -80)
    z = np.indices((90, 110, 90))[2] * 2.0 - 80
    in_map = save_image(1.0 + z / 400, affine, tmp_path / "r1.nii.gz")
    lines = bundle("CST_L", np.random.default_rng(1))
    tables = {}
    for way, own in (("one", lines), ("other", [line[::-1] for line in lines])):
        path = save_streamlines(own, load_image(in_map), tmp_path / f"{way}.trk")
        profiles, _ = sample_bundles(
            in_map, {"CST_L": path}, metric="R1", engine="e", nodes=100, central=0.7, plausible=(0.1, 3.0),
            out_dir=tmp_path / way,
        )  # fmt: skip
        tables[way] = read_tsv(profiles)["value"].to_numpy()
    np.testing.assert_allclose(tables["one"], tables["other"], atol=1e-6)
    assert tables["one"][5] > tables["one"][95] + 0.1  # from the cortex down, as AFQ's regions
