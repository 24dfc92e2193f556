"""Design of circuits: rounds of draws in the latent space, then a choice by trajectories and minimal cores.

The prior is a generator of circuits, the forward a screen of their behaviour at several parameter sets, near
their own and anywhere, the likelihood a tolerance around the score of 1: explained where every set shows it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings, choose
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings, draw_pool
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, SearchReport, circuit_set
from sciadv.errors import InputError
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.problem import Problem
from sciadv.solvers import Monitor


@final
@dataclass(frozen=True)
class CircuitSearch:
    """Design circuits that show the behaviour of a problem: robust topologies with different minimal cores.

    Parameters
    ----------
    pool
        How circuits are drawn.
    choice
        How they are chosen.
    robustness
        How the robustness of the circuits is measured, and the test of their behaviour.
    """

    designs_for: ClassVar[str] = "gene-circuit"
    pool: PoolSettings = field(default_factory=PoolSettings)
    choice: ChoiceSettings = field(default_factory=ChoiceSettings)
    robustness: RobustnessSettings = field(default_factory=RobustnessSettings)

    def memory(self, problem: Problem, n: int) -> int:
        """Estimate the memory of `n` designs [bytes], from the draws, the scores and the fresh sets."""
        numbers = problem.forward.in_shape[0] * problem.forward.in_shape[1] ** 2
        drawn = (self.pool.n_draws + n * self.pool.draws_per_design) * (problem.prior.n_latent + numbers)
        rounds = self.pool.n_rounds * (self.pool.n_near + n * self.pool.near_per_design)
        near = rounds * (problem.prior.n_latent + numbers)
        tested = (self.choice.n_tested + n * self.choice.tested_per_design) * self.choice.n_sets
        fresh = n * self.robustness.n_sets + tested
        return 4 * (drawn + near + 8 * numbers * fresh)

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
        report = SearchReport(
            settings={"seed": seed, **asdict(self)},
            n_drawn=found.n_drawn,
            was_interrupted=found.was_interrupted,
        )
        return circuit_set(
            found.x.cpu(),
            _behaviour(problem),
            name=problem.name,
            settings=self.robustness,
            search=report,
            cores=found.cores.cpu(),
            seconds=time.perf_counter() - started,
        )

    def find(self, problem: Problem, n: int, *, seed: int = 0, monitor: Monitor | None = None) -> Found:
        """Search `n` circuits; the problem's first measurement is the target of all.

        Raises
        ------
        InputError
            The problem's forward is not a `GeneCircuit`.
        """
        shows = self.robustness.shows(_behaviour(problem))
        ranked, was_interrupted = draw_pool(problem, n, seed=seed, settings=self.pool, monitor=monitor)
        n_tested = max(self.choice.n_tested, self.choice.tested_per_design * n)
        with torch.no_grad():
            tested = problem.prior(ranked.z[:n_tested])
        x, cores = choose(tested, shows, n, settings=self.choice)
        return Found(x, cores, len(ranked.keys), was_interrupted)


@dataclass(frozen=True, eq=False)
class Found:
    """What a search for circuits found.

    Parameters
    ----------
    x
        Circuits ``(n, 7, genes, genes)``.
    cores
        Their minimal cores, likewise.
    n_drawn
        Different topologies that were drawn.
    was_interrupted
        Whether the user stopped it.
    """

    x: Tensor
    cores: Tensor
    n_drawn: int
    was_interrupted: bool


def _behaviour(problem: Problem) -> str:
    """Return the behaviour that circuits are designed for."""
    if not isinstance(problem.forward, GeneCircuit):
        raise InputError(
            f"circuits are designed by a GeneCircuit forward, but this problem has {problem.forward}"
        )
    return problem.forward.behaviour
