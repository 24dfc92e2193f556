"""Design of circuits: the latent search of everything else, from starts that are different topologies.

The prior is a generator of circuits, the forward their behaviour at several parameter sets, near their own
and anywhere, the likelihood a tolerance around the score of 1: explained where every set shows the behaviour.
"""

from __future__ import annotations

import torch

from sciadv.domains.gene_circuits.circuit_set import CircuitSet
from sciadv.domains.gene_circuits.circuit_starts import best_rows, different_starts
from sciadv.errors import InputError
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import Adam, Monitor


def design_circuits(
    problem: Problem,
    n: int,
    *,
    restarts: int = 2,
    n_iterations: int = 60,
    seed: int = 0,
    monitor: Monitor | None = None,
) -> CircuitSet:
    """Design circuits that show the behaviour of a problem: the best of each topology that was found.

    Parameters
    ----------
    problem
        A prior of circuits and a `GeneCircuit`; its first measurement is the target of all.
    n
        How many circuits.
    restarts
        Starts for each circuit; all have one target, so the best of all are kept, each topology once.
    n_iterations
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
    n_starts = n * restarts
    wanted = problem.with_measurements(problem.measurements[:1].expand(n_starts, -1).contiguous())
    starts = different_starts(wanted, n_starts, seed=seed)[:, None]
    solver = Adam(restarts=1, n_iterations=n_iterations, starts=starts)
    found = _best_of_each(solver.solve(wanted, seed=seed, monitor=monitor), n)
    return CircuitSet(found.x.cpu(), forward.behaviour, found, name=problem.name)


def _best_of_each(solution: Solution, n: int) -> Solution:
    """Return `n` rows of a solution: the best of each topology, and others only where these are too few."""
    assert solution.objective is not None  # a latent search
    best = best_rows(solution.objective, canonical_keys(*signs_and_presence(solution.x)))
    others = [row for row in solution.objective.argsort(stable=True).tolist() if row not in best]
    return solution.rows(torch.tensor([*best, *others][:n], device=solution.x.device))
