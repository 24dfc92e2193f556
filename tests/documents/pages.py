"""Pages of the documentation: their blocks of code, and the links and headings in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Kinds of blocks that run; all others (toml, text, tables) are read only.
RUNS = ("python", "sh")
_FENCE = re.compile(
    r"^(?P<mark><!-- not run: (?P<why>[^\n]*) -->\n)?```(?P<kind>\S*)\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A block of code: where it begins, its kind, its text, and why it is not run, if so."""

    line: int
    kind: str
    code: str
    why_not: str | None


def documents() -> list[Path]:
    """Return the README and every page that is written by hand; decisions are history, the map is made."""
    made = {"map.md"}
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page.name not in made]
    skipped = ("decisions", "_build", "api", "gallery", "tutorials", "theory")
    return [
        ROOT / "README.md",
        *sorted(p for p in pages if p.relative_to(ROOT / "docs").parts[0] not in skipped),
    ]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(text[: one.start("code")].count("\n") + 1, one["kind"], one["code"], one["why"])
        for one in _FENCE.finditer(text)
    ]


def links(page: Path) -> list[str]:
    """Return where the links and pictures of a page lead, those in code left out."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#{1,6} +(.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
