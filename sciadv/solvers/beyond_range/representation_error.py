"""Reconstruction past the generator's range: its representation error as a Gaussian, learned beforehand.

The approximation error approach of Kaipio and Somersalo, Statistical inverse problems: discretization, model
reduction and inverse crimes, J. Computational and Applied Mathematics 198 (2007) 493-504, applied to what a
generator leaves out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.leaving import leave_range, to_the_minimum
from sciadv.solvers.beyond_range.logit_kernels import LearnedKernel
from sciadv.solvers.beyond_range.logit_model import LogitModel
from sciadv.solvers.beyond_range.output_activation import IDENTITY
from sciadv.solvers.beyond_range.whitening import (
    Whitened,
    in_double,
    is_linear_gaussian,
    latent_problem,
    require_residual,
    whiten,
)
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import finish
from sciadv.solvers.linear.linearised_data import data_model

#: Gauss-Newton steps with a nonlinear operator or other noise, and the least relative decrease of one.
_N_STEPS, _TOLERANCE = 30, 1e-5


@dataclass(frozen=True)
class RepresentationError:
    """Return ``x = G(z) + nu``, ``z ~ N(0, I)``, ``nu ~ N(mu, C)``: the likeliest z, nu in closed form.

    z minimises ``1/2 |W (y - A mu - A G(z))|^2 + 1/2 |z|^2`` with ``W' W = (A C A' + N)^-1``, by batched
    Levenberg-Marquardt on the whitened problem; then ``nu = mu + C A' W' W (y - A mu - A G(z))``. The latent
    law has weight 1, whatever the problem's `latent_weight`: what that weight allowed for is modelled here.

    ``Solution.x_range`` is G(z).

    With a nonlinear operator or other noise, damped Gauss-Newton steps in z and nu together go on from a
    latent search to the minimum of ``-log p(y | F(G(z) + nu)) + 1/2 |z|^2 + 1/2 (nu - mu)' C^-1 (nu - mu)``,
    which is the same x where both apply. Of a nonlinear operator with Gaussian noise the search knows what nu
    does to the data on average; with other noise it does not.

    Parameters
    ----------
    restarts
        Starts per measurement; if None, see `sciadv.solvers.beyond_range.leaving.to_the_minimum`.
    clip
        Range that x is clipped to, such as ``(0.0, 1.0)``: nearer to a truth in that range, but farther from
        the data. None leaves it as it is.

    Notes
    -----
    Cost beside the search: ``pixels`` operator calls and a factorisation, shared by all measurements; of a
    nonlinear operator, so many calls and a factorisation for each step of each measurement. All in float64,
    so that the size of the batch does not change an answer, but for a nonlinear operator, which keeps its
    own dtype.
    """

    restarts: int | None = None
    clip: tuple[float, float] | None = None
    name: str = "representation-error"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The prior has no statistics of its representation error.
        """
        started = time.perf_counter()
        if is_linear_gaussian(problem):
            whitened = whiten(problem, self.name)
            found = self.search(whitened, seed=seed, monitor=monitor)
            solution = finish(problem, found, self._clipped(whitened.complete(found.x)))
        else:
            solution = self._by_steps(problem, seed=seed, monitor=monitor)
        return replace(solution, method=self.name, seconds=time.perf_counter() - started)

    def search(self, whitened: Whitened, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Return the latent search's solution of the whitened problem: `Whitened.complete` adds nu."""
        return to_the_minimum(whitened.problem, self.restarts).solve(
            whitened.problem, seed=seed, monitor=monitor
        )

    def _by_steps(self, problem: Problem, *, seed: int, monitor: Monitor | None) -> Solution:
        """Search the latent, then step in latent and nu together."""
        prior = in_double(problem.prior)
        data = data_model(problem)
        image = require_residual(prior, self.name).image.to(data.y.device, torch.float64)
        model = LogitModel(prior, IDENTITY, data, image.mean.flatten(), LearnedKernel(image))
        latent = latent_problem(problem, self.name)
        found = to_the_minimum(latent, self.restarts).solve(latent, seed=seed, monitor=monitor)
        solution = leave_range(
            problem,
            model,
            found,
            n_iterations=_N_STEPS,
            tolerance=_TOLERANCE,
            stop_at_noise=False,
            monitor=monitor,
        )
        if self.clip is None or solution.x_range is None:
            return solution
        return finish(problem, replace(solution, x=solution.x_range), self._clipped(solution.x))

    def _clipped(self, x: Tensor) -> Tensor:
        return x if self.clip is None else x.clamp(*self.clip)
