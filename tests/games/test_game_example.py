"""The example of a user's own parts runs and finds every mode."""

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
