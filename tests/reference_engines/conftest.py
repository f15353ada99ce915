"""The real toolboxes and Octave where they are, and interpreters that only pretend."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harmoniq.data.errors import InputError
from harmoniq.data.octave import TOOLBOXES, Interpreter, find_interpreter, find_toolbox


@pytest.fixture(scope="session")
def interpreter() -> Interpreter:
    """Return the real MATLAB or Octave, or skip."""
    try:
        return find_interpreter()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def marques(interpreter: Interpreter) -> Path:
    """Return the real scripts, or skip."""
    return _real("marques")


@pytest.fixture(scope="session")
def sepia(interpreter: Interpreter) -> Path:
    """Return the real SEPIA, or skip."""
    return _real("sepia")


def _real(name: str) -> Path:
    try:
        return find_toolbox(name)
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
def empty_toolbox(tmp_path: Path) -> Callable[[str], Path]:
    """Return a maker of folders that have a toolbox's files, all of them empty."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        for landmark in TOOLBOXES[name].landmarks:
            (folder / landmark).parent.mkdir(parents=True, exist_ok=True)
            (folder / landmark).write_text("")
        return folder

    return make


@pytest.fixture
def pretender(tmp_path: Path) -> Callable[[str], str]:
    """Return a maker of commands that run Python code in the job's folder instead of the job."""

    def make(code: str) -> str:
        program = tmp_path / "pretender.py"
        program.write_text(f"import os, sys, time, pathlib, signal\nhere = pathlib.Path.cwd()\n{code}\n")
        return shlex.join([sys.executable, str(program), "{script}"])

    return make


@pytest.fixture(scope="session")
def rng() -> np.random.Generator:
    """Return numbers that are the same in each run."""
    return np.random.default_rng(20100110)
