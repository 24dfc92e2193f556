"""The bench of textures: starts, refinement, judging, and SciPy's searches, on a coarse grid."""

import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.design.texture_2d import Method, Size, _summaries, designed, draw, judge, table
from benchmarks.design.texture_rivals import (
    Library,
    Task,
    at_random,
    differential_evolution,
    of_flow,
    of_generator,
    slsqp,
)
from sciadv.catalogue import problem_spec
from sciadv.nets import DesignDecoder

NAME = "texture-2d"
GOAL = 0.33


@pytest.fixture(scope="module")
def task():
    return Task(points=32)


@pytest.fixture(scope="module")
def library(task):
    return Library.of(task, 24, 0)


def test_the_nearest_of_a_library_are_refined_to_the_target_within_the_limits(task, library):
    places, n_evaluations = designed(task, Method(library.nearest, 24, 0.0), [GOAL], 2)
    row = judge(task, places, torch.full((2,), GOAL, dtype=torch.float64), by_tamaas=False)
    assert float(task.off(places, GOAL).max()) < 0.004
    assert row["worst_error"] < 0.015  # that of the coarse grid
    assert 2 <= n_evaluations < 160


def test_starts_go_on_where_they_ended(task, library):
    net = DesignDecoder(
        n_latent=4,
        lower=[one.low for one in task.model.variables],
        upper=[one.high for one in task.model.variables],
        is_log=[False] * 80,
        targets=[[0.2, 0.4]],
        hidden=[8],
    )
    every = {
        "library": library.nearest,
        "generator": of_generator(task, net, 0),
        "random": at_random(task, 0),
        "flow": of_flow(task, library, 0, n_steps=3, n_parts=2),
    }
    for name, starts in every.items():
        four, two = starts(GOAL, 4, 0), starts(GOAL, 2, 2)
        torch.testing.assert_close(four[2:], two, msg=name)
        assert bool(((four >= 0) & (four <= 1)).all()), name


def test_scipys_searches_come_nearer(task):
    start = at_random(task, 0)(GOAL, 6, 0)
    found = slsqp(task, GOAL, 0, n_steps=3)
    assert float(task.off(found.place[None], GOAL)) < float(task.off(start[:1], GOAL))
    evolved = differential_evolution(task, GOAL, 0, population=6, n_rounds=1)
    assert float(task.off(evolved.place[None], GOAL)) <= float(task.off(start, GOAL).min())
    assert evolved.n_evaluations > 6


def row(name, seed, hit, diversity):
    numbers = {"hit": hit, "within_1_percent": hit, "feasible": 1.0, "worst_error": 0.01, "n": 24}
    cost = {"evaluations_before": 10, "evaluations_per_design": 3.0, "cpu_seconds_before": 2.0}
    facts = {"row": f"{name}, seed {seed}", "method": name, "seed": seed, "diversity": diversity}
    return {**facts, **numbers, **cost, "cpu_ms_per_design": 50.0}


def test_every_bar_has_a_value_and_training_counts(tmp_path):
    from matplotlib.figure import Figure

    rows = [row("ours", s, 1.0, 2.0) for s in (0, 1)] + [row("library of 256, refined", 0, 0.9, 1.5)]
    rows += _summaries(rows)
    asked = "yield of 95 % asked for"
    rows.append({"row": asked, "n": 4, "least_yield": 0.97, "mean_yield": 0.98})
    bars = judge_bars(problem_spec(NAME).bench.bars, rows)
    assert all(bar.holds for bar in bars)
    ours = next(one for one in rows if one["row"] == "ours")
    assert ours["cpu_ms_over_10"] == pytest.approx(250.0)
    assert ours["cpu_ms_over_1000"] == pytest.approx(52.0)
    assert ours["hits_at_equal_cpu"] == pytest.approx(1000)  # 52 s, of which 2 s before the first
    rival = next(one for one in rows if one["row"] == "library of 256, refined")
    assert rival["hits_at_equal_cpu"] == pytest.approx(900)
    assert "| ours |" in table(rows)
    assert "97%" in table(rows)
    draw(Figure(), rows)
    assert BENCHES[NAME].problem == NAME
    assert min(Size(3, 6, 4, 2, 0).goals) == pytest.approx(0.23)
