"""The bench of realism: the band of the process, the rival without training, the means over seeds."""

import pytest
import torch

from benchmarks.design.design_realism import N_EACH, Process, _nearest, _summaries, judge, table
from sciadv.catalogue import load_problem


def test_the_band_holds_what_the_process_makes_and_little_else():
    process = Process()
    assert float(process.is_realistic(process.sample(4000, seed=1)).double().mean()) == pytest.approx(
        0.95, abs=0.02
    )
    other = Process(slope=0.024)
    assert float(process.is_realistic(other.sample(1000, seed=1)).double().mean()) < 0.01


def test_nearest_real_designs_refined_are_right_and_realistic():
    problem, process = load_problem("nanotexture-friction"), Process()
    real = process.sample(1500, seed=2)
    goals = torch.tensor([0.09, 0.11], dtype=torch.float64)
    x = _nearest(problem, real)(goals.repeat_interleave(N_EACH), 0)
    row = judge(problem, process, x, goals)
    assert row["right"] > 0.98
    assert row["both"] > 0.8


def test_table_and_gains_are_means_over_seeds():
    numbers = dict.fromkeys(
        ("right", "realistic", "spread", "training_cpu_seconds", "cpu_ms_per_design"), 0.5
    )
    names = ("plain conditional GAN", "physics only", "both")
    rows = [
        {"row": f"{name}, seed {seed}", "method": name, "both": 0.1 * i + 0.2 * seed, **numbers}
        for i, name in enumerate(names)
        for seed in (0, 1)
    ]
    found = {row["method"]: row for row in _summaries(rows)}
    assert found["both"]["both"] == pytest.approx(0.3)
    assert found["both"]["gain_over_plain"] == pytest.approx(0.2)
    assert "both" in table([*rows, *found.values()])
