"""The example of a correction runs, hides the batch and draws its figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_example import run_example


@pytest.mark.slow
def test_the_example_hides_the_batch_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    said = run_example("omics/01_correct.py", out)
    words, number = said.splitlines()[-1].rsplit(maxsplit=1)
    assert words == "after: batch unpredictability within cell types:"
    assert float(number) > 0.8
    assert out.stat().st_size > 1000
