"""The published ways past the generator's range: conformance, and what each is for, on a small generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sciadv.errors import InputError
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import (
    DeepImagePrior,
    ImageAdaptive,
    IntermediateLayer,
    MultiCode,
    Solver,
    SparseDeviation,
)
from sciadv.solvers.published.intermediate_layer import l1_ball
from sciadv.testing import check_solver

SHAPE = (1, 8, 8)
QUICK: dict[str, Solver] = {
    "image-adaptive": ImageAdaptive(restarts=2, n_latent_steps=40, n_joint_steps=30, weight_rate=1e-2),
    "intermediate-layer": IntermediateLayer(restarts=2, n_steps=(60, 40, 40)),
    "sparse-deviation": SparseDeviation(2, n_latent_steps=60, n_joint_steps=150, weight=0.001),
    "multi-code": MultiCode(n_codes=4, n_steps=100, learning_rate=0.1),
    "deep-image-prior": DeepImagePrior(n_steps=8, n_input=4, channels=2),
}


def off_range(n: int = 3, m: int = 40) -> Problem:
    """Return images of a generator with one bright pixel more, sensed."""
    spec = {"kind": "mlp-decoder", "n_latent": 4, "image_shape": SHAPE, "hidden": [16, 16]}
    generator = build_seeded(spec, 0)
    with torch.no_grad():
        generator.last.weight.mul_(10)
    prior, forward = Prior(generator, 4), GaussianSensing(SHAPE, m, seed=0)
    x = prior.sample(n, seed=1)
    x[:, 0, 2, 2] = (x[:, 0, 2, 2] + 0.7) % 1
    return Problem(prior, forward, Gaussian(0.05), forward(x), truth=x)


@pytest.mark.parametrize("name", QUICK)
def test_conforms(name: str) -> None:
    check_solver(QUICK[name], reaches_map=False, problem=off_range())


@pytest.mark.parametrize("name", ["image-adaptive", "intermediate-layer", "sparse-deviation"])
def test_it_explains_more_of_the_data_than_the_generator(name: str) -> None:
    problem = off_range()
    found = QUICK[name].solve(problem)
    assert found.x_range is not None
    in_range = problem.likelihood.misfit(problem.forward(found.x_range), problem.measurements)
    assert bool((found.misfit < 0.8 * in_range).all())


def test_back_projection_explains_the_data_exactly() -> None:
    problem = off_range()
    torch.testing.assert_close(
        QUICK["image-adaptive"].solve(problem).prediction, problem.measurements, atol=1e-3, rtol=1e-4
    )


def test_the_generator_keeps_its_weights() -> None:
    problem = off_range()
    before = [p.clone() for p in problem.prior.generator.parameters()]
    QUICK["image-adaptive"].solve(problem)
    assert all(torch.equal(a, b) for a, b in zip(before, problem.prior.generator.parameters(), strict=True))


@given(st.integers(0, 1000), st.floats(0.1, 5))
@settings(max_examples=20)
def test_the_projection_is_the_nearest_point_of_the_ball(seed: int, radius: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    v = torch.randn(3, 2, 4, generator=draw, dtype=torch.float64)
    p = l1_ball(v, radius)
    assert float(p.flatten(1).abs().sum(1).max()) <= radius + 1e-9
    other = torch.randn(3, 2, 4, generator=draw, dtype=torch.float64)
    other = other * (radius / other.flatten(1).abs().sum(1)).clamp_max(1)[:, None, None]
    slope = ((v - p) * (other - p)).flatten(1).sum(1)  # the variational inequality of a projection
    assert float(slope.max()) < 1e-9


def test_the_weight_of_the_deviation_is_the_repositorys() -> None:
    short = SparseDeviation(1, n_latent_steps=1, n_joint_steps=1)
    assert short.solve(off_range(m=40)).settings["weight"] == 0.5
    assert short.solve(off_range(m=120)).settings["weight"] == 0.1


def test_a_generator_of_one_layer_has_none_to_search() -> None:
    problem = off_range()
    flat = nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, SHAPE))
    with pytest.raises(InputError, match="no hidden layer"):
        IntermediateLayer().solve(replace(problem, prior=Prior(flat, 4)))
