"""Single measurements against simulated contradictions: named rightly, p-values uniform where right."""

from dataclasses import replace
from functools import cache

import pytest
import small_priors as cases
import torch
from torch import Tensor

from sciadv import Gaussian, Prior, Problem
from sciadv.diagnosis import CheckSettings, SimulatedAmounts
from sciadv.forward import GaussianSensing
from sciadv.solvers.diagnosis.contradiction_features import SeenThrough
from sciadv.solvers.diagnosis.contradictions import (
    Contradiction,
    Contradictions,
    contradictions,
    simulate,
)

N, M, SIGMA = 200, 40, 0.2
AMOUNTS = SimulatedAmounts((8, 12), (0.1, 0.15), (4, 6), (1.4, 1.6), 2)


@cache
def prior() -> Prior:
    made = cases.make_prior(cases.SMALL)
    residual = made.residual
    assert residual is not None
    return replace(made, residual=replace(residual, reference=cases.images_of(made, 120, seed=8)))


@cache
def right() -> Problem:
    images = cases.images_of(prior(), N, seed=5)
    forward = GaussianSensing(prior().out_shape, M, seed=1)
    y = Gaussian(SIGMA).sample(forward(images), generator=torch.Generator().manual_seed(3))
    return Problem(prior(), forward, Gaussian(SIGMA), y, truth=images)


def wrong(kind: Contradiction) -> Tensor:
    return simulate(right(), kind, AMOUNTS, torch.Generator().manual_seed(int(kind)))


def asked(measurements: Tensor) -> Contradictions:
    said = contradictions(right().with_measurements(measurements), CheckSettings(n_simulated=300))
    assert said is not None
    return said


@pytest.mark.parametrize("kind", list(Contradiction)[1:])
def test_each_contradiction_is_named(kind: Contradiction) -> None:
    said = asked(wrong(kind))
    is_named = (said.p_value <= 0.03) & (said.kind == int(kind))
    assert float(is_named.float().mean()) >= (0.7 if kind is Contradiction.QUIET else 0.9)


def test_p_values_of_right_measurements_are_not_below_their_level_more_often() -> None:
    p_value = asked(right().measurements).p_value
    for level in (0.03, 0.1, 0.3):
        assert float((p_value <= level).float().mean()) <= level + 2.5 * (level * (1 - level) / N) ** 0.5


def test_few_reference_images_or_no_moments_say_nothing() -> None:
    assert contradictions(right(), CheckSettings(threshold=0.005)) is None
    assert contradictions(replace(right(), prior=replace(prior(), moments=None)), CheckSettings()) is None


def test_whitened_features_are_those_of_the_gaussian_that_the_data_have() -> None:
    moments = prior().moments
    assert moments is not None
    root = torch.linalg.cholesky(moments.covariance.double() + 1e-9 * torch.eye(64))
    draw = torch.Generator().manual_seed(0)
    x = moments.mean.flatten() + torch.randn(4000, 64, generator=draw, dtype=torch.float64) @ root.T
    forward = right().forward
    y = forward(x.reshape(-1, *prior().out_shape).float())
    y = y + SIGMA * torch.randn(y.shape, generator=draw)
    seen = SeenThrough.of(right(), CheckSettings(n_bands=4))
    assert seen is not None
    bands = seen.features(y)[:, :4].exp()  # mean squares of M / 4 normal numbers
    assert torch.allclose(bands.mean(0), torch.ones(4).double(), atol=0.05)
    assert torch.allclose(bands.var(0), torch.full((4,), 2 / (M / 4)).double(), rtol=0.15)


@pytest.mark.parametrize("kind", [Contradiction.LOUD, Contradiction.QUIET])
def test_simulated_noise_has_its_size(kind: Contradiction) -> None:
    noise = (wrong(kind) - right().forward(right().truth)).std(1) / SIGMA  # type: ignore[arg-type]  # it has one
    size = noise if kind is Contradiction.LOUD else 1 / noise
    assert 8 <= float(size.median()) <= 12
