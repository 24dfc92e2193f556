"""The example of an oscillator runs, and its designs oscillate more often than the prior's circuits."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_example import run_example


@pytest.mark.slow
def test_the_example_designs_oscillators_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    said = run_example("circuits/01_oscillator.py", out)
    prior, designs = (float(line.split()[-1].rstrip("%")) for line in said.splitlines()[-2:])
    assert designs > max(20.0, prior)
    assert out.stat().st_size > 1000
