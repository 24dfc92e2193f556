"""DREAM(ZS) in the latent space: the global Markov chain Monte Carlo of the published case, written anew.

ter Braak and Vrugt, Differential Evolution Markov Chain with snooker updater and fewer chains, Statistics and
Computing 18 (2008) 435-446; Laloy and Vrugt, High-dimensional posterior exploration of hydrologic models
using multiple-try DREAM(ZS) and high-performance computing, Water Resources Research 48 (2012) W01526.
Proposals are differences of members of an archive of past states, for a random subset of the latents; no
snooker updates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solvers.latent.search import Search


@dataclass(frozen=True)
class DreamState:
    """Where the chains of one measurement stand.

    Parameters
    ----------
    z, objective, misfit
        Of each chain: ``(chains, latent)``, ``(chains,)``, ``(chains,)``.
    n_runs
        Forward runs so far.
    """

    z: Tensor
    objective: Tensor
    misfit: Tensor
    n_runs: int


def run_dream(
    problem: Problem, *, n_chains: int = 8, n_generations: int = 5000, seed: int = 0
) -> Iterator[DreamState]:
    """Sample the posterior of a problem with one measurement; yield the state after each generation.

    The archive begins with ``10 x n_latent`` draws from the latent law and takes the chains' states every
    tenth generation.

    Parameters
    ----------
    problem
        One measurement.
    n_chains
        Chains, which move together.
    n_generations
        Generations; each costs one forward run per chain.
    seed
        Seed of all draws.
    """
    draw, search = torch.Generator().manual_seed(seed), Search(problem, n_chains)
    rows, n_latent = torch.arange(n_chains), problem.prior.n_latent
    archive = problem.prior.sample_latent(10 * n_latent, seed=draw)
    z = problem.prior.sample_latent(n_chains, seed=draw)
    point = search.evaluate(z, rows)
    for generation in range(1, n_generations + 1):
        proposal = _proposal(point.z, archive, generation, draw)
        trial = search.evaluate(proposal, rows)
        accepted = torch.rand(n_chains, generator=draw).log() < point.objective - trial.objective
        taken = accepted.nonzero().squeeze(1)
        point = point.put(taken, trial.take(taken))
        if generation % 10 == 0:
            archive = torch.cat([archive, point.z])
        yield DreamState(point.z, point.objective, point.misfit, n_chains * (generation + 1))


def _proposal(z: Tensor, archive: Tensor, generation: int, draw: torch.Generator) -> Tensor:
    """Return ``z + gamma (a - b) + noise`` in a random subset of the latents, a and b from the archive."""
    n_chains, n_latent = z.shape
    pairs = torch.randint(len(archive), (2, n_chains), generator=draw)
    rate = torch.randint(1, 4, (n_chains, 1), generator=draw) / 3  # crossover 1/3, 2/3 or 1
    chosen = torch.rand(n_chains, n_latent, generator=draw) < rate
    chosen[torch.arange(n_chains), torch.randint(n_latent, (n_chains,), generator=draw)] = True
    gamma = 2.38 / (2 * chosen.sum(1, keepdim=True)).sqrt()
    if generation % 5 == 0:
        gamma = torch.ones_like(gamma)  # jumps from mode to mode
    spread = 1 + 0.1 * (torch.rand(n_chains, n_latent, generator=draw) - 0.5)
    jump = spread * gamma * (archive[pairs[0]] - archive[pairs[1]])
    jump = jump + 1e-6 * torch.randn(n_chains, n_latent, generator=draw)
    return torch.where(chosen, z + jump, z)
