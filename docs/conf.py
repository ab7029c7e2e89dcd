"""The documentation site, built by Sphinx: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

import engine

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "crtui"
author = "The crtui authors"
project_copyright = author
version = release = engine.__version__
html_title = "crtui"
html_theme = "furo"

extensions = ["crtui_output", "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["screens/*.py", "extensions/*", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath", "linkify"]
myst_heading_anchors = 4

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
