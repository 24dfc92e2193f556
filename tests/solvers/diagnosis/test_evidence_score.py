"""How strange measurements look: own images do not, others do, by search, encoder or nonlinear operator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sciadv.data.moments import DENSE_PIXELS, Moments, Residual
from sciadv.diagnosis import ALARM
from sciadv.forward import Forward, Mask, Matrix
from sciadv.likelihood import Gaussian, Poisson
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers import LevenbergMarquardt
from sciadv.solvers.diagnosis import evidence_score as module
from sciadv.solvers.diagnosis.conformal import distribution_p_value
from sciadv.solvers.diagnosis.evidence_score import can_look, looks

N_REFERENCE, N_LATENT, SIGMA = 120, 3, 0.05


def waves(size: int) -> Tensor:
    """Return three smooth images ``(3, size * size)``."""
    at = torch.linspace(0, torch.pi, size)
    rows = [torch.outer(torch.cos(k * at), torch.cos((k + 1) * at)).flatten() for k in range(N_LATENT)]
    return torch.stack(rows)


def make_prior(size: int) -> Prior:
    """Return ``x = sigmoid(W z) + nu``, nu white, with an encoder that nearly inverts it."""
    pixels, shape = size * size, (1, size, size)
    linear, back = nn.Linear(N_LATENT, pixels), nn.Linear(pixels, N_LATENT)
    weight = waves(size).T
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.zero_()
        back.weight.copy_(4 * torch.linalg.pinv(weight))
        back.bias.copy_(-0.5 * back.weight.sum(1))
    factor, diagonal = 0.25 * weight, torch.full((pixels,), 0.02**2)
    error = Moments(torch.zeros(shape), factor=torch.zeros(pixels, 1), diagonal=diagonal)
    prior = Prior(
        nn.Sequential(linear, nn.Sigmoid(), nn.Unflatten(1, shape)).eval(),
        N_LATENT,
        nn.Sequential(nn.Flatten(), back),
        moments=Moments(torch.full(shape, 0.5), factor=factor, diagonal=diagonal),
    )
    return replace(prior, residual=Residual(error, error, images_of(prior, N_REFERENCE, seed=1)))


def images_of(prior: Prior, n: int, *, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    x = prior.sample(n, seed=draw)
    return x + 0.02 * torch.randn(x.shape, generator=draw)


def striped(x: Tensor) -> Tensor:
    """Return images with stripes over them, which the prior has never seen."""
    at = torch.arange(x.shape[-1])
    return 0.5 * (x + (at[:, None] + at).remainder(8).lt(4).float())


class Squares(Forward):
    """``(A x)^2``."""

    is_linear = False

    def __init__(self, A: Matrix) -> None:
        super().__init__(A.in_shape, A.out_shape)
        self.A = A

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.A(x).square()
        return made

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        made: Tensor = 2 * self.A(x) * self.A(tangent)
        return made

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        return self.A.adjoint(2 * self.A(x) * cotangent)


def projections(prior: Prior, n: int) -> Matrix:
    pixels = prior.out_shape[1] * prior.out_shape[2]
    rows = torch.randn(n, pixels, generator=torch.Generator().manual_seed(7)) / pixels**0.5
    return Matrix(rows, prior.out_shape)


def measured(prior: Prior, forward: Forward, x: Tensor) -> Problem:
    likelihood = Gaussian(SIGMA)
    with torch.no_grad():
        y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(3))
    return Problem(prior, forward, likelihood, y)


SMALL, LARGE = 8, 34
assert SMALL**2 <= DENSE_PIXELS < LARGE**2


@pytest.mark.parametrize(
    ("size", "kind"),
    [(SMALL, "matrix"), (LARGE, "matrix"), (LARGE, "mask"), (SMALL, "squares"), (LARGE, "squares")],
)
def test_own_images_pass_and_others_are_flagged(
    size: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLOW", float("inf"))  # on a busy machine too
    prior = make_prior(size)
    A = projections(prior, 60)
    half = torch.rand(prior.out_shape, generator=torch.Generator().manual_seed(2)) < 0.5
    forward: Forward = {"matrix": A, "mask": Mask(half), "squares": Squares(A)}[kind]
    own = images_of(prior, 60, seed=4)
    p_value = distribution_p_value(measured(prior, forward, torch.cat([own, striped(own[:10])])))
    assert p_value is not None
    assert bool((p_value[60:] < ALARM).all())
    assert int((p_value[:60] < ALARM).sum()) <= 6  # 1.5 expected; 7 of 60 at 2.5 % have a chance of 0.1 %
    assert 0.35 < float(p_value[:60].mean()) < 0.65  # uniform: 0.5 with a deviation of 0.04


def test_large_images_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(module, "_searched", searched)
    monkeypatch.setattr(module, "_in_range", searched)
    prior = make_prior(LARGE)
    problem = measured(prior, projections(prior, 20), images_of(prior, 3, seed=4))
    assert looks(problem).evidence.shape == (3,)
    apart = looks(problem.subset([1]))  # whatever the batch
    torch.testing.assert_close(apart.evidence[0], looks(problem).evidence[1], rtol=1e-5, atol=0)


def test_what_cannot_be_compared_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = make_prior(SMALL)
    A = projections(prior, 20)
    problem = measured(prior, A, images_of(prior, 3, seed=4))
    assert can_look(problem)
    assert not can_look(replace(problem, likelihood=Gaussian(None)))
    assert not can_look(replace(problem, prior=replace(prior, residual=None)))
    slow = replace(problem, forward=Squares(A))
    for seconds_a_call, is_quick in ((1e-3, True), (1.0, False)):
        clock = count(0.0, seconds_a_call)
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=partial(next, clock)))
        assert can_look(slow) is is_quick
    assert distribution_p_value(slow) is None
    assert can_look(problem)  # a linear one is called once a pixel, however slow
    monkeypatch.setattr(module, "_LARGEST", 20 * SMALL**2 - 1)
    assert not can_look(problem)


def test_other_noise_is_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOW", float("inf"))
    prior = make_prior(SMALL)
    forward, likelihood = Mask(torch.ones(prior.out_shape, dtype=torch.bool)), Poisson()
    bright = replace(prior, generator=nn.Sequential(prior.generator, Bright()), encoder=None)
    bright = replace(bright, residual=replace(prior.residual, reference=400 * prior.residual.reference))
    own = 400 * images_of(prior, 40, seed=4)
    y = likelihood.sample(
        forward(torch.cat([own, 400 * striped(own[:5] / 400)])), generator=torch.Generator().manual_seed(3)
    )
    p_value = distribution_p_value(Problem(bright, forward, likelihood, y))
    assert p_value is not None
    assert int((p_value[:40] < ALARM).sum()) <= 5
    assert bool((p_value[40:] < ALARM).all())


class Bright(nn.Module):
    """Times 400, as counts."""

    def forward(self, x: Tensor) -> Tensor:
        return 400 * x


def test_an_interrupted_search_gives_no_p_value(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = make_prior(SMALL)
    problem = measured(prior, projections(prior, 20), images_of(prior, 3, seed=4))
    solve = LevenbergMarquardt.solve

    def interrupted(*args: Any, **settings: Any) -> Solution:
        found = solve(*args, **settings)
        return replace(found, status=[Status.INTERRUPTED, *found.status[1:]])

    monkeypatch.setattr(LevenbergMarquardt, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        distribution_p_value(problem)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_gpu_sees_what_the_cpu_sees(size: int) -> None:
    prior = make_prior(size)
    problem = measured(prior, projections(prior, 20), images_of(prior, 3, seed=4))
    here, there = looks(problem), looks(problem.to("cuda"))
    torch.testing.assert_close(there.evidence.cpu(), here.evidence, rtol=1e-3, atol=1e-2)
