"""Linear operators as matrices, and the best linear estimate: what baselines and starts are made of."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward
from sciadv.likelihood import Gaussian, real_view
from sciadv.prior import Moments
from sciadv.problem import Problem

#: Candidates that an operator is given at once; bounds the memory.
_CHUNK = 256


def require_linear(forward: Forward, method: str) -> None:
    """Raise unless the operator is linear.

    Raises
    ------
    InputError
        It is not.
    """
    if not forward.is_linear:
        raise InputError(
            f"{method} needs a linear operator, but {type(forward).__name__} is not; "
            f"use levenberg-marquardt or adam, which take any operator"
        )


def apply_rows(forward: Forward, rows: Tensor) -> Tensor:
    """Apply a linear operator to each row of ``(batch, pixels)``; real ``(batch, measurements)``, float64.

    Complex data count as two real numbers each, so that the result is linear over the reals for any operator.
    """
    images = rows.to(forward.dtype).to(forward.device).reshape(-1, *forward.in_shape)
    with torch.no_grad():
        parts = [real_view(forward(part)).double() for part in torch.split(images, _CHUNK)]
    return torch.cat(parts)


def operator_matrix(forward: Forward) -> Tensor:
    """Return a linear operator as a real matrix ``(measurements, pixels)``, float64, column by column."""
    unit = torch.eye(prod(forward.in_shape), device=forward.device)
    return apply_rows(forward, unit).T


def linear_estimate(problem: Problem, moments: Moments | None = None) -> Tensor:
    """Return ``mu + C A^T (A C A^T + S)^-1 (y - A mu)`` for every measurement, ``(batch, pixels)``, float64.

    The linear minimum mean square error estimate: Kay, Fundamentals of Statistical Signal Processing:
    Estimation Theory, 1993, theorem 12.1.

    Parameters
    ----------
    problem
        A linear operator and Gaussian noise of known sigma.
    moments
        Mean mu and covariance C; those that ship with the problem's prior if left out.

    Raises
    ------
    InputError
        The operator is not linear, the noise is not Gaussian of known sigma, or no moments fit.
    """
    require_linear(problem.forward, "lmmse")
    noise = noise_variance(problem, "lmmse")
    moments = _checked_moments(problem, moments)
    matrix, mean = operator_matrix(problem.forward), moments.mean.flatten().to(noise)
    crossed = moments.times(matrix.T)
    data_covariance = matrix @ crossed
    data_covariance = 0.5 * (data_covariance + data_covariance.T) + noise.diag()
    innovation = real_view(problem.measurements).double() - matrix @ mean
    gain = torch.linalg.solve(data_covariance, innovation.T)
    estimate: Tensor = mean + (crossed @ gain).T
    return estimate


def _checked_moments(problem: Problem, moments: Moments | None) -> Moments:
    """Return the moments, the prior's if none are given, checked against the operator."""
    moments = moments if moments is not None else problem.prior.moments
    if moments is None:
        raise InputError(
            f"prior {problem.prior.name!r} ships no mean and covariance of its training set; "
            f"give your own: LMMSE(moments=Moments(mean, covariance))"
        )
    pixels, shape = prod(problem.forward.in_shape), moments.covariance_shape
    if moments.mean.numel() != pixels or shape != (pixels, pixels):
        raise InputError(
            f"moments are of {moments.mean.numel()} pixels with a covariance of shape {shape}, but the "
            f"operator takes {problem.forward.in_shape}, {pixels} pixels"
        )
    return moments


def noise_variance(problem: Problem, method: str) -> Tensor:
    """Return the variance of each real datum ``(measurements,)``, float64.

    Raises
    ------
    InputError
        The noise is not Gaussian of known sigma.
    """
    likelihood = problem.likelihood
    if not isinstance(likelihood, Gaussian):
        raise InputError(
            f"{method} needs Gaussian noise, but the problem has {likelihood}; use levenberg-marquardt"
        )
    if likelihood.sigma is None:
        raise InputError(f"{method} needs the noise level, but sigma is unknown; give Gaussian(sigma=...)")
    y = problem.measurements[:1]
    sigma = likelihood.sigma.double().expand(y.shape)
    return real_view(torch.complex(sigma, sigma) if y.is_complex() else sigma)[0].square()
