"""The worker's process: results come back, and every way of failing becomes a sentence."""

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.images import save_image
from harmoniq.surface.reconstruction.meshes import read_mesh, write_mesh
from harmoniq.surface.reconstruction.process import failure, run_logged, run_stage


def test_meshes_are_equal_byte_by_byte(tmp_path):
    points = np.random.default_rng(1).random((5, 3))
    first = write_mesh(tmp_path / "a.npz", points=points, faces=np.arange(6, dtype=np.int32))
    second = write_mesh(tmp_path / "b.npz", points=points, faces=np.arange(6, dtype=np.int32))
    assert first.read_bytes() == second.read_bytes()
    assert np.array_equal(read_mesh(first)["points"], points)


def test_an_unusable_image_is_said_in_its_own_sentence(tmp_path):
    pytest.importorskip("ants", reason="antspyx is not installed (extra surfaces)")
    flat = save_image(np.ones((4, 4)), np.eye(4), tmp_path / "flat.nii")
    with pytest.raises(InputError, match="2 dimensions"):
        run_stage("bias", tmp_path / "work", in_file=flat, mask_file=flat, out_file=flat, out_mask=flat)


def test_a_failure_carries_the_end_of_the_log(tmp_path):
    with pytest.raises(RuntimeError, match=r"central failed with exit code 1: .*TypeError.*central\.log"):
        run_stage("central", tmp_path, nonsense=1)


def test_a_process_that_was_killed_names_the_signal(tmp_path):
    log = tmp_path / "x.log"
    code = run_logged(["bash", "-c", "kill -9 $$"], log, tmp_path)
    assert "SIGKILL (out of memory?" in failure("layers", code, log)


def test_the_process_has_one_thread(tmp_path):
    log = tmp_path / "x.log"
    run_logged(["bash", "-c", "echo $OMP_NUM_THREADS$ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"], log, tmp_path)
    assert log.read_text().strip() == "11"
