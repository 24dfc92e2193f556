"""The documentation site: ``sphinx-build -W docs docs/_build/html``, after ``pip install -e '.[docs]'``."""

from __future__ import annotations

from pathlib import Path

import sciadv

project = "sciadv"
author = "The sciadv developers"
release = sciadv.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py", "gallery/**/*.md5", "map.md"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing", "config.cache"]  # links to files of the repository
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = "sciadv"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": True, "show_prev_next": False}
html_show_sourcelink = False


def quick(gallery_conf: dict[str, object], script_vars: dict[str, object]) -> list[str]:  # noqa: ARG001  # its interface
    """Run the gallery's pages in their quick setting, as the tests do."""
    return ["--quick"]


sphinx_gallery_conf = {
    "examples_dirs": [str(Path(__file__).parents[1] / "examples" / "theory")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"[\\/]\d\d_",
    "ignore_pattern": r"__init__\.py",
    "reset_argv": quick,
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "min_reported_time": 1e9,
    "download_all_examples": False,
    "remove_config_comments": True,
}
