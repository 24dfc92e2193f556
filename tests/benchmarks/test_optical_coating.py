import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.design.coating_rivals import adam, differential_evolution, library, multistart, slsqp
from benchmarks.design.optical_coating import draw, judged, measured, residuals_of, searches, table
from sciadv.catalogue import load_problem, problem_spec

NAME = "optical-coating"


@pytest.fixture(scope="module")
def coating():
    return load_problem(NAME).forward


def small(method, coating, **settings):
    return method(lambda place: residuals_of(coating, place), coating.n_films, 0, **settings)


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (library, {"n": 60, "keep": 6, "n_steps": 10}),
        (multistart, {"n": 6, "n_steps": 10}),
        (adam, {"n": 6, "n_steps": 30, "rate": 0.05}),
        (slsqp, {"n": 1, "n_steps": 10}),
    ],
)
def test_rivals_descend(coating, method, settings):
    found = small(method, coating, **settings)
    start = small(multistart, coating, n=60, n_steps=0)
    assert float(found.value.min()) < float(start.value.median())
    assert bool(((found.place >= 0) & (found.place <= 1)).all())


def test_evolution_goes_down(coating):
    def value(place):
        return residuals_of(coating, place)[0].square().mean(1)

    found = differential_evolution(value, coating.n_films, 0, population=60, n_rounds=4)
    start = small(multistart, coating, n=60, n_steps=0)
    assert float(found.value.min()) < float(start.value.min())


def test_stacks_are_judged_in_double_precision_and_sorted(coating):
    found = small(multistart, coating, n=8, n_steps=5)
    x, value = judged(coating, found)
    assert value.dtype == torch.float64
    assert bool((value.diff() >= 0).all())
    torch.testing.assert_close(value[0], found.value.min().double(), rtol=1e-3, atol=0)
    row = measured(x, value, 3e-7)
    assert row["n_stacks"] == 8
    assert row["families_near_best"] <= row["distinct_near_best"]


def test_every_bar_has_a_value_and_tables_can_be_shown(coating):
    from matplotlib.figure import Figure

    x, value = judged(coating, small(multistart, coating, n=4, n_steps=2))
    row = {"row": "ours", "is_ours": True, "cpu_seconds": 1.0, **measured(x, value, 3e-7)}
    row |= {"best_of_seeds": row["best"], "median_of_seeds": row["median"]}
    assert all(bar.value is not None for bar in judge_bars(problem_spec(NAME).bench.bars, [row]))
    assert "ours" in table([row])
    draw(Figure(), [row])
    assert "ours" in searches(quick=True)
    assert BENCHES[NAME].problem == NAME
