"""The tutorials' commands, run literally on simulated data, give what the pages show."""

import importlib.util
import shlex
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PAGES = sorted((HERE.parents[1] / "docs" / "tutorials").glob("*.md"))
_spec = importlib.util.spec_from_file_location("tutorial", HERE / "tutorial.py")
tutorial = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tutorial)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tutorial(page, tmp_path, request):
    for name, text in tutorial.files(page).items():
        (tmp_path / name).write_text(text)
    ran = 0
    for command, shown in tutorial.blocks(page):
        words = shlex.split(command)
        if words[:2] == ["harmoniq", "simulate"] and "--tables-only" not in words:
            # The same dataset as other tests use: simulated by this very command, once for all of them.
            bids, simulated = request.getfixturevalue("cohort"), request.getfixturevalue("cohort_words")
            assert words[3:] == list(simulated)
            shutil.copytree(bids, tmp_path / words[2])
            continue
        found = tutorial.run(command, tmp_path).replace(f"{tmp_path}/", "")
        assert tutorial.follows(shown, found), f"{command}\n{found}\nshown:\n{shown}"
        ran += 1
    assert ran >= 3


def test_what_counts_as_the_same():
    assert tutorial.follows("a 1.00 b\n...\nz\n", "a 1.01 b\nx\ny\nz\n")
    assert tutorial.follows("a ... z\n", "a 3 c z\n")
    assert not tutorial.follows("a 1.00 b\n", "a 1.10 b\n")
    assert not tutorial.follows("a b\n", "a b\nc\n")
    assert not tutorial.follows("a b\nc\n", "a b\n")
    assert tutorial.follows("", "")
    assert not tutorial.follows("", "a\n")
