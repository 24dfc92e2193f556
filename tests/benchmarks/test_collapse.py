"""The mode-collapse bench: its kinds are what their names say, its rows hold its bars' numbers."""

from __future__ import annotations

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import Settings, judge_bars
from benchmarks.priors import collapse
from benchmarks.priors.collapse import BENCH, Plan, draw, run, table
from benchmarks.priors.collapse_kinds import DATA, KINDS, Making
from sciadv.metrics import CollapseRule, CollapseTest


@pytest.fixture(scope="module")
def making() -> Making:
    data = DATA["ring"]()
    return Making(
        data.take(torch.arange(2000)), data.samples[2000:2400], 100, torch.Generator().manual_seed(0)
    )


def n_modes(samples: torch.Tensor) -> int:
    angle = torch.atan2(samples[:, 1], samples[:, 0]) * 8 / (2 * torch.pi)
    return len(angle.round().long().remainder(8).unique())


def test_kinds_lack_what_their_names_say(making: Making) -> None:
    fakes = {name: make(making) for name, make in KINDS.items()}
    assert all(fake.shape == (100, 2) and fake.isfinite().all() for fake in fakes.values())
    counts = [
        n_modes(fakes[name]) for name in ("one mode missing", "half the modes missing", "one mode only")
    ]
    assert counts == [7, 4, 1]
    assert len(fakes["two samples repeated"].unique(dim=0)) == 2
    assert len(fakes["each four times"].unique(dim=0)) <= 25
    assert torch.isin(fakes["copies of the data"], making.seen).all()
    low = fakes["rank 5 (1 in the plane)"]
    assert torch.linalg.matrix_rank(low - low.mean(0), rtol=1e-4) == 1


def test_the_two_first_kinds_are_found_by_the_test_that_the_bench_runs(making: Making) -> None:
    test = CollapseTest(making.seen, n_fake=100, rule=CollapseRule(n_splits=60))
    assert test(KINDS["one mode only"](making)).fired
    assert not test(making.real()).fired


def test_a_run_has_a_row_for_each_part_and_detector_and_its_bars_values(monkeypatch) -> None:
    monkeypatch.setattr(collapse, "QUICK", Plan(((60, 200, 1),), 1, ("vectors",)))
    rows = run(Settings(quick=True))
    assert len(rows) == 1 + 2 * len(collapse.DETECTORS)
    assert all(bar.value is not None for bar in judge_bars(BENCH.thresholds, rows))
    assert "| one mode only |" in table(rows)
    draw(Figure(), rows)
