"""The example of the nanotexture runs, hits its target, and draws its figure."""

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "design" / "01_nanotexture.py"
QUIET = "ignore:`torch.jit.script`:DeprecationWarning"  # torch's own forward mode


def test_the_example_hits_its_target_and_draws_its_figure(tmp_path):
    out = tmp_path / "figure.png"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-W", QUIET, str(EXAMPLE), "--quick", "--out", str(out)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.fullmatch(r"largest error of 5 designs: ([\d.]+)%", run.stdout.splitlines()[-1])
    assert found
    assert float(found[1]) < 1.0
    assert "adhesive jump" in run.stdout
    assert out.stat().st_size > 10_000
    assert len(EXAMPLE.read_text().splitlines()) <= 100
