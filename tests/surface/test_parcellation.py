"""Labels at a subject's vertices: its own annotation, PALS-B12 through the sphere, any other atlas."""

import shutil

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.surface.annotation import read_labels, write_labels
from harmoniq.surface.depths import depth_label, parse_depth
from harmoniq.surface.parcellation import subject_labels
from harmoniq.surface.subject import FreeSurferSubject

COLORS = np.array([[10, 20, 30, 0], [40, 50, 60, 0], [70, 80, 90, 0]])


@pytest.fixture
def subject(make_subject):
    """A subject whose sphere is fsaverage5's: its labels are the first 10,242 of fsaverage's."""
    return FreeSurferSubject.load(make_subject(level=5))


@pytest.fixture
def pals(test_data):
    return {
        side: np.load(test_data / "atlas" / f"{h}.pals_brodmann_fsaverage5.npy")
        for side, h in (("L", "lh"), ("R", "rh"))
    }


def write_annot(path, labels, names, colors=COLORS):
    nib.freesurfer.write_annot(path, np.asarray(labels), colors[: len(names)], names, fill_ctab=True)


def test_fsaverage_to_fsaverage5_is_exact(subject, pals, test_data):
    found = subject_labels(subject, atlas=str(test_data / "atlas"))
    for side, wanted in pals.items():
        np.testing.assert_array_equal(found.labels[side], wanted)
    assert found.regions[47] == "BA47"
    assert len(found.regions) == 41
    assert any("kept apart" in note for note in found.notes)


def test_own_annotation_goes_first_and_its_shared_color_is_undone(subject, pals, test_data):
    """What mri_surf2surf writes on the right: one color for two areas, of which readers see one."""
    for hemi in ("lh", "rh"):
        keys, names = read_labels(test_data / "atlas" / f"{hemi}.PALS_B12_Brodmann.annot")
        order = sorted(names)
        colors = np.array([[7 * i % 256, 11 * i % 256, 1 + i, 0] for i in order])
        write_annot(
            subject.path / "label" / f"{hemi}.PALS_B12_Brodmann.annot", keys[:10242], [names[i] for i in order], colors
        )
    assert not (read_labels(subject.path / "label" / "rh.PALS_B12_Brodmann.annot")[0] == _key(names, "3")).any()
    found = subject_labels(subject)
    for side, wanted in pals.items():
        np.testing.assert_array_equal(found.labels[side], wanted)
    assert "own annotation" in found.version
    assert "connected component" in found.notes[0]
    merged = subject_labels(subject, merged=True)
    np.testing.assert_array_equal(merged.labels["R"], np.where(pals["R"] == 33, 3, pals["R"]))


def _key(names, number):
    return next(key for key, name in names.items() if name == f"Brodmann.{number}")


@pytest.mark.parametrize("kind", ["annot", "gifti"])
def test_another_atlas_on_fsaverage(subject, tmp_path, kind):
    """Its names are the regions; what means nothing is none."""
    keys = np.random.default_rng(2).integers(0, 3, 163842)
    names = ["unknown", "area 10", "area 9"]
    for side, hemi in (("L", "lh"), ("R", "rh")):
        if kind == "annot":
            write_annot(tmp_path / f"{hemi}.mine.annot", keys, names)
        else:
            file = tmp_path / f"hemi-{side}_mine.label.gii"
            write_labels(keys, dict(enumerate(names)), file, hemisphere=side, name="mine")
    pattern = "?h.mine.annot" if kind == "annot" else "hemi-?_mine.label.gii"
    found = subject_labels(subject, atlas=str(tmp_path / pattern))
    assert found.regions == {1: "area 9", 2: "area 10"}
    np.testing.assert_array_equal(found.labels["R"], np.array([0, 2, 1])[keys[:10242]])
    # The name of one hemisphere's file finds the other's.
    other = subject_labels(subject, atlas=str(tmp_path / pattern.replace("?", "R" if kind == "gifti" else "r")))
    np.testing.assert_array_equal(other.labels["L"], found.labels["L"])


def test_atlas_of_the_subject_by_name(subject):
    labels = np.arange(10242) % 3
    for hemi in ("lh", "rh"):
        write_annot(subject.path / "label" / f"{hemi}.mine.annot", labels, ["Medial_wall", "a", "b"])
    found = subject_labels(subject, atlas="?h.mine.annot")
    np.testing.assert_array_equal(found.labels["L"], np.array([-1, 1, 2])[labels])
    assert "at the subject's vertices" in found.version


def test_annotation_of_the_wrong_length(subject, tmp_path):
    for hemi in ("lh", "rh"):
        write_annot(tmp_path / f"{hemi}.mine.annot", np.arange(1000) % 3, ["unknown", "a", "b"])
        shutil.copy(tmp_path / f"{hemi}.mine.annot", subject.path / "label" / f"{hemi}.PALS_B12_Brodmann.annot")
    wanted = r"lh.mine.annot: .*annotates 1000 vertices, but lh.white of sub-01 has 10242 and fsaverage 163842"
    with pytest.raises(InputError, match=wanted):
        subject_labels(subject, atlas=str(tmp_path / "?h.mine.annot"))
    with pytest.raises(InputError, match=r"annotates 1000 vertices, but lh.white of sub-01 has 10242;"):
        subject_labels(subject)


def test_absent_and_unusable_atlases(subject, tmp_path):
    with pytest.raises(InputError, match=r"surfaces.atlas = .*the atlas was not found .searched: .*label"):
        subject_labels(subject, atlas="?h.nowhere.annot")
    with pytest.raises(InputError, match="must say the hemisphere"):
        subject_labels(subject, atlas="nowhere")
    (tmp_path / "lh.bad.annot").write_bytes(b"no annotation")
    shutil.copy(tmp_path / "lh.bad.annot", tmp_path / "rh.bad.annot")
    with pytest.raises(InputError, match=r"lh.bad.annot: cannot be read"):
        subject_labels(subject, atlas=str(tmp_path / "?h.bad.annot"))


def test_depths_by_name():
    assert parse_depth("projfrac:0.25") == ("projfrac", 0.25)
    assert parse_depth("projdist:-1") == ("projdist", -1.0)
    assert [depth_label(parse_depth(d)) for d in ("projfrac:0.25", "midpoint:-0.1", "projdist:-1.5")] == [
        "projfrac025", "midpointminus010", "projdistIn1500um",
    ]  # fmt: skip
    for wrong in ("0.5", "projfrac:3", "projdist:-20", "depth:0.5", "projfrac:"):
        with pytest.raises(InputError, match="is not a depth"):
            parse_depth(wrong)
