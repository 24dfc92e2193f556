"""LMMSE: the best linear estimate from the mean and covariance of the training set; no network.

Kay, Fundamentals of Statistical Signal Processing: Estimation Theory, 1993, theorem 12.1. The baseline
that any reconstruction with a learned prior has to beat, and the one most often left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from sciadv.prior import Moments
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import direct_solution
from sciadv.solvers.linear.gaussian_estimate import linear_estimate


@checked
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

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Estimate every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, or no moments fit.
        """
        run = Run(seed, monitor)
        x = linear_estimate(problem, self.moments)
        if self.clip is not None:
            x = x.clamp(*self.clip)
        settings: dict[str, object] = {
            "clip": self.clip,
            "moments": "the prior's" if self.moments is None else "given",
        }
        return direct_solution(problem, x, method=self.name, run=run, settings=settings)
