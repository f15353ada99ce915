"""A map along the cortex of a subject, from files to files: fields that are known in closed form."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from harmoniq.regions.cortex import sample_cortex
from harmoniq.regions.cortex_labels import label_cortex
from harmoniq.surface.icosphere import icosphere
from harmoniq.surface.subject import FreeSurferSubject

ORIG = np.array([[-1.0, 0, 0, 131.5], [0, 0, 1.0, -110.25], [0, -1.0, 0, 140.75], [0, 0, 0, 1]])
GRADIENT = np.array([0.004, -0.003, 0.002])
HOW = {"metric": "R1", "engine": "e", "swm_distance": -0.5, "interpolation": "trilinear", "plausible": (0.0, 9.0)}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A subject of two ellipsoids, an atlas of two areas cut by height, and a map that is linear in space."""
    root = tmp_path_factory.mktemp("cortex")
    folder = root / "sub-01"
    for part in ("surf", "mri", "label", "scripts"):
        (folder / part).mkdir(parents=True)
    nib.save(nib.MGHImage(np.zeros((256, 256, 256), np.uint8), ORIG), folder / "mri" / "orig.mgz")
    sphere, faces = icosphere(4)
    for hemi, x in (("lh", -30.0), ("rh", 30.0)):
        white = sphere * (0.2, 0.4, 0.3) + (x, 0, 0)
        for name, points in (("white", white), ("pial", white + 0.03 * sphere), ("sphere.reg", sphere)):
            nib.freesurfer.write_geometry(folder / "surf" / f"{hemi}.{name}", points, faces)
        nib.freesurfer.write_morph_data(folder / "surf" / f"{hemi}.thickness", np.full(len(sphere), 3.0), len(faces))
        labels = np.where(sphere[:, 2] > 40, 1, np.where(sphere[:, 2] > 38, 2, 0))
        colors = np.array([[1, 2, 3, 0], [4, 5, 6, 0], [7, 8, 9, 0]])
        names = ["unknown", "top", "rim"]
        nib.freesurfer.write_annot(folder / "label" / f"{hemi}.mine.annot", labels, colors, names, fill_ctab=True)
    (folder / "scripts" / "recon-all.done").write_text("SUBJECT sub-01\n")
    affine = np.array([[2.0, 0, 0, -90], [0, 2, 0, -90], [0, 0, 2, -90], [0, 0, 0, 1]])
    voxels = np.moveaxis(np.indices((90, 90, 90)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    nib.save(nib.Nifti1Image((1.0 + voxels @ GRADIENT).astype(np.float32), affine), root / "map.nii.gz")
    return root


def field(subject, points):
    return 1.0 + (points @ subject.tkr_to_scanner[:3, :3].T + subject.tkr_to_scanner[:3, 3]) @ GRADIENT


def test_means_at_all_depths(case, tmp_path):
    """Linear interpolation is exact on a linear field, so that the means are those of the field at the points."""
    done = sample_cortex(
        case / "map.nii.gz", case / "sub-01", cgm=("midpoint", 0.5), depths=[("midpoint", 0.0), ("midpoint", 1.0)],
        atlas="?h.mine.annot", out_dir=tmp_path, **HOW,
    )  # fmt: skip
    subject = FreeSurferSubject.load(case / "sub-01")
    assert [path.name for path in done.further] == [
        f"hemi-{side}_midpoint{depth}.shape.gii" for side in "LR" for depth in ("000", "100")
    ]
    table = pd.read_csv(done.profile, sep="\t")
    assert list(table["region"].unique()) == ["rim", "top"]
    for side, hemisphere in subject.hemispheres.items():
        top = icosphere(4)[0][:, 2] > 40
        for depth in (0.0, 0.5, 1.0):
            points = hemisphere.white + depth * (hemisphere.pial - hemisphere.white)
            rows = table[(table.region == "top") & (table.hemisphere == side) & (table.depth == depth)]
            # float32 of the map and of the surfaces' files
            assert rows["value"].item() == pytest.approx(field(subject, points)[top].mean(), abs=2e-6)
            assert rows["n"].item() == top.sum()
    rows = json.loads(done.rows.read_text())["rows"]
    assert {(row["tissue"], row["region"]) for row in rows} == {
        (tissue, region) for tissue in ("cGM", "sWM") for region in ("top", "rim")
    }


def test_area_weighted_means(case, tmp_path):
    """On the ellipsoid, the surface integral of the field over the area, by its faces."""
    subject = FreeSurferSubject.load(case / "sub-01")
    options = {"cgm": ("projfrac", 0.0), "atlas": "?h.mine.annot", **HOW}
    plain = sample_cortex(case / "map.nii.gz", case / "sub-01", out_dir=tmp_path, **options)
    even = json.loads(plain.rows.read_text())["rows"]
    (tmp_path / "w").mkdir()
    done = sample_cortex(case / "map.nii.gz", case / "sub-01", out_dir=tmp_path / "w", area_weighted=True, **options)
    rows = json.loads(done.rows.read_text())["rows"]
    hemisphere = subject.hemispheres["L"]
    corners = hemisphere.white[hemisphere.faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.zeros(len(hemisphere.white))
    for corner in range(3):
        np.add.at(share, hemisphere.faces[:, corner], area / 3)
    top = icosphere(4)[0][:, 2] > 40
    values = field(subject, hemisphere.white)
    wanted = np.average(values[top], weights=share[top])
    found = next(row for row in rows if (row["tissue"], row["region"], row["hemisphere"]) == ("cGM", "top", "L"))
    assert found["value"] == pytest.approx(wanted, abs=2e-6)
    assert abs(wanted - values[top].mean()) > 1e-4, "the weights make a difference"
    assert found["value"] != even[rows.index(found)]["value"]


def test_what_is_said_of_the_labels(case, tmp_path):
    files, facts = label_cortex(case / "sub-01", out_dir=tmp_path, atlas="?h.mine.annot", few=31)
    about = json.loads(facts.read_text())
    assert about["regions"] == {"1": "rim", "2": "top"}
    sphere, faces = icosphere(4)
    labels = nib.load(files[1]).darrays[0].data
    np.testing.assert_array_equal(labels > 0, sphere[:, 2] > 38)
    # A zone of an ellipsoid of revolution would be closed form; the triangles' own areas are as independent.
    white = sphere * (0.2, 0.4, 0.3)
    corners = white[faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    outside = (sphere[faces][:, :, 2] <= 38).mean(axis=1)
    assert about["excluded"]["L"] == pytest.approx((area * outside).sum() / area.sum(), abs=1e-5)
    assert {(area["region"], area["n"]) for area in about["few"]} == {("rim", int((labels == 1).sum()))}
    assert "areas with fewer than 31 vertices: rim L" in about["notes"][-1]
    again = tmp_path / "again"
    again.mkdir()
    assert label_cortex(case / "sub-01", out_dir=again, atlas="?h.mine.annot", few=31)[0][0].read_bytes() == (
        files[0].read_bytes()
    )
