"""FreeSurfer subjects: what is read, and how what is wrong is said."""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.surface.geometry import transform
from harmoniq.surface.icosphere import icosphere
from harmoniq.surface.subject import FreeSurferSubject


def test_everything_is_read(make_subject):
    subject = FreeSurferSubject.load(make_subject())
    left = subject.hemispheres["L"]
    assert left.white.shape == left.pial.shape == left.sphere.shape == (642, 3)
    assert left.thickness.shape == (642,)
    np.testing.assert_array_equal(left.faces, icosphere(3)[1])
    np.testing.assert_array_equal(np.flatnonzero(left.cortex), np.arange(0, 642, 2))
    assert subject.version == "freesurfer-linux-7.3.2-20220804"


def test_tkr_to_scanner_is_the_shift_of_the_centre(make_subject):
    # A conformed orig.mgz has the axes of both spaces: tkRAS 0 is the middle of the volume (voxel 128, 128, 128).
    subject = FreeSurferSubject.load(make_subject())
    np.testing.assert_allclose(subject.tkr_to_scanner[:3, :3], np.eye(3), atol=1e-6)
    centre = [131.5 - 128, -110.25 + 128, 140.75 - 128]
    np.testing.assert_allclose(transform([[0, 0, 0]], subject.tkr_to_scanner)[0], centre, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: (f / "surf/lh.white").unlink(), r"files are missing: surf/lh.white"),
        (
            lambda f: [(f / p).unlink() for p in ("surf/rh.thickness", "mri/orig.mgz")],
            r"mri/orig.mgz, surf/rh.thickness",
        ),
        (lambda f: (f / "scripts/recon-all.done").unlink(), r"recon-all.done: recon-all has not finished"),
        (lambda f: (f / "scripts/recon-all.done").write_text("1\n"), "recon-all failed"),
        (lambda f: (f / "scripts/IsRunning.lh+rh").write_text(""), r"IsRunning.lh\+rh: recon-all is still at work"),
        (lambda f: (f / "surf/lh.white").write_bytes(b"x" * 40), r"lh.white: cannot be read"),
        (lambda f: (f / "surf/lh.white").write_bytes((f / "surf/lh.white").read_bytes()[:900]), r"lh.white: cannot be"),
        (lambda f: (f / "mri/orig.mgz").write_bytes(b""), r"orig.mgz: cannot be read"),
        (
            lambda f: nib.freesurfer.write_geometry(f / "surf/lh.pial", *icosphere(2)),
            r"lh.pial: has 162 vertices, lh.white has 642",
        ),
        (
            lambda f: nib.freesurfer.write_morph_data(f / "surf/rh.thickness", np.ones(640, np.float32)),
            r"rh.thickness: has 640 vertices, rh.white has 642",
        ),
        (
            lambda f: (f / "label/lh.cortex.label").write_text("#!ascii\n2\n0 0 0 0 0\n900 0 0 0 0\n"),
            "names vertex 900, the surface has 642",
        ),
    ],
)
def test_what_is_wrong_is_named(make_subject, change, sentence):
    folder = make_subject()
    change(folder)
    with pytest.raises(InputError, match=sentence) as caught:
        FreeSurferSubject.load(folder)
    assert str(folder) in str(caught.value)


def test_absent_subject(tmp_path):
    with pytest.raises(InputError, match="FreeSurfer subject not found"):
        FreeSurferSubject.load(tmp_path / "sub-99")


def test_pial_link_that_did_not_survive_copying(make_subject):
    folder = make_subject()
    wanted = FreeSurferSubject.load(folder).hemispheres["L"].pial
    (folder / "surf/lh.pial").rename(folder / "surf/lh.pial.T1")
    (folder / "surf/lh.pial").symlink_to("lh.pial.of.another.disk")
    np.testing.assert_array_equal(FreeSurferSubject.load(folder).hemispheres["L"].pial, wanted)


def test_no_cortex_label_and_unfinished_on_request(make_subject):
    folder = make_subject()
    (folder / "label/lh.cortex.label").unlink()
    (folder / "scripts/recon-all.done").unlink()
    assert FreeSurferSubject.load(folder, check_finished=False).hemispheres["L"].cortex is None


@pytest.mark.parametrize(("shift", "refused"), [(0.0, False), (5.0, True)])
def test_surfaces_of_another_volume_are_refused(make_subject, shift, refused):
    folder = make_subject()
    points, faces = nib.freesurfer.read_geometry(folder / "surf/lh.white")
    info = {
        "head": np.array([2, 0, 20], dtype=np.int32), "valid": "1  # volume info valid", "filename": "orig.mgz",
        "volume": np.array([256, 256, 256]), "voxelsize": np.ones(3), "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0]), "cras": np.array([3.5 + shift, 17.75, 12.75]),
    }  # fmt: skip
    nib.freesurfer.write_geometry(folder / "surf/lh.white", points, faces, volume_info=info)
    if refused:
        with pytest.raises(InputError, match=r"lh.white: was made from a volume whose center lies 5 mm away"):
            FreeSurferSubject.load(folder)
    else:
        FreeSurferSubject.load(folder)
