"""Differential evolution: a population that crosses a landscape full of local minima, its best then polished.

Storn and Price, Differential Evolution - a simple and efficient heuristic for global optimization over
continuous spaces, J. Global Optimization 11 (1997) 341-359: the variant best/1/bin, with F drawn anew for
every child (Das, Konar, Chakraborty, GECCO 2005).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import Point, Search
from sciadv.types import Count, NotNegative, as_generator

#: Rows that predictions are made for at once; bounds the memory.
CHUNK = 1024
#: A population: `best` holds the members, the memory is the random generator.
Population = State[Search, Point, torch.Generator]


@checked
@dataclass(frozen=True)
class DifferentialEvolution:
    """Evolve a population of latents per measurement, then descend from its best members that lie far apart.

    For landscapes where every descent from a draw ends in a local minimum. A generation costs one prediction
    per member and no gradient.

    Parameters
    ----------
    population
        Members per measurement.
    n_generations
        Generations at most; a measurement at the noise level stops evolving.
    crossover
        Probability that a child takes a latent number from its mutant.
    restarts
        Members that `LevenbergMarquardt` polishes per measurement: the best, each far from those before.

    Notes
    -----
    Cost: ``population (n_generations + 1)`` predictions, then `restarts` searches of Levenberg-Marquardt.
    """

    population: Count = 64
    n_generations: Count = 60
    crossover: NotNegative = 0.7
    restarts: Count = 6
    name: str = "global"

    def init(self, problem: Problem, run: Run) -> Population:
        """Draw the first population, the same for every measurement."""
        generator, search = as_generator(run.seed), Search(problem, self.population)
        z = problem.prior.sample_latent(self.population, seed=generator).repeat(problem.n_problems, 1)
        members = _evaluate(search, z, every_row(z))
        return State(search, run, members, every_row(z), generator, self.n_generations)

    def step(self, state: Population) -> Population:
        """Return the next generation: each member, or its child where that is better."""
        members = state.best
        children = self._children(members, state.memory)
        likelihood = state.search.problem.likelihood
        at_noise = (state.least(members.misfit) <= 1) & likelihood.has_noise_level
        rows = (~at_noise).repeat_interleave(self.population).nonzero().squeeze(1)
        if len(rows) == 0:
            return state.after(members, state.memory, rows)
        born = _evaluate(state.search, children[rows], rows)
        better = born.objective < members.objective[rows]
        members = members.put(rows[better], born.take(better.nonzero().squeeze(1)))
        return state.after(members, state.memory, rows)

    def _children(self, members: Point, generator: torch.Generator) -> Tensor:
        """Cross each member with a mutant of the best ``(rows, latent)``."""
        n, n_latent = self.population, members.z.shape[1]
        z = members.z.reshape(-1, n, n_latent)
        objective = members.objective.reshape(-1, n)
        # the same random numbers for every measurement, so that the batch never changes an answer
        one, other = _two_others(n, generator)
        scale = 0.5 + 0.5 * torch.rand(n, 1, generator=generator)
        takes = torch.rand(n, n_latent, generator=generator) < self.crossover
        takes[torch.arange(n), torch.randint(n_latent, (n,), generator=generator)] = True
        best = z[torch.arange(len(z), device=z.device), objective.argmin(1)][:, None]
        mutant = best + scale.to(z) * (z[:, one] - z[:, other])
        return torch.where(takes.to(z.device), mutant, z).flatten(0, 1)

    def result(self, state: Population) -> Solution:
        """Polish the best members; after an interruption only the best."""
        members = state.best
        polish = 1 if state.run.was_interrupted else self.restarts
        starts = _apart(members.z, members.objective, self.population, polish)
        solver = LevenbergMarquardt(restarts=polish, starts=starts)
        solution = solver.solve(state.search.problem, seed=state.run.seed)
        return replace(solution, settings={**solution.settings, **vars(self), "starts": "the population"})

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Evolve, then polish."""
        return iterate(self, problem, seed=seed, monitor=monitor)


def _evaluate(search: Search, z: Tensor, rows: Tensor) -> Point:
    chunks = zip(torch.split(z, CHUNK), torch.split(rows, CHUNK), strict=True)
    return Point.join([search.evaluate(part, index) for part, index in chunks])


def _two_others(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return two members for each that are neither itself nor each other ``(n,)``."""
    order = torch.rand(n, n, generator=generator)
    order.fill_diagonal_(2.0)
    first, second = order.argsort(1)[:, :2].unbind(1)
    return first, second


def _apart(z: Tensor, objective: Tensor, population: int, n_starts: int) -> Tensor:
    """Return the best member, then again and again the best that is far from all taken; (batch, n, latent).

    Far is more than half the median distance between members. Where none is left, the best of the rest.
    """
    z = z.reshape(-1, population, z.shape[1])
    objective = objective.reshape(-1, population)
    distance = torch.cdist(z, z)
    far = 0.5 * distance.flatten(1).median(1).values[:, None]
    rows, near = every_row(z), torch.zeros_like(objective)
    taken = []
    for _ in range(n_starts):
        # those near a taken one come after all others, then those taken
        order = objective.argsort(1).argsort(1) + population * near
        best = order.argmin(1)
        taken.append(z[rows, best])
        near = torch.maximum(near, (distance[rows, best] < far).to(near.dtype))
        near[rows, best] = 2.0
    return torch.stack(taken, 1)
