"""Rivals of the search for circuits: elite mutation of random graphs; and CVODE, which confirms claims."""

from __future__ import annotations

import time
from importlib.util import find_spec

import torch
from torch import Tensor

from sciadv.domains.gene_circuits.circuit_pool import Ranked
from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.domains.gene_circuits.mutation import Mutation
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.problem import Problem
from sciadv.types import as_generator


@torch.no_grad()
def energies(problem: Problem, x: Tensor, *, chunk: int = 500) -> Tensor:
    """Return how far circuits are from the target of a problem ``(batch,)``, by its own scorer."""
    parts = [
        problem.likelihood.energy(problem.forward(part), problem.measurements[:1])
        for part in torch.split(x, chunk)
    ]
    return torch.cat(parts)


def connected_circuits(n: int, n_genes: int, *, seed: int) -> Tensor:
    """Draw random circuits until so many hang together."""
    x = random_circuits(2 * n, n_genes, seed=seed)
    return x[are_connected(*signs_and_presence(x))][:n]


def elite_mutation(  # noqa: PLR0913  # the settings of the rival
    problem: Problem,
    *,
    seconds: float,
    seed: int,
    n_first: int = 2000,
    n_children: int = 500,
    n_elite: int = 60,
    edges: float = 3.0,
    parameters: float = 0.1,
) -> Tensor:
    """Mutate the best of random graphs for so many CPU seconds; every topology once, the best first.

    Of the settings tried for the same time (edges 1.5, 2 and 3, parameters 0.05 and 0.1) the best.
    """
    began = time.process_time()
    numbers = as_generator(seed)
    n_genes = problem.forward.in_shape[1]
    ranked = _ranked(problem, connected_circuits(n_first, n_genes, seed=seed))
    while time.process_time() - began < seconds:
        x = ranked.draws
        parents = torch.randint(min(n_elite, len(x)), (n_children,), generator=numbers)
        children = Mutation(edges, parameters)(x[parents], generator=numbers)
        ranked = ranked.with_draws(_ranked(problem, children))
    return ranked.draws


def _ranked(problem: Problem, x: Tensor) -> Ranked:
    return Ranked.of(x, energies(problem, x), canonical_keys(*signs_and_presence(x)))


def has_cvode() -> bool:
    """Whether libroadrunner and Antimony are installed."""
    return find_spec("roadrunner") is not None and find_spec("antimony") is not None


def oscillates_by_cvode(
    circuit: Tensor, *, t_end: float = 6000.0, dt: float = 0.5, least_amplitude: float = 0.05
) -> bool:
    """Integrate an exported circuit by CVODE (relative 1e-9) and see whether some gene moves to the end.

    Some gene's largest less least level over the last sixth, and over the sixth before, are more than 5 % of
    its mean.
    """
    import antimony
    import roadrunner

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(to_antimony(circuit)) < 0:
        raise RuntimeError(antimony.getLastError())
    model = roadrunner.RoadRunner(antimony.getSBMLString(antimony.getMainModuleName()))
    model.integrator.relative_tolerance = 1e-9
    model.integrator.absolute_tolerance = 1e-12
    levels = torch.tensor(model.simulate(0, t_end, round(t_end / dt) + 1)[:, 1:].copy())
    windows = levels[1:].reshape(6, -1, levels.shape[1])[-2:]
    swing = (windows.amax(1) - windows.amin(1)) / windows.mean(1).clamp_min(1e-12)
    return bool((swing > least_amplitude).all(0).any())
