"""Links of the README and of the documentation lead to files and headings that are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents.pages import ROOT, anchors, documents, links

OTHERS = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "examples" / "README.md",
    ROOT / "priors" / "README.md",
    *sorted((ROOT / "problems").glob("*/README.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]


@pytest.mark.parametrize("page", [*documents(), *OTHERS], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue  # of the web: not fetched
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page}: {link} is not there"
        assert not anchor or anchor in anchors(target), f"{page}: {link} has no such heading"


def test_every_page_is_in_the_contents() -> None:
    listed = "\n".join(page.read_text(encoding="utf-8") for page in documents())
    for page in documents()[1:]:
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert name == "index" or f"\n{name}\n" in listed, f"docs/{name}.md is in no contents"
