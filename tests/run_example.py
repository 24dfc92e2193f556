"""Run an example as a user would: in a process of its own, warnings as errors, with its figure in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(name: str, out: Path) -> str:
    """Return what the example prints; it must succeed and be short enough to read."""
    example = EXAMPLES / name
    assert len(example.read_text().splitlines()) <= 100
    run = subprocess.run(
        [sys.executable, "-W", "error", str(example), "--quick", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
