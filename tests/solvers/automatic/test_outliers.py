"""Data that are left out: those that were hit, none else, each put where all others say that it is."""

from dataclasses import replace

import small_priors as cases
import torch

from sciadv.data.moments import Moments, Residual
from sciadv.problem import Problem
from sciadv.solvers.automatic.estimates import EstimateSettings, Estimation
from sciadv.solvers.automatic.outliers import (
    OutlierSettings,
    given_others,
    latents_without,
    usual_distance,
    without_outliers,
)
from sciadv.solvers.latent.progress import Run

N_DATA, DEVIATION = 40, 0.1


def estimation(share: float) -> tuple[Estimation, torch.Tensor]:
    """Return an estimation from data of which a share was hit, and which ones.

    The representation error is large, so that what it adds to one datum says much of the others.
    """
    known = cases.make_prior(cases.SMALL)
    assert known.residual is not None
    error = Moments(
        torch.full((1, 8, 8), 0.02),
        factor=torch.zeros(64, 1),
        diagonal=torch.full((64,), DEVIATION**2),
    )
    prior = replace(known, residual=Residual(error, error, known.residual.reference))
    draw = torch.Generator().manual_seed(2)
    x = prior.sample(3, seed=draw)
    x = x + 0.02 + DEVIATION * torch.randn(x.shape, generator=draw)
    problem = cases.measured(prior, cases.projections(prior, N_DATA), x)
    hit = torch.rand(problem.measurements.shape, generator=draw) < share
    problem = problem.with_measurements(problem.measurements + 3.0 * hit)
    return Estimation(problem, EstimateSettings(), None, Run(0, None)), hit


def conditional_mean(problem: Problem, z: torch.Tensor, row: int, out: torch.Tensor) -> torch.Tensor:
    """Return the mean of some data given the others and the latents, from the covariance of all."""
    assert problem.prior.residual is not None
    matrix = problem.forward(torch.eye(64).reshape(64, 1, 8, 8)).T.double()
    covariance = DEVIATION**2 * matrix @ matrix.T + cases.SIGMA**2 * torch.eye(N_DATA).double()
    with torch.no_grad():
        mean = problem.forward(problem.prior(z[row : row + 1].float()) + 0.02)[0].double()
    left = problem.measurements[row].double() - mean
    return mean[out] + covariance[out][:, ~out] @ torch.linalg.solve(covariance[~out][:, ~out], left[~out])


def test_data_that_were_hit_get_their_mean_given_all_others() -> None:
    made, hit = estimation(0.05)
    settings = OutlierSettings(n_rounds=1)
    cleaned, mask = without_outliers(made, settings)
    assert torch.equal(mask, hit)
    assert torch.equal(cleaned.problem.measurements[~mask], made.problem.measurements[~mask])
    z = latents_without(made, mask)
    for row in hit.any(1).nonzero().squeeze(1).tolist():
        expected = conditional_mean(made.problem, z, row, hit[row])
        got = cleaned.problem.measurements[row][hit[row]].double()
        assert torch.allclose(got, expected, atol=1e-3)


def test_right_data_are_left_as_they_are() -> None:
    made, _ = estimation(0.0)
    cleaned, mask = without_outliers(made, OutlierSettings())
    assert not bool(mask.any())
    assert cleaned.problem is made.problem


def test_where_more_data_are_far_than_may_be_none_is_left_out() -> None:
    made, hit = estimation(0.05)
    most = int(hit.sum(1).max())
    _, mask = without_outliers(made, OutlierSettings(n_rounds=1, largest_share=(most - 0.5) / N_DATA))
    assert torch.equal(mask, hit & (hit.sum(1, keepdim=True) < most))


def test_nothing_is_left_out_that_is_as_usual_of_measurements_without_outliers() -> None:
    made, _ = estimation(0.0)
    low = OutlierSettings(far=0.5, largest_share=1.0)
    assert bool(without_outliers(made, low)[1].any())
    usual = usual_distance(made, low, share=1.0)
    assert usual > 0.5
    assert not bool(without_outliers(made, replace(low, far=usual))[1].any())
    assert usual_distance(made, replace(low, far=1e3), share=1.0) == 1e3


def test_distances_are_those_given_the_data_that_are_kept() -> None:
    draw = torch.Generator().manual_seed(0)
    half = torch.randn(7, 7, generator=draw, dtype=torch.float64)
    covariance = half @ half.T + torch.eye(7)
    left = 20 * torch.randn(7, generator=draw, dtype=torch.float64)
    mask = torch.tensor([False, True, False, False, True, False, False])
    expected = []
    for i in range(7):
        others = ~mask & (torch.arange(7) != i)
        gain = torch.linalg.solve(covariance[others][:, others], covariance[others, i])
        variance = covariance[i, i] - covariance[others, i] @ gain
        expected.append((left[i] - gain @ left[others]).abs() / variance.sqrt())
    distances = torch.stack(expected)
    robust = (distances[~mask].median() / 0.6745).clamp_min(1)
    assert torch.allclose(given_others(left, torch.linalg.inv(covariance), mask), distances / robust)
