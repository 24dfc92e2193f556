"""Linearised draws: the generator's tangents are shared by searches, and made again for other weights."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sciadv import Gaussian, Prior, Problem
from sciadv.forward import GaussianSensing
from sciadv.solvers.linear import linearised_draws as module
from sciadv.solvers.linear.jacobian import latent_jacobian
from sciadv.solvers.linear.linearised_draws import LatestTangents, linearised_draws


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """The latents of each call that makes tangents."""
    made = []
    original = module.generator_tangents

    def counted(prior, z):
        made.append(len(z))
        return original(prior, z)

    monkeypatch.setattr(module, "generator_tangents", counted)
    monkeypatch.setattr(module, "_LATEST", LatestTangents())
    return made


def problem(net: nn.Module, seed: int, n: int = 6) -> Problem:
    prior = Prior(net, 3)
    A = GaussianSensing(prior.out_shape, n, seed=seed, dtype=prior.dtype)
    return Problem(prior, A, Gaussian(0.1), A(prior.sample(2, seed=seed)))


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 20), nn.Unflatten(1, (1, 4, 5)))


def test_jacobians_are_those_of_the_predictions(passes) -> None:
    posed = problem(net(), 1)
    draws = linearised_draws(posed, seed=0)
    assert torch.equal(draws.jacobian, latent_jacobian(posed, draws.z))
    assert len(passes) == 1


def test_another_operator_and_another_copy_of_the_prior_take_the_tangents_of_before(passes) -> None:
    generator = net()
    for seed in (1, 2):
        posed = problem(generator, seed)
        copied = replace(posed, prior=replace(posed.prior, name="copy"))
        draws = linearised_draws(copied, seed=0)
        assert torch.equal(draws.jacobian, latent_jacobian(posed, draws.z))
    assert len(passes) == 1


def test_other_weights_other_draws_and_another_dtype_have_tangents_of_their_own(passes) -> None:
    generator = net()
    linearised_draws(problem(generator, 1), seed=0)
    linearised_draws(problem(generator, 1), seed=1)
    with torch.no_grad():
        generator[0].weight.mul_(1.01)  # a step of training
    changed = problem(generator, 1)
    draws = linearised_draws(changed, seed=1)
    assert torch.equal(draws.jacobian, latent_jacobian(changed, draws.z))
    linearised_draws(problem(generator.double(), 1), seed=1)
    assert len(passes) == 4


def test_tangents_that_are_too_large_are_not_kept(passes, monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_NUMBERS", 500)
    posed = problem(net(), 1)
    draws = linearised_draws(posed, seed=0)
    assert torch.equal(draws.jacobian, latent_jacobian(posed, draws.z))
    assert passes == []
