"""Shared fixtures: reference data, a browser, a dataset that all processes share, a network that is not there."""

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of reference outputs and atlases, or skip where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("HARMONIQ_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no reference data: {folder} is absent (set HARMONIQ_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium without a network; skips where there is none."""
    spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.find_chromium() is None:
        pytest.skip("no Chromium")
    running = module.Browser(tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


COHORT = (
    "--sites", "2", "--subjects-per-site", "1", "--patients", "1", "--voxel-size", "4", "--freesurfer", "--tractograms",
    "--seed", "5",
)  # fmt: skip


@pytest.fixture(scope="session")
def cohort_words() -> tuple[str, ...]:
    """Return the options with which `cohort` is simulated."""
    return COHORT


@pytest.fixture(scope="session")
def cohort(tmp_path_factory) -> Path:
    """A simulated dataset at 4 mm with surfaces and tractograms: 2 sites, 1 control each, 1 patient."""
    from filelock import FileLock

    shared = tmp_path_factory.getbasetemp().parent
    root = shared / "cohort"
    with FileLock(shared / "cohort.lock"):
        if not (root / "done").exists():
            command = [sys.executable, "-P", "-m", "harmoniq", "simulate", root / "bids", *COHORT]
            done = subprocess.run(command, capture_output=True, text=True, cwd=shared, check=False)
            assert done.returncode == 0, done.stderr
            (root / "done").touch()
    return root / "bids"


#: Blocks every connection but those between processes of this machine by a path, which multiprocessing makes.
NO_NETWORK = """
import socket
connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
def refuse(*args, **kwargs):
    raise OSError("sockets are blocked")
def local_alone(method):
    return lambda self, address: (method if self.family == socket.AF_UNIX else refuse)(self, address)
socket.socket.connect, socket.socket.connect_ex = local_alone(connect), local_alone(connect_ex)
socket.create_connection = socket.getaddrinfo = refuse
"""
#: Areas whose tests all run without a network.
OFFLINE = ("diffusion", "qsiprep", "tract")


@pytest.fixture
def no_network(monkeypatch, tmp_path_factory):
    """Block sockets here, and in every Python process that is started from here."""
    for owner, names in ((socket.socket, ("connect", "connect_ex")), (socket, ("create_connection", "getaddrinfo"))):
        for name in names:
            monkeypatch.setattr(owner, name, getattr(owner, name))  # put back after the test
    exec(NO_NETWORK, {})
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture(autouse=True)
def offline(request):
    """Block sockets for the areas that are to run without a network."""
    if request.path.parent.name in OFFLINE:
        request.getfixturevalue("no_network")
