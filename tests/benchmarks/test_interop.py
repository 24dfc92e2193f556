import importlib
import re
import warnings

import pytest

from benchmarks.interop.deepinv_table import (
    BEGIN,
    CASES,
    DOCUMENT,
    END,
    FAILS,
    PASSES,
    REFUSED,
    Outcome,
    outcomes_of,
    table,
)


def rows() -> dict[str, str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    inside = text[text.index(BEGIN) : text.index(END)]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", inside, re.MULTILINE))


def test_document_has_every_physics_and_none_that_fails() -> None:
    assert set(CASES) <= set(rows())
    assert set(rows().values()) == {PASSES, REFUSED}


def test_every_physics_of_deepinv_passes_or_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        pytest.importorskip("deepinv")
        outcomes = outcomes_of(importlib.import_module("deepinv.physics"))
    assert not [one for one in outcomes if one.result == FAILS]
    assert {one.name for one in outcomes} == set(rows())


def test_table_is_one_row_a_physics() -> None:
    text = table([Outcome("Blur", PASSES, "linear, (1, 8, 8) to (1, 6, 6)"), Outcome("X", REFUSED, "a | b")])
    assert text.splitlines()[2:] == [
        "| `Blur` | passes | linear, (1, 8, 8) to (1, 6, 6) |",
        "| `X` | refused | a / b |",
    ]
