"""The evidence score of measurements under a prior: minus the log evidence, with its covariates.

Scores for `sciadv.solvers.diagnosis.conformal`, which asks of a score only that the reference images get
theirs in the same way.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from sciadv.diagnosis import DiagnosisSettings
from sciadv.likelihood import real_view
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.learned_tv import is_large
from sciadv.solvers.beyond_range.past_range import search_to_minimum
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian, latent_problem, whiten
from sciadv.solvers.diagnosis.noise_checks import NoiseChecks, noise_checks
from sciadv.solvers.diagnosis.tangent_mixture import tangent_mixture
from sciadv.solvers.latent.progress import Stopwatch
from sciadv.solvers.linear.gaussian_estimate import linear_estimate, noise_variance, operator_matrix
from sciadv.solvers.posterior.completed_draws import knows_its_error
from sciadv.solvers.posterior.laplace_mixture import half_log_determinant

#: Measurements whose Jacobians, or images, are made at once; bounds the memory.
_CHUNK = 200
_WHO = "the diagnosis"


@dataclass(frozen=True)
class EvidenceScores:
    """Minus the log evidence of measurements ``(n,)``, and covariates on which it depends.

    Parameters
    ----------
    score
        Minus the log evidence ``(n,)``.
    covariates
        What makes a score usually high or low for images that the prior knows ``(n, covariates)``.
    checks
        What the residuals say of noise, units and geometry; None where the operator is not linear or large.
    """

    score: Tensor
    covariates: Tensor
    checks: NoiseChecks | None = None


def can_compare(problem: Problem, settings: DiagnosisSettings) -> bool:
    """Whether `evidence_scores` applies: reference images, a known noise level, a small and quick operator.

    A linear operator is too large if its matrix has more than `DiagnosisSettings.largest_matrix` numbers,
    another one too slow if it takes more than `DiagnosisSettings.slowest` seconds an image: the acoustic wave
    equation is.
    """
    residual = problem.prior.residual
    if residual is None or not problem.likelihood.has_noise_level:
        return False
    if is_linear_gaussian(problem):
        return problem.n_measurements * prod(problem.forward.in_shape) <= settings.largest_matrix
    return _seconds_an_image(problem, residual.reference[:4], settings.n_timed) < settings.slowest


def _seconds_an_image(problem: Problem, images: Tensor, n_timed: int) -> float:
    """Return the least time of a few calls: the rest waited for something else."""
    images = images.to(problem.measurements.device, problem.prior.dtype)
    seconds = []
    with torch.no_grad():
        for _ in range(n_timed):
            clock = Stopwatch()
            real_view(problem.forward(images)).sum().item()  # a number waits for the device
            seconds.append(clock.seconds)
    return min(seconds) / len(images)


def evidence_scores(problem: Problem, *, seed: int, settings: DiagnosisSettings) -> EvidenceScores:
    """Return the scores of measurements, for which `can_compare` holds.

    Linear operators with Gaussian noise: the Laplace evidence of a search that knows the prior's
    representation error, with covariates: brightness, and the evidence of turned and reflected images. Images
    too large for that: what the encoded linear estimate leaves unexplained. Nonlinear operators and other
    noise: what a latent search leaves unexplained.

    Parameters
    ----------
    problem
        What is measured.
    seed
        Seed of searches and draws.
    settings
        The numbers of the diagnosis.

    Raises
    ------
    KeyboardInterrupt
        The user stopped it.
    """
    if is_large(problem):
        return _encoded(problem)
    if knows_its_error(problem):
        return _searched(problem, seed, settings)
    return _in_range(problem, seed)


def _unexplained(chi_square: Tensor, z: Tensor, m: int) -> Tensor:
    """Return ``m log(1 + chi_square / m) + |z|^2 / 2``, the minus log density of z and of the data.

    Student's distribution with as many degrees of freedom as data, an unknown scale of the whitened error: a
    generator represents some images far better than others.
    """
    return m * torch.log1p(chi_square / m) + 0.5 * z.double().square().sum(1)


def _searched(problem: Problem, seed: int, settings: DiagnosisSettings) -> EvidenceScores:
    """Search, and take Laplace's evidence, beside that at the generator's tangents."""
    whitened = whiten(problem, _WHO)
    posed = _in_precision_of(problem.prior, whitened.problem)
    found = search_to_minimum(posed, None).solve(posed, seed=seed)
    z = _ended(found)
    chi_square = (posed.measurements - found.prediction).double().square().sum(1)
    evidence = _unexplained(chi_square, z, problem.n_measurements) + half_log_determinant(
        posed, z, chunk=_CHUNK
    )
    covariates = [whitened.complete(found.x.double()).flatten(1).mean(1)]
    is_image = len(problem.forward.in_shape) > 2
    matrices = _matrices(problem) if is_image else [operator_matrix(problem.forward)]
    densities = tangent_mixture(problem, matrices, n_draws=settings.n_tangent_draws, seed=seed)
    if is_image:
        covariates.append(densities[:, 1:].logsumexp(1))
    if is_image and problem.prior.moments is not None:
        covariates.append(_turned_likelihood(problem, matrices[1:]))
    score = evidence - settings.tangent_weight * densities[:, 0]
    checks = noise_checks(problem, whitened, z, settings.checks)
    return EvidenceScores(score, torch.stack(covariates, 1), checks)


def _in_precision_of(prior: Prior, whitened: Problem) -> Problem:
    """Return the whitened problem in the prior's own precision: a third of the time in float32."""
    forward = copy.deepcopy(whitened.forward).to(prior.dtype)
    return replace(whitened, prior=prior, forward=forward, measurements=whitened.measurements.to(prior.dtype))


def _ended(found: Solution) -> Tensor:
    """Return the latents of a search that went on to its end: half a search would score too high."""
    if found.was_interrupted:
        raise KeyboardInterrupt
    assert found.z is not None  # a latent search has latents
    return found.z


def _encoded(problem: Problem) -> EvidenceScores:
    """Encode the linear estimate, which costs a second where a search costs minutes."""
    whitened = whiten(problem, _WHO)
    rows = torch.arange(problem.n_problems, device=problem.measurements.device)
    estimate = linear_estimate(problem).reshape(-1, *problem.forward.in_shape).to(problem.prior.dtype)
    scores = []
    brightness = []
    with torch.no_grad():
        for some in torch.split(rows, _CHUNK):
            part = replace(whitened, problem=whitened.problem.subset(some))
            z = problem.prior.encode(estimate[some])
            in_range = part.problem.prior(z.double())
            left = part.problem.measurements - part.problem.forward(in_range)
            scores.append(_unexplained(left.square().sum(1), z, problem.n_measurements))
            brightness.append(part.complete(in_range).flatten(1).mean(1))
    return EvidenceScores(torch.cat(scores), torch.cat(brightness)[:, None])


def _in_range(problem: Problem, seed: int) -> EvidenceScores:
    """Search the latents alone: the best that the range does, without covariates."""
    posed = latent_problem(problem, _WHO)
    found = search_to_minimum(posed, None).solve(posed, seed=seed)
    m = problem.n_measurements
    score = _unexplained(m * found.misfit.double().square(), _ended(found), m)
    return EvidenceScores(score, torch.zeros_like(score)[:, None])  # a constant covariate changes nothing


def _matrices(problem: Problem) -> list[Tensor]:
    """Return the operator's matrix, and those of turned and reflected images: its turned rows."""
    matrix = operator_matrix(problem.forward)
    rows = matrix.reshape(len(matrix), *problem.forward.in_shape)
    return [turned.flatten(1) for turned in (rows, *_turned(rows))]


def _turned_likelihood(problem: Problem, matrices: list[Tensor]) -> Tensor:
    """Return the log density of data of Gaussian images with the training set's moments, turned."""
    moments = problem.prior.moments
    assert moments is not None
    y = real_view(problem.measurements).double()
    mean, covariance = (t.to(y.device).double() for t in (moments.mean.flatten(), moments.covariance))
    noise = noise_variance(problem, _WHO).diag()
    densities = []
    for rows in matrices:
        factor = torch.linalg.cholesky(rows @ covariance @ rows.T + noise)
        residual = torch.linalg.solve_triangular(factor, (y - rows @ mean).T, upper=False)
        densities.append(-0.5 * residual.square().sum(0) - factor.diagonal().log().sum())
    return torch.stack(densities).logsumexp(0)


def _turned(images: Tensor) -> list[Tensor]:
    """Return the images turned and reflected in every way but their own, by 180 degrees if not square."""
    quarter = 1 if images.shape[-1] == images.shape[-2] else 2
    sides = (images, images.flip(-1))
    every = [torch.rot90(side, k, (-2, -1)) for side in sides for k in range(0, 4, quarter)]
    return every[1:]
