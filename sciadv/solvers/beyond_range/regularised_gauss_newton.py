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
from sciadv.solvers.latent.scoring import noise_threshold, score
from sciadv.solvers.latent.search import met_better
from sciadv.types import Count, NotNegative, Positive, Whole

#: Measurements whose steps are taken together; bounds the memory.
CHUNK = 64


@dataclass(frozen=True, eq=False)
class Started:
    """The steps, the latent search before them, its starts ``(batch, starts, latent)``, the least level."""

    steps: LogitSteps
    found: Solution
    starts: Tensor
    least_level: float

    @property
    def problem(self) -> Problem:
        """The problem that is solved."""
        return self.steps.problem

    def cost(self, point: LogitPoint) -> Tensor:
        """Return minus the log posterior under the least noise level ``(rows,)``.

        No fit is better than one at the noise level.
        """
        misfit = point.misfit.clamp_min(noise_threshold(self.problem, 1))
        data = self.problem.n_measurements * (misfit / self.least_level).square()
        cost: Tensor = 0.5 * (data + point.squared_norm)
        return cost

    def better(self, best: LogitPoint, at: LogitPoint, rows: Tensor) -> LogitPoint:
        """Return `best` with those of the rows replaced that are likelier in `at`."""
        is_better = self.cost(at.take(rows)) < self.cost(best.take(rows))
        return best.put(rows[is_better], at.take(rows[is_better]))


@dataclass(frozen=True)
class Attempt:
    """The start that is stepped from now.

    Parameters
    ----------
    at
        Where the steps stand, of every measurement.
    start
        Which of the starts it is.
    ends
        Where the starts before it have ended, the likeliest few of each measurement.
    """

    at: LogitPoint
    start: int
    ends: tuple[LogitPoint, ...]


SteppedState = State[Started, LogitPoint, Attempt]


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
    restarts that end apart is gone on from, and the likeliest answer is taken; where none explains the data
    without a wider prior, all others as well. The restarts of the solution are the likeliest `n_starts`.

    Parameters
    ----------
    restarts
        Starts of the latent search.
    n_starts
        How many of them are gone on from where the prior as it is explains the data.
    n_iterations
        Steps per start at most.
    fall
        The noise level that a step assumes, as a part of the residual before it; in (0, 1).
    n_samples
        Draws of the posterior of the model linearised at the answer, through the activation; none if 0.
    slowest_fall
        The noise level that a step assumes is at most this part of the one before.
    least_decrease
        A start has settled when a step at the noise level lowers its misfit by less than this part of it.
    least_level
        Where a start has settled above the noise, the level falls on, at most to this: the discrepancy
        principle, as in `sciadv.solvers.latent.latent_weight`.
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
    least_level: Positive = 0.35
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
        solver = LevenbergMarquardt(self.restarts, stop_at_noise=False)
        posed = replace(problem, likelihood=steps.noise_in_range())
        found = solver.solve(posed, seed=run.seed, monitor=run)
        z = _in_order(found)
        point = self._begun(steps, z[:, 0])
        missed = (point.misfit > 1).nonzero().squeeze(1)
        memory = Attempt(point, 0, ())
        search = Started(steps, found, z, self.least_level)
        return State(search, run, point, missed, memory, self.n_iterations)

    def step(self, state: SteppedState) -> SteppedState:
        """Do one step on every active measurement, under its noise level."""
        search, memory, rows = state.search, state.memory, state.active
        here = memory.at.take(rows)
        with torch.no_grad():
            there = _stepped(search.steps, here, rows)
        hardly = there.misfit > (1 - self.least_decrease) * here.misfit
        settled = (here.level <= 1) & hardly
        missed = there.misfit > noise_threshold(search.problem, 1)
        loosened = settled & missed & (here.level > self.least_level)
        going = (there.misfit > 1) & (loosened | ~settled)
        level = self._next_level(there, loosened, going)
        at = memory.at.put(rows, replace(there, level=level))
        reached = state.after(state.best, replace(memory, at=at), rows[going])
        ended = rows[~going] if reached.is_running else rows
        reached = replace(reached, best=search.better(reached.best, at, ended))
        return reached if reached.is_running else self._next_start(reached)

    def _begun(self, steps: LogitSteps, z: Tensor) -> LogitPoint:
        """Return the points at latents, under their first noise level."""
        with torch.no_grad():
            point = steps.point(z, every_row(z))
        return replace(point, level=(self.fall * point.misfit).clamp_min(1))

    def _next_level(self, there: LogitPoint, loosened: Tensor, going: Tensor) -> Tensor:
        """Return the noise level of the next step."""
        level = there.level
        lower = self.slowest_fall * level
        towards = torch.minimum(self.fall * there.misfit, lower).clamp_min(1)
        same = torch.where(level <= 1, level, towards)
        following = torch.where(loosened, lower.clamp_min(self.least_level), same)
        return torch.where(going, following, level.clamp_max(1))

    def _next_start(self, state: SteppedState) -> SteppedState:
        """Begin from the next start, of every measurement."""
        search, start = state.search, state.memory.start + 1
        rows = every_row(search.starts)
        asks = rows if start < self.n_starts else rows[state.best.level < 1]
        if start == search.starts.shape[1] or len(asks) == 0:
            return replace(state, n_iterations=state.iteration)
        first = self._begun(search.steps, search.starts[:, start])
        is_open = asks[first.misfit[asks] > 1]
        begun = replace(
            state,
            best=search.better(state.best, first, rows),
            active=is_open,
            memory=Attempt(first, start, self._ends(state)),
            n_iterations=state.iteration + self.n_iterations,
        )
        return begun if len(is_open) else self._next_start(begun)

    def _ends(self, state: SteppedState) -> tuple[LogitPoint, ...]:
        """Return where starts have ended, this one in place of the least likely of enough."""
        ends, at, cost = state.memory.ends, state.memory.at, state.search.cost
        if len(ends) < self.n_starts:
            return (*ends, at)
        worst = torch.stack([cost(end) for end in ends]).max(0)
        better = (cost(at) < worst.values).nonzero().squeeze(1)
        places = worst.indices[better]
        kept = list(ends)
        for i, end in enumerate(ends):
            rows = better[places == i]
            kept[i] = end.put(rows, at.take(rows))
        return tuple(kept)

    def result(self, state: SteppedState) -> Solution:
        """Score the images; the posterior is drawn around them."""
        search, problem = state.search, state.search.problem
        steps, found = search.steps, search.found
        point = search.better(state.best, state.memory.at, state.active)
        ends = self._ends(state)
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
            restart_objectives=torch.stack([search.cost(end) for end in ends], 1),
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
        """Go on to the posterior's mode, which an explained answer stops before, and draw around it.

        Where draws leave more of the data than noise does, the noise level falls on, as for answers, as long
        as that brings them nearer.
        """
        rows = every_row(point.z)
        enough = noise_threshold(steps.problem, 1) ** 2
        here = replace(point, level=point.level.clamp_max(1))
        with torch.no_grad():
            point = self._settled(steps, here, rows)
            left = _left_by_draws(steps, point, rows, seed)
            while True:
                rows = rows[(left[rows] > enough) & (point.level[rows] > self.least_level)]
                if len(rows) == 0:
                    break
                here = point.take(rows)
                lower = (self.slowest_fall * here.level).clamp_min(self.least_level)
                there = self._settled(steps, replace(here, level=lower), rows)
                less = _left_by_draws(steps, there, rows, seed)
                fits = less < left[rows]
                rows = rows[fits]
                point = point.put(rows, there.take(fits.nonzero().squeeze(1)))
                left[rows] = less[fits]
            drawn = steps.draw(point, every_row(point.z), self.n_samples, seed=seed)
            images = torch.stack([steps.images(draws) for draws in drawn])
            return Posterior(images, torch.stack([draws.z for draws in drawn]))

    def _settled(self, steps: LogitSteps, point: LogitPoint, rows: Tensor) -> LogitPoint:
        """Return the posterior's modes, at their noise levels."""
        for _ in range(self.n_settling):
            point = _stepped(steps, point, rows)
        return point


def _stepped(steps: LogitSteps, here: LogitPoint, rows: Tensor) -> LogitPoint:
    """Do one step on the measurements `rows`, some at a time."""
    parts = torch.split(every_row(rows), CHUNK)
    return LogitPoint.join([steps.step(here.take(some), rows[some]) for some in parts])


def _left_by_draws(steps: LogitSteps, point: LogitPoint, rows: Tensor, seed: int) -> Tensor:
    """Return the mean square of the data less a few draws ``(rows,)``, in variances of the noise."""
    trials = steps.draw(point, rows, steps.inner.n_trial_draws, seed=seed)
    return torch.stack([draws.misfit.square().mean() for draws in trials])


def _in_order(found: Solution) -> Tensor:
    """Return the latents of the restarts ``(batch, restarts, latent)``, the best first.

    Those that have met a better one come last.
    """
    assert found.restart_objectives is not None  # a latent search has restarts
    assert found.restart_latents is not None
    objectives, latents = found.restart_objectives, found.restart_latents
    met = met_better(latents.flatten(0, 1), objectives.flatten(), objectives.shape[1])
    behind = objectives.amax(1, keepdim=True) - objectives.amin(1, keepdim=True) + 1
    order = (objectives + behind * met.reshape(objectives.shape)).argsort(1)[:, :, None]
    return latents.gather(1, order.expand(-1, -1, latents.shape[2]))
