"""Design of circuits: the latent search of everything else, from starts that are different topologies.

The prior is a generator of circuits, the forward their behaviour at several parameter sets near their own,
the likelihood a tolerance around the score of 1: explained where every set shows the behaviour.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.circuits.circuit_set import CircuitSet
from sciadv.errors import InputError
from sciadv.forward.gene_circuit import GeneCircuit
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.problem import Problem
from sciadv.solvers import Adam, Monitor, solve

#: Draws of the prior among which starts are chosen, at least, and for each start.
_N_DRAWS, _PER_START = 4000, 20


def different_starts(problem: Problem, n_restarts: int, *, seed: int) -> Tensor:
    """Return the prior's draws with the best objectives, each topology once; ``(batch, restarts, latent)``.

    Every problem of the batch has the same target, so that a shared codebook would give all of them the same
    start. Here the best draws are dealt out like cards.

    Parameters
    ----------
    problem
        Of circuits, all with one target.
    n_restarts
        Starts per circuit.
    seed
        Seed of the draws.
    """
    n_starts = problem.n_problems * n_restarts
    z = problem.prior.sample_latent(max(_N_DRAWS, _PER_START * n_starts), seed=seed)
    scores, keys = [], []
    with torch.no_grad(), problem.prior.frozen():
        for part in torch.split(z, 1000):
            x = problem.prior(part)
            energy = problem.likelihood.energy(problem.forward(x), problem.measurements[:1])
            scores.append(energy + 0.5 * problem.latent_weight * part.square().sum(1))
            keys += canonical_keys(*signs_and_presence(x))
    ranked = torch.cat(scores).argsort().tolist()
    first = {keys[row]: row for row in reversed(ranked)}  # the best draw of each topology
    best = set(first.values())
    chosen = [row for row in ranked if row in best]
    rows = (chosen + ranked)[:n_starts]  # repeats only where the draws have too few topologies
    return z[rows].reshape(n_restarts, problem.n_problems, -1).transpose(0, 1).contiguous()


def design_circuits(
    problem: Problem,
    n: int,
    *,
    restarts: int = 2,
    n_iterations: int = 100,
    seed: int = 0,
    monitor: Monitor | None = None,
) -> CircuitSet:
    """Design circuits that show the behaviour of a problem.

    Parameters
    ----------
    problem
        A prior of circuits and a `GeneCircuit`; its first measurement is the target of all.
    n
        How many circuits.
    restarts, n_iterations
        Of the search by Adam.
    seed
        Seed of the starts.
    monitor
        Called after each iteration.

    Raises
    ------
    InputError
        The problem's forward is not a `GeneCircuit`, or `n` is below 1.
    """
    forward = problem.forward
    if not isinstance(forward, GeneCircuit):
        raise InputError(f"circuits are designed by a GeneCircuit forward, but this problem has {forward}")
    if n < 1:
        raise InputError(f"n must be at least 1 circuit, but it is {n}")
    wanted = problem.with_measurements(problem.measurements[:1].expand(n, -1).contiguous())
    starts = different_starts(wanted, restarts, seed=seed)
    solver = Adam(restarts=restarts, n_iterations=n_iterations, starts=starts)
    solution = solve(wanted, solver, seed=seed, monitor=monitor)
    return CircuitSet(solution.x.cpu(), forward.behaviour, solution, name=problem.name)
