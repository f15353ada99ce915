"""Samples on fsaverage, and the surfaces for viewers: against loops, and read back by nibabel."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.regions.cortex_export import export_surfaces, map_to_fsaverage
from harmoniq.surface.cifti import write_dscalar
from harmoniq.surface.fsaverage import fsaverage_level, subject_level, to_fsaverage
from harmoniq.surface.gifti import read_shape, write_shape
from harmoniq.surface.icosphere import icosphere
from harmoniq.surface.subject import FreeSurferSubject


def test_levels():
    assert [fsaverage_level(n) for n in (100, 10242, 10243, 40962, 130000, 200000)] == [5, 5, 6, 6, 7, 7]


def test_from_fsaverage_to_itself_is_exact():
    values = np.arange(10242.0)
    np.testing.assert_array_equal(to_fsaverage(1.01 * icosphere(5)[0], 5).apply(values), values)


def test_forward_and_reverse_as_mri_surf2surf_does(monkeypatch):
    """Loops over the vertices, as surf2surf_nnfr does: first each target's nearest source, then the sources left."""
    rng = np.random.default_rng(4)
    points = rng.normal(size=(1500, 3))
    points *= 100 / np.linalg.norm(points, axis=1, keepdims=True)
    values = rng.normal(size=1500)
    values[::50] = np.nan
    target = icosphere(3)[0]
    total, count, hit = np.zeros(len(target)), np.zeros(len(target)), np.zeros(1500, bool)
    for t, place in enumerate(target):
        s = np.argmin(((points - place) ** 2).sum(axis=1))
        hit[s] = True
        if np.isfinite(values[s]):
            total[t], count[t] = total[t] + values[s], count[t] + 1
    for s in np.flatnonzero(~hit):
        t = np.argmin(((target - points[s]) ** 2).sum(axis=1))
        if np.isfinite(values[s]):
            total[t], count[t] = total[t] + values[s], count[t] + 1
    with np.errstate(invalid="ignore"):
        wanted = total / count
    np.testing.assert_allclose(to_fsaverage(points, 3).apply(values), wanted)
    assert (count > 1).any()


def test_surfaces_in_scanner_space(make_subject, tmp_path):
    subject = FreeSurferSubject.load(make_subject())
    surfaces, thickness = export_surfaces(subject.path, tmp_path)
    # FreeSurfer's rule: tkRAS plus the centre of orig.mgz, whose axes are conformed.
    orig = nib.load(subject.path / "mri" / "orig.mgz")
    centre = (orig.affine @ [128, 128, 128, 1])[:3]
    for path, side, kind in zip(surfaces, "LLLRRR", ("white", "pial", "midthickness") * 2, strict=True):
        points, faces = nib.load(path).agg_data(("pointset", "triangle"))
        hemisphere = subject.hemispheres[side]
        middle = 0.5 * (hemisphere.white + hemisphere.pial)
        wanted = {"white": hemisphere.white, "pial": hemisphere.pial, "midthickness": middle}[kind]
        np.testing.assert_allclose(points, wanted + centre, atol=2e-5)
        np.testing.assert_array_equal(faces, hemisphere.faces)
    np.testing.assert_allclose(read_shape(thickness[1]), subject.hemispheres["R"].thickness, rtol=1e-6)
    (tmp_path / "again").mkdir()
    assert export_surfaces(subject.path, tmp_path / "again")[0][0].read_bytes() == surfaces[0].read_bytes()


def test_samples_on_fsaverage(make_subject, tmp_path):
    folder = make_subject(level=5)
    assert subject_level(folder) == 5
    assert subject_level(tmp_path / "absent") == 7
    rng = np.random.default_rng(0)
    values = {(side, name): rng.random(10242).astype(np.float32) for side in "LR" for name in ("cGM", "sWM")}
    samples = {
        side: [
            write_shape(values[side, name], tmp_path / f"{side}{name}.shape.gii", hemisphere=side)
            for name in ("cGM", "sWM")
        ]
        for side in "LR"
    }
    shapes, dscalar = map_to_fsaverage(samples, ["cGM", "sWM"], folder, tmp_path, level=5)
    for file, key in zip(shapes, [(s, n) for s in "LR" for n in ("cGM", "sWM")], strict=True):
        np.testing.assert_array_equal(read_shape(file), values[key])
    image = nib.load(dscalar)
    scalars, models = (image.header.get_axis(axis) for axis in (0, 1))
    assert list(scalars.name) == ["cGM", "sWM"]
    for name, where, model in models.iter_structures():
        side = {"CIFTI_STRUCTURE_CORTEX_LEFT": "L", "CIFTI_STRUCTURE_CORTEX_RIGHT": "R"}[name]
        assert model.nvertices[name] == 10242
        np.testing.assert_array_equal(image.get_fdata(dtype=np.float32)[1, where], values[side, "sWM"])


def test_equal_values_give_equal_cifti(tmp_path):
    maps = {"cGM": {"L": np.arange(12.0), "R": np.full(12, np.nan)}}
    files = [write_dscalar(maps, tmp_path / f"{k}.dscalar.nii").read_bytes() for k in "ab"]
    assert files[0] == files[1]
    with pytest.raises(ValueError, match=r"must end in \.dscalar"):
        write_dscalar(maps, tmp_path / "x.nii")
