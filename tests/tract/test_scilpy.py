"""The embedded engine's central means beside those of SCILPY's own commands, where they are installed."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import Image, load_image, save_image
from harmoniq.tract.profile import bundle_profile
from harmoniq.tract.scilpy import LABEL_MAP, MEAN_STD, VARIABLE, Scilpy, find_scilpy, scilpy_profile
from harmoniq.tract.streamlines import save_streamlines

SHAPE = (100, 100, 60)
HOW = {"nodes": 100, "central": 0.7, "valid_range": (0.0, 100.0)}


@pytest.fixture
def scilpy():
    try:
        return find_scilpy()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def arc(tmp_path_factory):
    """A bent bundle in smooth maps whose ends differ from the middle."""
    folder, rng = tmp_path_factory.mktemp("arc"), np.random.default_rng(0)
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-50, -50, -40)
    x, y, z = np.moveaxis(np.indices(SHAPE), 0, -1).reshape(-1, 3).T + affine[:3, 3:]
    end = 1 / (1 + np.exp((y + 8) / 1.5))  # both ends of the arc come down here
    maps = {"R1": 1.0 + 0.05 * np.sin(x / 20) - 0.15 * end, "R2star": 20 + 2 * np.cos(z / 15) + 7 * end}
    lines = []
    for _ in range(300):
        t = np.linspace(0, 1, 120) * np.pi
        core = np.column_stack([30 * np.cos(t), 35 * np.sin(t) - 15, 6 * np.sin(t / 2)])
        lines.append((core + rng.normal(0, 1.2, 3)).astype(np.float32))
    saved = {m: save_image(v.reshape(SHAPE), affine, folder / f"{m}.nii.gz") for m, v in maps.items()}
    return lines, {metric: load_image(path) for metric, path in saved.items()}


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="pip install scilpy"):
        find_scilpy()
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="has no scil_bundle_compute_centroid"):
        find_scilpy()


def test_its_folder_and_version_are_found(monkeypatch, tmp_path):
    """By the variable, and on the PATH; the version is that of the environment's own record."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("scil_bundle_compute_centroid", LABEL_MAP, MEAN_STD):
        (commands / name).write_text("#!/bin/sh\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(commands))
    assert find_scilpy() == Scilpy(commands, "unknown")
    (tmp_path / "lib/python3.11/site-packages/scilpy-2.3.0.dist-info").mkdir(parents=True)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("PATH", str(commands))
    assert find_scilpy().label == "scilpy 2.3.0"


def test_a_failure_is_a_sentence(arc, tmp_path):
    """A command that fails: its last line and its log stand in the sentence."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "scil_bundle_compute_centroid"
    tool.write_text("#!/bin/sh\necho 'ValueError: no such header' >&2\nexit 1\n")
    tool.chmod(0o755)
    lines, maps = arc
    with pytest.raises(InputError, match=r"scil_bundle_compute_centroid.log: .*exit code 1 .*no such header"):
        scilpy_profile(Scilpy(tmp_path / "bin", "0"), lines, maps["R1"], tmp_path / "out", **HOW)


def test_what_it_cannot_take_is_left_out(arc, tmp_path):
    """One streamline, and streamlines that leave the map: no command is called, and no value is made up."""
    lines, maps = arc
    away = [line + np.float32(500) for line in lines[1:4]]
    profile, notes = scilpy_profile(Scilpy(tmp_path, "0"), [lines[0], *away], maps["R1"], tmp_path / "out", **HOW)
    assert np.isnan(profile.mean).all() and not profile.used.any()
    assert notes == [
        "3 of 4 streamlines leave the map, and SCILPY takes none of those",
        "no value: SCILPY needs 2 streamlines, and 1 can be used",
    ]


@pytest.mark.slow
def test_within_0_6_percent_of_scilpy(scilpy, arc, tmp_path):
    """Central means agree, and so do the profiles; with the ends, both move away from the truth."""
    lines, maps = arc
    for metric, image in maps.items():
        ours = bundle_profile(lines, image.data, image.affine)
        other, notes = scilpy_profile(scilpy, lines, image, tmp_path / metric, **HOW)
        assert notes == [] and other.used.all() and other.n_streamlines == 300
        values = [np.nanmean(profile.mean[profile.central]) for profile in (ours, other)]
        assert abs(values[0] / values[1] - 1) < 0.006
        # Node by node a label's voxels reach over the neighboring nodes: a voxel of 1 mm against nodes of 1.2 mm.
        assert np.abs(ours.mean / other.mean - 1)[ours.central].max() < 0.02
        trimmed = [100 * (np.nanmean(p.mean) / value - 1) for p, value in zip((ours, other), values, strict=True)]
        assert all(-4 < off < -1 if metric == "R1" else 3 < off < 10 for off in trimmed)


@pytest.mark.slow
def test_lesions_do_not_weigh_on_its_means(scilpy, arc, tmp_path):
    """NaN and implausible voxels over part of the bundle: SCILPY's own handling of NaN would give means too low."""
    lines, maps = arc
    image = maps["R1"]
    data = np.ones_like(image.data)
    data[::3] = np.nan
    data[1::3, ::5] = 999.0
    path = save_image(np.nan_to_num(data, nan=0.0), image.affine, tmp_path / "map.nii.gz")
    profile, _ = scilpy_profile(scilpy, lines, Image(data, image.affine, path), tmp_path / "out", **HOW)
    assert profile.used.sum() > 50
    np.testing.assert_allclose(profile.mean[profile.used], 1.0, rtol=1e-6)
    assert profile.n_excluded == profile.excluded.sum() > 500


def test_streamlines_are_written_as_read(arc, tmp_path):
    from harmoniq.tract.streamlines import load_streamlines

    lines, maps = arc
    read, _ = load_streamlines(save_streamlines(lines[:5], maps["R1"], tmp_path / "a.trk"))
    np.testing.assert_allclose(np.stack(read), np.stack(lines[:5]), atol=1e-4)
