"""A page for each package with all that its modules offer, written anew at each build: nothing can be forgotten."""

import ast
import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[3]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
# From what users import first to what connects it; what is not named comes last.
ORDER = ("mp2rage", "r2star", "registration", "surface", "surface.reconstruction", "tract", "diffusion", "lesions")
INTRODUCTION = """# API

The science is plain functions on arrays and files, which import no Nipype: `harmoniq.mp2rage`, `harmoniq.r2star`,
`harmoniq.surface`, `harmoniq.tract`, `harmoniq.regions`, `harmoniq.harmonization` and `harmoniq.statistics` are for use
from your own programs. `harmoniq.interfaces` wraps them as Nipype nodes, and `harmoniq.workflows` connects these.
What is not listed in [the contract](../command-line.md) of commands, files and columns may change between versions.

```python
from harmoniq.r2star.fit import fit_r2star
from harmoniq.statistics.age_models import age_models
```

"""


def public(module: Path) -> bool:
    """Return whether a module has a public function or class."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) and not node.name.startswith("_") for node in tree.body)


def first_line(module: Path) -> str:
    """Return the first line of a module's docstring, as Markdown."""
    text = (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    return " ".join(text.split()).replace("``", "`").replace("R2*", r"R2\*")


def package_page(name: str) -> str:
    """Return the page of one package."""
    folder = ROOT / SETUPTOOLS["package-dir"].get(name, name.replace(".", "/"))
    parts = [f"# {name}\n\n{first_line(folder / '__init__.py')}\n"]
    for module in sorted(folder.glob("*.py")):
        if module.stem != "__main__" and public(module):
            dotted = name if module.stem == "__init__" else f"{name}.{module.stem}"
            parts.append(f"## {dotted}\n\n```{{eval-rst}}\n.. automodule:: {dotted}\n```\n")
    return "\n".join(parts) if len(parts) > 1 else ""


def write_pages(app: Sphinx) -> None:
    """Write `api/*.md`, touching only what has changed."""
    short = [name.removeprefix("harmoniq.") for name in SETUPTOOLS["packages"] if name != "harmoniq"]
    ordered = [name for name in ORDER if name in short] + [name for name in short if name not in ORDER]
    pages = {name: package_page(f"harmoniq.{name}") for name in ordered}
    pages = {name: text for name, text in pages.items() if text}
    folders = {name: SETUPTOOLS["package-dir"].get(f"harmoniq.{name}", f"harmoniq/{name}") for name in pages}
    lines = {name: first_line(ROOT / folder.replace(".", "/") / "__init__.py") for name, folder in folders.items()}
    table = "\n".join(f"| [harmoniq.{name}]({name}.md) | {lines[name]} |" for name in pages)
    tree = "\n".join(pages)
    pages["index"] = (
        f"{INTRODUCTION}| package | what is in it |\n|---|---|\n{table}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"
    )
    target = Path(app.srcdir) / "api"
    target.mkdir(exist_ok=True)
    for name, text in pages.items():
        page = target / f"{name}.md"
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
    for page in target.glob("*.md"):
        if page.stem not in pages:
            page.unlink()


def escape(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Let stars, bars and final underscores outside literals stand for themselves: R2*, |x|, name_."""
    for k, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        pieces = re.split(r"(``.*?``|`[^`]+`)", line)
        pieces[::2] = [re.sub(r"(?<!\\)(\*|\||(?<=\w)_(?!\w))", r"\\\1", piece) for piece in pieces[::2]]
        lines[k] = "".join(pieces)


def setup(app: Sphinx) -> dict:
    """Write the pages before Sphinx looks for them, and read docstrings as they are meant."""
    app.connect("config-inited", lambda app, config: write_pages(app))
    app.connect("autodoc-process-docstring", escape, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
