"""Finding an interpreter and the toolboxes, and running a job: without any of them installed."""

import os
import stat
import time
from pathlib import Path

import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.octave import (
    Interpreter,
    default_timeout,
    find_interpreter,
    find_toolbox,
    quote,
    run_script,
    toolbox_version,
)
from harmoniq.data.octave_job import Job, new_folder, run_job

JOB = Job("The toolbox", ("x = 1;",), (), ("result.mat",))


def _program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_matlab_comes_first_then_octave(tmp_path):
    octave = _program(tmp_path / "b", "octave")
    path = os.pathsep.join([str(tmp_path / "b"), str(tmp_path / "a")])
    assert find_interpreter({"PATH": path}) == Interpreter("octave", (str(octave),))
    matlab = _program(tmp_path / "a", "matlab")
    assert find_interpreter({"PATH": path}) == Interpreter("matlab", (str(matlab),))
    found = find_interpreter({"PATH": path, "HARMONIQ_MATLAB_CMD": "octave"})
    assert found == Interpreter("octave", (str(octave),))


@pytest.mark.parametrize(
    ("command", "kind", "end"),
    [
        ("wrap matlab", "matlab", ["matlab", "-nodisplay", "-nosplash", "-nodesktop", "-batch", "harmoniq_job"]),
        ("wrap octave-cli-9", "octave", ["--no-window-system", "/job/harmoniq_job.m"]),
        ("wrap /opt/runtime/v99", "compiled", ["/opt/runtime/v99", "/job/harmoniq_job.m"]),
        ("wrap matlab -r '{name}, exit'", "matlab", ["matlab", "-r", "harmoniq_job, exit"]),
        ("wrap --eval {script} --quiet", "compiled", ["--eval", "/job/harmoniq_job.m", "--quiet"]),
    ],
)
def test_the_command_tells_what_it_is(tmp_path, command, kind, end):
    _program(tmp_path, "wrap")
    found = find_interpreter({"PATH": str(tmp_path), "HARMONIQ_MATLAB_CMD": command})
    assert found.kind == kind
    assert found.arguments(Path("/job/harmoniq_job.m"))[-len(end) :] == end


def test_without_any_interpreter_the_remedy_is_said(tmp_path):
    with pytest.raises(InputError, match=r"neither matlab nor octave.*install GNU Octave.*HARMONIQ_MATLAB_CMD.*native"):
        find_interpreter({"PATH": str(tmp_path)})


@pytest.mark.parametrize("command", ["no-such-program-here", "'unbalanced"])
def test_a_wrong_command_is_named(command):
    with pytest.raises(InputError, match="HARMONIQ_MATLAB_CMD = "):
        find_interpreter({"PATH": "/nowhere", "HARMONIQ_MATLAB_CMD": command})


@pytest.mark.parametrize(("name", "variable"), [("marques", "HARMONIQ_MP2RAGE_SCRIPTS"), ("sepia", "HARMONIQ_SEPIA")])
def test_toolboxes_are_found_by_their_variable(tmp_path, empty_toolbox, name, variable):
    with pytest.raises(InputError, match=f"{variable} is not set; set it to the folder"):
        find_toolbox(name, {})
    with pytest.raises(InputError, match="is not a folder"):
        find_toolbox(name, {variable: str(tmp_path / "absent")})
    folder = empty_toolbox(name)
    assert find_toolbox(name, {variable: str(folder)}) == folder
    missing = next(folder.rglob("*.m"))
    missing.unlink()
    with pytest.raises(InputError, match=f"{missing.name} is missing"):
        find_toolbox(name, {variable: str(folder)})


def test_versions_of_toolboxes(empty_toolbox):
    sepia = empty_toolbox("sepia")
    assert toolbox_version("sepia", sepia) == "unknown"
    (sepia / "sepia_universal_variables.m").write_text("%% Version\nSEPIA_version = 'v1.2.2.4';\n")
    assert toolbox_version("sepia", sepia) == "1.2.2.4"
    marques = empty_toolbox("marques")
    before = toolbox_version("marques", marques)
    (marques / "func/MPRAGEfunc.m").write_bytes(b"x = 1;\r\n")
    changed = toolbox_version("marques", marques)
    (marques / "func/MPRAGEfunc.m").write_bytes(b"x = 1;\n")
    assert before != changed == toolbox_version("marques", marques)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
def test_a_wrong_timeout_is_named(text):
    assert default_timeout({"HARMONIQ_MATLAB_TIMEOUT": "60"}) == 60
    with pytest.raises(InputError, match="HARMONIQ_MATLAB_TIMEOUT"):
        default_timeout({"HARMONIQ_MATLAB_TIMEOUT": text})


def test_quoting():
    assert quote("it's") == "'it''s'"
    with pytest.raises(InputError, match="line break"):
        quote("a\nb")


def _run(pretender, folder: Path, code: str, timeout: float = 60.0) -> str:
    interpreter = find_interpreter({**os.environ, "HARMONIQ_MATLAB_CMD": pretender(code)})
    return run_job(JOB, new_folder(folder), interpreter, timeout)


def test_a_job_runs_in_its_folder_without_a_display(tmp_path, pretender, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")
    code = "(here / 'result.mat').touch(); (here / 'version.txt').write_text('fake 1' + str('DISPLAY' in os.environ))"
    assert _run(pretender, tmp_path / "job", code + "; print('said', sys.argv[1])") == "fake 1False"
    log = (tmp_path / "job/harmoniq_job.log").read_text()
    assert log.strip() == f"said {tmp_path}/job/harmoniq_job.m"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("(here / 'failure.txt').write_text('out of memory or\\ndimension too large'); sys.exit(1)",
         r"The toolbox in compiled failed: out of memory or dimension too large; give the run more memory"),
        ("(here / 'failure.txt').write_text(\"'solve' undefined\"); sys.exit(1)", r"undefined; check that the toolbox"),
        ("print('License checkout failed.'); sys.exit(1)", r"failed: License checkout failed\.; check the license"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"ended by signal SIGKILL \(often: out of memory\)"),
        ("print('all well')", r"it ended without result\.mat \(all well\); read the log"),
        ("sys.exit(3)", "exit code 3 without a message"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence_with_the_log(tmp_path, pretender, code, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        _run(pretender, tmp_path / "job", code)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/job/harmoniq_job.log: ")
    assert "\n" not in text
    assert (tmp_path / "job/harmoniq_job.log").is_file()


def test_a_job_that_hangs_is_ended_with_its_children(tmp_path, pretender):
    code = "import subprocess; child = subprocess.Popen(['sleep', '600']); (here / 'child').write_text(str(child.pid))"
    start = time.monotonic()
    with pytest.raises(InputError, match=r"did not finish within 2 s; raise HARMONIQ_MATLAB_TIMEOUT"):
        _run(pretender, tmp_path / "job", code + "; time.sleep(600)", timeout=2.0)
    assert time.monotonic() - start < 30
    child = int((tmp_path / "job/child").read_text())
    state = Path(f"/proc/{child}/stat")
    # Ended; on a busy machine the signal takes a moment, and its new parent may not have taken note of it yet.
    for _ in range(100):
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child still runs 10 s after its job was ended")


def test_what_cannot_be_started_is_said(tmp_path):
    script = tmp_path / "job.m"
    script.write_text("")
    with pytest.raises(InputError, match="cannot be started"):
        run_script(Interpreter("octave", (str(tmp_path / "absent"),)), script, tmp_path / "log", 1.0)


def test_an_earlier_try_leaves_nothing(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job/failure.txt").write_text("old")
    assert list(new_folder(tmp_path / "job").iterdir()) == []


def test_the_script_of_a_job():
    job = Job("T", ("a = 1;", "b = 2;"), (Path("/it's"),), (), packages=("optim",))
    text = job.script()
    assert "addpath ('/it''s');" in text
    assert "    pkg load optim;\n" in text.split("if harmoniq_octave")[1].split("else")[0]
    assert "\n  a = 1;\n  b = 2;\n" in text
    assert text.count("{") == text.count("}") == 0


def test_a_real_interpreter_runs_and_fails_as_told(interpreter, tmp_path):
    job = Job("The toolbox", ("x = 1;", "save ('result.mat', 'x', '-v6');"), (), ("result.mat",))
    assert run_job(job, new_folder(tmp_path / "well é"), interpreter, 120.0).startswith(interpreter.kind)
    job = Job("The toolbox", ("no_such_function_anywhere (1);",), (), ())
    with pytest.raises(InputError, match=r"harmoniq_job\.log: The toolbox in .* failed: .*no_such_function_anywhere"):
        run_job(job, new_folder(tmp_path / "ill"), interpreter, 120.0)
