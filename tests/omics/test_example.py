"""The example of a correction runs, hides the batch and draws its figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "omics" / "01_correct.py"


@pytest.mark.slow
def test_the_example_hides_the_batch_and_draws_its_figure(tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    run = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), "--quick", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    words, number = run.stdout.splitlines()[-1].rsplit(maxsplit=1)
    assert words == "after: batch unpredictability within cell types:"
    assert float(number) > 0.8
    assert out.stat().st_size > 1000
    assert len(EXAMPLE.read_text().splitlines()) <= 100
