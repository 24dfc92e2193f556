"""What the residuals of a measurement say against its noise level, its units and its operator's geometry.

Under ``y = A (G(z) + nu) + e``, with G linear around the latent found, data have the covariance
``S = A C A' + J J' + N``; ``e = S^-1 r`` then has the covariance ``S^-1``. Three checks follow from it.

* Noise: ``sum_i N_ii e_i^2`` has the mean ``tr(N S^-1)``, and more under f times the noise: the score test.
  The evidence of each f says by how much.
* Outliers: ``e_i / sqrt((S^-1)_ii)`` is the residual of a datum from all others, in its standard deviations
  (Cook and Weisberg, Residuals and Influence in Regression, 1982, section 2.2).
* Units and geometry: the evidence of the training set's Gaussian for scaled data, and for moved images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.diagnosis import CheckSettings, Findings
from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.whitening import Whitened
from sciadv.solvers.diagnosis.contradiction_features import SeenThrough, log_density
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.linear.jacobian import latent_jacobian
from sciadv.types import Rows

_WHO = "the diagnosis"


@dataclass(frozen=True)
class NoiseChecks(Rows):
    """The checks of each measurement ``(batch,)``.

    Parameters
    ----------
    noise
        ``sum N e^2 / tr(N S^-1)``, about 1.
    noise_evidence
        Log evidence of each of `CheckSettings.factors` times the stated noise ``(batch, factors)``.
    noise_gain, quiet_gain
        By how many nats the evidence prefers larger noise, and smaller.
    outlyingness
        Mean square by which data exceed three robust standard deviations from their predictions.
    n_outliers
        Data that are farther than `CheckSettings.far` robust standard deviations, and as many stated ones.
    unit_gain
        By how many nats the evidence prefers the data divided by `unit_factor`.
    unit_factor
        That number.
    move_gain
        By how many nats the evidence prefers images moved by `move` ``(batch, 2)``; 0 for other than images.
    move
        Pixels down and right.
    """

    noise: Tensor
    noise_evidence: Tensor
    noise_gain: Tensor
    quiet_gain: Tensor
    outlyingness: Tensor
    n_outliers: Tensor
    unit_gain: Tensor
    unit_factor: Tensor
    move_gain: Tensor
    move: Tensor


def noise_checks(problem: Problem, whitened: Whitened, z: Tensor, settings: CheckSettings) -> NoiseChecks:
    """Return the checks of measurements.

    Parameters
    ----------
    problem
        A linear operator and Gaussian noise of known sigma.
    whitened
        The same with the representation error in its noise.
    z
        The latents found ``(batch, n_latent)``.
    settings
        The numbers.
    """
    noise, evidence, residuals = _by_residuals(problem, whitened, z, settings)
    robust = residuals.abs().median(1, keepdim=True).values / 0.6745
    scaled = residuals.abs() / robust.clamp_min(1e-12)
    is_far = residuals.abs() > settings.far * robust.clamp_min(1)  # small noise makes no outliers
    seen = SeenThrough.of(problem, settings)
    noise_gain, quiet_gain, unit_gain, unit = _scales(problem.measurements, seen)
    move_gain, move = _moves(problem.measurements, seen)
    return NoiseChecks(
        noise,
        evidence,
        noise_gain,
        quiet_gain,
        (scaled - 3).clamp_min(0).square().mean(1),
        is_far.sum(1).double(),
        unit_gain,
        unit,
        move_gain,
        move,
    )


def residual_findings(residual: Tensor, freedom: int, settings: CheckSettings) -> Findings | None:
    """Return what residuals say by themselves of an answer in the generator's range; None with too few data.

    Their chi-square has as many degrees of freedom as data are left over by the latents that were fitted.

    Parameters
    ----------
    residual
        In standard deviations of the stated noise ``(batch, measurements)``.
    freedom
        Data minus latents.
    settings
        The numbers.
    """
    if freedom < 1:
        return None
    residual = residual.double()
    total = residual.square().sum(1)
    # latents that the data leave open take up less than one datum each: the bounds are the two extremes
    fewest, most = (torch.full_like(total, 0.5 * n) for n in (freedom, residual.shape[1]))
    is_quiet = torch.special.gammainc(fewest, total / 2) < settings.threshold / 2
    is_large = torch.special.gammaincc(most, total / 2) < settings.threshold
    robust = residual.abs().median(1, keepdim=True).values / 0.6745
    n_far = (residual.abs() > settings.far * robust.clamp_min(1)).sum(1)
    n_expected = residual.shape[1] * torch.special.erfc(torch.tensor(settings.far / 2**0.5)).item()
    has_outliers = is_large & (n_far > 1 + 10 * n_expected)
    deviation = (total / freedom).sqrt()
    nothing, zero = torch.zeros_like(is_quiet), torch.zeros_like(total)
    return Findings(
        is_quiet=is_quiet,
        is_loud=nothing,
        noise_factor=deviation.clamp_min(1e-4),
        has_outliers=has_outliers,
        n_outliers=n_far.double(),
        has_other_unit=nothing,
        unit_factor=zero + 1,
        is_moved=nothing,
        move=torch.zeros(len(total), 2).to(total),
    )


def data_precisions(whitened: Whitened, z: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each measurement's residual ``r`` ``(m,)`` and its inverse covariance ``S^-1`` ``(m, m)``.

    Of the data less their mean under the model that is linear at z, ``r = y - A (G(z) + mu) + J z``, for the
    arguments of `noise_checks`; one matrix at a time bounds the memory.
    """
    weight = _weight(whitened)
    of_error = weight.T @ weight
    for row in range(len(z)):
        _, jacobian, data = _linearised(whitened.problem.subset([row]), z[row : row + 1])
        known = _known(jacobian, weight)[0]
        precision = of_error - known.T @ known
        yield whitened.factor @ data[0], precision


def _linearised(white: Problem, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return white residuals, Jacobians J at the latents z, and the data less the linear model's mean.

    ``(batch, m)``, ``(batch, m, latent)`` and ``(batch, m)``; the last is the residual plus ``J z``.
    """
    latents = z.double()
    with torch.no_grad():
        left = white.measurements - white.forward(white.prior(latents))
    jacobian = latent_jacobian(white, latents)
    return left, jacobian, left + (jacobian @ latents[..., None])[..., 0]


def _weight(whitened: Whitened) -> Tensor:
    """Return W with ``W'W = (A C A' + N)^-1``."""
    factor = whitened.factor
    unit = torch.eye(len(factor)).to(factor)
    weight: Tensor = torch.linalg.solve_triangular(factor, unit, upper=False)
    return weight


def _known(jacobian: Tensor, weight: Tensor) -> Tensor:
    """Return K ``(rows, latent, m)`` with ``S^-1 = W'W - K'K``, for white Jacobians and the weight W."""
    hessian = jacobian.transpose(1, 2) @ jacobian
    hessian.diagonal(dim1=1, dim2=2).add_(1)
    root = torch.linalg.cholesky(hessian)
    pulled = jacobian.transpose(1, 2) @ weight
    known: Tensor = torch.linalg.solve_triangular(root, pulled, upper=False)
    return known


def _by_residuals(
    problem: Problem, whitened: Whitened, z: Tensor, settings: CheckSettings, chunk: int = 50
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the score ratio ``(batch,)``, the evidence of factors, and deletion residuals ``(batch, m)``.

    The Jacobians of `chunk` measurements are made at once, which bounds the memory.
    """
    weight = _weight(whitened)
    deviation = noise_variance(problem, _WHO).sqrt()
    by_noise = whitened.factor / deviation[:, None]  # N^-1/2 (A C A' + N) N^-1/2 is its square
    values, vectors = torch.linalg.eigh(by_noise @ by_noise.T)
    turn = by_noise.T @ vectors
    noises, evidence, residuals = [], [], []
    for rows in torch.split(torch.arange(len(z), device=z.device), chunk):
        left, jacobian, data = _linearised(whitened.problem.subset(rows), z[rows])
        score = left @ weight  # S^-1 r
        known = _known(jacobian, weight)
        diagonal = (weight.square().sum(0) - known.square().sum(1)).clamp_min(1e-300)
        total = (score * deviation).square().sum(1)
        noises.append(total / (diagonal * deviation.square()).sum(1))
        residuals.append(score / diagonal.sqrt())
        turned = turn.T @ jacobian
        evidence.append(_of_factors(data @ turn, turned, values - 1, settings.factors.to(z.device)))
    return torch.cat(noises), torch.cat(evidence), torch.cat(residuals)


def _of_factors(data: Tensor, jacobian: Tensor, values: Tensor, factors: Tensor) -> Tensor:
    """Return the evidence ``log N(data; 0, diag(values + f^2) + J J')`` of each f ``(batch, factors)``.

    Parameters
    ----------
    data
        ``(batch, m)``, in units of the stated noise.
    jacobian
        J ``(batch, m, latent)``.
    values
        Variances of what the generator cannot represent ``(m,)``.
    factors
        The f that are tried.
    """
    evidence = []
    unit = torch.eye(jacobian.shape[2]).to(jacobian)
    for factor in factors:
        variance = values.clamp_min(0) + factor.square()
        scaled = jacobian / variance[:, None]
        root = torch.linalg.cholesky(unit + jacobian.transpose(1, 2) @ scaled)
        pulled = torch.linalg.solve_triangular(root, (data[:, None] @ scaled).transpose(1, 2), upper=False)
        square = (data.square() / variance).sum(1) - pulled.square().sum((1, 2))
        determinant = variance.log().sum() + 2 * root.diagonal(dim1=1, dim2=2).log().sum(1)
        evidence.append(-(square + determinant) / 2)
    return torch.stack(evidence, 1)


def _scales(measurements: Tensor, seen: SeenThrough | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the evidence gained by larger noise, by smaller, by dividing the data by a factor, and that."""
    if seen is None:
        nothing = real_view(measurements)[:, 0].double() * 0
        return nothing, nothing, nothing, nothing + 1
    values, vectors = seen.spectrum
    data, mean = seen.scaled(measurements) @ vectors, (seen.matrix @ seen.mean) @ vectors
    factors = seen.settings.factors.to(data)
    scaled = [log_density(data, a * mean, a * a * values + 1) for a in factors]  # by the operator
    of_unit = [log_density(data, a * mean, a * a * (values + 1)) for a in factors]  # with their noise
    units = torch.maximum(torch.stack(scaled, 1), torch.stack(of_unit, 1))
    noises = torch.stack([log_density(data, mean, values + a * a) for a in factors], 1)
    best, middle = units.max(1), len(factors) // 2
    stated = noises[:, middle]
    louder, quieter = noises[:, middle:].amax(1), noises[:, : middle + 1].amax(1)
    return louder - stated, quieter - stated, best.values - stated, factors[best.indices]


def _moves(measurements: Tensor, seen: SeenThrough | None) -> tuple[Tensor, Tensor]:
    """Return the evidence gained by moving the images, and by how much, ``(batch,)`` and ``(batch, 2)``."""
    nothing = real_view(measurements)[:, :1].double() * 0
    gains, shifts = nothing, [(0, 0)]
    if seen is not None:
        of_moves = seen.move_gains(seen.scaled(measurements))
        gains = torch.cat([nothing, of_moves], 1)
        shifts += seen.shifts
    best = gains.max(1)
    moves = torch.tensor(shifts).to(gains)
    return best.values, moves[best.indices]
