"""The documentation site: ``sphinx-build -W docs docs/_build/html``, after ``pip install -e '.[docs]'``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

import sciadv

project = "sciadv"
author = "The sciadv developers"
release = sciadv.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "map.md", "**/*.ipynb", "**/*.py", "**/*.md5"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
html_math_renderer = "mathml"  # of the browser: no script, nothing from the network
html_theme = "pydata_sphinx_theme"
html_title = "sciadv"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": True, "show_prev_next": False}
html_show_sourcelink = False


def quick(gallery_conf: dict[str, object], script_vars: dict[str, object]) -> list[str]:  # noqa: ARG001  # its interface
    """Run the pages in their quick setting, as the tests do."""
    return ["--quick"]


#: Folders of examples, and where their pages go.
GALLERIES = {
    "tutorials": "tutorials",
    "reconstruct": "gallery/reconstruct",
    "priors": "gallery/priors",
    "design": "gallery/design",
    "circuits": "gallery/circuits",
    "omics": "gallery/omics",
    "games": "gallery/games",
    "theory": "theory",
}
sphinx_gallery_conf = {
    "examples_dirs": [str(Path(__file__).parents[1] / "examples" / folder) for folder in GALLERIES],
    "gallery_dirs": list(GALLERIES.values()),
    "filename_pattern": r"[\\/]\d\d_",
    "ignore_pattern": r"__init__\.py",
    "reset_argv": quick,
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "min_reported_time": 1e9,
    "download_all_examples": False,
    "remove_config_comments": True,
}


def draw_inline(translator: Any, node: Any) -> None:
    """Write a formula in a line as MathML."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def draw_block(translator: Any, node: Any) -> None:
    """Write a formula on a line of its own as MathML."""
    translator.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Register the renderer of formulas."""
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
