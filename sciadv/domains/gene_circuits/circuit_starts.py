"""Where a search for circuits starts: latents of different topologies, the best of several rounds of draws.

The first round is drawn from the prior, each later one around the best topologies so far: a part of their
latent numbers is drawn again, so that a few edges change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.metrics.graph import Key, canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.problem import Problem
from sciadv.types import as_generator

#: Draws of the prior, at least, and for each start.
_N_DRAWS, _PER_START = 2000, 20
#: Later rounds: how many, draws in each, and for each start; the best topologies that they are drawn around.
_N_ROUNDS, _N_NEAR, _NEAR_PER_START, _N_ELITE = 8, 500, 4, 60
#: Part of the latent numbers that is drawn again.
_CHANGED = 0.06
#: Latents that are scored at once.
_CHUNK = 500


def best_rows(objective: Tensor, keys: Sequence[Key]) -> list[int]:
    """Return the row of the lowest objective ``(rows,)`` of each topology, the best first.

    Examples
    --------
    >>> one, other = (3, 1), (3, 2)
    >>> best_rows(torch.tensor([2.0, 1.0, 0.5, 0.5]), [one, other, one, one])
    [2, 1]
    """
    best: dict[Key, int] = {}
    for row in objective.argsort(stable=True).tolist():
        best.setdefault(keys[row], row)
    return list(best.values())


@dataclass(frozen=True)
class Ranked:
    """Latents with different topologies, the best first.

    Parameters
    ----------
    z
        ``(topologies, latent)``, of each topology the best that was drawn.
    objective
        ``(topologies,)``, rising.
    keys
        Canonical keys of the topologies.
    """

    z: Tensor
    objective: Tensor
    keys: list[Key]

    @staticmethod
    def of(z: Tensor, objective: Tensor, keys: list[Key]) -> Ranked:
        """Rank draws and keep the best of each topology."""
        rows = best_rows(objective, keys)
        return Ranked(z[rows], objective[rows], [keys[row] for row in rows])

    def with_draws(self, other: Ranked) -> Ranked:
        """Return both together."""
        return Ranked.of(
            torch.cat([self.z, other.z]),
            torch.cat([self.objective, other.objective]),
            [*self.keys, *other.keys],
        )


@torch.no_grad()
def rank(problem: Problem, z: Tensor) -> Ranked:
    """Score latents ``(draws, latent)`` by the objective for the first measurement, and rank them."""
    scores, keys = [], list[Key]()
    with problem.prior.frozen():
        for part in torch.split(z, _CHUNK):
            x = problem.prior(part)
            energy = problem.likelihood.energy(problem.forward(x), problem.measurements[:1])
            scores.append(energy + 0.5 * problem.latent_weight * part.square().sum(1))
            keys += canonical_keys(*signs_and_presence(x))
    return Ranked.of(z, torch.cat(scores), keys)


def near(z: Tensor, n: int, *, generator: torch.Generator) -> Tensor:
    """Return `n` latents around some of ``(topologies, latent)``, a part of their numbers drawn again."""
    parents = z[torch.randint(len(z), (n,), generator=generator)]
    fresh = torch.randn(parents.shape, generator=generator).to(z)
    is_changed = torch.rand(parents.shape, generator=generator).to(z) < _CHANGED
    return torch.where(is_changed, fresh, parents)


def different_starts(problem: Problem, n_starts: int, *, seed: int) -> Tensor:
    """Return latents of different topologies with the best objectives found; ``(n_starts, latent)``.

    Parameters
    ----------
    problem
        Of circuits; its first measurement is the target of all.
    n_starts
        How many.
    seed
        Seed of the draws.
    """
    numbers = as_generator(seed)
    drawn = problem.prior.sample_latent(max(_N_DRAWS, _PER_START * n_starts), seed=numbers)
    ranked = rank(problem, drawn)
    for _ in range(_N_ROUNDS):
        elite = ranked.z[: max(_N_ELITE, n_starts)]
        around = near(elite, max(_N_NEAR, _NEAR_PER_START * n_starts), generator=numbers)
        ranked = ranked.with_draws(rank(problem, around))
    rows = torch.arange(n_starts) % len(ranked.z)  # repeats only where there are too few topologies
    return ranked.z[rows.to(ranked.z.device)]
