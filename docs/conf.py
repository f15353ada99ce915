"""The documentation as a site: Sphinx, built by `make docs`. Nothing in the built pages asks a network for anything."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "site" / "extensions"))

import harmoniq  # noqa: E402

PYPROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))

project = "harmoniq"
author = PYPROJECT["project"]["authors"][0]["name"]
copyright = author
version = release = harmoniq.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "api_pages",
    "mathml",
]
exclude_patterns = ["site", "pictures/*.md"]
root_doc = "index"

# Markdown: headings are anchors as GitHub makes them, so that links work there and here.
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]

# The code's own documentation. The packages are read, never run; numba's and nipype's classes are imported.
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say types and shapes; 15,000 links to types would take half of the build
autodoc_preserve_defaults = True
toc_object_entries = False
autodoc_default_options = {"members": True, "show-inheritance": False}
maximum_signature_line_length = 90
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# The theme: its fonts are the reader's own, its scripts lie beside the pages.
html_theme = "furo"
html_title = f"harmoniq {version}"
html_static_path = ["site/static"]
html_css_files = ["harmoniq.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#23527c", "color-brand-content": "#23527c"},
    "dark_css_variables": {"color-brand-primary": "#8fc1e8", "color-brand-content": "#8fc1e8"},
}
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"
pygments_style = "friendly"
pygments_dark_style = "monokai"

# `make docs-links` asks the network whether the links to other sites still lead somewhere: run it by hand.
linkcheck_timeout = 20
linkcheck_workers = 4
linkcheck_ignore = [r"https?://localhost.*"]
linkcheck_anchors = False
