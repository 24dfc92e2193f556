"""The examples of games: own parts find every mode, a report sees through a perfect distance."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_example import run_example


@pytest.mark.slow
def test_the_example_finds_all_modes_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    said = run_example("games/01_own_objective.py", out)
    assert said.splitlines()[-1] == "modes found: 8 of 8"
    assert out.stat().st_size > 1000


def test_the_example_of_the_trap_catches_every_perfect_distance_of_a_collapsed_generator(
    tmp_path: Path,
) -> None:
    out = tmp_path / "figure.png"
    said = run_example("games/02_fid_trap.py", out)
    assert "dead layer: Frechet distance 0," in said
    assert said.splitlines()[-1] == "perfect distances: 2 of 3, caught by the report: 2"
    assert out.stat().st_size > 1000
