"""The example of the nanotexture runs, hits its target, and draws its figure."""

import re

from run_example import run_example

QUIET = "ignore:`torch.jit.script`:DeprecationWarning"  # torch's own forward mode


def test_the_example_hits_its_target_and_draws_its_figure(tmp_path):
    out = tmp_path / "figure.png"
    said = run_example("design/01_nanotexture.py", out, ignored=QUIET)
    found = re.fullmatch(r"largest error of 5 designs: ([\d.]+)%", said.splitlines()[-1])
    assert found
    assert float(found[1]) < 1.0
    assert "adhesive jump" in said
    assert out.stat().st_size > 10_000
