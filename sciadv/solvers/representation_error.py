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
from sciadv.solution import Solution, Status
from sciadv.solvers.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.search import Monitor, noise_threshold
from sciadv.solvers.whitening import Whitened, whiten


@dataclass(frozen=True)
class RepresentationError:
    """Return ``x = G(z) + nu``, ``z ~ N(0, I)``, ``nu ~ N(mu, C)``: the likeliest z, nu in closed form.

    z minimises ``1/2 |W (y - A mu - A G(z))|^2 + 1/2 |z|^2`` with ``W' W = (A C A' + N)^-1``, by batched
    Levenberg-Marquardt on the whitened problem; then ``nu = mu + C A' W' W (y - A mu - A G(z))``. The latent
    law has weight 1, whatever the problem's `latent_weight`: what that weight allowed for is modelled here.

    ``Solution.x_range`` is G(z).

    Parameters
    ----------
    restarts
        Starts per measurement; if None, see `to_the_minimum`.
    clip
        Range that x is clipped to, such as ``(0.0, 1.0)``: nearer to a truth in that range, but farther from
        the data. None leaves it as it is.

    Notes
    -----
    Cost beside the search: ``pixels`` operator calls and a factorisation, shared by all measurements. All in
    float64, so that the size of the batch does not change an answer.
    """

    restarts: int | None = None
    clip: tuple[float, float] | None = None
    name: str = "representation-error"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, or the prior has no residual
            statistics.
        """
        started = time.perf_counter()
        whitened = whiten(problem, self.name)
        found = self.search(whitened, seed=seed, monitor=monitor)
        x = whitened.complete(found.x)
        solution = finish(problem, found, x if self.clip is None else x.clamp(*self.clip))
        return replace(solution, method=self.name, seconds=time.perf_counter() - started)

    def search(self, whitened: Whitened, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Return the latent search's solution of the whitened problem: `Whitened.complete` adds nu."""
        return to_the_minimum(whitened.problem, self.restarts).solve(
            whitened.problem, seed=seed, monitor=monitor
        )


def to_the_minimum(problem: Problem, restarts: int | None) -> LevenbergMarquardt:
    """Return the latent search that goes on to the objective's minimum, whatever the noise level.

    Without a number of restarts it takes 3 where there are at least two data per latent number, else 10,
    since few data leave many local minima.
    """
    enough = problem.n_measurements >= 2 * problem.prior.n_latent
    return LevenbergMarquardt(restarts=restarts or (3 if enough else 10), stop_at_noise=False)


def finish(problem: Problem, found: Solution, x: Tensor) -> Solution:
    """Return the solution whose answer is x from that of the latent search that found its G(z)."""
    x = x.to(problem.prior.dtype)
    with torch.no_grad():
        prediction = problem.forward(x)
    misfit = problem.likelihood.misfit(prediction, problem.measurements)
    return replace(
        found,
        x=x,
        x_range=found.x.to(x.dtype),
        prediction=prediction,
        misfit=misfit,
        status=[outcome(float(m), problem, was) for m, was in zip(misfit, found.status, strict=True)],
        margins=problem.margins(x),
    )


def outcome(misfit: float, problem: Problem, ended: Status) -> Status:
    """Return the status of a search that `ended` so, by the misfit of its answer to the problem itself."""
    if not misfit < float("inf"):
        return Status.NOT_FINITE
    if misfit <= noise_threshold(problem):
        return Status.EXPLAINED
    return Status.CONVERGED if ended is Status.EXPLAINED else ended
