"""Command lines against the tools' own parsers, in Apptainer, Docker and natively.

The parsers are those of Pythons that have the tools: ``HARMONIQ_QSIPREP018_PYTHON`` (``pip install --no-deps
qsiprep==0.18.0``), ``HARMONIQ_QSIPREP26_PYTHON`` (26.1.1, with what its parser imports) and
``HARMONIQ_QSIRECON_PYTHON``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harmoniq.data.errors import InputError
from harmoniq.qsiprep.command import RECON_SPEC, Job, is_combined, qsiprep_arguments, qsirecon_arguments
from harmoniq.qsiprep.run import run_qsiprep
from harmoniq.qsiprep.runtime import Runtime, find_runtime

PARSERS = {
    "0.18.0": ("HARMONIQ_QSIPREP018_PYTHON", "from qsiprep.cli.run import get_parser as make"),
    "26.1.1": ("HARMONIQ_QSIPREP26_PYTHON", "from qsiprep.cli.parser import _build_parser as make"),
    "qsirecon": ("HARMONIQ_QSIRECON_PYTHON", "from qsirecon.cli.parser import _build_parser as make"),
}


def parsed(tool, arguments):
    """What the tool's own parser makes of a command line; skips where no Python has the tool."""
    variable, make = PARSERS[tool]
    code = f"import json, sys\n{make}\nprint('>>>' + json.dumps(vars(make().parse_args(sys.argv[1:])), default=str))"
    python = os.environ.get(variable, sys.executable)
    command = [python, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_ET": "1"})
    if "ModuleNotFoundError" in done.stderr or "ImportError" in done.stderr:
        pytest.skip(f"{tool}: its parser is not installed here; set {variable} to a Python that has it")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition(">>>")[2])


@pytest.fixture
def job(tmp_path):
    for name in ("bids", "out", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "license.txt").write_text("a key\n")
    return Job(
        tmp_path / "bids", tmp_path / "out", tmp_path / "work", "01", resolution=1.5, threads=8, omp_threads=4,
        mem_mb=30000, license_file=tmp_path / "license.txt",
    )  # fmt: skip


def test_018_by_its_own_parser(job):
    found = parsed("0.18.0", qsiprep_arguments("0.18.0", job))
    assert (found["bids_dir"], found["output_dir"]) == (str(job.bids_dir), str(job.out_dir))
    assert found["participant_label"] == ["01"]
    assert (found["output_resolution"], found["recon_spec"]) == (1.5, RECON_SPEC)
    assert (found["nthreads"], found["omp_nthreads"], found["mem_mb"]) == (8, 4, 30000)
    assert (found["work_dir"], found["fs_license_file"]) == (str(job.work_dir), str(job.license_file))
    assert found["notrack"] is True


def test_26_by_its_own_parser(job):
    from dataclasses import replace

    found = parsed("26.1.1", qsiprep_arguments("26.1.1", replace(job, session="a")))
    assert (found["bids_dir"], found["output_dir"]) == (str(job.bids_dir), str(job.out_dir))
    assert found["participant_label"] == ["01"]
    assert found["output_resolution"] == 1.5
    assert (found["nprocs"], found["omp_nthreads"], found["memory_gb"]) == (8, 4, 30.0)
    assert found["work_dir"] == str(job.work_dir)
    assert "a" in str(found.get("session_label", found.get("session_id")))


def test_qsirecon_by_its_own_parser(job):
    found = parsed("qsirecon", qsirecon_arguments(job))
    assert (found["input_dir"], found["output_dir"]) == (str(job.bids_dir), str(job.out_dir))
    assert (found["recon_spec"], found["input_type"]) == (RECON_SPEC, "qsiprep")
    assert (found["nprocs"], found["omp_nthreads"], found["memory_gb"]) == (8, 4, 30.0)
    assert found["fs_license_file"] == str(job.license_file)


@pytest.mark.parametrize(
    ("version", "combined"),
    [("0.18.0", True), ("0.21.4", True), ("0.22.0", False), ("1.0.1", False), ("26.1.1", False)],
)
def test_versions(version, combined):
    assert is_combined(version) is combined


def test_no_version():
    with pytest.raises(InputError, match=r"qsiprep\.version = latest: is not a version"):
        is_combined("latest")


def test_apptainer_sees_its_own_paths(job, tmp_path):
    runtime = Runtime("apptainer", "/usr/bin/apptainer", str(tmp_path / "qsiprep-0.18.0.sif"), "0.18.0")
    mounts = {job.bids_dir: "/data", job.out_dir: "/out", job.work_dir: "/work", job.license_file: "/license.txt"}
    command = runtime.command(qsiprep_arguments("0.18.0", job), mounts, {job.out_dir, job.work_dir})
    image = command.index(str(tmp_path / "qsiprep-0.18.0.sif"))
    assert command[:2] == ["/usr/bin/apptainer", "run"]
    assert f"{job.bids_dir}:/data:ro" in command[:image]
    assert f"{job.work_dir}:/work:rw" in command[:image]
    assert command[image + 1 : image + 4] == ["/data", "/out", "participant"]
    assert not any(str(tmp_path) in word for word in command[image + 1 :])
    found = parsed("0.18.0", command[image + 1 :])
    assert (found["work_dir"], found["fs_license_file"]) == ("/work", "/license.txt")


def test_docker_runs_as_the_user_without_a_network(job):
    runtime = Runtime("docker", "/usr/bin/docker", "pennlinc/qsiprep:26.1.1", "26.1.1")
    command = runtime.command(qsiprep_arguments("26.1.1", job), {job.bids_dir: "/data"}, set())
    assert command[1:5] == ["run", "--rm", "--network", "none"]
    assert command[command.index("-u") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert f"{job.bids_dir}:/data:ro" in command


def tool(folder: Path, name: str, script: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_finds_what_runs_it(tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(InputError, match=r"qsiprep is not installed, and no image is named.*--bundle-engine pyafq"):
        find_runtime("qsiprep", "auto", "", "")
    image = tmp_path / "qsiprep-0.18.0.sif"
    with pytest.raises(InputError, match="apptainer is not installed"):
        find_runtime("qsiprep", "auto", str(image), "")
    tool(programs, "apptainer", "exit 0")
    with pytest.raises(InputError, match=r"qsiprep-0\.18\.0\.sif: qsiprep\.image: image not found"):
        find_runtime("qsiprep", "auto", str(image), "")
    image.touch()
    found = find_runtime("qsiprep", "auto", str(image), "")
    assert (found.kind, found.version, found.image) == ("apptainer", "0.18.0", str(image))
    tool(programs, "docker", "exit 0")
    assert find_runtime("qsiprep", "auto", "pennlinc/qsiprep:26.1.1", "").version == "26.1.1"
    tool(programs, "qsiprep", "exit 0")
    with pytest.raises(InputError, match="version of QSIPrep is not known"):
        find_runtime("qsiprep", "auto", "", "")
    assert find_runtime("qsiprep", "native", "", "0.18.0").program == str(programs / "qsiprep")


def test_runs_one_program_or_two(job, tmp_path):
    """The scripts stand for the programs: each writes its arguments where its second one points."""
    script = 'mkdir -p "$2" && echo "$@" > "$2/called"'
    first, second = tool(tmp_path, "qsiprep", script), tool(tmp_path, "qsirecon", script)
    assert run_qsiprep(job, Runtime("native", first, "", "0.18.0"), None, log_dir=tmp_path / "log") == job.out_dir
    assert RECON_SPEC in (job.out_dir / "called").read_text()
    run_qsiprep(
        job, Runtime("native", first, "", "26.1.1"), Runtime("native", second, "", "1.1"), log_dir=tmp_path / "log"
    )
    assert RECON_SPEC not in (job.out_dir / "qsiprep" / "called").read_text()
    words = (job.out_dir / "qsirecon" / "called").read_text().split()
    assert words[:3] == [str(job.out_dir / "qsiprep"), str(job.out_dir / "qsirecon"), "participant"]
    assert str(job.out_dir / "qsiprep") in (tmp_path / "log" / "qsirecon.log").read_text()


def test_a_failure_names_the_tool_and_its_log(job, tmp_path):
    program = tool(tmp_path, "qsiprep", "echo 'RuntimeError: no b=0 images'; exit 1")
    with pytest.raises(
        InputError, match=r"QSIPrep 0\.18\.0 \(native\) failed: exit code 1 \(RuntimeError: no b=0"
    ) as e:
        run_qsiprep(job, Runtime("native", program, "", "0.18.0"), None, log_dir=tmp_path / "log")
    assert Path(str(e.value.file)) == tmp_path / "log" / "qsiprep.log"


def test_26_needs_qsirecon(job, tmp_path):
    with pytest.raises(InputError, match="leaves the bundles to QSIRecon"):
        run_qsiprep(job, Runtime("native", "x", "", "26.1.1"), None, log_dir=tmp_path / "log")
