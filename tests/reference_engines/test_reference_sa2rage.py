"""SA2RAGE: the signal model and the joint correction of Marques' scripts against the project's own."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.octave_job import Job, new_folder, run_job
from harmoniq.data.octave_standins import MARQUES_OCTAVE, PLOTTING
from harmoniq.mp2rage.lookup import fit_r1
from harmoniq.mp2rage.sa2rage import b1_and_t1, sa2rage_ratio
from harmoniq.mp2rage.signal import inversion_signals, uniform_image

SA2RAGE = MP2RAGETiming(2.4, (0.075, 1.8), (4.0, 11.0), 0.0031, (20, 20))
MP2RAGE = MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88))
STANDINS = {**MARQUES_OCTAVE, "subplot": PLOTTING["figure"].replace("figure", "subplot")}


def _structure(name: str, timing: MP2RAGETiming) -> tuple[str, ...]:
    (ti1, ti2), (a1, a2), (before, after) = timing.inversion_times, timing.flip_angles, timing.shots
    return (
        f"{name}.TR = {timing.repetition_time!r};",
        f"{name}.TRFLASH = {timing.echo_spacing!r};",
        f"{name}.TIs = [{ti1!r} {ti2!r}];",
        f"{name}.NZslices = [{before} {after}];",
        f"{name}.FlipDegrees = [{a1!r} {a2!r}];",
        f"{name}.averageT1 = 1.5;",
    )


def _run(folder, toolbox, interpreter, *body):
    new_folder(folder)
    job = Job("Marques' scripts", body, (toolbox / "func",), ("out.mat",), octave_standins=STANDINS)
    return job, lambda: (run_job(job, folder, interpreter, 300.0), loadmat(folder / "out.mat"))[1]


@pytest.mark.parametrize("t1", [0.85, 1.5, 3.0])
def test_signal_model(t1, marques, interpreter, tmp_path):
    call = "B1mappingSa2RAGElookuptable (2, S.TR, S.TIs, S.FlipDegrees, S.NZslices, S.TRFLASH, []"
    body = (*_structure("S", SA2RAGE), f"[b1, ratio] = {call}, {t1!r});", "save ('out.mat', 'b1', 'ratio', '-v6');")
    _, run = _run(tmp_path / "job", marques, interpreter, *body)
    found = run()
    np.testing.assert_allclose(
        sa2rage_ratio(found["b1"].ravel(), SA2RAGE, t1), found["ratio"].ravel(), rtol=1e-9, atol=1e-12
    )


def test_joint_correction(marques, interpreter, tmp_path, rng):
    """Both go round; theirs on grids of 0.05 (B1) and 50 ms."""
    shape = (8, 10, 12)
    t1, b1 = rng.uniform(0.7, 1.6, shape), rng.uniform(0.75, 1.25, shape)
    uni = uniform_image(*inversion_signals(t1, MP2RAGE, b1))
    ratio = sa2rage_ratio(b1, SA2RAGE, t1)
    folder = tmp_path / "job"
    body = (
        *_structure("S", SA2RAGE), *_structure("M", MP2RAGE), "M.B0 = 3;", "d = load ('input.mat');",
        "U.img = d.uni; R.img = d.ratio;",
        "[B, T] = T1B1correctpackage (R, [], S, U, [], M, [], 0.96);",
        "b1 = B.img; t1 = T.img; save ('out.mat', 'b1', 't1', '-v6');",
    )  # fmt: skip
    _, run = _run(folder, marques, interpreter, *body)
    savemat(folder / "input.mat", {"uni": (uni + 0.5) * 4095, "ratio": (ratio + 1) * 4095})
    reference = run()
    field, outside = b1_and_t1(ratio, SA2RAGE, uni, MP2RAGE)
    r1 = fit_r1(uni, MP2RAGE, field).r1
    assert not outside.any()
    # Theirs leaves out the voxel that has the lowest value.
    used = uni > uni.min()
    pairs = {"B1": (field, reference["b1"] / 1000, b1), "R1": (r1, 1000 / np.maximum(reference["t1"], 1e-9), 1 / t1)}
    for name, limit in (("B1", 0.05), ("R1", 0.1)):
        ours, theirs, truth = (values[used] for values in pairs[name])
        errors = {who: np.percentile(100 * np.abs(v / truth - 1), [50, 99]) for who, v in (("o", ours), ("t", theirs))}
        print(name, errors, np.percentile(100 * np.abs(ours / theirs - 1), [50, 99]))
        assert errors["o"][1] < limit, errors
        # Their grids cost them that much.
        assert np.percentile(100 * np.abs(ours / theirs - 1), 99) < 0.5
