import nibabel as nib
import numpy as np
import pytest

from harmoniq.simulation.anatomy import Anatomy
from harmoniq.simulation.deformation import random_deformation
from harmoniq.simulation.freesurfer import write_freesurfer_subject
from harmoniq.simulation.meshes import cortical_thickness

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(anatomy, tmp_path_factory):
    return write_freesurfer_subject(anatomy, tmp_path_factory.mktemp("fs"), "sub-01")


def test_surfaces_agree_with_the_scanner(folder, anatomy):
    orig = nib.load(folder / "mri" / "orig.mgz")
    to_scanner = orig.affine @ np.linalg.inv(orig.header.get_vox2ras_tkr())
    assert orig.shape == (256, 256, 256) and nib.aff2axcodes(orig.affine) == ("L", "I", "A")
    assert np.abs(orig.header["Pxyz_c"]).max() > 0.1
    for side, prefix in (("L", "lh"), ("R", "rh")):
        for kind in ("white", "pial"):
            path = folder / "surf" / f"{prefix}.{kind}"
            vertices, faces, info = nib.freesurfer.read_geometry(path, read_metadata=True)
            scanner = vertices @ to_scanner[:3, :3].T + to_scanner[:3, 3]
            true = getattr(anatomy.surfaces()[side], kind)
            assert np.abs(scanner - true).max() < 1e-4  # float32 at 100 mm
            assert np.allclose(info["cras"], orig.header["Pxyz_c"]) and faces.shape == (20480, 3)


def test_morphometry_and_labels(folder, anatomy):
    surface = anatomy.surfaces()["L"]
    thickness = nib.freesurfer.read_morph_data(folder / "surf" / "lh.thickness")
    cortex = nib.freesurfer.read_label(folder / "label" / "lh.cortex.label")
    assert np.array_equal(cortex, np.flatnonzero(surface.area != 255))
    true = cortical_thickness(surface.white, surface.pial, surface.faces)
    assert np.abs(thickness[cortex] - true[cortex]).max() < 1e-4
    parcels, _, names = nib.freesurfer.read_annot(folder / "label" / "lh.aparc.annot")
    assert {n.decode() for n in names} >= {"simulated-frontal", "simulated-occipital"}
    assert np.bincount(parcels, minlength=5).min() > 500


def test_volumes_agree_with_the_surfaces(folder, anatomy):
    aseg = nib.load(folder / "mri" / "aseg.mgz")
    data = np.asarray(aseg.dataobj)
    for side, white, grey in (("L", 2, 3), ("R", 41, 42)):
        surface = anatomy.surfaces()[side]
        assigned = surface.area < 41
        middle = 0.5 * (surface.white + surface.pial)[assigned]
        index = np.rint(nib.affines.apply_affine(np.linalg.inv(aseg.affine), middle)).astype(int)
        assert np.mean(data[tuple(index.T)] == grey) > 0.95
        assert 150_000 < np.sum(data == white) < 450_000
    assert {10, 11, 12, 13, 16, 4, 8, 47, 49, 77} <= set(np.unique(data))
    both = np.asarray(nib.load(folder / "mri" / "aparc+aseg.mgz").dataobj)
    assert set(np.unique(both[data == 3])) <= set(range(1000, 1005))
    for name in ("T1", "brain", "brainmask", "ribbon", "wm"):
        assert nib.load(folder / "mri" / f"{name}.mgz").get_data_dtype() == np.uint8


def test_it_says_what_it_is(folder):
    assert "simulated by harmoniq" in (folder / "scripts" / "build-stamp.txt").read_text()
    assert (folder / "scripts" / "recon-all.done").is_file()


def test_c_ras_differs_between_subjects(folder, template, tmp_path):
    other = Anatomy(template, random_deformation(np.random.default_rng(99)))
    second = write_freesurfer_subject(other, tmp_path, "sub-02")
    centres = [nib.load(path / "mri" / "orig.mgz").header["Pxyz_c"] for path in (folder, second)]
    assert np.abs(centres[0] - centres[1]).max() > 0.5


def test_the_surface_stage_reads_it(folder, anatomy):
    from harmoniq.surface.subject import FreeSurferSubject

    subject = FreeSurferSubject.load(folder)
    for side, surface in anatomy.surfaces().items():
        scanner = nib.affines.apply_affine(subject.tkr_to_scanner, subject.hemispheres[side].white)
        assert np.abs(scanner - surface.white).max() < 1e-3
