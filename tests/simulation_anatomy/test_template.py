import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.names import BUNDLES
from harmoniq.simulation.cortex import MEDIAL_WALL, MINIMUM_THICKNESS_MM, load_cortex
from harmoniq.simulation.distance import distance_to_surface
from harmoniq.simulation.head import CLASS_NUMBER, CLASSES
from harmoniq.simulation.meshes import cortical_thickness, vertex_normals
from harmoniq.simulation.template import BAND_MM, DISTANCE_UNIT_MM, LABELS_PER_SIDE, load_template
from harmoniq.simulation.tubes import CORTEX_MARGIN_MM, sample


def test_every_area_is_there(template):
    for cortex in template.cortex.values():
        assert set(range(41)) <= set(np.unique(cortex.area))
    present = np.unique(template.label[template.label != MEDIAL_WALL])
    assert set(present) == set(range(2 * LABELS_PER_SIDE))


def test_cortex_is_thick_enough_and_unfolded(template):
    for cortex in template.cortex.values():
        thickness = cortical_thickness(cortex.white, cortex.pial, cortex.faces)[cortex.area < 41]
        assert np.percentile(thickness, 1) > MINIMUM_THICKNESS_MM - 0.05
        assert thickness.max() <= 5.0


def test_distances_at_the_sampled_points(template):
    """The points 0.5 mm beneath white read -0.5 mm, and mid-cortex lies well inside both surfaces."""
    white, pial = (f.astype(np.float32) * DISTANCE_UNIT_MM for f in (template.white_distance, template.pial_distance))
    for cortex in template.cortex.values():
        assigned = cortex.area < 41
        normals = vertex_normals(cortex.white, cortex.faces)
        beneath = sample(white, template.grid, (cortex.white - 0.5 * normals)[assigned])
        assert abs(np.median(beneath) + 0.5) < 0.02  # interpolation of a 0.7 mm grid rounds the folds
        assert np.percentile(np.abs(beneath + 0.5), 95) < 0.25
        thickness = cortical_thickness(cortex.white, cortex.pial, cortex.faces)
        middle = (cortex.white + 0.5 * thickness[:, None] * normals)[assigned]
        assert np.percentile(sample(pial, template.grid, middle), 95) < -0.9


def test_grid_distance_against_direct(template):
    rng = np.random.default_rng(3)
    nodes = rng.integers(0, template.grid.shape, (4000, 3))
    points = np.array(template.grid.origin) + template.grid.spacing * nodes
    stored = template.pial_distance[tuple(nodes.T)] * DISTANCE_UNIT_MM
    near = np.abs(stored) < BAND_MM - 0.01
    direct = np.min([distance_to_surface(points[near], c.pial, c.faces) for c in template.cortex.values()], axis=0)
    # Where the two sides overlap at the midline, the union's distance is not the nearer surface's.
    apart = np.abs(points[near, 0]) > 6.0
    assert np.abs(np.abs(stored[near]) - direct)[apart].max() < 1e-3


def test_tubes_lie_deep_and_apart(template):
    white = template.white_distance * np.float32(DISTANCE_UNIT_MM)
    painted = template.tissue >= len(CLASSES)
    assert white[painted & (template.label != MEDIAL_WALL)].max() <= -CORTEX_MARGIN_MM + 1e-3
    shares = []
    for number, tube in enumerate(template.tubes):
        assert tube.name == BUNDLES[number]
        n = len(tube.points)
        central = tube.points[int(0.15 * n) : int(0.85 * n) + 1]
        node = np.rint(template.grid.indices(central)).astype(int)
        tissue = template.tissue[tuple(node.T)].astype(int) - len(CLASSES)
        sets = template.bundle_sets[np.maximum(tissue, 0)]
        shares.append(np.mean((tissue >= 0) & (sets == 1 << number)))
        assert np.mean((tissue >= 0) & ((sets >> number & 1) == 1)) > 0.97, tube.name
    assert min(shares) > 0.7 and np.median(shares) > 0.95


def test_the_head_has_all_its_parts(template):
    litres = {
        name: np.mean(template.head == number) * template.head.size / 1e6 for name, number in CLASS_NUMBER.items()
    }
    assert 0.3 < litres["scalp"] < 1.2 and 0.3 < litres["skull"] < 1.5
    assert 0.1 < litres["cerebellum_gm"] + litres["cerebellum_wm"] < 0.25
    millilitres = {n: np.sum(template.tissue == i) * 0.343e-3 for n, i in CLASS_NUMBER.items()}
    # Both sides of an adult: thalamus some 14, putamen 9, ventricles 10 to 30 ml; bundles take their share here.
    assert 5 < millilitres["thalamus"] < 20 and 5 < millilitres["putamen"] < 15 and 10 < millilitres["ventricle"] < 30


def test_cache_returns_the_same_and_survives_damage(template, labels, tmp_path, monkeypatch):
    monkeypatch.setattr("harmoniq.simulation.template.build_template", lambda cortex: template)
    first = load_template(labels, tmp_path)
    again = load_template(labels, tmp_path)
    assert again is not first and np.array_equal(again.tissue, template.tissue)
    assert again.grid == template.grid and again.head_grid == template.head_grid
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:1000])
    assert np.array_equal(load_template(labels, tmp_path).label, template.label)


def test_wrong_labels_are_refused(labels):
    with pytest.raises(InputError, match="missing"):
        load_cortex({"L": labels["L"]})
    with pytest.raises(InputError, match="10242"):
        load_cortex({"L": labels["L"][:5], "R": labels["R"]})
    with pytest.raises(InputError, match="PALS"):
        load_cortex({"L": np.where(labels["L"] == 1, 12, labels["L"]), "R": labels["R"]})
