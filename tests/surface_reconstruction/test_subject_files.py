"""A written subject against the meshes it was made of, by the reader that existing subjects go through."""

import json

import numpy as np
import pytest

from harmoniq.data.images import load_grid, save_image
from harmoniq.surface.geometry import transform
from harmoniq.surface.reconstruction.meshes import write_mesh
from harmoniq.surface.reconstruction.subject_files import write_subject
from harmoniq.surface.subject import FreeSurferSubject
from harmoniq.workflows.engines import surface_program

MIDDLE = {"lh": np.array([-31.0, 12.5, 20.0]), "rh": np.array([24.0, 12.5, 20.0])}


@pytest.fixture
def written(tmp_path, ball_label, layers):
    pytest.importorskip("cat_surf", reason="cat-surf is not installed (extra surfaces)")
    label, _ = ball_label
    _, affine = load_grid(label)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    to_stage = np.linalg.inv(affine @ np.diag([*(1 / sizes), 1.0]))
    head_affine = np.diag([1.5, 1.5, 1.5, 1.0])
    head_affine[:3, 3] = -95, -80, -70
    shape = (120, 120, 120)
    places = np.moveaxis(np.indices(shape), 0, -1) * 1.5 + head_affine[:3, 3]
    # The left ball is cortex to the template; the right one's upper half is a ventricle.
    codes = np.where(np.linalg.norm(places - MIDDLE["lh"], axis=-1) < 26, 3, 0)
    right = np.linalg.norm(places - MIDDLE["rh"], axis=-1) < 26
    codes[right] = np.where(places[..., 2] > MIDDLE["rh"][2], 43, 42)[right]
    images = {name: tmp_path / f"{name}.nii" for name in ("head", "corrected", "mask", "aseg")}
    for name, values in (("head", codes > 0), ("corrected", 500 * (codes > 0)), ("mask", codes > 0), ("aseg", codes)):
        save_image(values.astype(np.float32), head_affine, images[name])
    meshes = {name: {} for name in ("labels", "layers", "spheres", "registered")}
    for side, place in MIDDLE.items():
        mesh = layers(place)
        staged = mesh | {name: transform(mesh[name], to_stage) for name in ("white", "pial")}
        meshes["labels"][side] = label
        sphere = staged.pop("sphere")
        meshes["layers"][side] = write_mesh(tmp_path / f"{side}_layers.npz", **staged)
        own = {"sphere": sphere, "inflated": sphere, "curv": sphere[:, 0], "sulc": sphere[:, 1]}
        meshes["spheres"][side] = write_mesh(tmp_path / f"{side}_sphere.npz", **own)
        meshes["registered"][side] = write_mesh(tmp_path / f"{side}_register.npz", registered=sphere)

    def write(name):
        facts = {"lh": {"white_euler": 2}, "rh": {}, "white_intensity": 500.0}
        return tmp_path / name, write_subject(tmp_path / name, **images, **meshes, facts=facts)

    return write


def test_surfaces_come_back_in_scanner_space(written, layers):
    folder, quality = written("sub-01")
    subject = FreeSurferSubject.load(folder)
    for side, hemi in (("L", "lh"), ("R", "rh")):
        mesh, read = layers(MIDDLE[hemi]), subject.hemispheres[side]
        # float32 on disk: 1e-5 mm at 100 mm; the centre is rounded to 1e-3 and undone by orig.mgz.
        assert transform(read.white, subject.tkr_to_scanner) == pytest.approx(mesh["white"], abs=1e-4)
        assert transform(read.pial, subject.tkr_to_scanner) == pytest.approx(mesh["pial"], abs=1e-4)
        assert read.thickness == pytest.approx(2.6, abs=1e-6)
        assert np.array_equal(read.faces, mesh["faces"])
    assert quality["lh"]["white_euler"] == 2
    assert json.loads((folder / "scripts" / "harmoniq-catsurf.json").read_text()) == quality


def test_volumes_have_freesurfers_scale(written):
    """White matter, 500 in the corrected image, is 110 in T1.mgz; brainmask.mgz is 0 outside the mask."""
    import nibabel as nib

    folder, _ = written("sub-01")
    t1, brain = (np.asarray(nib.load(folder / "mri" / f"{name}.mgz").dataobj) for name in ("T1", "brainmask"))
    assert np.median(t1[t1 > 0]) == 110
    assert set(np.unique(brain[t1 == 110])) == {110}
    assert brain[t1 == 0].max() <= 1


def test_quality_says_where_true_surfaces_lie(written):
    _, quality = written("sub-01")
    left = quality["lh"]
    assert left["thickness_mean"] == pytest.approx(2.6)
    # The label is that of the left ball: its true surfaces lie in it, and on its boundary.
    assert left["mid_cortex_in_gray_percent"] == 100.0
    assert left["below_white_in_white_percent"] == 100.0
    # Half-way between the voxels' partial volumes a linear boundary is kept to some hundredths of a mm.
    assert left["white_distance_mm"] < 0.05
    # The right ball lies outside the label: nothing is in its tissue.
    assert quality["rh"]["mid_cortex_in_gray_percent"] < 5.0


def test_the_cut_through_a_ventricle_is_no_cortex(written, layers):
    folder, quality = written("sub-01")
    subject = FreeSurferSubject.load(folder)
    assert subject.hemispheres["L"].cortex.all()
    upper = layers(MIDDLE["rh"])["white"][:, 2] > MIDDLE["rh"][2]
    cortex = subject.hemispheres["R"].cortex
    # One label for each half; the boundary is as coarse as the template's voxels of 1.5 mm.
    assert np.mean(cortex == ~upper) > 0.9
    assert quality["rh"]["cortical_vertices"] == cortex.sum()


def test_the_engine_is_known_by_its_stamp_and_bytes_are_equal(written):
    first, _ = written("sub-01")
    assert surface_program(first)[0] == "catsurf"
    before = contents(first)
    again, _ = written("sub-01")
    assert contents(again) == before


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
