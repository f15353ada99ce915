"""Depths and samples against a literal float32 port of mri_vol2surf, and against fields known in closed form.

FreeSurfer's own programs need a licence key and cannot run in the tests: the port follows their source step by step
(``MRIScomputeNormals``, ``ProjNormFracThick``, ``vol2surf_linear``, ``MRIsampleSeqVolume``), in float32 as they do.
"""

import nibabel as nib
import numpy as np
import pytest

from harmoniq.data.images import Image, load_image
from harmoniq.surface.geometry import points_at, transform, vertex_normals
from harmoniq.surface.sampling import sample_depths, sample_volume
from harmoniq.surface.subject import FreeSurferSubject

F = np.float32
ROTATION = np.array([[0.9553, -0.2474, 0.1622], [0.2571, 0.9655, -0.0407], [-0.1465, 0.0806, 0.9859]])


def _affine(directions, sizes, shape, centre=(3.5, -4.0, 12.0)):
    u, _, v = np.linalg.svd(directions)
    affine = np.eye(4)
    affine[:3, :3] = (u @ v) * sizes
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


SHAPE = (70, 90, 80)
GRIDS = {
    "RAS": _affine(np.eye(3), (2, 2, 2), SHAPE),
    "LAS": _affine(np.diag([-1, 1, 1]), (2, 2, 2), SHAPE),
    "LPS": _affine(np.diag([-1, -1, 1]), (2, 2, 2), SHAPE),
    "PIR": _affine(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]]), (2.2, 2.0, 1.9), (90, 80, 70)),
    "oblique anisotropic": _affine(ROTATION, (1.7, 2.1, 2.6), SHAPE),
    "oblique left-handed, shifted": _affine(ROTATION @ np.diag([-1, 1, 1]), (2.3, 1.9, 2.4), SHAPE, (-9, 14, 3)),
}


def _shape(name):
    return (90, 80, 70) if name == "PIR" else SHAPE


def _tkr(affine, shape):
    """FreeSurfer's vox2ras_tkr of a volume (``MRIxfmCRS2XYZtkreg``)."""
    dx, dy, dz = np.linalg.norm(affine[:3, :3], axis=0)
    nx, ny, nz = shape
    return np.array([[-dx, 0, 0, dx * nx / 2], [0, 0, dz, -dz * nz / 2], [0, -dy, 0, dy * ny / 2], [0, 0, 0, 1]])


def _port_normals(vertices, faces):
    """Loop over the faces as MRIScomputeNormals does: unit face normals, summed, normalised; float32."""
    vertices = vertices.astype(F)
    total = np.zeros_like(vertices)
    for face in faces:
        for n in range(3):
            before, here, after = vertices[face[n - 1]], vertices[face[n]], vertices[face[(n + 1) % 3]]
            v0, v1 = here - before, after - here
            normal = np.cross(v0, v1).astype(F)
            total[face[n]] += normal / np.sqrt((normal * normal).sum(dtype=F))
    return total / np.sqrt((total * total).sum(axis=1, dtype=F))[:, None]


def _port_vol2surf(hemisphere, normals, volume, affine, orig, *, frac=None, dist=None):
    """Port of mri_vol2surf --regheader --interp trilinear with --projfrac or --projdist."""
    step = F(frac) * hemisphere.thickness.astype(F) if frac is not None else np.full(len(normals), dist, F)
    points = hemisphere.white.astype(F) + step[:, None] * normals
    register = _tkr(affine, volume.shape) @ np.linalg.inv(affine) @ orig @ np.linalg.inv(_tkr(orig, (256,) * 3))
    to_voxel = (np.linalg.inv(_tkr(affine, volume.shape)) @ register).astype(F)
    out, outside = np.zeros(len(points), F), np.zeros(len(points), bool)
    for v, point in enumerate(points):
        x, y, z = (to_voxel @ np.append(point, F(1)).astype(F))[:3]
        index = [int(np.floor(c + F(0.5))) for c in (x, y, z)]
        if any(i < 0 or i >= n for i, n in zip(index, volume.shape, strict=True)):
            outside[v] = True
            continue
        coordinates = []
        for c, n in zip((x, y, z), volume.shape, strict=True):
            c = F(n - 1) if c >= n else max(c, F(0))
            m = max(int(c), 0)
            coordinates.append((m, min(n - 1, m + 1), c - F(m)))
        value = F(0)
        for i, j, k in np.ndindex(2, 2, 2):
            weight = F(1)
            for (_, _, d), side in zip(coordinates, (i, j, k), strict=True):
                weight = weight * (d if side else F(1) - d)
            value += weight * volume[coordinates[0][i], coordinates[1][j], coordinates[2][k]]
        out[v] = value
    return out, outside


@pytest.fixture
def subject(make_subject):
    return FreeSurferSubject.load(make_subject())


def test_normals_agree_with_the_port(subject):
    for hemisphere in subject.hemispheres.values():
        own = vertex_normals(hemisphere.white, hemisphere.faces)
        np.testing.assert_allclose(own, _port_normals(hemisphere.white, hemisphere.faces), atol=5e-6)  # float32


def test_normals_are_not_weighted_by_area():
    # A roof of unequal sides over a base: at the apex each unit normal counts once.
    apex = np.array([[0, 0, 1], [4, 1, 0], [-1, 1, 0], [-1, -1, 0], [4, -1, 0.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1], [1, 3, 2], [1, 4, 3]])
    units = [np.cross(apex[b] - apex[a], apex[c] - apex[a]) for a, b, c in faces[:4]]
    total = sum(u / np.linalg.norm(u) for u in units)
    np.testing.assert_allclose(vertex_normals(apex, faces)[0], total / np.linalg.norm(total), atol=1e-12)
    np.testing.assert_allclose(vertex_normals(apex, faces[:, ::-1]), vertex_normals(apex, faces), atol=1e-12)


def test_depths_in_closed_form(subject):
    hemisphere = subject.hemispheres["L"]
    normals = vertex_normals(hemisphere.white, hemisphere.faces)
    half = points_at(hemisphere, kind="projfrac", value=0.5)
    np.testing.assert_allclose(half, hemisphere.white + 0.5 * hemisphere.thickness[:, None] * normals)
    below = points_at(hemisphere, kind="projdist", value=-0.5)
    np.testing.assert_allclose(np.linalg.norm(below - hemisphere.white, axis=1), 0.5)
    middle = points_at(hemisphere, kind="midpoint", value=0.5)
    np.testing.assert_allclose(middle, (hemisphere.white + hemisphere.pial) / 2)
    with pytest.raises(ValueError, match="kind"):
        points_at(hemisphere, kind="depth")


@pytest.mark.parametrize("name", GRIDS)
def test_agrees_with_the_port_of_vol2surf(subject, name):
    affine, shape = GRIDS[name], _shape(name)
    volume = np.random.default_rng(5).uniform(0.5, 2, shape).astype(F)
    orig = nib.load(subject.path / "mri/orig.mgz").header.get_vox2ras()
    hemisphere = subject.hemispheres["R"]
    normals = _port_normals(hemisphere.white, hemisphere.faces)
    image = Image(volume, affine)
    ((mid, below),) = sample_depths(
        hemisphere, [(image, subject.tkr_to_scanner)], [("projfrac", 0.5), ("projdist", -0.5)]
    )
    for (values, inside), depth in ((mid, {"frac": 0.5}), (below, {"dist": -0.5})):
        wanted, outside = _port_vol2surf(hemisphere, normals, volume, affine, orig, **depth)
        np.testing.assert_array_equal(inside, ~outside)
        # Float32 coordinates of some 100 voxels are good to 1e-5 voxel; noise of range 1.5 changes fast in a voxel.
        np.testing.assert_allclose(values[inside], wanted[inside], atol=3e-4 * 1.5)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("code", ["sform", "qform", "both"])
def test_orientation_of_the_file_does_not_matter(tmp_path, subject, name, code):
    # A field that is linear in scanner space is sampled exactly, however the voxels lie in it.
    affine, shape = GRIDS[name], _shape(name)
    gradient = np.array([0.011, -0.007, 0.005])
    voxels = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3)
    field = (1.2 + transform(voxels, affine) @ gradient).reshape(shape).astype(F)
    image = nib.Nifti1Image(field, affine)
    image.set_sform(affine, code=0 if code == "qform" else 1)
    image.set_qform(affine, code=0 if code == "sform" else 1)
    nib.save(image, tmp_path / "map.nii.gz")
    loaded = load_image(tmp_path / "map.nii.gz")
    for hemisphere in subject.hemispheres.values():
        points = transform(points_at(hemisphere), subject.tkr_to_scanner)
        values, inside = sample_volume(points, loaded.data, loaded.affine)
        assert inside.mean() > 0.6
        deep = inside & sample_volume(points, np.ones(np.array(shape) - 2, F), _inner(affine))[1]
        # float32 of the header and of the field
        np.testing.assert_allclose(values[deep], (1.2 + points @ gradient)[deep], atol=2e-5)


def _inner(affine):
    inner = affine.copy()
    inner[:3, 3] += affine[:3, :3].sum(axis=1)
    return inner


def test_outside_and_nan():
    volume = np.arange(27, dtype=F).reshape(3, 3, 3)
    points = np.array([[-0.5, 0, 0], [-0.51, 0, 0], [2.49, 2, 2], [2.5, 2, 2], [1, 1, 1.25], [np.nan, 0, 0]])
    values, inside = sample_volume(points, volume, np.eye(4))
    np.testing.assert_array_equal(inside, [True, False, True, False, True, False])
    np.testing.assert_allclose(values, [0, np.nan, 26, np.nan, 13.25, np.nan])
    nearest, _ = sample_volume(points, volume, np.eye(4), interpolation="nearest")
    np.testing.assert_array_equal(nearest, [0, np.nan, 26, np.nan, 13, np.nan])
    volume[1, 1, 1] = np.nan
    assert np.isnan(sample_volume([[1.2, 1, 1]], volume, np.eye(4))[0])
    assert sample_volume([[0.2, 0.3, 2]], volume, np.eye(4))[0] == pytest.approx(0.2 * 9 + 0.3 * 3 + 2)
