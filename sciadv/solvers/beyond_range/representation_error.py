"""Reconstruction past the generator's range: its representation error as a Gaussian, learned beforehand.

The approximation error approach of Kaipio and Somersalo, Statistical inverse problems: discretization, model
reduction and inverse crimes, J. Computational and Applied Mathematics 198 (2007) 493-504, applied to what a
generator leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.logit_kernels import LearnedKernel
from sciadv.solvers.beyond_range.logit_model import DampedSteps, LogitModel
from sciadv.solvers.beyond_range.output_activation import IDENTITY
from sciadv.solvers.beyond_range.past_range import (
    PastRange,
    begin_past_range,
    past_range_solution,
    search_to_minimum,
    step_past_range,
)
from sciadv.solvers.beyond_range.whitening import (
    Whitened,
    in_double,
    is_linear_gaussian,
    latent_problem,
    require_residual,
    whiten,
)
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import finish
from sciadv.solvers.linear.linearised_data import data_model
from sciadv.types import Count, NotNegative, Rows


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """The whitened problem and its latent search, from which nu follows in closed form."""

    problem: Problem
    whitened: Whitened
    found: Solution


@dataclass(frozen=True)
class Answers(Rows):
    """Misfit and objective of the latent search's answers ``(batch,)``."""

    misfit: Tensor
    objective: Tensor | None


#: Of `ClosedForm` without steps, or of `PastRange`.
RepresentationState = State[Any, Any, Any]


@checked
@dataclass(frozen=True)
class RepresentationError:
    """Return ``x = G(z) + nu``, ``z ~ N(0, I)``, ``nu ~ N(mu, C)``: the likeliest z, nu in closed form.

    z minimises ``1/2 |W (y - A mu - A G(z))|^2 + 1/2 |z|^2`` with ``W' W = (A C A' + N)^-1``, by batched
    Levenberg-Marquardt on the whitened problem; then ``nu = mu + C A' W' W (y - A mu - A G(z))``. The latent
    weight is 1, whatever the problem's `latent_weight`: what that weight allowed for is modelled here.

    ``Solution.x_range`` is G(z).

    With a nonlinear operator or other noise, damped Gauss-Newton steps in z and nu together go on from a
    latent search to the minimum of ``-log p(y | F(G(z) + nu)) + 1/2 |z|^2 + 1/2 (nu - mu)' C^-1 (nu - mu)``,
    which is the same x where both apply. Of a nonlinear operator with Gaussian noise the search knows what nu
    does to the data on average; with other noise it does not.

    Parameters
    ----------
    restarts
        Starts per measurement; if None, see `sciadv.solvers.beyond_range.past_range.search_to_minimum`.
    clip
        Range that x is clipped to, such as ``(0.0, 1.0)``: nearer to a truth in that range, but farther from
        the data. None leaves it as it is.
    n_iterations
        Gauss-Newton steps per start at most, with a nonlinear operator or other noise.
    tolerance
        There a measurement has converged when a step decreases its objective by less than this part of it.
    damping
        How those steps are damped: see `sciadv.solvers.beyond_range.logit_model.DampedSteps`.

    Notes
    -----
    Cost beside the search: ``pixels`` operator calls and a factorisation, shared by all measurements; of a
    nonlinear operator, so many calls and a factorisation for each step of each measurement. All in float64,
    so that the size of the batch does not change an answer, but for a nonlinear operator, which keeps its
    own dtype.
    """

    restarts: Count | None = None
    clip: tuple[float, float] | None = None
    n_iterations: Count = 30
    tolerance: NotNegative = 1e-5
    damping: DampedSteps = field(default_factory=DampedSteps)
    name: str = "representation-error"

    def init(self, problem: Problem, run: Run) -> RepresentationState:
        """Search the latents; for a linear operator and Gaussian noise nothing is left to step."""
        if not is_linear_gaussian(problem):
            return begin_past_range(self._past_range(problem, run), run)
        whitened = whiten(problem, self.name)
        found = self.search(whitened, seed=run.seed, monitor=run)
        closed = ClosedForm(problem, whitened, found)
        nothing = every_row(found.misfit)[:0]
        return State(closed, run, Answers(found.misfit, found.objective), nothing, None, 0)

    def step(self, state: RepresentationState) -> RepresentationState:
        """Do one damped Gauss-Newton step on every active measurement."""
        return step_past_range(state)

    def result(self, state: RepresentationState) -> Solution:
        """Add nu to G(z), and clip."""
        search = state.search
        if isinstance(search, ClosedForm):
            x = self._clipped(search.whitened.complete(search.found.x))
            return finish(search.problem, search.found, x)
        solution = past_range_solution(state)
        if self.clip is None or solution.x_range is None:
            return solution
        return finish(search.problem, replace(solution, x=solution.x_range), self._clipped(solution.x))

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The prior has no statistics of its representation error.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

    def search(self, whitened: Whitened, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Return the latent search's solution of the whitened problem: `Whitened.complete` adds nu."""
        return search_to_minimum(whitened.problem, self.restarts).solve(
            whitened.problem, seed=seed, monitor=monitor
        )

    def _past_range(self, problem: Problem, run: Run) -> PastRange:
        """Search the latents, from which the steps in latent and nu together go on."""
        prior = in_double(problem.prior)
        data = data_model(problem)
        image = require_residual(prior, self.name).image.to(data.y.device, torch.float64)
        model = LogitModel(prior, IDENTITY, data, image.mean.flatten(), LearnedKernel(image), self.damping)
        latent = latent_problem(problem, self.name)
        found = search_to_minimum(latent, self.restarts).solve(latent, seed=run.seed, monitor=run)
        return PastRange(problem, model, found, self.n_iterations, self.tolerance, stop_at_noise=False)

    def _clipped(self, x: Tensor) -> Tensor:
        return x if self.clip is None else x.clamp(*self.clip)
