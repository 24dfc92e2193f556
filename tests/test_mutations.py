"""The mutation check's table fits the package: every text that it changes is in its file once."""

from __future__ import annotations

from mutations import check_anchors, mutations


def test_every_mutation_changes_one_place_and_there_are_enough() -> None:
    found = list(mutations())
    check_anchors(found)
    assert len(found) >= 60
    assert len({mutation.name for mutation in found}) == len(found)
    for room in ("likelihood", "solvers", "forward", "games", "metrics"):
        assert sum(mutation.file.startswith(f"sciadv/{room}") for mutation in found) >= 6, room
