"""Conventions of the command line: help on 80 columns, completion, what doctor says, no colors in pipes."""

import argparse
import shutil
import subprocess

import nibabel as nib
import numpy as np
import pytest

from harmoniq.cli.completion import completion_script
from harmoniq.cli.parser import build_parser


def commands():
    (action,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(action.choices)


@pytest.mark.parametrize("command", ["", *commands()])
def test_help_is_readable_on_80_columns(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = commands()[command] if command else build_parser()
    for line in parser.format_help().splitlines():
        assert len(line) <= 80, line
        assert "\x1b" not in line
    # Whoever has many options has them in groups, and each has a help.
    options = [action for action in parser._actions if action.option_strings and action.dest not in ("help", "version")]
    loose = [action for action in parser._optionals._group_actions if action in options]
    assert len(options) <= 12 or len(loose) <= 8, f"{command}: {len(loose)} options stand in no group"
    assert all(action.help for action in parser._actions if not isinstance(action, argparse._SubParsersAction))


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command_and_option(shell):
    script = completion_script(shell)
    for name, parser in commands().items():
        assert name in script
        if shell != "tcsh":
            for action in parser._actions:
                assert all(option.lstrip("-") in script for option in action.option_strings[-1:]), (name, action)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes(tmp_path):
    """The script, asked as bash asks it: of a command, an option and a choice."""
    script = tmp_path / "harmoniq.bash"
    script.write_text(completion_script("bash"))
    asked = {"harmoniq q": "qc", "harmoniq run --exclu": "--exclude-qc", "harmoniq run --exclude-qc f": "fail"}
    for line, wanted in asked.items():
        words = " ".join(f"'{word}'" for word in line.split())
        code = (
            f"source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
            f"COMP_LINE='{line}'; COMP_POINT={len(line)}; "
            "f=$(complete -p harmoniq | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
            "$f harmoniq; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
        assert wanted in done.stdout.split(), (line, done.stdout, done.stderr)


def test_doctor_mends_what_is_missing(harmoniq, tmp_path):
    """Whatever is not there comes with a command, a variable to set, or an address."""
    done = harmoniq("doctor", env={"PATH": "/usr/bin:/bin", "FREESURFER_HOME": "", "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    engines = [line for line in lines if line.startswith(("missing", "note   "))]
    engines = [line for line in engines if line.split()[1] not in ("network", "processes", "memory", "disk")]
    assert engines
    for line in engines:
        assert any(word in line for word in ("pip install", "apt-get install", "https://", "set ")), line
    assert {"memory", "disk", "network"} <= {line[8:].split()[0] for line in lines[:-1]}


def test_doctor_on_a_dataset(harmoniq, tiny, tmp_path):
    tiny.add("01")
    tiny.add("02", mp2rage=False)
    tiny.add("03")
    tiny.edit("sub-03*inv-1*.json", InversionTime=None)
    before = sorted(path for path in tmp_path.rglob("*"))
    done = harmoniq("doctor", tiny.root)
    assert done.returncode == 1, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("  sub-")}
    assert "yes, no B1+ map" in rows["sub-01"] and "yes, 4 echoes" in rows["sub-01"]
    assert "no, needs MP2RAGE" in rows["sub-02"]
    assert "cannot be processed" in rows["sub-03:"] and "InversionTime" in rows["sub-03:"]
    assert "2 sessions: R1 1, R2* 2" in done.stdout and "; 1 cannot be processed" in done.stdout
    assert "disk: about" in done.stdout and "memory: about" in done.stdout and "network: none" in done.stdout
    assert sorted(path for path in tmp_path.rglob("*")) == before, "it writes nothing"
    wrong = harmoniq("doctor", tmp_path / "nowhere")
    assert wrong.returncode == 2 and "is neither a folder nor a TOML file" in wrong.stderr


def test_doctor_relates_cortex_and_bundles_to_an_existing_map(harmoniq, tiny, tmp_path):
    """As the run does: without MP2RAGE images too."""
    tiny.add("02", mp2rage=False)
    place = tmp_path / "maps" / "sub-02" / "anat" / "sub-02_R1map.nii.gz"
    place.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), place)
    done = harmoniq("doctor", tiny.root, "--derivatives", tmp_path / "maps")
    assert done.returncode == 0, done.stderr
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("  sub-02"))
    assert "existing map" in row and "MP2RAGE" not in row
