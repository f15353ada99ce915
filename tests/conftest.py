"""Shared fixtures: where the reference data lie, and a browser."""

import importlib.util
import os
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
