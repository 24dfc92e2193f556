"""Circuits as a `CandidateSet`: what each does by its trajectory, how robustly, and as Antimony."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet, Presentation, Row
from sciadv.domains.gene_circuits.behaviours.behaviour import Measured
from sciadv.domains.gene_circuits.behaviours.evaluation import measure, meets, robustness
from sciadv.domains.gene_circuits.behaviours.robustness import Robustness
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_plot import draw_circuits, gene_name
from sciadv.domains.gene_circuits.cores import minimal_cores
from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.domains.gene_circuits.exchange.kinetic.circuit_network import circuit_network
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_writing import network_to_sbml
from sciadv.domains.gene_circuits.populations.random_circuits import connected_random_graphs
from sciadv.errors import InputError, require_at_least
from sciadv.files.page import to_json, versions
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import check_circuits, circuits_of, unpack
from sciadv.physics.regulation.published import describe


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

    Raises
    ------
    InputError
        `n_sets` is below 1.
    """

    n_sets: int = 64
    near: float = 0.2
    near_seed: int = 1000
    anywhere_seed: int = 2000

    def __post_init__(self) -> None:
        require_at_least(self, {"n_sets": 1, "near": 0})


@dataclass(frozen=True, eq=False)
class SearchReport:
    """What a report says of the search that found circuits.

    Parameters
    ----------
    settings
        The designer's.
    n_drawn
        Different topologies that were drawn.
    was_interrupted
        Whether the user stopped it.
    one_shot
        Share of the conditional generator's draws that met the targets as they were; None without it.
    """

    settings: Mapping[str, object] = field(default_factory=dict)
    n_drawn: int = 0
    was_interrupted: bool = False
    one_shot: float | None = None


def _random_alike(circuits: Tensor, *, seed: int) -> Tensor:
    """Return a connected random circuit for each one, of its size and with the density and signs of all."""
    signs, presence = (part.cpu() for part in signs_and_presence(circuits))
    drawn = connected_random_graphs(signs, presence, seed=seed)
    return circuits_of(drawn, presence=presence).to(circuits)


@dataclass(frozen=True, eq=False)
class _Measured:
    """What was measured of circuits, one row each."""

    circuits: Tensor
    aim: CircuitAim
    numbers: Measured
    shown: Tensor
    near: Robustness
    anywhere: Robustness
    cores: Tensor
    random: Robustness

    @staticmethod
    def of(
        circuits: Tensor, aim: CircuitAim, settings: RobustnessSettings, cores: Tensor | None
    ) -> _Measured:
        """Integrate circuits at their own and at fresh parameters."""
        numbers = measure(circuits, aim.test)
        places = (
            (circuits, settings.near, settings.near_seed),
            (circuits, 1.0, settings.anywhere_seed),
            (_random_alike(circuits, seed=settings.anywhere_seed), 1.0, settings.anywhere_seed),
        )
        near, anywhere, random = (
            robustness(x, aim.test, n_sets=settings.n_sets, spread=spread, seed=seed)
            for x, spread, seed in places
        )
        return _Measured(
            circuits,
            aim,
            numbers,
            shown=meets(numbers, aim.test, aim.targets),
            near=near,
            anywhere=anywhere,
            cores=minimal_cores(circuits, aim.shows) if cores is None else cores,
            random=random,
        )

    @property
    def n_different(self) -> int:
        """Number of topologies that are different up to relabelling."""
        return len(set(canonical_keys(*signs_and_presence(self.circuits))))

    @property
    def n_cores(self) -> int:
        """Number of different minimal cores of the circuits that show the behaviour."""
        return len(set(canonical_keys(*signs_and_presence(self.cores[self.shown]))))


def circuit_set(
    circuits: Tensor,
    aim: CircuitAim | str,
    *,
    name: str = "gene circuits",
    settings: RobustnessSettings = RobustnessSettings(),  # frozen
    search: SearchReport = SearchReport(),  # frozen
    cores: Tensor | None = None,
    seconds: float = 0.0,
) -> CandidateSet:
    """Test circuits and their robustness by trajectories, and return them with all that is reported.

    Parameters
    ----------
    circuits
        ``(n, 7, genes, genes)``, see `sciadv.nets.graph`.
    aim
        What they were designed for: a behaviour's name, or with targets.
    name
        In reports.
    settings
        How robustness is measured.
    search
        What is reported of the search that found them.
    cores
        Their minimal cores, see `sciadv.domains.gene_circuits.cores`; computed if None.
    seconds
        Wall time of the search.

    Raises
    ------
    InputError
        They are not circuits, or there are none.
    UnknownNameError
        The behaviour is not known.
    """
    check_circuits(circuits)
    if len(circuits) == 0:
        raise InputError("there are no circuits in this set")
    aim = CircuitAim.read(aim, {}) if isinstance(aim, str) else aim
    measured = _Measured.of(circuits, aim, settings, cores)
    everything = torch.ones(len(circuits), dtype=torch.bool)
    texts = _files(circuits, aim.model)
    return CandidateSet(
        name=name,
        x=circuits,
        values={
            "robustness": measured.near.share,
            "robustness_low": measured.near.low,
            "robustness_high": measured.near.high,
            "robustness_anywhere": measured.anywhere.share,
            **measured.numbers,
        },
        hit=measured.shown,
        feasible=everything,
        margins=circuits.new_zeros(len(circuits), 0),
        messages=tuple(_messages(measured, search)),
        table=tuple(_table(measured, list(texts))),
        beside=_beside(measured),
        facts=_facts(measured, name, settings, search) | {"seconds": seconds},
        presentation=Presentation(
            draw=partial(draw_circuits, behaviour=aim.name, model=aim.model),
            title=name,
            picture_words="networks and trajectories of the designed circuits",
            note="Green arrows activate, red bars repress; levels as parts of each gene's largest. "
            "Of switches two trajectories are drawn, one dashed.",
            hidden=("antimony",),
        ),
        files=texts | _sbml_files(circuits, aim.model),
        was_interrupted=search.was_interrupted,
    )


def _files(circuits: Tensor, model: CircuitModel) -> dict[str, str]:
    """Return circuits as Antimony models, or as numbers with units where the model is not RACIPE's."""
    if model == RACIPE:
        return {
            f"circuit-{k:03d}.ant": to_antimony(circuit, name=f"circuit_{k}")
            for k, circuit in enumerate(circuits, 1)
        }
    names = [gene_name(i) for i in range(circuits.shape[-1])]
    described = [describe(unpack(circuit[None].double(), model), names) for circuit in circuits]
    return {f"circuit-{k:03d}.json": to_json(numbers) for k, numbers in enumerate(described, 1)}


def _sbml_files(circuits: Tensor, model: CircuitModel) -> dict[str, str]:
    """Return circuits of another model than RACIPE's as SBML, where what writes it is installed."""
    if model == RACIPE or find_spec("libsbml") is None:
        return {}
    networks = [
        circuit_network(unpack(circuit[None].double(), model), id=f"circuit_{k}")
        for k, circuit in enumerate(circuits, 1)
    ]
    return {f"circuit-{k:03d}.xml": network_to_sbml(network) for k, network in enumerate(networks, 1)}


def _messages(measured: _Measured, search: SearchReport) -> list[str]:
    """Say how many circuits show the behaviour, and how robustly."""
    n = len(measured.circuits)
    near = float(measured.near.share.mean())
    anywhere = float(measured.anywhere.share.mean())
    within = " within the targets" if measured.aim.targets else ""
    lines = [
        f"{int(measured.shown.sum())} of {n} circuits show {measured.aim.name}{within} at their own "
        f"parameters, by their trajectories; {measured.n_different} topologies are different, "
        f"with {measured.n_cores} different minimal core(s)",
        f"with fresh parameters within a fifth of their ranges {near:.0%} do, anywhere in the ranges "
        f"{anywhere:.0%} ({measured.near.n_sets} sets each)",
        _baseline(anywhere, float(measured.random.share.mean())),
    ]
    lines += _missed(measured)
    if search.one_shot is not None:
        lines.append(
            f"the search began with a generator of what is asked for: {search.one_shot:.0%} of {n} circuits "
            "met the targets as it drew them"
        )
    if search.was_interrupted:
        lines.append("the search was interrupted; these are the best circuits found until then")
    return lines


def _baseline(anywhere: float, random: float) -> str:
    """Say how often random circuits show the behaviour anywhere in the ranges, beside the designed ones."""
    said = f"baseline: random circuits of their sizes, densities and signs do so in {random:.0%}"
    return f"{said}, so that the search has gained nothing" if random >= anywhere else said


def _beside(measured: _Measured) -> tuple[Row, ...]:
    """Return a row for the circuits and one for random circuits alike."""
    mine = {
        "method": "these circuits",
        "do what was asked": f"{int(measured.shown.sum())} of {len(measured.circuits)}",
        "robustness within a fifth of the ranges": float(measured.near.share.mean()),
        "robustness anywhere in the ranges": float(measured.anywhere.share.mean()),
        "different minimal cores": measured.n_cores,
    }
    random = {
        "method": "baseline: random circuits of the same sizes, densities and signs",
        "robustness anywhere in the ranges": float(measured.random.share.mean()),
    }
    return mine, random


def _missed(measured: _Measured) -> list[str]:
    """Say of each target that some circuits with the behaviour miss where their numbers lie."""
    shown = measured.aim.test.shown(measured.numbers)
    lines = []
    for target in measured.aim.targets:
        value = measured.numbers[target.name][shown]
        off = value[~target.holds(measured.numbers)[shown]]
        if len(off):
            found = f"{float(value.min()):.3g} to {float(value.max()):.3g}"
            asked = f"{target.low:.3g} to {target.high:.3g}"
            lines.append(
                f"{len(off)} of {len(value)} circuits that show {measured.aim.name} miss the target of "
                f"{target.name}: it is {found} in all of them, {asked} was asked for"
            )
    return lines


def _facts(
    measured: _Measured, name: str, settings: RobustnessSettings, search: SearchReport
) -> dict[str, object]:
    """Return what a report states, as plain values."""
    return {
        "name": name,
        "behaviour": measured.aim.name,
        "targets": {target.name: [target.low, target.high] for target in measured.aim.targets},
        "model": str(measured.aim.model.logic),
        "n_circuits": len(measured.circuits),
        "n_showing": int(measured.shown.sum()),
        "n_different_topologies": measured.n_different,
        "n_different_cores": measured.n_cores,
        "robustness_mean": float(measured.near.share.mean()),
        "robustness_spread": settings.near,
        "robustness_anywhere_mean": float(measured.anywhere.share.mean()),
        "robustness_anywhere_random": float(measured.random.share.mean()),
        "n_parameter_sets": settings.n_sets,
        "n_drawn": search.n_drawn,
        "one_shot": search.one_shot,
        "was_interrupted": search.was_interrupted,
        "settings": dict(search.settings),
        "versions": versions(),
    }


def _table(measured: _Measured, files: list[str]) -> list[dict[str, object]]:
    """Return one row of plain values per circuit."""
    n_genes = unpack(measured.circuits).n_genes
    topology = measured.circuits[:, 0]
    sizes = ("genes", "edges")
    return [
        {
            "circuit": k + 1,
            "genes": int(n_genes[k]),
            "edges": int(topology[k].abs().sum()),
            "topology": topology_text(topology[k]),
            "core": topology_text(measured.cores[k, 0]),
            measured.aim.name: bool(measured.shown[k]),
            "robustness": float(measured.near.share[k]),
            "robustness_low": float(measured.near.low[k]),
            "robustness_high": float(measured.near.high[k]),
            "robustness_anywhere": float(measured.anywhere.share[k]),
            **{name: float(value[k]) for name, value in measured.numbers.items() if name not in sizes},
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
