"""The page of quality control of a thousand sessions: written and opened, against what its bytes alone would take."""

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from harmoniq.cli.quality import write_quality
from harmoniq.settings.load import load_settings

TESTS = Path(__file__).resolve().parents[1] / "tests"
SESSIONS = 1000


def part_of_the_tests(path: Path) -> Any:
    """Return a module of the tests, which are no package."""
    spec = importlib.util.spec_from_file_location(f"tests_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A thousand sessions of three sites, with all metrics and five small pictures each."""
    root = tmp_path_factory.mktemp("quality")
    part_of_the_tests(TESTS / "quality" / "conftest.py").make_results(root, SESSIONS)
    return root


def test_writing_the_page(versus, results):
    """At most four times as long as reading all files, and writing what they hold as one plain JSON."""

    def plain():
        content = {}
        for path in results.glob("sub-*/*_qc.json"):
            pictures = [base64.b64encode(p.read_bytes()).decode() for p in (path.parent / "figures").iterdir()]
            content[path.stem] = (json.loads(path.read_text()), pictures)
        (results / "plain.json").write_text(json.dumps(content))

    settings = load_settings()
    ratio = versus(lambda: write_quality(results, settings), plain, rounds=2, other_rounds=3)
    assert (results / "qc.html").stat().st_size < 15e6
    assert ratio > 1 / 4


def test_opening_the_page(in_turn, results, tmp_path):
    """At most eight times as long as a page of as many bytes that shows nothing, both from a file, network off."""
    browser_module = part_of_the_tests(TESTS / "browser.py")
    if browser_module.find_chromium() is None:
        pytest.skip("no Chromium on this machine")
    page, _ = write_quality(results, load_settings())
    plain = tmp_path / "plain.html"
    inert = "a" * page.stat().st_size
    plain.write_text(f'<!doctype html><title>plain</title><script type="application/json">"{inert}"</script>')
    browser = browser_module.Browser(tmp_path)
    try:
        ratio = in_turn(lambda: browser.open(page).close(), lambda: browser.open(plain).close())
    finally:
        browser.close()
    assert ratio < 8
