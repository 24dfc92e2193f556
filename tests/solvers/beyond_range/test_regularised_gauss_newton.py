"""Steps past the range under a falling noise level: what they minimise, and what only they find."""

from dataclasses import replace

import pytest
import torch

from sciadv import Gaussian, Poisson, Prior, Problem
from sciadv.data.moments import Moments, Residual
from sciadv.errors import InputError
from sciadv.forward import GaussianSensing, Magnitude
from sciadv.metrics import calibration, relative_error
from sciadv.nets import build_seeded
from sciadv.solvers import Laplace, RegularisedGaussNewton, TangentKernel, make_solver
from sciadv.solvers.beyond_range.logit_steps import InnerSolve, Root, logit_steps
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.testing import check_solver
from sciadv.testing.solver_suite import linear_problem

SHAPE, SIZE = (1, 6, 6), 36


def prior_of():
    spec = {"kind": "mlp-decoder", "n_latent": 4, "image_shape": list(SHAPE), "hidden": [16]}
    draw = torch.Generator().manual_seed(1)
    factor = 0.4 * torch.randn(SIZE, SIZE, generator=draw) / SIZE**0.5
    logits = Moments(0.1 * torch.randn(SHAPE, generator=draw), factor @ factor.T + 0.01 * torch.eye(SIZE))
    image = Moments(torch.zeros(SHAPE), 0.05 * logits.covariance)
    return Prior(build_seeded(spec, 0), 4, residual=Residual(image, logits, torch.zeros(2, *SHAPE)))


def truths(prior, n=3, widened=1.0):
    """Draw images that the generator has not made: its logits with a wider change of the residual's law."""
    draw, residual = torch.Generator().manual_seed(4), prior.residual.logits
    factor = widened * torch.linalg.cholesky(residual.covariance)
    change = torch.randn(n, SIZE, generator=draw) @ factor.T + residual.mean.flatten()
    return torch.sigmoid(torch.logit(prior.sample(n, seed=2)) + change.reshape(n, *SHAPE))


def problem_of(forward, sigma, widened=1.0):
    prior = prior_of()
    x = truths(prior, widened=widened)
    with torch.no_grad():
        y = forward(x)
    y = y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(5))
    return Problem(prior, forward, Gaussian(sigma), y, truth=x)


def magnitudes(sigma=0.003, widened=1.0):
    return problem_of(Magnitude(GaussianSensing(SHAPE, 3 * SIZE, seed=1)), sigma, widened)


def test_images_outside_the_range_are_found_from_magnitudes():
    problem = magnitudes()
    found = RegularisedGaussNewton().solve(problem)
    assert bool((relative_error(found.x, problem.truth) < 5e-3).all())
    assert bool((relative_error(found.x_range, problem.truth) > 0.1).all())  # the generator does not reach it
    torch.testing.assert_close(found.x_range, problem.prior(found.z), atol=1e-5, rtol=0)


def test_a_linear_problem_has_the_answer_of_the_dense_systems():
    problem = problem_of(GaussianSensing(SHAPE, 20, seed=2), 0.5)
    found = RegularisedGaussNewton().solve(problem)
    dense = TangentKernel(tolerance=1e-6, stop_at_noise=False).solve(problem)
    torch.testing.assert_close(found.objective, dense.objective, rtol=0.01, atol=0)


def chi_squares(problem, samples):
    """Return the mean square of the data less each measurement's draws [noise]."""
    predicted = problem.forward(samples.flatten(0, 1)).reshape(*samples.shape[:2], -1)
    return ((predicted - problem.measurements[:, None]) / problem.likelihood.sigma).square().mean((1, 2))


@pytest.mark.parametrize("sigma", [0.02, 0.05])
def test_the_law_is_widened_until_answers_and_draws_fit_the_data_as_noise_does(sigma):
    problem = magnitudes(sigma, widened=6.0)
    tight = RegularisedGaussNewton(n_samples=50, least_level=1.0).solve(problem)
    found = RegularisedGaussNewton(n_samples=50).solve(problem)
    assert bool((tight.misfit > 1.08).all())
    assert bool((found.misfit <= noise_threshold(problem, 1)).all())
    assert bool((chi_squares(problem, tight.posterior.samples) > 1.4).all())
    assert bool(((chi_squares(problem, found.posterior.samples) - 1).abs() < 0.2).all())
    error = relative_error(found.x, problem.truth)
    assert bool((error < relative_error(tight.x, problem.truth)).all())


def test_a_law_that_holds_is_not_widened():
    problem = magnitudes(0.05)
    tight = RegularisedGaussNewton(n_samples=5, least_level=1.0).solve(problem)
    found = RegularisedGaussNewton(n_samples=5).solve(problem)
    torch.testing.assert_close(found.x, tight.x)
    torch.testing.assert_close(found.posterior.samples, tight.posterior.samples)


def test_leaving_the_range_counts_as_noise_in_the_search_before():
    steps = logit_steps(magnitudes(), "test", InnerSolve())
    assert float(steps.noise_in_range().sigma) > 20 * 0.003
    root = replace(steps.root, factor=torch.zeros_like(steps.root.factor))
    none = replace(steps, root=root, mean=torch.zeros_like(steps.mean))
    assert float(none.noise_in_range().sigma) == pytest.approx(0.003, rel=1e-3)


def test_the_root_of_a_factored_covariance_is_a_root_of_it():
    draw = torch.Generator().manual_seed(6)
    factor, diagonal = torch.randn(7, 2, generator=draw), torch.rand(7, generator=draw)
    root = Root.of(Moments(torch.zeros(7), factor=factor, diagonal=diagonal), factor.device, factor.dtype)
    unit = torch.eye(root.width)
    pushed = root.push(unit)
    torch.testing.assert_close(pushed.T @ pushed, factor @ factor.T + diagonal.diag())
    torch.testing.assert_close(root.pull(torch.eye(7)), pushed.T)


def test_a_factored_covariance_gives_the_answers_of_the_dense_one():
    problem = magnitudes()
    logits = problem.prior.residual.logits
    values, vectors = torch.linalg.eigh(logits.covariance - 0.005 * torch.eye(SIZE))
    split = Moments(
        logits.mean, factor=vectors * values.clamp_min(0).sqrt(), diagonal=torch.full((SIZE,), 0.005)
    )
    residual = replace(problem.prior.residual, logits=split)
    same = replace(problem, prior=replace(problem.prior, residual=residual))
    dense, factored = (RegularisedGaussNewton().solve(posed) for posed in (problem, same))
    torch.testing.assert_close(factored.x, dense.x, atol=0.05, rtol=0)
    assert bool((factored.misfit <= 1.05).all())


def test_the_posterior_of_a_nonlinear_problem_holds_what_the_generator_has_not_made():
    problem = magnitudes(0.05)
    solution = Laplace(n_samples=200).solve(problem)
    assert solution.method == "laplace"
    found = calibration(solution.posterior.samples, problem.truth)
    assert 0.75 < found.coverage < 0.99
    in_range = replace(problem, prior=replace(problem.prior, residual=None))
    assert calibration(Laplace(n_samples=200).solve(in_range).posterior.samples, problem.truth).coverage < 0.5


def test_it_keeps_the_promises_of_all_solvers():
    assert isinstance(make_solver("regularised-gauss-newton"), RegularisedGaussNewton)
    check_solver(RegularisedGaussNewton(), problem=magnitudes())


@pytest.mark.parametrize("wrong", [{"fall": 1.0}, {"restarts": 0}, {"n_iterations": 0}, {"n_samples": -1}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        RegularisedGaussNewton(**wrong)


def test_what_it_needs_is_said():
    with pytest.raises(InputError, match="statistics"):
        RegularisedGaussNewton().solve(linear_problem())
    with pytest.raises(InputError, match="needs Gaussian noise"):
        RegularisedGaussNewton().solve(replace(magnitudes(), likelihood=Poisson()))
