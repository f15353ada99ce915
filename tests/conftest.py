"""Shared fixtures: where the reference data lie."""

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
