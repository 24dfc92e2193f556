"""The example of an oscillator runs, and its designs oscillate more often than the prior's circuits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "circuits" / "01_oscillator.py"


@pytest.mark.slow
def test_the_example_designs_oscillators_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    run = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), "--quick", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    prior, designs = (float(line.split()[-1].rstrip("%")) for line in run.stdout.splitlines()[-2:])
    assert designs > max(20.0, prior)
    assert out.stat().st_size > 1000
    assert len(EXAMPLE.read_text().splitlines()) <= 100
