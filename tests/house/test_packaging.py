"""The list of packages against the disk and the wheel, and what importing costs."""

import socket
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def packages_on_disk() -> set[str]:
    inside = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "harmoniq").rglob("__init__.py")}
    mapped = {name for name in SETUPTOOLS["package-dir"] if "." in name}
    return inside | mapped


def test_every_folder_is_listed():
    assert set(SETUPTOOLS["packages"]) == packages_on_disk()


def pinned_here() -> list[tuple[str, str]]:
    """Name and `Requires-Python` of each pinned package that is installed at its pinned version."""
    found = []
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pin = Requirement(line)
        try:
            installed = metadata(pin.name)
        except PackageNotFoundError:  # of another Python, or of an extra that is not installed
            continue
        if pin.specifier.contains(installed["Version"], prereleases=True):
            found.append((line, installed.get("Requires-Python") or ""))
    return found


def test_pins_admit_the_oldest_python():
    """Debian 12 has Python 3.11.2: a pin that asks for a later patch release cannot be installed there."""
    oldest = f"3.{sys.version_info.minor}.0"
    pins = pinned_here()
    assert len(pins) > 100
    assert [pin for pin, wanted in pins if not SpecifierSet(wanted).contains(oldest)] == []


@pytest.mark.slow
def test_wheel_holds_every_file(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for package in SETUPTOOLS["packages"]:
        folder = ROOT / SETUPTOOLS["package-dir"].get(package, package.replace(".", "/"))
        for file in folder.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                inside = f"{package.replace('.', '/')}/{file.relative_to(folder).as_posix()}"
                assert inside in held, f"{file} is not in the wheel"


def test_import_is_light(tmp_path):
    """Under half a second, and nothing heavy: measured by what is loaded, since seconds depend on the machine."""
    code = "import harmoniq, sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pandas", "scipy", "nipype", "nibabel", "matplotlib", "SimpleITK"}


def test_help_needs_no_heavy_import(tmp_path):
    code = (
        "import sys; from harmoniq.cli.parser import build_parser; build_parser().format_help(); "
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert not set(done.stdout.split()) & {"numpy", "pandas", "scipy", "nipype", "nibabel", "matplotlib"}


def test_commands_touch_no_network(tmp_path, monkeypatch):
    """Sockets are blocked in a child process: version, help and doctor must not notice."""
    block = tmp_path / "sitecustomize.py"
    block.write_text(
        "import socket\n"
        "def refuse(*args, **kwargs):\n"
        "    raise RuntimeError('network')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert hasattr(socket, "getaddrinfo")
    for words in (["--version"], ["--help"], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "harmoniq", *words], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "network" not in done.stderr
