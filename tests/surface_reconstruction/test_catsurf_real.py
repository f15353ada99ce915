"""cat-surf itself on a bumpy ball whose surfaces are known: seconds, where a brain takes minutes."""

import numpy as np
import pytest

from harmoniq.data.images import load_grid
from harmoniq.surface.geometry import transform
from harmoniq.surface.reconstruction.meshes import read_mesh
from harmoniq.surface.reconstruction.process import run_stage

pytest.importorskip("cat_surf", reason="cat-surf is not installed (extra surfaces)")


@pytest.fixture(scope="module")
def made(tmp_path_factory, ball_label):
    folder = tmp_path_factory.mktemp("made")
    label, middle = ball_label
    central, layers, sphere = (folder / f"{name}.npz" for name in ("central", "layers", "sphere"))
    facts = run_stage("central", folder, label_file=label, out_file=central, faces=20_000)
    facts |= run_stage("layers", folder, label_file=label, central_file=central, out_file=layers)
    facts |= run_stage("sphere", folder, layers_file=layers, out_file=sphere)
    _, affine = load_grid(label)
    to_ras = affine @ np.diag([*(1 / np.linalg.norm(affine[:3, :3], axis=0)), 1.0])
    mesh = read_mesh(layers)
    mesh |= {name: transform(mesh[name], to_ras) - middle for name in ("white", "pial")}
    return mesh, read_mesh(sphere), facts, folder


def test_surfaces_are_whole(made):
    _, _, facts, _ = made
    for name in ("central_euler", "white_euler", "pial_euler"):
        assert facts[name] == 2
    for name in ("white_self_intersections", "pial_self_intersections", "sphere_folds"):
        assert facts[name] == 0


def test_surfaces_lie_on_the_truth(made, ball):
    """Against the closed form, on an oblique grid: a fifth of a voxel (0.7 mm) on average."""
    mesh, _, _, _ = made
    for name, base in (("white", 20.0), ("pial", 22.6)):
        away = np.linalg.norm(mesh[name], axis=1)
        directions = mesh[name] / away[:, None]
        error = away - ball(directions, base)
        assert np.abs(error).mean() < 0.14, name
        assert abs(error.mean()) < 0.1, name
    # The shell is 2.6 mm thick along the radius, and up to a tenth less along the normal of its folds.
    assert 2.2 < np.median(mesh["thickness"]) < 2.75


def test_faces_turn_outward(made):
    mesh, own, _, _ = made
    for points in (mesh["white"], own["sphere"]):
        a, b, c = (points[mesh["faces"][:, k]] for k in range(3))
        assert np.einsum("ij,ij->", a, np.cross(b, c)) > 0
    assert np.linalg.norm(own["sphere"], axis=1) == pytest.approx(100.0)


def test_equal_input_gives_equal_bytes(made, ball_label, tmp_path):
    _, _, _, folder = made
    again = tmp_path / "central.npz"
    run_stage("central", tmp_path, label_file=ball_label[0], out_file=again, faces=20_000)
    assert again.read_bytes() == (folder / "central.npz").read_bytes()
