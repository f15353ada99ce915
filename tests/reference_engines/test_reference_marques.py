"""R1 by Marques' scripts: the job without them, and the real ones against the native engine where they are."""

import re
import shutil
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from nipype.pipeline.engine import Node
from scipy.io import loadmat, savemat

from harmoniq.data.acquisitions import MP2RAGE, MP2RAGETiming
from harmoniq.data.compare import compare_maps
from harmoniq.data.errors import InputError
from harmoniq.data.images import load_image, save_image
from harmoniq.data.octave_job import Job, new_folder, run_job
from harmoniq.data.octave_standins import PLOTTING
from harmoniq.interfaces.marques import FitR1Marques
from harmoniq.mp2rage.lookup import fit_r1
from harmoniq.mp2rage.marques import fit_r1_marques, marques_job, read_r1, write_input
from harmoniq.mp2rage.signal import inversion_signals, uniform_image
from harmoniq.mp2rage.volumes import fit_r1_files

SITES = ("site1", "site2", "site3")
#: Echo spacing and excitations that the sites do not use.
HELD_OUT = {"site1": (0.0062, (51, 102)), "site2": (0.0062, (51, 102)), "site3": (0.0075, (48, 96))}
SHAPE = (14, 15, 16)


def _timing(site: str, *, held_out: bool = False) -> MP2RAGETiming:
    config = tomllib.loads((files("harmoniq.configs") / "chen2026.toml").read_text())
    protocol = config["protocols"][site]["MP2RAGE"]
    own = (protocol["RepetitionTimeExcitation"], tuple(protocol["NumberShots"]))
    return MP2RAGETiming(
        protocol["RepetitionTimePreparation"],
        tuple(protocol["InversionTime"]),
        tuple(protocol["FlipAngle"]),
        *(HELD_OUT[site] if held_out else own),
    )


def _images(folder: Path, timing: MP2RAGETiming, rng: np.random.Generator) -> tuple[Path, Path, np.ndarray]:
    """Write UNIT1 with noise (SNR 60), 12 bits, and a map of B1+ from 0.8 to 1.2; return T1 too, 0.6 to 2.5 s."""
    t1 = rng.uniform(0.6, 2.5, SHAPE)
    b1 = np.broadcast_to(np.linspace(0.8, 1.2, SHAPE[0])[:, None, None], SHAPE)
    signals = inversion_signals(t1, timing, b1)
    sigma = np.median(np.abs(signals[1])) / 60
    noisy = [s + sigma * (rng.standard_normal(SHAPE) + 1j * rng.standard_normal(SHAPE)) for s in signals]
    uni = np.round((uniform_image(*noisy) + 0.5) * 4095)
    affine = np.diag([1.0, 1.0, 1.2, 1.0])
    return (
        save_image(uni, affine, folder / "uni.nii.gz", dtype=np.uint16),
        save_image(100 * b1, affine, folder / "b1.nii.gz"),
        t1,
    )


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(("corrected", "median", "p99"), [(False, 0.05, 0.1), (True, 0.1, 0.5)])
def test_native_engine_agrees_with_the_scripts(
    site, held_out, corrected, median, p99, marques, interpreter, tmp_path, rng
):
    timing = _timing(site, held_out=held_out)
    uni, b1, _ = _images(tmp_path, timing, rng)
    b1_map = b1 if corrected else None
    fit = fit_r1_marques(
        tmp_path / "reference.nii.gz", MP2RAGE(timing, uni), folder=tmp_path / "job", b1_map=b1_map,
        toolbox=marques, interpreter=interpreter,
    )  # fmt: skip
    fit_r1_files(tmp_path / "native.nii.gz", MP2RAGE(timing, uni), b1_map=b1_map)
    native, reference = (load_image(tmp_path / f"{name}.nii.gz") for name in ("native", "reference"))
    np.testing.assert_array_equal(native.affine, reference.affine)
    found = compare_maps(native.data, reference.data)
    # The limits of the project for T1 from 0.6 to 2.5 s: the scripts' grid of 50 ms, with B1 also their 100 values of
    # the uniform image, costs that much. Their B1 correction leaves out each voxel that has the lowest value.
    assert found["median_percent"] < median
    assert found["p99_percent"] < p99
    assert found["n"] >= native.data.size - corrected * 3
    assert fit.outside_fraction * native.data.size == pytest.approx(native.data.size - found["n"], abs=0.5)
    assert not (tmp_path / "job/input.mat").exists()


def test_an_even_second_dimension_and_partial_fourier(marques, interpreter, tmp_path, rng):
    timing = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0062, (51, 102))
    uni, b1, _ = _images(tmp_path, timing, rng)
    image = load_image(uni)
    save_image(image.data[:, :8], image.affine, uni)
    save_image(load_image(b1).data[:, :8], image.affine, b1)
    arguments = {"acquisition": MP2RAGE(timing, uni), "b1_map": b1}
    job = {"folder": tmp_path / "job", "toolbox": marques, "interpreter": interpreter}
    fit_r1_marques(tmp_path / "reference.nii.gz", **arguments, **job)
    fit_r1_files(tmp_path / "native.nii.gz", **arguments)
    found = compare_maps(*(load_image(tmp_path / f"{name}.nii.gz").data for name in ("native", "reference")))
    assert found["p99_percent"] < 0.5


def test_the_engines_converge_with_the_scripts_grids(marques, interpreter, tmp_path, rng):
    """Single voxels differ by some 2 %, at long T1 and low B1: there the curve bends between 2 of 100 UNI values."""
    timing = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0062, (51, 102))
    t1, b1 = rng.uniform(0.6, 2.5, SHAPE), rng.uniform(0.8, 1.2, SHAPE)
    t1[:4], b1[:4] = rng.uniform(2.4, 2.5, (4, *SHAPE[1:])), rng.uniform(0.8, 0.83, (4, *SHAPE[1:]))
    uni = uniform_image(*inversion_signals(t1, timing, b1)).astype(np.float32)
    native = fit_r1(uni, timing, b1).r1
    edits = {
        "T1B1correctpackageTFL.m": [
            ("0.005:0.05:1.9", "0.005:0.01:1.9"), ("0.5:0.05:5.2", "0.5:0.01:5.2"), ("0.5, 100)", "0.5, 2000)"),
        ],
        "MP2RAGE_lookuptable.m": [("0.05:0.05:5", "0.05:0.005:5")],
    }  # fmt: skip
    largest, middle = [], []
    for name in ("as_it_is", "fine"):
        toolbox = marques
        if name == "fine":
            toolbox = Path(shutil.copytree(marques / "func", tmp_path / "fine" / "func").parent)
            for file, changes in edits.items():
                text = (toolbox / "func" / file).read_text()
                for old, new in changes:
                    assert old in text
                    text = text.replace(old, new)
                (toolbox / "func" / file).write_text(text)
        folder = new_folder(tmp_path / f"job_{name}")
        write_input(folder / "input.mat", uni, b1)
        run_job(marques_job(timing, toolbox, b1=True), folder, interpreter, 300.0)
        r1, outside = read_r1(folder / "t1.mat", SHAPE, b1=True)
        found = compare_maps(native, np.where(outside, 0, r1))
        largest.append(found["max_percent"])
        middle.append(found["median_percent"])
    # Against the truth the native engine has converged already.
    np.testing.assert_allclose(native * t1, 1, atol=1e-4)
    assert 1.0 < largest[0] < 3.5, (largest, middle)
    assert largest[1] < 0.1 and middle[1] < 0.2 * middle[0], (largest, middle)


def test_a_train_that_fills_its_gap_is_fitted(marques, interpreter, tmp_path, rng):
    # 100 x 0.007 > 0.7 in floating point: the scripts compare without a tolerance and return nothing.
    timing = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.007, (100, 100))
    assert timing.shots[0] * timing.echo_spacing > timing.inversion_times[0]
    uni, _, _ = _images(tmp_path, timing, rng)
    fit = fit_r1_marques(
        tmp_path / "r1.nii.gz",
        MP2RAGE(timing, uni),
        folder=tmp_path / "job",
        toolbox=marques,
        interpreter=interpreter,
    )
    assert fit.outside_fraction == 0
    assert (load_image(tmp_path / "r1.nii.gz").data > 0.1).all()


def test_the_node_gives_the_native_nodes_outputs(marques, interpreter, tmp_path, rng):
    timing = _timing("site3")
    uni, _, t1 = _images(tmp_path, timing, rng)
    node = Node(
        FitR1Marques(
            uni=str(uni), repetition_time=timing.repetition_time, inversion_times=timing.inversion_times,
            flip_angles=timing.flip_angles, echo_spacing=timing.echo_spacing, shots=timing.shots,
            efficiency=timing.efficiency, toolbox=str(marques), timeout=120.0,
        ),
        name="fit_r1", base_dir=tmp_path / "work",
    )  # fmt: skip
    outputs = node.run().outputs
    assert load_image(outputs.r1_map).shape == SHAPE == t1.shape
    assert outputs.outside_fraction == 0
    assert re.fullmatch(r"marques [0-9a-f]{8} \((octave|matlab) .+\)", outputs.engine)


@pytest.mark.parametrize("standins", [{}, PLOTTING])
def test_why_octave_needs_stand_ins(standins, marques, interpreter, tmp_path, rng):
    if interpreter.kind != "octave":
        pytest.skip("MATLAB needs none")
    job = marques_job(_timing("site1"), marques, b1=True)
    bare = Job(job.title, job.body, job.paths, job.outputs, octave_standins=standins)
    folder, shape = new_folder(tmp_path / "job"), (4, 4, 4)
    write_input(folder / "input.mat", rng.uniform(-0.4, 0.4, shape), np.ones(shape))
    if standins:
        # Octave's interp1 takes NaN as sample points, and every voxel becomes 4 s.
        run_job(bare, folder, interpreter, 120.0)
        with pytest.raises(InputError, match="found no T1 in any voxel"):
            read_r1(folder / "t1.mat", shape, b1=True)
    else:
        # No figure can be drawn without a display.
        with pytest.raises(InputError, match=r"harmoniq_job\.log: Marques' MP2RAGE scripts in octave failed: "):
            run_job(bare, folder, interpreter, 120.0)


def test_the_job_states_the_protocol(tmp_path):
    timing = MP2RAGETiming(5.0, (0.7, 2.5), (4.0, 5.0), 0.0069, (56, 112), 0.94)
    text = marques_job(timing, Path("/scripts"), b1=True).script()
    values = dict(re.findall(r"^ +(MP2RAGE\.\w+|harmoniq_eff) = (.+);$", text, re.MULTILINE))
    assert values == {
        "MP2RAGE.TR": "5.0",
        "MP2RAGE.TRFLASH": "0.0069",
        "MP2RAGE.TIs": "[0.7 2.5]",
        "MP2RAGE.NZslices": "[56 112]",
        "MP2RAGE.FlipDegrees": "[4.0 5.0]",
        "harmoniq_eff": "0.94",
    }
    assert "T1B1correctpackageTFL" in text
    assert "addpath ('/scripts/func');" in text
    assert "T1estimateMP2RAGE" in marques_job(timing, Path("/scripts"), b1=False).script()


def test_the_input_is_a_scanners_uniform_image(tmp_path):
    uniform = np.array([[[-0.5], [0.0], [0.5]], [[np.nan], [0.25], [-0.25]]], dtype=np.float32)
    write_input(tmp_path / "plain.mat", uniform, None)
    plain = loadmat(tmp_path / "plain.mat")["uni"].reshape(2, 3)
    np.testing.assert_array_equal(plain, [[0, 2047.5, 4095], [0, 3071.25, 1023.75]])
    assert plain.dtype == np.float64
    write_input(tmp_path / "b1.mat", uniform, np.full(uniform.shape, 0.9, np.float32))
    padded = loadmat(tmp_path / "b1.mat")
    assert padded["uni"].shape[:2] == padded["b1"].shape[:2] == (2, 4)
    np.testing.assert_array_equal(padded["uni"].reshape(2, 4)[:, 2:], plain[:, [2, 2]])


def test_results_become_finite(tmp_path):
    t1 = np.array([[[0.0, np.nan], [np.inf, 2.0]], [[4.0, 0.5], [1.0, 4.5]]])
    savemat(tmp_path / "t1.mat", {"t1": t1})
    r1, outside = read_r1(tmp_path / "t1.mat", t1.shape, b1=False)
    np.testing.assert_array_equal(r1, np.float32([[[0, 0], [0, 0.5]], [[0.25, 2], [1, 1 / 4.5]]]))
    np.testing.assert_array_equal(outside, [[[True, True], [True, False]], [[False, False], [False, False]]])
    assert read_r1(tmp_path / "t1.mat", t1.shape, b1=True)[1][1, 0, 0]
    with pytest.raises(InputError, match=r"shape \(2, 2, 2\), \(2, 2, 3\) is wanted"):
        read_r1(tmp_path / "t1.mat", (2, 2, 3), b1=False)
    savemat(tmp_path / "t1.mat", {"t1": np.full((2, 2, 1), 4.0)})
    with pytest.raises(InputError, match="found no T1 in any voxel"):
        read_r1(tmp_path / "t1.mat", (2, 1, 1), b1=True)


def test_refusals_come_before_the_interpreter_starts(tmp_path, empty_toolbox, pretender, monkeypatch, rng):
    monkeypatch.setenv("HARMONIQ_MATLAB_CMD", pretender("(here / 'started').touch()"))
    monkeypatch.delenv("HARMONIQ_MP2RAGE_SCRIPTS", raising=False)
    timing = _timing("site1")
    uni, _, _ = _images(tmp_path, timing, rng)
    job = {"acquisition": MP2RAGE(timing, uni), "folder": tmp_path / "job"}
    with pytest.raises(InputError, match="HARMONIQ_MP2RAGE_SCRIPTS is not set"):
        fit_r1_marques(tmp_path / "r1.nii.gz", **job)
    monkeypatch.setenv("HARMONIQ_MP2RAGE_SCRIPTS", str(empty_toolbox("marques")))
    job["acquisition"] = MP2RAGE(timing, tmp_path / "absent.nii.gz")
    with pytest.raises(InputError, match="file not found"):
        fit_r1_marques(tmp_path / "r1.nii.gz", **job)
    # Table 2 of the paper read as full Fourier: the node makes the timing object, which refuses it.
    node = FitR1Marques(
        uni=str(uni), repetition_time=5.0, inversion_times=(0.7, 2.5), flip_angles=(4.0, 5.0), echo_spacing=0.0069,
        shots=(112, 112), efficiency=0.96,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"infeasible MP2RAGE timing: 112 shots before the k-space center"):
        node.run(cwd=str(tmp_path))
    assert not (tmp_path / "job").exists()
    assert not list(tmp_path.rglob("started"))
