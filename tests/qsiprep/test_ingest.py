"""Derivatives of each layout and version give the same table; what is odd is said, what is wrong is refused."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import gaussian_filter, map_coordinates

from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.data.images import save_image
from harmoniq.data.names import BUNDLES
from harmoniq.qsiprep.place import place_bundles
from harmoniq.qsiprep.space import find_space
from harmoniq.regions.bundles import sample_bundles
from harmoniq.registration.itk import read_itk, write_itk
from harmoniq.tract.find import find_bundles

NEW = {
    "FA": "ForcepsMinor", "FP": "ForcepsMajor", "ARC": "Arcuate", "pARC": "PosteriorArcuate", "ATR": "AnteriorThalamic",
    "CGC": "CingulumCingulate", "CST": "Corticospinal", "IFO": "InferiorFrontooccipital", "ILF": "InferiorLongitudinal",
    "SLF": "SuperiorLongitudinal",
}  # fmt: skip
GRID, SHAPE = np.array([[3.0, 0, 0, -84], [0, 3.0, 0, -96], [0, 0, 3.0, -60], [0, 0, 0, 1]]), (56, 66, 52)


def new_name(bundle):
    stem, _, side = bundle.partition("_")
    return {"L": "Left", "R": "Right"}.get(side, "") + NEW[stem]


def rigid(degrees, shift):
    angle = np.radians(degrees)
    out = np.eye(4)
    out[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    out[:3, 3] = shift
    return out


#: From points of AC-PC to the scanner's: the origin lies far from the scanner's.
TO_SCANNER = rigid(12, (2.0, 25.0, -45.0))


def at(points, volume):
    voxels = (np.linalg.inv(GRID) @ np.column_stack([points, np.ones(len(points))]).T)[:3]
    return map_coordinates(volume, voxels, order=1, mode="nearest")


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A head with some structure, its map, its mask, its bundles, and its image as QSIPrep turns it to AC-PC."""
    folder = tmp_path_factory.mktemp("head")
    rng = np.random.default_rng(4)
    index = np.indices(SHAPE).reshape(3, -1)
    points = (GRID @ np.vstack([index, np.ones(index.shape[1])]))[:3].T
    radius = np.linalg.norm((points - [0, 3, 18]) / [66, 80, 62], axis=1).reshape(SHAPE)
    texture = gaussian_filter(rng.standard_normal(SHAPE), 2.0)
    image = np.where(radius < 1, 100 + 60 * texture / texture.std(), 0).clip(0)
    mask = radius < 0.95
    values = 1.0 + 0.1 * gaussian_filter(rng.standard_normal(SHAPE), 4.0) / 0.03
    save_image(image, GRID, folder / "inv2.nii.gz")
    save_image(mask.astype(np.uint8), GRID, folder / "mask.nii.gz", dtype=np.uint8)
    save_image(values, GRID, folder / "r1.nii.gz")
    # QSIPrep resamples the image onto a grid of its own.
    acpc_grid = GRID.copy()
    acpc_grid[:3, 3] = (-85, -120, -15)
    there = (acpc_grid @ np.vstack([index, np.ones(index.shape[1])]))[:3].T
    moved = at(there @ TO_SCANNER[:3, :3].T + TO_SCANNER[:3, 3], image).reshape(SHAPE)
    save_image(moved, acpc_grid, folder / "t1w_acpc.nii.gz")
    lines = {}
    for number, bundle in enumerate(BUNDLES):
        way = np.linspace(-1, 1, 40)[:, None]
        middle = rng.uniform(-20, 20, 3) + [0, 3, 18]
        core = (
            middle + 30 * way * (rng.standard_normal(3) / 2).clip(-1, 1) + 8 * np.sin(3 * way) * np.eye(3)[number % 3]
        )
        lines[bundle] = [core + rng.normal(0, 1.5, 3) for _ in range(20)]
    return folder, lines


def save_lines(lines, path, grid=GRID):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [np.asarray(line, np.float32) for line in lines]
    if path.suffix == ".trx":
        from nibabel.streamlines import ArraySequence
        from trx.trx_file_memmap import TrxFile, save

        trx = TrxFile(nb_vertices=sum(map(len, lines)), nb_streamlines=len(lines))
        sequence = ArraySequence(lines)
        trx.streamlines._data, trx.streamlines._offsets = sequence._data, sequence._offsets
        trx.streamlines._lengths = sequence._lengths
        trx.header["VOXEL_TO_RASMM"], trx.header["DIMENSIONS"] = grid, np.array(SHAPE, dtype=np.uint16)
        save(trx, str(path))
        return
    tractogram = nib.streamlines.Tractogram(lines, affine_to_rasmm=np.eye(4))
    header = {"voxel_to_rasmm": grid, "dimensions": SHAPE, "voxel_sizes": (3, 3, 3)} if path.suffix == ".trk" else {}
    nib.streamlines.save(tractogram, str(path), header=header)


def acpc(lines):
    """Streamlines of the scanner's space as they lie in AC-PC."""
    back = np.linalg.inv(TO_SCANNER)
    return [line @ back[:3, :3].T + back[:3, 3] for line in lines]


def write_mat(matrix, path):
    """Write a transform as ANTs does, by ITK itself."""
    flip = np.diag([-1.0, -1, 1, 1])
    lps = flip @ matrix @ flip
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(lps[:3, :3].ravel())
    center = np.array([3.0, -7.0, 11.0])
    transform.SetCenter(center)
    transform.SetTranslation(lps[:3, 3] - center + lps[:3, :3] @ center)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteTransform(transform, str(path))


def qsiprep_018(head, root):
    folder, lines = head
    stem = "sub-1_space-T1w_desc-preproc"
    base = root / "qsirecon" / "sub-1" / "dwi" / stem
    name = f"{stem}_dwi_space-RASMM_model-probCSD_algo-AFQ_desc-{{}}_tractography.trk"
    for bundle in BUNDLES:
        old = name.format(bundle.replace("_", ""))
        save_lines(acpc(lines[bundle]), base / "clean_bundles" / old)
        save_lines(acpc(lines[bundle][:3]), base / "bundles" / old)
    anat = root / "qsiprep" / "sub-1" / "anat"
    write_mat(TO_SCANNER, anat / "sub-1_from-T1wNative_to-T1wACPC_mode-image_xfm.mat")
    write_mat(np.linalg.inv(TO_SCANNER), anat / "sub-1_from-T1wACPC_to-T1wNative_mode-image_xfm.mat")
    (anat / "sub-1_desc-preproc_T1w.nii.gz").write_bytes((folder / "t1w_acpc.nii.gz").read_bytes())


def qsirecon(head, root, suffix=".trk"):
    folder, lines = head
    base = (
        root / "qsirecon" / "derivatives" / "qsirecon-PYAFQ" / "sub-1" / "dwi" / "sub-1_space-ACPC_dwimap" / "bundles"
    )
    for bundle in BUNDLES:
        path = base / f"sub-1_space-ACPC_model-csd_desc-{new_name(bundle)}_tractography{suffix}"
        save_lines(acpc(lines[bundle]), path)
    anat = root / "qsiprep" / "sub-1" / "anat"
    anat.mkdir(parents=True)
    write_itk(np.linalg.inv(TO_SCANNER), anat / "sub-1_from-ACPC_to-anat_mode-image_xfm.txt")
    (anat / "sub-1_space-ACPC_desc-preproc_T1w.nii.gz").write_bytes((folder / "t1w_acpc.nii.gz").read_bytes())


def pyafq(head, root):
    _, lines = head
    for bundle in BUNDLES:
        name = f"sub-1_coordsys-RASMM_trkmethod-probCSD_recogmethod-AFQ_desc-{bundle.replace('_', '')}_tractography.trk"
        save_lines(lines[bundle], root / "afq" / "sub-1" / "clean_bundles" / name)


LAYOUTS = {
    "qsiprep 0.18": qsiprep_018,
    "qsirecon .trk": qsirecon,
    "qsirecon .tck": lambda head, root: qsirecon(head, root, ".tck"),
    "qsirecon .trx": lambda head, root: qsirecon(head, root, ".trx"),
    "pyafq": pyafq,
}


def table(head, root, tmp_path):
    """The rows, the notes and the placement, as the nodes make them."""
    folder, _ = head
    found = find_bundles(root, "1")
    space = find_space(found, [root], "1")
    placement = place_bundles(space, found, folder / "inv2.nii.gz", folder / "mask.nii.gz")
    moved = write_itk(placement.matrix, tmp_path / "placement.txt")
    _, rows = sample_bundles(
        folder / "r1.nii.gz", found, metric="R1", engine="e", nodes=100, central=0.7, plausible=(0.1, 3.0),
        out_dir=tmp_path, reference=folder / "inv2.nii.gz", placement=moved,
    )  # fmt: skip
    content = read_json(rows)
    return pd.DataFrame(content["rows"]).set_index("region"), content["notes"], placement


@pytest.fixture(scope="module")
def truth(head, tmp_path_factory):
    root = tmp_path_factory.mktemp("truth")
    pyafq(head, root)
    return table(head, root, root)[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_gives_the_same_table(head, truth, tmp_path, layout):
    LAYOUTS[layout](head, tmp_path / "out")
    found, notes, placement = table(head, tmp_path / "out", tmp_path)
    assert list(found.index) == list(BUNDLES)
    # Streamlines are float32 in every format, and trk stores them in voxel units: some 1e-5 mm.
    np.testing.assert_allclose(found["value"], truth["value"], rtol=1e-4)
    assert (found["n"] == truth["n"]).all()
    assert notes == []
    if layout != "pyafq":
        assert "checked by registration" in placement.facts["Placement"]
        assert placement.facts["Disagreement"] < 1.0
    assert placement.facts["ShareInBrain"] > 0.95


@pytest.mark.parametrize("broken", ["absent", "wrong"])
def test_registration_stands_in_for_the_transform(head, truth, tmp_path, broken):
    qsiprep_018(head, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*_xfm.mat"):
        if broken == "absent":
            path.unlink()
        else:
            write_mat(rigid(0, (0, 9.0, 0)) @ TO_SCANNER, path)
    found, _, placement = table(head, tmp_path / "out", tmp_path)
    assert placement.facts["Placement"].startswith("registration of sub-1_desc-preproc_T1w")
    assert bool(placement.notes) == (broken == "wrong")
    moved = np.array([0, 0, 20, 1.0])
    assert np.linalg.norm((placement.matrix @ moved - TO_SCANNER @ moved)[:3]) < 1.0
    np.testing.assert_allclose(found["value"], truth["value"], rtol=0.02)


def test_neither_transform_nor_image(head, tmp_path):
    qsiprep_018(head, tmp_path / "out")
    for path in (tmp_path / "out" / "qsiprep").rglob("*.*"):
        path.unlink()
    with pytest.raises(InputError, match=r"AC-PC space, and neither its transform nor its T1w image is there.*--deriv"):
        table(head, tmp_path / "out", tmp_path)


def test_a_transform_alone_is_taken_unchecked(head, truth, tmp_path):
    qsiprep_018(head, tmp_path / "out")
    next((tmp_path / "out").rglob("*T1w.nii.gz")).unlink()
    found, _, placement = table(head, tmp_path / "out", tmp_path)
    assert "not checked" in placement.facts["Placement"]
    np.testing.assert_allclose(found["value"], truth["value"], rtol=1e-4)


def test_wrong_space_is_refused(head, tmp_path):
    """Bundles in AC-PC under names that say nothing of it."""
    folder, lines = head
    shifted = (folder, {name: [line + [0, 0, 120] for line in own] for name, own in lines.items()})
    pyafq(shifted, tmp_path / "out")
    with pytest.raises(InputError, match="outside the brain: the tractograms are in another space"):
        table(head, tmp_path / "out", tmp_path)


def test_odd_bundles_are_said_and_the_others_stand(head, truth, tmp_path):
    folder, lines = head
    odd = dict(lines)
    odd["ARC_L"] = [line[::-1] if number % 4 == 0 else line for number, line in enumerate(lines["ARC_L"])]
    odd["CST_L"] = lines["CST_L"][:1]
    odd["FA"] = []
    odd["SLF_R"] = [line + [0, 0, 150] for line in lines["SLF_R"]]
    pyafq((folder, odd), tmp_path / "out")
    next((tmp_path / "out").rglob("*desc-FP_*")).unlink()
    found, notes, _ = table(head, tmp_path / "out", tmp_path)
    said = " | ".join(notes)
    assert "no tractogram of FP" in said
    assert "FA: " in said
    assert "holds no streamline" in said
    assert "a single streamline, the profile rests on it alone" in said
    assert "turned round: ARC_L 5 of 20" in said
    assert "SLF_R: 100 % of the points lie outside the field of view" in said
    assert set(found.index) == set(BUNDLES) - {"FA", "FP"}
    assert found.loc["ARC_L", "value"] == pytest.approx(truth.loc["ARC_L", "value"], rel=1e-6)
    assert np.isnan(found.loc["SLF_R", "value"])
    assert (found.loc["SLF_R", "n"], found.loc["SLF_R", "n_excluded"]) == (0, 70)
    others = [name for name in found.index if name not in ("CST_L", "SLF_R")]
    np.testing.assert_allclose(found.loc[others, "value"], truth.loc[others, "value"], rtol=1e-6)


def test_a_truncated_file_is_refused(head, tmp_path):
    pyafq(head, tmp_path / "out")
    path = next((tmp_path / "out").rglob("*desc-ILFL_*"))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"desc-ILFL.*truncated"):
        table(head, tmp_path / "out", tmp_path)


def test_binary_transforms_are_itk_s(tmp_path):
    """What ITK wrote with a center of its own reads back as the matrix it stands for."""
    write_mat(TO_SCANNER, tmp_path / "a.mat")
    np.testing.assert_allclose(read_itk(tmp_path / "a.mat"), TO_SCANNER, atol=1e-9)
    (tmp_path / "b.mat").write_bytes(b"not a transform")
    with pytest.raises(InputError, match="not an ITK transform"):
        read_itk(tmp_path / "b.mat")
    with pytest.raises(InputError, match="file not found"):
        read_itk(tmp_path / "c.mat")
