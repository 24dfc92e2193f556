"""Differential evolution: a population that crosses a landscape full of local minima, its best then polished.

Storn and Price, Differential Evolution - a simple and efficient heuristic for global optimization over
continuous spaces, J. Global Optimization 11 (1997) 341-359: the variant best/1/bin, with F drawn anew for
every child (Das, Konar, Chakraborty, GECCO 2005).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.latent.search import Point, Search
from sciadv.types import as_generator

#: Rows that predictions are made for at once; bounds the memory.
_CHUNK = 1024


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

    population: int = 64
    n_generations: int = 60
    crossover: float = 0.7
    restarts: int = 6
    name: str = "global"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Evolve, then polish; if interrupted while it evolves, only the best member is polished."""
        started, tell = time.perf_counter(), monitor or (lambda _: None)
        generator, search = as_generator(seed), Search(problem, self.population)
        polish = self.restarts
        with problem.prior.frozen():
            members = _members(problem, search, self.population, generator)
            try:
                for generation in range(1, self.n_generations + 1):
                    members = self.evolve(search, members, generator)
                    tell(self._progress(members, generation, time.perf_counter() - started))
            except KeyboardInterrupt:
                polish = 1
        starts = _apart(members.z, members.objective, self.population, polish)
        solution = LevenbergMarquardt(restarts=polish, starts=starts).solve(problem, seed=seed)
        settings = {**solution.settings, **vars(self), "starts": "the population", "seed": seed}
        seconds = time.perf_counter() - started
        return replace(solution, method=self.name, seconds=seconds, settings=settings)

    def evolve(self, search: Search, members: Point, generator: torch.Generator) -> Point:
        """Return the next generation: each member, or its child where that is better."""
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
        children = torch.where(takes.to(z.device), mutant, z).flatten(0, 1)
        at_noise = (members.misfit.reshape(-1, n).amin(1) <= 1) & search.problem.likelihood.has_noise_level
        rows = (~at_noise).repeat_interleave(n).nonzero().squeeze(1)
        if len(rows) == 0:
            return members
        born = _evaluate(search, children[rows], rows)
        better = born.objective < members.objective[rows]
        return members.put(rows[better], born.take(better.nonzero().squeeze(1)))

    def _progress(self, members: Point, generation: int, seconds: float) -> Progress:
        misfit = float(members.misfit.reshape(-1, self.population).amin(1).median())
        n_rows = len(members.z)
        return Progress(generation, self.n_generations, n_rows, n_rows, misfit, seconds)


def _members(problem: Problem, search: Search, population: int, generator: torch.Generator) -> Point:
    """Draw the first population, the same for every measurement."""
    z = problem.prior.sample_latent(population, seed=generator)
    return _evaluate(
        search, z.repeat(problem.n_problems, 1), torch.arange(len(search.owner), device=z.device)
    )


def _evaluate(search: Search, z: Tensor, rows: Tensor) -> Point:
    parts = [
        search.evaluate(part, index)
        for part, index in zip(torch.split(z, _CHUNK), torch.split(rows, _CHUNK), strict=True)
    ]
    fields = ("z", "prediction", "objective", "misfit")
    return Point(*(torch.cat([getattr(part, field) for part in parts]) for field in fields))


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
    z, objective = z.reshape(-1, population, z.shape[1]), objective.reshape(-1, population)
    distance = torch.cdist(z, z)
    far = 0.5 * distance.flatten(1).median(1).values[:, None]
    rows, near = torch.arange(len(z), device=z.device), torch.zeros_like(objective)
    taken = []
    for _ in range(n_starts):
        # those near a taken one come after all others, then those taken
        order = objective.argsort(1).argsort(1) + population * near
        best = order.argmin(1)
        taken.append(z[rows, best])
        near = torch.maximum(near, (distance[rows, best] < far).to(near.dtype))
        near[rows, best] = 2.0
    return torch.stack(taken, 1)
