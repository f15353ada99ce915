"""The built site: no warning, no dead link, nothing that a reader's browser would fetch from a network."""

import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """The anchors, links and assets of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.assets, self.unnamed = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {value for key, value in attributes if key in {"id", "name"} and value}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("href") and given.get("rel") not in {"canonical", "prev", "next"}:
            self.assets.append(given["href"])
        if tag in {"script", "img", "iframe", "source", "video"} and given.get("src"):
            self.assets.append(given["src"])
        if tag == "img" and not given.get("alt") and "logo" not in given.get("class", ""):
            self.unnamed.append(given.get("src"))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Return the folder of the site, built as `make docs` does, warnings being errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-P", "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*command, "-d", folder / "trees", DOCS, folder / "html"],
        capture_output=True, text=True, check=False, cwd=folder, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_links_and_assets(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 30
    wrong = []
    for path, page in pages.items():
        wrong += [f"{path.name}: a picture without words: {name}" for name in page.unnamed]
        for target in page.links + page.assets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.assets and parts.scheme != "data":
                    wrong.append(f"{path.name}: fetched from elsewhere: {target}")
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.exists():
                wrong.append(f"{path.name}: {target}")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].anchors:
                wrong.append(f"{path.name}: no such place: {target}")
    assert not wrong, "\n".join(wrong)


def test_styles_and_scripts_fetch_nothing(site):
    for path in [*site.rglob("*.css"), *site.rglob("*.js")]:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"]?(?:url\()?(?:https?:)?//", text), path
        assert not re.search(r"(?:fetch|importScripts|\.src\s*=)\s*\(?\s*['\"]https?://", text), path


def test_equations_are_mathml(site):
    text = (site / "methods.html").read_text(encoding="utf-8")
    assert text.count("<math ") > 10
    assert "MathJax" not in text


def test_every_module_is_described(site):
    """Each module with a public function stands on its package's page, and so does each of its functions."""
    import ast

    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = 0
    for package in table["packages"]:
        if package == "harmoniq":
            continue
        folder = ROOT / table["package-dir"].get(package, package.replace(".", "/"))
        page = site / "api" / f"{package.removeprefix('harmoniq.')}.html"
        anchors = Page(page).anchors if page.exists() else set()
        for module in folder.glob("*.py"):
            dotted = package if module.stem == "__init__" else f"{package}.{module.stem}"
            for node in ast.parse(module.read_text()).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    assert f"{dotted}.{node.name}" in anchors
                    found += 1
    assert found > 800


def test_house_has_the_layers_of_the_contract():
    text = (DOCS / "pictures" / "house.svg").read_text(encoding="utf-8")
    words = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    wanted = [name.strip().removeprefix("harmoniq.") for layer in layers for name in layer.split("|")]
    assert [word.split(":")[0] for word in words][: len(wanted)] == wanted


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_in_a_browser(site, browser, width):
    """Opened from files without a network: no error on the console, nothing asked for elsewhere, nothing too wide."""
    pages = [path for path in site.rglob("*.html") if path.parent.name != "api" or path.stem in {"index", "r2star"}]
    assert len(pages) > 25
    inside, wrong = site.absolute().as_uri(), []
    for path in pages:
        page = browser.open(path, width=width)
        told = [text for text in page.problems() if not text.startswith(f"asked for {inside}")]
        wrong += [f"{path.name}: {text}" for text in told]
        if page.overflow() > 0:
            wrong.append(f"{path.name}: {page.overflow()} pixels too wide at {width}")
        page.close()
    assert not wrong, "\n".join(wrong)
