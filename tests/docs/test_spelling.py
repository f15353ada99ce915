"""American spelling throughout: pages, help, messages, docstrings and comments, by codespell's list of words."""

import argparse
import io
import re
import tokenize
from pathlib import Path

import pytest

from harmoniq.cli.parser import build_parser

ROOT = Path(__file__).resolve().parents[2]
# Slurm's state is CANCELLED; writeable is a flag of NumPy's.
KEPT = {"cancelled", "writeable"}
SOURCES = [path for folder in ("harmoniq", "interfaces", "workflows", "configs") for path in (ROOT / folder).rglob("*")]
SOURCES = sorted(path for path in SOURCES if path.suffix in {".py", ".toml", ".html", ".jinja", ".js", ".css"})
PAGES = [
    *(path for path in (ROOT / "docs").rglob("*.md") if not {"api", "_build"} & set(path.parts)),
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGES.md", "CITATION.cff", "Makefile", "pyproject.toml")
    ),
    *(ROOT / "containers").iterdir(),
]


@pytest.fixture(scope="module")
def british() -> dict[str, str]:
    import codespell_lib

    text = (Path(codespell_lib.__file__).parent / "data" / "dictionary_en-GB_to_en-US.txt").read_text(encoding="utf-8")
    words = dict(line.split("->") for line in text.splitlines() if "->" in line)
    return {word: better for word, better in words.items() if word not in KEPT}


def found_in(text: str, british: dict[str, str]) -> set[str]:
    """Return the British words."""
    return {word for word in re.findall(r"[A-Za-z]+", text) if word.lower() in british}


def prose(path: Path) -> str:
    """Return the strings, docstrings and comments of Python; other files whole."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", None)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(token.string for token in tokens if token.type in kinds)


def titles() -> str:
    """Return the entries of the works that are cited, whose titles are their authors'."""
    from harmoniq.report.citations import CITATIONS

    return " ".join(work.entry for work in CITATIONS.values())


def test_pages(british):
    allowed = set(re.findall(r"[A-Za-z]+", titles()))
    for page in PAGES:
        cited = allowed if page.name == "cite.md" else set()
        assert not found_in(prose(page), british) - cited, page


def test_sources(british):
    allowed = set(re.findall(r"[A-Za-z]+", titles()))
    for path in SOURCES:
        cited = allowed if path.name == "citations.py" else set()
        assert not found_in(prose(path), british) - cited, path


def test_help(british):
    parser = build_parser()
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for command in (parser, *commands.choices.values()):
        assert not found_in(command.format_help(), british), command.prog


def test_british_words_are_found(british):
    assert found_in("The colour of the centre is normalised", british) == {"colour", "centre", "normalised"}


def test_works_on_the_page_are_those_of_the_reports():
    from harmoniq.report.citations import CITATIONS

    page = (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
    for work in CITATIONS.values():
        assert work.entry in page
        assert not work.doi or f"https://doi.org/{work.doi}" in page
