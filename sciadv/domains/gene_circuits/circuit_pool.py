"""Circuits of different topologies, the best of several rounds of draws in a prior's latent space.

The first round is drawn from the prior, each later one around the best topologies so far: a part of their
latent numbers is drawn again, so that a few edges change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.arguments.values import as_number
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.errors import require_at_least
from sciadv.metrics.graph import Key, canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.problem import Problem
from sciadv.solvers import Monitor, Progress
from sciadv.solvers.latent.progress import Stopwatch
from sciadv.types import as_generator

#: Latents that are scored at once.
_CHUNK = 500


@dataclass(frozen=True)
class PoolSettings:
    """How many latents are drawn.

    Parameters
    ----------
    n_draws, draws_per_design
        Draws of the prior: at least so many, and so many for each circuit that is asked for.
    n_rounds
        Later rounds.
    n_near, near_per_design
        Draws in each of them: at least so many, and so many for each circuit.
    n_elite
        Best topologies that they are drawn around, at least.
    changed
        Part of the latent numbers that is drawn again.

    Raises
    ------
    InputError
        A number of draws is below 1, or `changed` is not in [0, 1].
    """

    n_draws: int = 2000
    draws_per_design: int = 20
    n_rounds: int = 24
    n_near: int = 500
    near_per_design: int = 4
    n_elite: int = 60
    changed: float = 0.06

    def __post_init__(self) -> None:
        require_at_least(self, dict.fromkeys(("n_draws", "n_near", "n_elite"), 1))
        require_at_least(self, dict.fromkeys(("draws_per_design", "n_rounds", "near_per_design"), 0))
        as_number(self.changed, "changed", least=0, most=1)


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
    """Draws with different topologies, the best first: latents, or circuits themselves.

    Parameters
    ----------
    draws
        ``(topologies, ...)``, of each topology the best that was drawn.
    objective
        ``(topologies,)``, rising.
    keys
        Canonical keys of the topologies.
    """

    draws: Tensor
    objective: Tensor
    keys: list[Key]

    @staticmethod
    def of(draws: Tensor, objective: Tensor, keys: list[Key]) -> Ranked:
        """Rank draws and keep the best of each topology."""
        rows = best_rows(objective, keys)
        return Ranked(draws[rows], objective[rows], [keys[row] for row in rows])

    def with_draws(self, other: Ranked) -> Ranked:
        """Return both together."""
        return Ranked.of(
            torch.cat([self.draws, other.draws]),
            torch.cat([self.objective, other.objective]),
            [*self.keys, *other.keys],
        )


@torch.no_grad()
def rank(problem: Problem, z: Tensor, aim: CircuitAim, *, off_weight: float = 1e4) -> Ranked:
    """Score latents ``(draws, latent)`` by the objective for the first measurement, and rank them.

    Parameters
    ----------
    problem
        Of circuits.
    z
        Latents.
    aim
        With its targets on genes and edges.
    off_weight
        Objective of a gene or an edge off these, more than any behaviour has.
    """
    scores = []
    keys = list[Key]()
    for part in torch.split(z, _CHUNK):
        x = problem.prior(part)
        energy = problem.likelihood.energy(problem.forward(x), problem.measurements[:1])
        off = off_weight * aim.misfit(x)
        scores.append(energy + off + 0.5 * problem.latent_weight * part.square().sum(1))
        keys += canonical_keys(*signs_and_presence(x))
    return Ranked.of(z, torch.cat(scores), keys)


def near(z: Tensor, n: int, *, changed: float, generator: torch.Generator) -> Tensor:
    """Return `n` latents around some of ``(topologies, latent)``, a part of their numbers drawn again."""
    parents = z[torch.randint(len(z), (n,), generator=generator)]
    fresh = torch.randn(parents.shape, generator=generator).to(z)
    is_changed = torch.rand(parents.shape, generator=generator).to(z) < changed
    return torch.where(is_changed, fresh, parents)


def draw_pool(
    problem: Problem,
    aim: CircuitAim,
    n: int,
    *,
    seed: int,
    settings: PoolSettings = PoolSettings(),  # frozen
    monitor: Monitor | None = None,
) -> tuple[Ranked, bool]:
    """Draw circuits in rounds, each around the best topologies so far.

    Parameters
    ----------
    problem
        Of circuits; its first measurement is the target of all.
    aim
        What they are for.
    n
        Circuits that are asked for, by which more are drawn.
    seed
        Seed of the draws.
    settings
        How many draws.
    monitor
        Called after each round.

    Returns
    -------
    Every topology that was drawn, the best first, and whether the user stopped it.
    """
    numbers = as_generator(seed)
    watch = Stopwatch()
    n_draws = max(settings.n_draws, settings.draws_per_design * n)
    n_near = max(settings.n_near, settings.near_per_design * n)
    ranked = rank(problem, problem.prior.sample_latent(n_draws, seed=numbers), aim)
    try:
        for done in range(1, settings.n_rounds + 1):
            elite = ranked.draws[: max(settings.n_elite, n)]
            around = near(elite, n_near, changed=settings.changed, generator=numbers)
            ranked = ranked.with_draws(rank(problem, around, aim))
            if monitor is not None:
                monitor(_progress(ranked, n, done, settings, watch))
    except KeyboardInterrupt:
        return ranked, True
    return ranked, False


def _progress(ranked: Ranked, n: int, done: int, settings: PoolSettings, watch: Stopwatch) -> Progress:
    return Progress(
        iteration=done,
        n_iterations=settings.n_rounds,
        n_alive=n,
        n_rows=len(ranked.keys),
        best_misfit=float(ranked.objective[:n].median()),
        seconds=watch.seconds,
    )
