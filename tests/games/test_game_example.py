"""The example of a user's own parts runs and finds every mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "games" / "01_own_objective.py"


@pytest.mark.slow
def test_the_example_finds_all_modes_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    run = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), "--quick", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "modes found: 8 of 8"
    assert out.stat().st_size > 1000
    assert len(EXAMPLE.read_text().splitlines()) <= 100
