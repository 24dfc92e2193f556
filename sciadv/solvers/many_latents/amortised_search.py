"""Amortised starts, one after the other: what the first search explains costs one search.

A later start is the best latent so far, shaken: D. Wales, J. Doye, Global optimization by basin-hopping, J.
Phys. Chem. A 101 (1997) 5111-5116.

A generator's own samples teach a regression where to start (`sciadv.solvers.amortised`), once for each
generator. Each round searches, from the next start, the measurements that are not explained yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution, Status
from sciadv.solvers.amortised.latent_regression import Regression, amortised_starts, choices_of
from sciadv.solvers.amortised.own_samples import SampleBudget
from sciadv.solvers.latent.constraints import Multipliers, keep_constraints
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import LatentState, Point, begin, best_restarts, has_forward_mode
from sciadv.solvers.latent.starts import Starts
from sciadv.solvers.many_latents.gauss_newton_cg import GaussNewtonCG
from sciadv.types import Count, Share, as_generator


@checked
@dataclass(frozen=True)
class AmortisedSearch:
    """Search each measurement from its regressed latents, then from shaken ones until it is explained.

    Parameters
    ----------
    restarts
        Starts per measurement at most; beside one for each value, twice as many at most, where latents choose
        among values such as classes.
    n_iterations
        Steps of a search at most; as many again in parts of `n_anew`.
    n_anew
        Steps with a new matrix after a search that explains nothing: secant updates lose track of a generator
        of rectifiers.
    least_decrease
        They end where they lower the misfit by less than this part.
    starts
        "amortised", or latents ``(batch, restarts, latent)``, which are not shaken.
    shake
        rho of a later start, ``(1 - rho^2)^(1/2) z + rho N(0, I)``, z the best so far.
    search
        "levenberg-marquardt", which holds a matrix of latents x latents for each measurement;
        "gauss-newton-cg", which holds none; "auto": the former up to `most_dense` latents, where the
        generator has a forward mode.
    most_dense
        Most latents for "levenberg-marquardt".
    n_at_once
        Measurements whose matrices are held at once.
    budget
        What is spent on a generator once.
    regression
        How latents are regressed.
    multipliers
        How constraints are kept.

    Notes
    -----
    Where the noise level is unknown nothing says that a measurement is explained; then every start is
    searched.
    """

    restarts: Count = 8
    n_iterations: Count = 200
    n_anew: Count = 20
    least_decrease: Share = 0.02
    starts: str | Tensor = "amortised"
    shake: Share = 0.5
    search: str = "auto"
    most_dense: Count = 1200
    n_at_once: Count = 32
    budget: SampleBudget = field(default_factory=SampleBudget)
    regression: Regression = field(default_factory=Regression)
    multipliers: Multipliers = field(default_factory=Multipliers)
    name: str = "amortised-search"

    def __post_init__(self) -> None:
        """Check the name of the search."""
        known = ("auto", "levenberg-marquardt", "gauss-newton-cg")
        if self.search not in known:
            raise InputError(f"search must be one of {', '.join(known)}, but it is {self.search!r}")

    def init(self, problem: Problem, run: Run) -> LatentState:
        """Score the starts."""
        given, n = self.starts, self.restarts
        if not isinstance(given, Tensor):
            if given != "amortised":
                raise InputError(f"starts must be 'amortised' or latents, but it is {given!r}")
            n += self._n_covered(problem) - 1
            budget, how = self.budget, self.regression
            given = amortised_starts(problem, n, seed=run.seed, budget=budget, how=how)
        search, z = begin(problem, Starts(n, given), run)
        point = search.evaluate(z, every_row(z))
        return State(search, run, point, every_row(z), [], n)

    def _n_covered(self, problem: Problem) -> int:
        """Return how many values of a choice have a start each, before others are shaken: at least 1."""
        choices = choices_of(problem)
        n_values = max((len(choice.values) for _, choice in choices), default=1)
        return min(n_values, 2 * self.restarts)

    def step(self, state: LatentState) -> LatentState:
        """Search the measurements that are not explained from their next start."""
        n = state.search.n_restarts
        is_next = state.active % n == state.iteration
        rows, waiting = state.active[is_next], state.active[~is_next]
        best, ended = state.best, [rows[:0]]
        for part in torch.split(rows, self.n_at_once):
            best, explained = self._searched(state, best, part)
            ended.append(explained // n)
            if state.run.was_interrupted:
                return state.after(best, [*state.memory, len(rows)], state.active)
        left = waiting[~torch.isin(waiting // n, torch.cat(ended))]
        return state.after(best, [*state.memory, len(rows)], left)

    def _searched(self, state: LatentState, best: Point, rows: Tensor) -> tuple[Point, Tensor]:
        """Search rows from their starts, linearised anew while that pays.

        Returns the best so far, and the rows that are explained.
        """
        z, explained = self._starts(state, rows), [rows[:0]]
        inner = self._inner(state.search.problem)
        last = torch.full_like(best.misfit[rows], torch.inf)
        n_passes = self.n_iterations // self.n_anew
        for n_steps in [self.n_iterations] + [self.n_anew] * n_passes:
            problem = state.search.problem.subset(rows // state.search.n_restarts)
            search, run = replace(inner, n_iterations=n_steps, starts=z[:, None]), state.run
            found = search.solve(problem, seed=run.seed, monitor=run)
            assert found.z is not None  # a latent search has latents
            reached = state.search.score(found.z, found.prediction, rows)
            better = (reached.objective < best.objective[rows]).nonzero().squeeze(1)
            best = best.put(rows[better], reached.take(better))
            ended = [how is Status.EXPLAINED for how in found.status]
            is_explained = torch.tensor(ended, device=rows.device)
            explained.append(rows[is_explained])
            lower = reached.misfit < (1 - self.least_decrease) * last
            going = lower & ~is_explained
            if state.run.was_interrupted or not bool(going.any()):
                break
            z, last, rows = found.z[going], reached.misfit[going], rows[going]
        return best, torch.cat(explained)

    def _starts(self, state: LatentState, rows: Tensor) -> Tensor:
        """Return where rows start: as given, or the best of each measurement so far, shaken.

        While there are values that no start has had, with the next of them.
        """
        best, n = state.best, state.search.n_restarts
        given: Tensor = best.z[rows]
        if isinstance(self.starts, Tensor) or state.iteration == 0:
            return given
        objective = best.objective.reshape(-1, n)[rows // n]
        z = best.z[rows - rows % n + objective.argmin(1)]
        draws = as_generator(state.run.seed + state.iteration)
        numbers = torch.randn(z.shape[1], generator=draws)
        shaken: Tensor = (1 - self.shake**2) ** 0.5 * z + self.shake * numbers.to(z)
        is_covering = state.iteration < self._n_covered(state.search.problem)
        for place, _ in choices_of(state.search.problem):
            shaken[:, place] = given[:, place] if is_covering else z[:, place]
        return shaken

    def _inner(self, problem: Problem) -> LevenbergMarquardt | GaussNewtonCG:
        """Return the search from one start."""
        is_short = problem.prior.n_latent <= self.most_dense
        is_dense = self.search == "levenberg-marquardt"
        if is_dense or (self.search == "auto" and is_short and has_forward_mode(problem)):
            return LevenbergMarquardt(1, halve_at=())
        return GaussNewtonCG(1, halve_at=())

    def result(self, state: LatentState) -> Solution:
        """Return the best starts; the settings say how many measurements each round has searched."""
        found = best_restarts(state)
        return replace(found, settings={**found.settings, "searched_in_each_round": list(state.memory)})

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from one start after the other, in rounds where the problem has constraints."""
        if not problem.constraints:
            return iterate(self, problem, seed=seed, monitor=monitor)
        return keep_constraints(self, problem, seed=seed, monitor=monitor)
