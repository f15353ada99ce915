"""Docstrings: every public function says its parameters, what it returns and raises; examples in them run."""

import ast
import doctest
import importlib
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"harmoniq": "harmoniq", "interfaces": "harmoniq.interfaces", "workflows": "harmoniq.workflows"}
MODULES = sorted(path for folder in (*FOLDERS, "configs") for path in (ROOT / folder).rglob("*.py"))
# numpydoc's checks: no docstring, parameters left out or unknown, nothing on what is returned or yielded.
CHECKS = {"GL08", "PR01", "PR02", "RT01", "YD01", "SS01"}


def public(module: Path) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """Return a module's public functions, classes and methods, by the names that numpydoc gives them."""
    found = {}
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found[f"{module.stem}.{node.name}"] = node
            for member in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    found[f"{module.stem}.{node.name}.{member.name}"] = member
    return found


def raised(function: ast.FunctionDef) -> bool:
    """Return whether a function itself raises something."""
    rest = list(function.body)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.Raise) and node.exc is not None:
            return True
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            rest.extend(ast.iter_child_nodes(node))
    return False


def faults(module: Path) -> list[str]:
    """Return what the docstrings of a module lack."""
    from numpydoc.hooks.validate_docstrings import process_file

    wanted, found = public(module), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a workflow's Inputs and Outputs are sections that numpydoc does not know
        rows = process_file(module, {"checks": CHECKS, "exclude": set(), "overrides": {}, "exclude_files": set()})
    for _, name, check, text in rows:
        node = wanted.get(name)
        # The fields of data classes are their parameters, which numpydoc's reading of the source does not see.
        if node is None or (check == "PR02" and isinstance(node, ast.ClassDef)):
            continue
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        if check == "RT01" and any("property" in decorator for decorator in decorators):
            continue
        found.append(f"{name}: {text}")
    for name, node in wanted.items():
        text = ast.get_docstring(node) or ""
        if isinstance(node, ast.FunctionDef) and raised(node) and "Raises\n------" not in text:
            found.append(f"{name}: raises, and does not say what")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_are_complete(module):
    assert not faults(module)


def test_all_are_seen():
    """The test above would be empty if names did not match: some module must have a public function checked."""
    assert sum(len(public(module)) for module in MODULES) > 1000


def dotted(module: Path) -> str:
    parts = module.relative_to(ROOT).with_suffix("").parts
    return ".".join((FOLDERS[parts[0]], *parts[1:]))


@pytest.mark.parametrize(
    "module", [m for m in MODULES if ">>>" in m.read_text()], ids=lambda path: str(path.relative_to(ROOT))
)
def test_examples_run(module):
    failed, tried = doctest.testmod(
        importlib.import_module(dotted(module)), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert tried and not failed


def test_a_fault_is_seen(tmp_path):
    module = tmp_path / "sample.py"
    module.write_text(
        'def f(x: int) -> int:\n    """Return x.\n\n    Raises\n    ------\n    E\n    """\n    return x\n'
    )
    assert len(faults(module)) == 2
    module.write_text('def f() -> None:\n    """Do."""\n    raise ValueError("x")\n')
    assert faults(module) == ["sample.f: raises, and does not say what"]
