"""Evidence scores: own images are usual, others are not, by search, encoder or nonlinear operator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_priors import LARGE, SMALL, images_of, make_prior, measured, projections
from torch import Tensor, nn

from sciadv.diagnosis import DiagnosisSettings
from sciadv.forward import Forward, Mask, Matrix
from sciadv.likelihood import Gaussian, Poisson
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers import LevenbergMarquardt
from sciadv.solvers.diagnosis import evidence_score as module
from sciadv.solvers.diagnosis.conformal import compare_with_images
from sciadv.solvers.diagnosis.evidence_score import can_compare, evidence_scores

SETTINGS = DiagnosisSettings(slowest=float("inf"))  # on a busy machine too
ALARM = SETTINGS.distribution_threshold
scores_of = partial(evidence_scores, seed=0, settings=SETTINGS)


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


@pytest.mark.parametrize(
    ("size", "kind"),
    [(SMALL, "matrix"), (LARGE, "matrix"), (LARGE, "mask"), (SMALL, "squares"), (LARGE, "squares")],
)
def test_own_images_pass_and_others_are_flagged(size: int, kind: str) -> None:
    prior = make_prior(size)
    A = projections(prior, 60)
    half = torch.rand(prior.out_shape, generator=torch.Generator().manual_seed(2)) < 0.5
    forward: Forward = {"matrix": A, "mask": Mask(half), "squares": Squares(A)}[kind]
    own = images_of(prior, 60, seed=4)
    posed = measured(prior, forward, torch.cat([own, striped(own[:10])]))
    compared = compare_with_images(posed, settings=SETTINGS)
    assert compared is not None
    p_value = compared.p_value
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
    assert scores_of(problem).score.shape == (3,)
    apart = scores_of(problem.subset([1]))  # whatever the batch
    torch.testing.assert_close(apart.score[0], scores_of(problem).score[1], rtol=1e-5, atol=0)


def test_what_cannot_be_compared_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = make_prior(SMALL)
    A = projections(prior, 20)
    problem = measured(prior, A, images_of(prior, 3, seed=4))
    settings = DiagnosisSettings()
    assert can_compare(problem, settings)
    assert not can_compare(replace(problem, likelihood=Gaussian(None)), settings)
    assert not can_compare(replace(problem, prior=replace(prior, residual=None)), settings)
    slow = replace(problem, forward=Squares(A))
    for seconds_a_call, is_quick in ((1e-3, True), (1.0, False)):
        monkeypatch.setattr(module, "Stopwatch", lambda s=seconds_a_call: SimpleNamespace(seconds=s))
        assert can_compare(slow, settings) is is_quick
    assert compare_with_images(slow) is None
    assert can_compare(problem, settings)  # a linear one is called once a pixel, however slow
    assert not can_compare(problem, replace(settings, largest_matrix=20 * SMALL**2 - 1))


def test_other_noise_is_compared_too() -> None:
    prior = make_prior(SMALL)
    forward, likelihood = Mask(torch.ones(prior.out_shape, dtype=torch.bool)), Poisson()
    bright = replace(prior, generator=nn.Sequential(prior.generator, Bright()), encoder=None)
    bright = replace(bright, residual=replace(prior.residual, reference=400 * prior.residual.reference))
    own = 400 * images_of(prior, 40, seed=4)
    y = likelihood.sample(
        forward(torch.cat([own, 400 * striped(own[:5] / 400)])), generator=torch.Generator().manual_seed(3)
    )
    compared = compare_with_images(Problem(bright, forward, likelihood, y), settings=SETTINGS)
    assert compared is not None
    p_value = compared.p_value
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
        compare_with_images(problem)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_gpu_sees_what_the_cpu_sees(size: int) -> None:
    prior = make_prior(size)
    problem = measured(prior, projections(prior, 20), images_of(prior, 3, seed=4))
    here, there = scores_of(problem), scores_of(problem.to("cuda"))
    torch.testing.assert_close(there.score.cpu(), here.score, rtol=1e-3, atol=1e-2)
