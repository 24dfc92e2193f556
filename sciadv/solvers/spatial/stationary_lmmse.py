"""The best linear estimate of stationary images of any size: matrix-free, by conjugate gradients and FFT.

Wiener, Extrapolation, Interpolation, and Smoothing of Stationary Time Series, 1949, for any linear operator.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sciadv.data.stationary import StationaryField
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import direct_solution
from sciadv.solvers.linear.gaussian_estimate import noise_variance, require_linear
from sciadv.solvers.spatial.stationary_completion import completed
from sciadv.solvers.spatial.stationary_prior import require_stationary
from sciadv.types import Count, NotNegative


@checked
@dataclass(frozen=True)
class StationaryLMMSE:
    """Return ``x = mu + C A' (A C A' + N)^-1 (y - A mu)``, C the images' stationary covariance.

    With ``C = B B'`` it is ``mu + B w``, w from ``(I + B' A' N^-1 A B) w = B' A' N^-1 (y - A mu)`` by
    conjugate gradients. The estimate of `LMMSE` for images that are stationary; no matrix of pixels or of
    measurements is made.

    Parameters
    ----------
    n_products
        Conjugate-gradient steps at most; each applies A, its adjoint and two FFTs.
    tolerance
        A measurement ends at this part of the norm of its right side.
    clip
        Range that the estimate is clipped to, such as ``(0.0, 1.0)``; None leaves it as it is.

    Notes
    -----
    The steps needed grow as the root of ``|A C A'| / sigma^2``.
    """

    n_products: Count = 200
    tolerance: NotNegative = 1e-4
    clip: tuple[float, float] | None = None
    name: str = "stationary-lmmse"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Estimate every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, or the prior has no
            stationary statistics.
        """
        run = Run(seed, monitor)
        require_linear(problem.forward, self.name)
        precision = 1 / noise_variance(problem, self.name)
        images = require_stationary(problem.prior, self.name).images
        forward = problem.forward
        field = StationaryField(images, forward.in_shape, dtype=forward.dtype, device=forward.device)
        x = completed(
            problem,
            field,
            torch.zeros_like(field.mean)[None],
            precision,
            n_products=self.n_products,
            tolerance=self.tolerance,
        )
        if self.clip is not None:
            x = x.clamp(*self.clip)
        settings: dict[str, object] = {
            "n_products": self.n_products,
            "tolerance": self.tolerance,
            "clip": self.clip,
        }
        return direct_solution(problem, x, method=self.name, run=run, settings=settings)
