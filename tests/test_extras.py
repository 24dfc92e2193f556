"""What the extras bring is imported, and messages name extras that exist."""

import re
from pathlib import Path

import pytest

from sciadv.files.texts import parse_toml

ROOT = Path(__file__).parent.parent
PROJECT = parse_toml((ROOT / "pyproject.toml").read_text(), file="pyproject.toml")["project"]
EXTRAS = {
    extra: [re.split(r"[^\w-]", line)[0] for line in lines]
    for extra, lines in PROJECT["optional-dependencies"].items()
}
#: Packages whose modules have other names.
MODULES = {
    "axe-playwright-python": "axe_playwright_python",
    "myst-parser": "myst_parser",
    "pillow": "PIL",
    "python-libsbml": "libsbml",
    "pyyaml": "yaml",
    "scikit-fem": "skfem",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "scvi-tools": "scvi",
    "umap-learn": "umap",
    "libroadrunner": "roadrunner",
}
#: Programs, plug-ins, and what the imported packages of the same extra need themselves.
NOT_IMPORTED = {
    "arviz-base": "arviz-stats reads labelled draws by it",
    "import-linter": "a program of `make lint`",
    "mypy": "a program of `make lint`",
    "pytest-xdist": "a plug-in of pytest",
    "ruff": "a program of `make lint`",
    "xarray-einstats": "arviz-stats computes with it",
}


@pytest.fixture(scope="module")
def code():
    folders = ("sciadv", "benchmarks", "examples", "tests", "docs")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)]
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_used(extra, code):
    names = {name: MODULES.get(name, name.replace("-", "_")) for name in EXTRAS[extra]}
    unused = {
        name
        for name, module in names.items()
        if name not in NOT_IMPORTED and not re.search(rf"(import|from) {module}\b|[\"']{module}\b", code)
    }
    assert unused == set()


def test_what_the_package_always_needs_is_used_by_it():
    code = "\n".join(path.read_text() for path in (ROOT / "sciadv").rglob("*.py"))
    names = [re.split(r"[^\w-]", line)[0] for line in PROJECT["dependencies"]]
    modules = [MODULES.get(name, name.replace("-", "_")) for name in names]
    assert [m for m in modules if not re.search(rf"(import|from) {m}\b|[\"']{m}\b", code)] == []


def test_messages_name_extras_that_exist(code):
    named = set(re.findall(r"sciadv\[([\w-]+)\]", code))
    assert named <= set(EXTRAS)
    assert "omics" in named
