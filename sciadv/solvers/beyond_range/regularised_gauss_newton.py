"""Past the generator's range with a nonlinear operator: Gauss-Newton steps whose regularisation falls away.

The iteratively regularised Gauss-Newton method of A. B. Bakushinskii, The problem of the convergence of the
iteratively regularized Gauss-Newton method, Computational Mathematics and Mathematical Physics 32 (1992)
1353-1359, on latent and logits together, distributed as the prior says. Far from the answer the data are
trusted little: so signs and phases that are still wrong, as in phase retrieval, do not hold it up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.errors import InputError, require_at_least
from sciadv.likelihood import Gaussian
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.logit_steps import InnerSolve, LogitPoint, LogitSteps, logit_steps
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.latent.search import met_better
from sciadv.types import Count, NotNegative, Whole

#: Measurements whose steps are taken together; bounds the memory.
CHUNK = 64


@dataclass(frozen=True, eq=False)
class Started:
    """The steps, the latent search before them, and its starts ``(batch, starts, latent)``."""

    steps: LogitSteps
    found: Solution
    starts: Tensor

    @property
    def problem(self) -> Problem:
        """The problem that is solved."""
        return self.steps.problem


@dataclass(frozen=True)
class Level:
    """The start that is stepped from now.

    Parameters
    ----------
    at
        Where the steps stand, of every measurement.
    level
        Noise level that the last step assumed, in units of the noise's own ``(batch,)``.
    ends
        Where the starts before it have ended.
    """

    at: LogitPoint
    level: Tensor
    ends: tuple[LogitPoint, ...]


SteppedState = State[Started, LogitPoint, Level]


def leaves_by_steps(problem: Problem) -> bool:
    """Whether `RegularisedGaussNewton` is the way past the range, and open.

    A nonlinear operator, Gaussian noise of known sigma, statistics of the residual, no constraints.
    """
    likelihood = problem.likelihood
    has_level = isinstance(likelihood, Gaussian) and likelihood.has_noise_level
    knows = problem.prior.residual is not None and not problem.constraints
    return has_level and knows and not problem.forward.is_linear


@checked
@dataclass(frozen=True)
class RegularisedGaussNewton:
    """Find ``x = act(l(z) + mean + L w)``, ``z, w ~ N(0, I)``, ``L L' = K``, under a falling noise level.

    l are the generator's logits and act its output's activation; mean and K are the statistics of
    ``Prior.residual``. A latent search starts it, for which the noise is as large as what leaving the range
    does to the data. Then each step minimises the linearised ``|r - J d|^2 / s^2 + |z + dz|^2 + |w + dw|^2``
    by conjugate gradients, with s the root mean square of the residual r times `fall`, at most 0.7 of the s
    before and at least the noise level; it is shortened until that objective falls. Each of `n_starts`
    restarts that end apart is gone on from, and the likeliest answer is taken; the restarts of the solution
    are theirs.

    Parameters
    ----------
    restarts
        Starts of the latent search.
    n_starts
        How many of them are gone on from at most.
    n_iterations
        Steps per start at most.
    fall
        The noise level that a step assumes, as a part of the residual before it; in (0, 1).
    n_samples
        Draws of the posterior of the model linearised at the answer, through the activation; none if 0.
    slowest_fall
        The noise level that a step assumes is at most this part of the one before.
    least_decrease
        A start has ended when a step at the noise level lowers its misfit by less than this part of it.
    n_settling
        Steps at the noise level from the answer to the posterior's mode, before draws.
    inner
        How each step is solved: see `sciadv.solvers.beyond_range.logit_steps.InnerSolve`.

    Raises
    ------
    InputError
        A setting outside its range.

    Notes
    -----
    Cost per step and measurement: ``n_latent`` generator passes and at most 40 derivatives of the operator
    with their adjoints, 80 for a draw; nothing as large as measurements times pixels is made.
    """

    restarts: Count = 10
    n_starts: Count = 3
    n_iterations: Count = 100
    fall: NotNegative = 0.5
    n_samples: Whole = 0
    slowest_fall: NotNegative = 0.7
    least_decrease: NotNegative = 0.003
    n_settling: Count = 3
    inner: InnerSolve = field(default_factory=InnerSolve)
    name: str = "regularised-gauss-newton"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.fall < 1:
            raise InputError(f"fall of {self.name} must be between 0 and 1, but is {self.fall}")
        require_at_least(self, {"restarts": 1, "n_starts": 1, "n_iterations": 1, "n_samples": 0})

    def init(self, problem: Problem, run: Run) -> SteppedState:
        """Search the latents with more noise; the steps begin at the best restarts."""
        steps = logit_steps(problem, self.name, self.inner)
        search = LevenbergMarquardt(self.restarts, stop_at_noise=False)
        posed = replace(problem, likelihood=steps.noise_in_range())
        found = search.solve(posed, seed=run.seed, monitor=run)
        z = _apart(found, self.n_starts)
        with torch.no_grad():
            point = steps.point(z[:, 0], every_row(z))
        missed = (point.misfit > 1).nonzero().squeeze(1)
        memory = Level(point, point.misfit, ())
        return State(Started(steps, found, z), run, point, missed, memory, self.n_iterations)

    def step(self, state: SteppedState) -> SteppedState:
        """Do one step on every active measurement, under its noise level."""
        memory, rows = state.memory, state.active
        here = memory.at.take(rows)
        least = self.slowest_fall * memory.level[rows]
        fallen = torch.minimum(self.fall * here.misfit, least).clamp_min(1)
        with torch.no_grad():
            there = _stepped(state.search.steps, here, rows, fallen)
        is_settled = (fallen == 1) & (there.misfit > (1 - self.least_decrease) * here.misfit)
        going = (there.misfit > 1) & ~is_settled
        at = memory.at.put(rows, there)
        level = memory.level.index_copy(0, rows, fallen)
        reached = state.after(state.best, replace(memory, at=at, level=level), rows[going])
        if reached.is_running:
            return replace(reached, best=_better(state.search.problem, reached.best, at, rows[~going]))
        best = _better(state.search.problem, reached.best, at, rows)
        return self._next_start(replace(reached, best=best))

    def _next_start(self, state: SteppedState) -> SteppedState:
        """Begin from the next start, of every measurement."""
        search, ends = state.search, (*state.memory.ends, state.memory.at)
        if len(ends) == search.starts.shape[1]:
            return replace(state, n_iterations=state.iteration)
        rows = every_row(search.starts)
        with torch.no_grad():
            first = search.steps.point(search.starts[:, len(ends)], rows)
        is_open = (first.misfit > 1).nonzero().squeeze(1)
        begun = replace(
            state,
            best=_better(search.problem, state.best, first, rows),
            active=is_open,
            memory=Level(first, first.misfit, ends),
            n_iterations=state.iteration + self.n_iterations,
        )
        return begun if len(is_open) else self._next_start(begun)

    def result(self, state: SteppedState) -> Solution:
        """Score the images; the posterior is drawn around them."""
        search, problem = state.search, state.search.problem
        steps, found = search.steps, search.found
        point = _better(problem, state.best, state.memory.at, state.active)
        ends = (*state.memory.ends[: search.starts.shape[1] - 1], state.memory.at)
        with torch.no_grad():
            in_range = problem.prior(point.z)
            images = steps.images(point)
        solution = score(problem, images, z=point.z, x_range=in_range, ended=state.ended)
        assert solution.objective is not None
        posterior = None
        if self.n_samples:
            posterior = state.run.attempt(lambda: self._draw(steps, point, state.run.seed + 1))
        return replace(
            solution,
            objective=solution.objective + 0.5 * point.squared_norm,
            restart_objectives=torch.stack([_cost(problem, end) for end in ends], 1),
            restart_latents=torch.stack([end.z for end in ends], 1),
            history=found.history,
            posterior=posterior,
        )

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The noise is not Gaussian of known sigma, or the prior has no statistics of its residual.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

    def _draw(self, steps: LogitSteps, point: LogitPoint, seed: int) -> Posterior:
        """Go on to the posterior's mode, which an explained answer stops before, and draw around it."""
        with torch.no_grad():
            for _ in range(self.n_settling):
                point = _stepped(steps, point, every_row(point.z), torch.ones_like(point.misfit))
            return Posterior(*steps.draw(point, self.n_samples, seed=seed))


def _stepped(steps: LogitSteps, here: LogitPoint, rows: Tensor, level: Tensor) -> LogitPoint:
    """Do one step on the measurements `rows`, some at a time."""
    parts = torch.split(every_row(rows), CHUNK)
    return LogitPoint.join([steps.step(here.take(some), rows[some], level[some]) for some in parts])


def _cost(problem: Problem, point: LogitPoint) -> Tensor:
    """Return minus the log posterior ``(rows,)``, in which no fit is better than one at the noise level."""
    data = problem.n_measurements * point.misfit.clamp_min(1).square()
    cost: Tensor = 0.5 * (data + point.squared_norm)
    return cost


def _better(problem: Problem, best: LogitPoint, at: LogitPoint, rows: Tensor) -> LogitPoint:
    """Return `best` with those of the rows replaced that are likelier in `at`."""
    better = rows[_cost(problem, at.take(rows)) < _cost(problem, best.take(rows))]
    return best.put(better, at.take(better))


def _apart(found: Solution, n_starts: int) -> Tensor:
    """Return the latents of the best restarts that have not met a better one ``(batch, starts, latent)``.

    Where there are fewer, those that have met follow.
    """
    assert found.restart_objectives is not None  # a latent search has restarts
    assert found.restart_latents is not None
    objectives, latents = found.restart_objectives, found.restart_latents
    met = met_better(latents.flatten(0, 1), objectives.flatten(), objectives.shape[1])
    behind = objectives.amax(1, keepdim=True) - objectives.amin(1, keepdim=True) + 1
    order = (objectives + behind * met.reshape(objectives.shape)).argsort(1)[:, :n_starts, None]
    return latents.gather(1, order.expand(-1, -1, latents.shape[2]))
