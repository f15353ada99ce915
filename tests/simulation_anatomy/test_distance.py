import numpy as np
import pytest

from harmoniq.simulation.distance import distance_to_surface, grid_over, inside_mesh, nearest_on_grid
from harmoniq.simulation.meshes import cortical_thickness, mean_curvature, read_fsaverage5, vertex_areas, vertex_normals


@pytest.fixture(scope="module")
def sphere():
    """A sphere of radius 20 mm with 10,242 vertices: its chords lie at most 0.01 mm beneath it."""
    vertices, faces = read_fsaverage5("L", "sphere")
    return 20.0 * vertices / np.linalg.norm(vertices, axis=1, keepdims=True), faces


def test_sphere_on_grid(sphere):
    grid = grid_over(np.full(3, -26.0), np.full(3, 26.0), 1.3)
    distance, vertex = nearest_on_grid(*sphere, grid, 4.0)
    x, y, z = np.meshgrid(*grid.axes(), indexing="ij")
    true = np.sqrt(x**2 + y**2 + z**2) - 20.0
    near = np.abs(true) < 3.9
    assert np.abs(distance - np.abs(true))[near].max() < 0.015
    assert np.all(vertex[np.abs(true) > 4.1] == -1)
    inside = inside_mesh(*sphere, grid)
    assert np.array_equal(inside[np.abs(true) > 0.02], (true < 0)[np.abs(true) > 0.02])
    # The nearest vertex is that of the nearest face: no farther than an edge (0.5 mm) from the foot point.
    nodes = np.stack([x, y, z], axis=-1)[near]
    foot = 20.0 * nodes / np.linalg.norm(nodes, axis=1, keepdims=True)
    assert np.linalg.norm(sphere[0][vertex[near]] - foot, axis=1).max() < 0.6


def test_fsaverage_against_brute_force():
    vertices, faces = read_fsaverage5("R", "white")
    rng = np.random.default_rng(0)
    points = vertices[rng.integers(0, len(vertices), 200)] + rng.normal(0, 2.0, (200, 3))
    found = distance_to_surface(points, vertices, faces)
    # Barycentric subdivision into 28 points per triangle bounds the true distance from above.
    n = 6
    weights = np.array([(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]) / n
    for point, distance in zip(points, found):
        near = faces[np.linalg.norm(vertices[faces].mean(axis=1) - point, axis=1) < 12.0]
        dense = np.einsum("wc,fcx->fwx", weights, vertices[near]).reshape(-1, 3)
        brute = np.linalg.norm(dense - point, axis=1).min()
        assert distance <= brute + 1e-9
        assert brute - distance < 0.35  # half the spacing of the subdivision, some 0.6 mm


def test_normals_areas_curvature_of_sphere(sphere):
    vertices, faces = sphere
    assert np.sum(vertex_normals(vertices, faces) * vertices / 20.0, axis=1).min() > 0.999
    assert vertex_areas(vertices, faces).sum() == pytest.approx(4 * np.pi * 400, rel=1e-3)
    # Negative on a convex surface, as FreeSurfer has it; the umbrella operator is good to some per cent.
    assert np.median(mean_curvature(vertices, faces)) == pytest.approx(-1 / 20, rel=0.1)


def test_thickness_between_spheres(sphere):
    vertices, faces = sphere
    thickness = cortical_thickness(vertices, vertices * 1.1, faces)
    assert np.abs(thickness - 2.0).max() < 0.02
    assert cortical_thickness(vertices, vertices * 1.5, faces).max() == 5.0
