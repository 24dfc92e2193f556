"""The checklist of the field in examples/README.md names files that exist, once a row, and hides no gap."""

from __future__ import annotations

import re

import pytest
from run_example import EXAMPLES

ROOT = EXAMPLES.parent
TEXT = (EXAMPLES / "README.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1:]
    for line in TEXT.splitlines()
    if re.match(r"\| [TRV]\d+ \|", line)
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
WANTED = [f"{kind}{k}" for kind, n in (("T", 29), ("R", 28), ("V", 8)) for k in range(1, n + 1)]


def test_every_row_of_the_checklist_stands_once():
    assert re.findall(r"^\| ([TRV]\d+) \|", TEXT, re.MULTILINE) == WANTED


@pytest.mark.parametrize("row", WANTED)
def test_a_row_names_files_that_exist_with_a_number_or_says_absent(row):
    _, files, ours, _ = ROWS[row]
    named = re.findall(r"`([^`]+)`", files)
    assert all((ROOT / name).exists() for name in named), named
    assert named or "**absent**" in ours
    assert ours


def test_every_page_of_the_gallery_stands_in_the_checklist():
    shown = {name for cells in ROWS.values() for name in re.findall(r"`examples/(theory/[^`]+)`", cells[1])}
    assert shown == {f"theory/{page.name}" for page in (EXAMPLES / "theory").glob("*.py")}
