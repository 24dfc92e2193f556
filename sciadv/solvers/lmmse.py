"""LMMSE: the best linear estimate from the mean and covariance of the training set; no network.

Kay, Fundamentals of Statistical Signal Processing: Estimation Theory, 1993, theorem 12.1. The baseline
that any reconstruction with a learned prior has to beat, and the one most often left out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.likelihood import Gaussian, real_view
from sciadv.prior import Moments
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.direct import apply_rows, direct_solution, require_linear
from sciadv.solvers.search import Monitor


@dataclass(frozen=True)
class LMMSE:
    """Return ``x = mu + C A^T (A C A^T + S)^-1 (y - A mu)``, with S the covariance of the noise.

    Parameters
    ----------
    moments
        Mean mu and covariance C; those that ship with the problem's prior if left out.
    clip
        Range that the estimate is clipped to, such as ``(0.0, 1.0)`` for images; None leaves it as it is.

    Notes
    -----
    Cost: ``pixels + measurements`` operator calls and one factorisation, shared by all measurements of the
    problem, then one product each. Memory: ``pixels x (pixels + measurements)`` numbers.

    Examples
    --------
    With equal variances of candidate and noise the estimate is half way from the mean to the data:

    >>> import torch
    >>> from sciadv import Gaussian, Prior, Problem
    >>> prior = Prior(torch.nn.Linear(1, 2), 1)
    >>> problem = Problem(prior, torch.eye(2), Gaussian(1.0), torch.tensor([[4.0, 0.0]]))
    >>> LMMSE(Moments(torch.zeros(2), torch.eye(2))).solve(problem).x
    tensor([[2., 0.]])
    """

    moments: Moments | None = None
    clip: tuple[float, float] | None = None
    name: str = "lmmse"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:  # noqa: ARG002  # nothing is random
        """Estimate every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, or no moments fit.
        """
        started = time.perf_counter()
        require_linear(problem.forward, self.name)
        noise = _noise_variance(problem)
        mean, covariance = self._moments(problem)
        # apply_rows applies A to rows: rows of C give C A^T, rows of (C A^T)^T give A C A^T.
        crossed = apply_rows(problem.forward, covariance)
        data_covariance = apply_rows(problem.forward, crossed.T)
        data_covariance = 0.5 * (data_covariance + data_covariance.T) + noise.diag()
        innovation = real_view(problem.measurements).double() - apply_rows(problem.forward, mean[None])
        gain = torch.linalg.solve(data_covariance, innovation.T)
        x = mean + (crossed @ gain).T
        if self.clip is not None:
            x = x.clamp(*self.clip)
        settings: dict[str, object] = {
            "clip": self.clip,
            "moments": "the prior's" if self.moments is None else "given",
        }
        return direct_solution(
            problem, x, method=self.name, started=started, settings=settings, monitor=monitor
        )

    def _moments(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """Return mean and covariance as float64 on the problem's device, checked against the operator."""
        moments = self.moments if self.moments is not None else problem.prior.moments
        if moments is None:
            raise InputError(
                f"prior {problem.prior.name!r} ships no mean and covariance of its training set; "
                f"give your own: LMMSE(moments=Moments(mean, covariance))"
            )
        pixels, device = prod(problem.forward.in_shape), problem.measurements.device
        if moments.mean.numel() != pixels or moments.covariance.shape != (pixels, pixels):
            raise InputError(
                f"moments are of {moments.mean.numel()} pixels with a covariance of shape "
                f"{tuple(moments.covariance.shape)}, but the operator takes {problem.forward.in_shape}, "
                f"{pixels} pixels"
            )
        return moments.mean.flatten().to(device).double(), moments.covariance.to(device).double()


def _noise_variance(problem: Problem) -> Tensor:
    """Return the variance of each real datum ``(measurements,)``, float64."""
    likelihood = problem.likelihood
    if not isinstance(likelihood, Gaussian):
        raise InputError(
            f"lmmse needs Gaussian noise, but the problem has {likelihood}; use levenberg-marquardt"
        )
    if likelihood.sigma is None:
        raise InputError("lmmse needs the noise level, but sigma is unknown; give Gaussian(sigma=...)")
    y = problem.measurements[:1]
    sigma = likelihood.sigma.double().expand(y.shape)
    return real_view(torch.complex(sigma, sigma) if y.is_complex() else sigma)[0].square()
