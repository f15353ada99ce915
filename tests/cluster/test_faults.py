"""What can befall a run, injected for real; a second run then completes it, with the bytes of an undisturbed one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import nibabel as nib
import numpy as np
import psutil
import pytest

pytestmark = pytest.mark.slow


def tables(out):
    return {path.relative_to(out): path.read_bytes() for path in sorted(out.glob("sub-*/**/*.tsv"))}


def status(out, *words):
    command = [sys.executable, "-P", "-m", "harmoniq", "status", str(out), "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=out)
    return json.loads(done.stdout)["sessions"][0]


def gone(processes, seconds=20):
    end = time.monotonic() + seconds
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(
    "nodes", [pytest.param(3, marks=pytest.mark.nightly), 12, pytest.param(30, marks=pytest.mark.nightly)]
)
def test_killed_at_any_moment(start, undisturbed, nodes):
    run = start()
    run.wait_for_nodes(nodes)
    family = psutil.Process(run.process.pid).children(recursive=True)
    run.process.send_signal(signal.SIGKILL)
    run.wait()
    assert gone(family), "the killed run's workers go on"
    told = status(run.out)
    assert (told["state"], told["cause"]) == ("failed", "killed")
    again = start()
    assert again.wait() == 0, again.text()
    assert " 0 reused" not in again.text()
    assert tables(run.out) == undisturbed
    assert status(run.out)["attempt"] == 2


def test_worker_killed_for_memory(start, undisturbed):
    """Each worker is killed as soon as it works, as the kernel does when memory is short."""
    run = start()
    run.wait_for_nodes(1)
    seen = time.monotonic()
    while run.process.poll() is None and time.monotonic() - seen < 300:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended between two looks
            for worker in run.workers():
                if worker.cpu_times().user > 0.2:
                    worker.kill()
        time.sleep(0.02)
    assert run.wait(60) == 1, run.text()
    told = status(run.out)
    assert (told["state"], told["cause"]) == ("failed", "killed")
    assert " failed: a worker was killed, perhaps for want of memory" in told["message"]
    assert "a worker was killed" in (run.out / f"{run.label}.html").read_text()
    again = start()
    assert again.wait() == 0, again.text()
    assert tables(run.out) == undisturbed


def test_time_nearly_over(start, undisturbed):
    run = start()
    run.wait_for_nodes(12)
    family = psutil.Process(run.process.pid).children(recursive=True)
    run.process.send_signal(signal.SIGUSR1)
    assert run.wait(60) == 75, run.text()
    assert gone(family)
    assert status(run.out)["state"] == "pending"
    again = start()
    assert again.wait() == 0, again.text()
    assert tables(run.out) == undisturbed


def test_cancelled(start):
    run = start()
    run.wait_for_nodes(3)
    run.process.send_signal(signal.SIGTERM)
    assert run.wait(60) == 128 + signal.SIGTERM, run.text()
    assert "Traceback" not in run.text()
    told = status(run.out)
    assert (told["state"], told["cause"]) == ("failed", "cancelled")


def test_two_runs_for_one_participant(start, undisturbed):
    first = start()
    first.wait_for_nodes(3)
    second = start()
    assert second.wait() == 1
    assert f"is being processed by process {first.process.pid} on " in second.text()
    assert "Traceback" not in second.text()
    assert first.wait() == 0, first.text()
    assert tables(first.out) == undisturbed
    assert status(first.out)["attempt"] == 1


def test_corrupt_cache(start, undisturbed):
    run = start()
    assert run.wait() == 0, run.text()
    work = run.out / "work"
    results = sorted(work.rglob("result_*.pklz"))
    assert len(results) > 10
    for index, path in enumerate(results):
        if index % 3 == 0:
            path.write_bytes(path.read_bytes()[:20])  # as a full disk or a lost node leaves it
        elif index % 3 == 1:
            path.write_bytes(b"")
    for path in list(run.out.glob("sub-*/*_regions.tsv")):
        path.unlink()
    again = start()
    assert again.wait() == 0, again.text()
    assert tables(run.out) == undisturbed


@pytest.mark.nightly
def test_lost_intermediate_results(start, undisturbed):
    """Scratch that was cleaned by age: the hashes are there, the images are not."""
    run = start()
    assert run.wait() == 0, run.text()
    images = [path for path in (run.out / "work").rglob("*.nii.gz") if path.is_file()]
    assert images
    for path in images:
        path.unlink()
    for path in list(run.out.glob("sub-*/*_regions.tsv")):
        path.unlink()
    again = start()
    assert again.wait() == 0, again.text()
    assert tables(run.out) == undisturbed


def test_footprint(undisturbed, tmp_path_factory):
    """The budget that the docs state: files of the results and of the work folder, for one session."""
    out = tmp_path_factory.getbasetemp().parent / "undisturbed"
    work = sum(1 for _ in (out / "work").rglob("*"))
    results = sum(1 for path in out.rglob("*") if out / "work" not in path.parents)
    assert results <= 150 and work <= 1000, (results, work)
    sizes = [
        sum(path.stat().st_size for path in files) / 1e6 for files in (_files(out, work=False), _files(out, work=True))
    ]
    assert sizes[0] <= 20 and sizes[1] <= 15, sizes  # MB at 4 mm: 13 and 8 when this was written
    for path in out.glob("sub-*/anat/*map.nii.gz"):
        assert nib.load(path).get_data_dtype() == np.float32
    volumes = [path for path in _files(out, work=False) if path.name.endswith(".nii.gz")]
    contents = {path.read_bytes() for path in volumes}
    assert len(volumes) > 5 and len(contents) == len(volumes), "a volume is kept twice"


def _files(out, *, work):
    return [path for path in out.rglob("*") if path.is_file() and (out / "work" in path.parents) == work]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_full_scratch(start, undisturbed, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("mount is not permitted here")
    try:
        run = start("--work-dir", small / "work")
        assert run.wait() in (1, 2), run.text()
        assert "Traceback" not in run.text()
        assert "No space left" in run.text() or "are free" in run.text()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    again = start("--work-dir", tmp_path / "work")
    assert again.wait() == 0, again.text()
    assert tables(run.out) == undisturbed
