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
from sciadv.domains.gene_circuits.asked.asked_prior import asked_of
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings, choose
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings, best_rows, draw_pool
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, SearchReport, circuit_set
from sciadv.errors import InputError
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
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
        How the robustness of the circuits is measured.
    conditional
        Prior with classes of behaviour, which draws where a target is on a period, a number of states or of
        genes; "" for none.
    """

    designs_for: ClassVar[str] = "gene-circuit"
    pool: PoolSettings = field(default_factory=PoolSettings)
    choice: ChoiceSettings = field(default_factory=ChoiceSettings)
    robustness: RobustnessSettings = field(default_factory=RobustnessSettings)
    conditional: str = "asked-circuits"

    def memory(self, problem: Problem, n: int) -> int:
        """Estimate the memory of `n` designs [bytes], from the draws, the scores and the fresh sets."""
        numbers = problem.forward.in_shape[0] * problem.forward.in_shape[1] ** 2
        drawn = (self.pool.n_draws + n * self.pool.draws_per_design) * (problem.prior.n_latent + numbers)
        per_round = self.pool.n_near + n * self.pool.near_per_design
        near = self.pool.n_rounds * per_round * (problem.prior.n_latent + numbers)
        tested = self.choice.topologies(n) * self.choice.n_sets
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
            A target cannot be read, or the forward is not a `GeneCircuit`.
        UnknownNameError
            Nothing of a target's name is measured of the behaviour.
        """
        started = time.perf_counter()
        aim = _aim(problem, target)
        found = self.find(problem, n, aim=aim, seed=seed, monitor=monitor)
        report = SearchReport(
            settings={"seed": seed, **asdict(self)},
            n_drawn=found.n_drawn,
            one_shot=found.one_shot,
            was_interrupted=found.was_interrupted,
        )
        return circuit_set(
            found.x.cpu(),
            aim,
            name=problem.name,
            settings=self.robustness,
            search=report,
            cores=found.cores.cpu(),
            seconds=time.perf_counter() - started,
        )

    def find(
        self,
        problem: Problem,
        n: int,
        *,
        aim: CircuitAim | None = None,
        seed: int = 0,
        monitor: Monitor | None = None,
    ) -> Found:
        """Search `n` circuits; the problem's first measurement is the target of all.

        Raises
        ------
        InputError
            The problem's forward is not a `GeneCircuit`.
        """
        aim = _aim(problem, {}) if aim is None else aim
        _check_genes(problem, aim)
        asked = asked_of(problem, aim, self.conditional)
        one_shot = None
        if asked is not problem:
            one_shot = float(aim.meets(asked.prior.sample(n, seed=seed)).double().mean())
            problem = asked
        ranked, was_interrupted = draw_pool(
            problem,
            aim,
            n,
            seed=seed,
            settings=self.pool,
            monitor=monitor,
        )
        with torch.no_grad():
            tested = problem.prior(ranked.draws[: self.choice.topologies(n)])
        x, cores = choose(tested, aim, n, settings=self.choice)
        if aim.is_simplest:
            x = cores = simplest(cores, aim, n)
        return Found(x, cores, len(ranked.keys), was_interrupted, one_shot)


def simplest(cores: Tensor, aim: CircuitAim, n: int) -> Tensor:
    """Return `n` cores that meet an aim with the fewest edges, repeated where fewer are different."""
    rows = best_rows((cores[:, 0] != 0).sum((1, 2)), canonical_keys(*signs_and_presence(cores)))
    some = cores[rows]
    order = (~aim.meets(some)).int().argsort(stable=True)
    places = torch.arange(n, device=cores.device) % len(some)
    chosen: Tensor = some[order[places]]
    return chosen


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
    one_shot
        Share of circuits of the conditional prior that met the aim as they were drawn; None without it.
    """

    x: Tensor
    cores: Tensor
    n_drawn: int
    was_interrupted: bool
    one_shot: float | None = None


def _check_genes(problem: Problem, aim: CircuitAim) -> None:
    """Refuse numbers of genes that the problem's circuits cannot have."""
    most = problem.forward.in_shape[1]
    least = getattr(problem.prior.generator, "smallest", 1)
    for target in aim.targets:
        if target.name == "genes" and not (target.low <= most and target.high >= least):
            raise InputError(
                f"circuits of {problem.name} have {least} to {most} genes, so no target of {target.low:g} to "
                f"{target.high:g} genes can be met; ask for fewer, or give a prior of other sizes"
            )


def _aim(problem: Problem, wanted: Mapping[str, object]) -> CircuitAim:
    """Return what circuits are designed for: the forward's behaviour, in its model, within targets."""
    if not isinstance(problem.forward, GeneCircuit):
        raise InputError(
            f"circuits are designed by a GeneCircuit forward, but this problem has {problem.forward}"
        )
    return CircuitAim.read(problem.forward.behaviour, wanted, model=problem.forward.model)
