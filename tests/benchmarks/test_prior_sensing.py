"""Tests of what a prior does in a solve: errors, failed searches, wrong minima."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmarks.priors import prior_sensing
from benchmarks.priors.prior_sensing import sensing
from sciadv.prior import Prior
from sciadv.solvers import LevenbergMarquardt


class Flat(nn.Module):
    """x = W z with orthonormal columns: the objective has one minimum."""

    def __init__(self) -> None:
        super().__init__()
        square = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))[0]
        self.W = nn.Parameter(10 * square[:, :3])

    def forward(self, z: Tensor) -> Tensor:
        return (z @ self.W.T).reshape(-1, 1, 8, 8)


class Inverse(nn.Module):
    def __init__(self, flat: Flat) -> None:
        super().__init__()
        self.flat = flat

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.flat.W / 100


def flat_prior(*, has_encoder: bool = True) -> Prior:
    generator = Flat()
    return Prior(generator, 3, Inverse(generator) if has_encoder else None)


def test_one_minimum_is_found_and_is_the_right_one() -> None:
    prior = flat_prior()
    numbers = sensing(prior, prior.sample(4, seed=1), 25, seed=0)
    assert numbers["search_failures_25"] == 0
    assert numbers["wrong_minima_25"] == 0
    assert numbers["sensing_error_25"] == pytest.approx(numbers["sensing_error_25_found"])
    assert numbers["sensing_error_25"] < 0.01


def test_a_search_that_stops_at_its_start_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    prior = flat_prior()

    def solver(restarts: int | None = None, starts: str | Tensor = "random") -> LevenbergMarquardt:
        informed = restarts is not None
        return LevenbergMarquardt(restarts=restarts or 1, starts=starts, n_iterations=20 if informed else 1)

    monkeypatch.setattr(prior_sensing, "LevenbergMarquardt", solver)
    numbers = sensing(prior, prior.sample(4, seed=1), 25, seed=0)
    assert numbers["search_failures_25"] == 1
    assert numbers["sensing_error_25_found"] < numbers["sensing_error_25"]


def test_without_an_encoder_only_the_error_is_known() -> None:
    prior = flat_prior(has_encoder=False)
    assert set(sensing(prior, prior.sample(2, seed=1), 25, seed=0)) == {"sensing_error_25"}
