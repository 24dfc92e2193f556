"""Conformance of posteriors: two problems whose posterior is known, and how far draws may be off."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciadv.forward.base import NonlinearForward
from sciadv.likelihood import Gaussian
from sciadv.posterior import Posterior
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import Solver
from sciadv.testing.promise import require
from sciadv.testing.solver_suite import linear_problem


class _Square(NonlinearForward):
    """``y = (x - c)^2``: two candidates for each measurement, of unequal probability."""

    def __init__(self, centre: float) -> None:
        super().__init__((1,), (1,))
        self.centre = centre

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.centre).square()


def two_modes(*values: float, sigma: float = 0.3) -> Problem:
    """Return the problem ``y = (x - 0.15)^2 + N(0, sigma^2)``, ``x = z ~ N(0, 1)``.

    Examples
    --------
    >>> two_modes(1.0, 2.0).n_problems
    2
    """
    generator = nn.Linear(1, 1, bias=False)
    nn.init.ones_(generator.weight)
    prior = Prior(generator, 1, name="line")
    return Problem(prior, _Square(0.15), Gaussian(sigma), torch.tensor(values)[:, None])


def moments_of_two_modes(problem: Problem) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, standard deviation and probability of ``x > 0.15`` of `two_modes`, by quadrature."""
    x = torch.linspace(-8, 8, 40001, dtype=torch.float64)
    centre = _centre(problem)
    energy = problem.likelihood.energy(
        (x - centre).square()[:, None].repeat(problem.n_problems, 1),
        problem.measurements.double().repeat_interleave(len(x), 0),
    ).reshape(problem.n_problems, -1)
    density = (-energy - 0.5 * x.square()).softmax(1)
    mean = density @ x
    spread = (density * (x - mean[:, None]).square()).sum(1).sqrt()
    return mean, spread, density @ (x > centre).double()


def _centre(problem: Problem) -> float:
    assert isinstance(problem.forward, _Square)
    return problem.forward.centre


def gaussian_posterior(problem: Problem) -> tuple[Tensor, Tensor]:
    """Return mean ``(batch, latent)`` and covariance of the latents of a `linear_problem`, in closed form."""
    assert isinstance(problem.likelihood, Gaussian)
    assert problem.likelihood.sigma is not None
    n, sigma = problem.prior.n_latent, float(problem.likelihood.sigma)
    with torch.no_grad():
        offset = problem.forward(problem.prior(torch.zeros(1, n))).double()
        columns = (problem.forward(problem.prior(torch.eye(n))).double() - offset).T / sigma
    covariance = torch.linalg.inv(columns.T @ columns + problem.latent_weight * torch.eye(n))
    return ((problem.measurements.double() - offset) / sigma) @ columns @ covariance, covariance


def check_posterior(solver: Solver, *, finds_both_modes: bool = True, standard_errors: float = 5.0) -> None:
    """Check that a solver's draws are those of the posterior, where that is known.

    The draws are held to the closed form of `linear_problem` and to the quadrature of `two_modes`, within
    `standard_errors` of their effective sample size.

    Parameters
    ----------
    solver
        What to check; its solutions have a posterior.
    finds_both_modes
        Whether the right weights of two modes are asked of it.
    standard_errors
        How many a moment may be from the truth; 5 happen by chance in 1 of 10^6.

    Raises
    ------
    AssertionError
        A moment is off; the message says which, with the measured numbers.

    Examples
    --------
    >>> from sciadv.solvers import Laplace
    >>> check_posterior(Laplace(n_samples=1000), finds_both_modes=False)
    """
    problem = linear_problem()
    posterior = _posterior(solver, problem)
    mean, covariance = gaussian_posterior(problem)
    centred = (posterior.latents.double() - mean[:, None]).transpose(1, 2)
    factor = torch.linalg.cholesky(covariance)
    scores = torch.linalg.solve_triangular(factor, centred, upper=False).transpose(1, 2)  # N(0, I) if exact
    n = float(posterior.effective_sample_size.min())
    _near("mean, linear", scores.mean(1), torch.zeros(()), standard_errors / n**0.5)
    second = scores.transpose(1, 2) @ scores / scores.shape[1]
    unit = torch.eye(second.shape[1], dtype=second.dtype)
    _near("covariance, linear", second, unit, standard_errors * (2 / n) ** 0.5)
    if finds_both_modes:
        _check_two_modes(solver, standard_errors)


def _check_two_modes(solver: Solver, standard_errors: float) -> None:
    problem = two_modes(0.5, 1.0, 2.0)
    posterior = _posterior(solver, problem)
    mean, spread, right = moments_of_two_modes(problem)
    n = float(posterior.effective_sample_size.min())
    x = posterior.samples[..., 0].double()
    _near("mean, two modes", x.mean(1) / spread, mean / spread, standard_errors / n**0.5)
    share = (x > _centre(problem)).double().mean(1)
    _near("weight of a mode", share, right, standard_errors * 0.5 / n**0.5)


def _posterior(solver: Solver, problem: Problem) -> Posterior:
    posterior = solver.solve(problem, seed=0).posterior
    require(posterior is not None, f"{solver.name} gave no posterior")
    assert posterior is not None
    return posterior


def _near(what: str, measured: Tensor, expected: Tensor, bound: float) -> None:
    gap = float((measured - expected).abs().max())
    require(gap <= bound, f"{what}: off by {gap:.3f}, more than {bound:.3f}")
