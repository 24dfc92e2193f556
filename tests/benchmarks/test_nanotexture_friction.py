import math

import numpy as np
import pytest
import torch

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.design.nanotexture_friction import (
    N_DESIGNS,
    fresh_targets,
    judge,
    ours,
    reachable_range,
    table,
)
from benchmarks.design.nanotexture_peers import (
    LookupTable,
    differential_evolution,
    slsqp,
    without_generator,
)
from benchmarks.design.nanotexture_reference import Reference
from sciadv.catalogue import load_problem, problem_spec
from sciadv.errors import InputError

NAME = "nanotexture-friction"


@pytest.fixture(scope="module")
def problem():
    return load_problem(NAME)


@pytest.fixture(scope="module")
def reference(problem):
    return Reference.of(problem)


def test_reference_agrees_with_the_operator_on_random_designs(problem, reference):
    x = reference.from_unit(np.random.default_rng(0).random((200, 2)))
    ours = problem.forward.to(torch.float64)(torch.as_tensor(x))[:, 0].numpy()
    problem.forward.to(torch.float32)
    theirs = np.array([reference(*design)[0] for design in x])
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_reference_meets_a_value_computed_by_hand(reference):
    # Westergaard: mu = tau0 f / p + beta U / (p lambda) with f = (2 / pi) asin sqrt(p / p*)
    plain = Reference(**{**vars(reference), "work_of_adhesion": 0.0})
    friction, peak, slope = plain(20e-9, 1e-6)
    assert friction == pytest.approx(0.04901920, abs=1e-8)
    assert peak == pytest.approx(132.638301e6, rel=1e-8)
    assert slope == pytest.approx(2 * math.pi * 0.02)


def test_targets_are_fresh_and_within_reach(problem):
    low, high = reachable_range(problem)
    assert low == pytest.approx(0.0473, abs=2e-4)
    assert high == pytest.approx(0.2022, abs=5e-4)
    goals = fresh_targets(problem, 20, seed=0)
    assert all(low <= goal <= high for goal in goals)
    assert goals != fresh_targets(problem, 20, seed=1)


def test_ours_reaches_the_bars_on_some_targets(problem, reference):
    raw, best = ours(problem, fresh_targets(problem, 6, seed=3), N_DESIGNS, reference, seed=3)
    assert best["hit_and_feasible"] == 1.0
    assert raw["within_5_percent"] >= 0.8
    bars = judge_bars(problem_spec(NAME).bench.bars, [raw, best])
    assert all(bar.value is not None for bar in bars)
    assert "raw generator" in table([raw, best])


@pytest.mark.parametrize("method", [slsqp, differential_evolution])
def test_scipys_methods_find_an_easy_target(method, reference):
    answer = method(reference, 0.08, 0)
    judged = judge(reference, answer.x[None], [0.08])
    assert float(judged.row()["hit_and_feasible"]) == 1.0
    assert answer.n_evaluations > 5


def test_search_without_the_generator_and_the_look_up_table_find_an_easy_target(problem, reference):
    answer = without_generator(problem, 4)(0.08, 0)
    assert judge(reference, answer.x[None], [0.08]).row()["hit_and_feasible"] == 1.0
    found = LookupTable.of(problem)(0.08, 8)
    assert judge(reference, found[None], [0.08]).row()["hit_and_feasible"] == 1.0
    assert bool(np.isnan(LookupTable.of(problem, 50)(3.0, 2)).all())


def test_reference_refuses_another_problem():
    with pytest.raises(InputError, match="not the nanotexture problem"):
        Reference.of(load_problem("compressed-sensing"))


def test_bench_is_registered_with_its_problem():
    bench = BENCHES[NAME]
    assert bench.problem == NAME
