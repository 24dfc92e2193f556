"""The example of amplifiers runs, and its designs do what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_example import run_example


@pytest.mark.slow
def test_the_example_analyses_a_netlist_designs_amplifiers_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    said = run_example("circuits/02_amplifier.py", out)
    assert said.splitlines()[-1].endswith("100%")
    assert out.stat().st_size > 1000
