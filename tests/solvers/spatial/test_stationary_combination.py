"""`auto` with priors of any size: the combination is the best one on the reference images."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sciadv.forward import Mask
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers import Auto
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.spatial.stationary_combination import (
    SpatialSettings,
    combine_spatial,
    has_spatial_estimates,
    reference_products,
)
from sciadv.solvers.spatial.stationary_lmmse import StationaryLMMSE
from tests.small_priors import spatial_prior

QUICK = SpatialSettings(n_iterations=8, tv_iterations=10, tv_factors=(0.15, 1.0))


def posed(shape: tuple[int, ...] = (1, 12, 9)) -> Problem:
    """Return the inpainting of draws of a small spatial prior."""
    prior = spatial_prior(shape)
    A = Mask(torch.rand(shape, generator=torch.Generator().manual_seed(2)) < 0.4)
    truth = prior.sample(2, seed=3)
    noise = 0.05 * torch.randn(2, *A.out_shape, generator=torch.Generator().manual_seed(4))
    return Problem(prior, A, Gaussian(0.05), A(truth) + noise, truth=truth)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path))


def test_the_combination_is_no_worse_than_any_estimate_on_the_reference_images() -> None:
    problem = posed()
    products = reference_products(problem, QUICK, Run(0))
    solution = Auto(spatial=QUICK).solve(problem)
    errors = solution.settings["reference_errors"]
    assert set(errors) == set(QUICK.names)
    assert solution.settings["reference_error"] <= (1 + QUICK.slack) * min(errors.values())
    assert sum(solution.settings["weights"].values()) == pytest.approx(1, abs=0.01)
    assert products.diagonal().tolist() == pytest.approx(list(errors.values()))


@pytest.mark.parametrize("shape", [(1, 40), (1, 10, 21), (1, 8, 7, 9)])
def test_signals_images_and_volumes_of_any_size_are_solved(shape: tuple[int, ...]) -> None:
    problem = posed(shape)
    solution = Auto(spatial=QUICK).solve(problem)
    assert solution.x.shape == (2, *shape)
    assert bool(solution.x.isfinite().all())


def test_an_interrupted_run_gives_the_linear_estimate() -> None:
    problem = posed()
    run = Run(0)
    run.stop()
    found = combine_spatial(problem, QUICK, run)
    linear = StationaryLMMSE(QUICK.n_products, QUICK.tolerance).solve(problem).x
    torch.testing.assert_close(found.x, linear.clamp(found.x.min(), found.x.max()), atol=1e-4, rtol=1e-3)
    assert set(found.status) <= {Status.INTERRUPTED, Status.EXPLAINED}


def test_without_reference_images_there_is_nothing_to_combine_by() -> None:
    problem = posed()
    statistics = problem.prior.stationary
    assert statistics is not None
    without = replace(problem.prior, stationary=replace(statistics, reference=None))
    assert has_spatial_estimates(problem)
    assert not has_spatial_estimates(replace(problem, prior=without))
