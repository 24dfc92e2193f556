"""Circuits as a `CandidateSet`: what each does by its trajectory, how robustly, and as Antimony."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet, Presentation
from sciadv.domains.gene_circuits.behaviour_test import BEHAVIOURS, BehaviourTest, Robustness, robustness
from sciadv.domains.gene_circuits.circuit_plot import draw_circuits, gene_name
from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.errors import InputError, require_at_least
from sciadv.files.page import versions
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import check_circuits, unpack
from sciadv.solution import Solution


@dataclass(frozen=True)
class RobustnessSettings:
    """How the robustness of circuits is measured: the share of fresh parameter sets with the behaviour.

    Parameters
    ----------
    n_sets
        Fresh parameter sets per circuit and measure.
    near
        Largest shift of a parameter around the circuit's own, as a part of its range, of the first measure;
        the second draws them anywhere in the ranges, so that it is a property of the topology alone.
    near_seed, anywhere_seed
        Seeds of both measures' sets, which no search uses.
    test
        The behaviour test.

    Raises
    ------
    InputError
        `n_sets` is below 1.
    """

    n_sets: int = 64
    near: float = 0.2
    near_seed: int = 1000
    anywhere_seed: int = 2000
    test: BehaviourTest = field(default_factory=BehaviourTest)

    def __post_init__(self) -> None:
        require_at_least(self, {"n_sets": 1, "near": 0})


@dataclass(frozen=True, eq=False)
class SearchReport:
    """The search that found circuits: its solution, if there is one, and the designer's settings."""

    solution: Solution | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def was_interrupted(self) -> bool:
        """Whether the search was stopped before its end."""
        return self.solution is not None and self.solution.was_interrupted


@dataclass(frozen=True, eq=False)
class _Measured:
    """What was measured of circuits, one row each."""

    circuits: Tensor
    behaviour: str
    shown: Tensor
    near: Robustness
    anywhere: Robustness

    @staticmethod
    def of(circuits: Tensor, behaviour: str, settings: RobustnessSettings) -> _Measured:
        """Integrate circuits at their own and at fresh parameters."""
        n_sets = settings.n_sets
        return _Measured(
            circuits,
            behaviour,
            shown=BEHAVIOURS[behaviour](circuits, settings.test),
            near=robustness(
                circuits,
                behaviour,
                n_sets=n_sets,
                spread=settings.near,
                seed=settings.near_seed,
                test=settings.test,
            ),
            anywhere=robustness(
                circuits,
                behaviour,
                n_sets=n_sets,
                spread=1.0,
                seed=settings.anywhere_seed,
                test=settings.test,
            ),
        )

    @property
    def n_different(self) -> int:
        """Number of topologies that are different up to relabelling."""
        return len(set(canonical_keys(*signs_and_presence(self.circuits))))


def circuit_set(
    circuits: Tensor,
    behaviour: str,
    *,
    name: str = "gene circuits",
    settings: RobustnessSettings = RobustnessSettings(),  # frozen
    search: SearchReport = SearchReport(),  # frozen
    seconds: float = 0.0,
) -> CandidateSet:
    """Test circuits and their robustness by trajectories, and return them with all that is reported.

    Parameters
    ----------
    circuits
        ``(n, 7, genes, genes)``, see `sciadv.nets.graph`.
    behaviour
        What they were designed for: "oscillation", "bistability" or "stability".
    name
        In reports.
    settings
        How robustness is measured.
    search
        What is reported of the search that found them.
    seconds
        Wall time of the search.

    Raises
    ------
    InputError
        They are not circuits, there are none, or the behaviour is not known.
    """
    check_circuits(circuits)
    if len(circuits) == 0:
        raise InputError("there are no circuits in this set")
    if behaviour not in BEHAVIOURS:
        raise InputError(f"behaviour must be one of {', '.join(BEHAVIOURS)}, but it is {behaviour!r}")
    measured = _Measured.of(circuits, behaviour, settings)
    everything = torch.ones(len(circuits), dtype=torch.bool)
    texts = {
        f"circuit-{k:02d}.ant": to_antimony(circuit, name=f"circuit_{k}")
        for k, circuit in enumerate(circuits)
    }
    return CandidateSet(
        name=name,
        x=circuits,
        values={
            "robustness": measured.near.share,
            "robustness_low": measured.near.low,
            "robustness_high": measured.near.high,
            "robustness_anywhere": measured.anywhere.share,
        },
        hit=measured.shown,
        feasible=everything,
        margins=circuits.new_zeros(len(circuits), 0),
        messages=tuple(_messages(measured, was_interrupted=search.was_interrupted)),
        table=tuple(_table(measured, list(texts))),
        facts=_facts(measured, name, settings, search) | {"seconds": seconds},
        presentation=Presentation(
            draw=partial(draw_circuits, behaviour=behaviour),
            title=name,
            picture_words="networks and trajectories of the designed circuits",
            note="Green arrows activate, red bars repress; levels as parts of each gene's largest. "
            "Of switches two trajectories are drawn, one dashed.",
            hidden=("antimony",),
        ),
        files=texts,
        was_interrupted=search.was_interrupted,
        solution=search.solution,
    )


def _messages(measured: _Measured, *, was_interrupted: bool) -> list[str]:
    """Say how many circuits show the behaviour, and how robustly."""
    n = len(measured.circuits)
    near = float(measured.near.share.mean())
    anywhere = float(measured.anywhere.share.mean())
    lines = [
        f"{int(measured.shown.sum())} of {n} circuits show {measured.behaviour} at their own parameters, "
        f"by their trajectories; {measured.n_different} topologies are different",
        f"with fresh parameters within a fifth of their ranges {near:.0%} do, anywhere in the ranges "
        f"{anywhere:.0%} ({measured.near.n_sets} sets each)",
    ]
    if was_interrupted:
        lines.append("the search was interrupted; these are the best circuits found until then")
    return lines


def _facts(
    measured: _Measured, name: str, settings: RobustnessSettings, search: SearchReport
) -> dict[str, object]:
    """Return what a report states, as plain values."""
    facts: dict[str, object] = {
        "name": name,
        "behaviour": measured.behaviour,
        "n_circuits": len(measured.circuits),
        "n_showing": int(measured.shown.sum()),
        "n_different_topologies": measured.n_different,
        "robustness_mean": float(measured.near.share.mean()),
        "robustness_spread": settings.near,
        "robustness_anywhere_mean": float(measured.anywhere.share.mean()),
        "n_parameter_sets": settings.n_sets,
        "was_interrupted": search.was_interrupted,
        "settings": dict(search.settings),
        "versions": versions(),
    }
    return facts if search.solution is None else {**facts, "search": search.solution.summary()}


def _table(measured: _Measured, files: list[str]) -> list[dict[str, object]]:
    """Return one row of plain values per circuit."""
    n_genes = unpack(measured.circuits).n_genes
    topology = measured.circuits[:, 0]
    return [
        {
            "circuit": k,
            "genes": int(n_genes[k]),
            "edges": int(topology[k].abs().sum()),
            "topology": topology_text(topology[k]),
            measured.behaviour: bool(measured.shown[k]),
            "robustness": float(measured.near.share[k]),
            "robustness_low": float(measured.near.low[k]),
            "robustness_high": float(measured.near.high[k]),
            "robustness_anywhere": float(measured.anywhere.share[k]),
            "antimony": files[k],
        }
        for k in range(len(measured.circuits))
    ]


def topology_text(signs: Tensor) -> str:
    """Write a topology as CircuiTree does: ``ABi_BCi_CAi`` for a ring of three repressions.

    Examples
    --------
    >>> import torch
    >>> topology_text(-torch.eye(3).roll(1, 1))
    'ABi_BCi_CAi'
    """
    edges = signs.nonzero().tolist()
    return "_".join(f"{gene_name(i)}{gene_name(j)}{'a' if float(signs[i, j]) > 0 else 'i'}" for i, j in edges)
