"""Design of circuits: the latent search of everything else, from starts that are different topologies.

The prior is a generator of circuits, the forward their behaviour at several parameter sets, near their own
and anywhere, the likelihood a tolerance around the score of 1: explained where every set shows the behaviour.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, SearchReport, circuit_set
from sciadv.domains.gene_circuits.circuit_starts import StartSettings, best_rows, different_starts
from sciadv.errors import InputError, require_at_least
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import Adam, Monitor


@final
@dataclass(frozen=True)
class CircuitSearch:
    """Design circuits that show the behaviour of a problem: the best of each topology that was found.

    Parameters
    ----------
    restarts
        Starts for each circuit; all have one target, so the best of all are kept, each topology once.
    n_iterations
        Of the search by Adam.
    starts
        How the starts are drawn.
    robustness
        How the robustness of the circuits is measured.

    Raises
    ------
    InputError
        A count is below 1.
    """

    designs_for: ClassVar[str] = "gene-circuit"
    restarts: int = 2
    n_iterations: int = 60
    starts: StartSettings = field(default_factory=StartSettings)
    robustness: RobustnessSettings = field(default_factory=RobustnessSettings)

    def __post_init__(self) -> None:
        require_at_least(self, {"restarts": 1, "n_iterations": 1})

    def memory(self, problem: Problem, n: int) -> int:
        """Estimate the memory of `n` designs [bytes], from the draws, the scores and the fresh sets."""
        numbers = problem.forward.in_shape[0] * problem.forward.in_shape[1] ** 2
        drawn = n * self.restarts * self.starts.draws_per_start * (problem.prior.n_latent + numbers)
        scored = n * self.restarts * 40 * numbers * problem.n_measurements
        fresh = n * self.robustness.n_sets * 8 * numbers
        return 4 * (drawn + scored + fresh)

    def __call__(
        self,
        problem: Problem,
        target: Mapping[str, object],
        n: int,
        *,
        seed: int = 0,
        monitor: Monitor | None = None,
    ) -> CandidateSet:
        """Design `n` circuits and measure their robustness; see `sciadv.design`.

        Raises
        ------
        InputError
            A target was given, for the behaviour is the target; or the forward is not a `GeneCircuit`.
        """
        if target:
            raise InputError(
                f"{problem.name} takes no --target: its behaviour is the target, but {', '.join(target)} "
                f"was given"
            )
        started = time.perf_counter()
        found = self.find(problem, n, seed=seed, monitor=monitor)
        return circuit_set(
            found.x.cpu(),
            _behaviour(problem),
            name=problem.name,
            settings=self.robustness,
            search=SearchReport(found, asdict(self)),
            seconds=time.perf_counter() - started,
        )

    def find(self, problem: Problem, n: int, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search `n` circuits; their first measurement is the target of all.

        Raises
        ------
        InputError
            The problem's forward is not a `GeneCircuit`.
        """
        _behaviour(problem)
        n_starts = n * self.restarts
        wanted = problem.with_measurements(problem.measurements[:1].expand(n_starts, -1).contiguous())
        starts = different_starts(wanted, n_starts, seed=seed, settings=self.starts)[:, None]
        solver = Adam(restarts=1, n_iterations=self.n_iterations, starts=starts)
        return _best_of_each(solver.solve(wanted, seed=seed, monitor=monitor), n)


def _behaviour(problem: Problem) -> str:
    """Return the behaviour that circuits are designed for."""
    if not isinstance(problem.forward, GeneCircuit):
        raise InputError(
            f"circuits are designed by a GeneCircuit forward, but this problem has {problem.forward}"
        )
    return problem.forward.behaviour


def _best_of_each(solution: Solution, n: int) -> Solution:
    """Return `n` rows of a solution: the best of each topology, and others only where these are too few."""
    assert solution.objective is not None  # a latent search
    best = best_rows(solution.objective, canonical_keys(*signs_and_presence(solution.x)))
    others = [row for row in solution.objective.argsort(stable=True).tolist() if row not in best]
    rows: Tensor = torch.tensor([*best, *others][:n], device=solution.x.device)
    return solution.rows(rows)
