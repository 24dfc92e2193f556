"""Which circuits of a pool are returned: robust topologies by trajectories, each with another minimal core.

A search scores by a screen at few parameter sets, and the best of many by such a score are lucky in part. The
first of them are therefore tested by trajectories at fresh sets. The sets at which a topology shows the
behaviour are what it can be built with; they differ in the edges that the behaviour needs, so that topologies
and sets are matched for as many different minimal cores as there are circuits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.robustness import fresh
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.cores import Shows, minimal_cores
from sciadv.errors import require_at_least
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.types import Rows


@dataclass(frozen=True)
class ChoiceSettings:
    """How circuits are chosen from a pool.

    Parameters
    ----------
    n_tested, tested_per_design
        Topologies that are tested by trajectories: at least so many, and so many for each circuit.
    n_sets
        Parameter sets anywhere in the ranges of each test; the best topologies, two for each circuit, are
        tested twice.
    n_kept
        Parameter sets of a topology, those with the most robust neighbourhoods, whose cores are found.
    n_near, spread
        Parameter sets around each of them, and how far they lie as a part of the ranges.
    seed
        Seed of the sets; neither that of the search nor that of the report.

    Raises
    ------
    InputError
        A count is below 1.
    """

    n_tested: int = 40
    tested_per_design: int = 8
    n_sets: int = 48
    n_kept: int = 4
    n_near: int = 4
    spread: float = 0.2
    seed: int = 3000

    def __post_init__(self) -> None:
        counts = ("n_tested", "tested_per_design", "n_sets", "n_kept", "n_near")
        require_at_least(self, dict.fromkeys(counts, 1))

    def topologies(self, n: int) -> int:
        """Return how many topologies are tested for `n` circuits."""
        return max(self.n_tested, self.tested_per_design * n)


@dataclass(frozen=True, eq=False)
class Candidates(Rows):
    """Circuits to choose from, those of one topology together.

    Parameters
    ----------
    x
        ``(n, 7, genes, genes)``.
    topology
        Number of the topology, in the pool ``(n,)``.
    share
        Share of parameter sets anywhere at which the topology shows the behaviour ``(n,)``.
    near
        Share of parameter sets around the circuit's own at which it does ``(n,)``.
    core
        Number of the minimal core ``(n,)``.
    cores
        Minimal cores ``(n, 7, genes, genes)``.
    """

    x: Tensor
    topology: Tensor
    share: Tensor
    near: Tensor
    core: Tensor
    cores: Tensor


def choose(
    x: Float[Tensor, "batch 7 genes genes"],
    aim: CircuitAim,
    n: int,
    *,
    settings: ChoiceSettings = ChoiceSettings(),  # frozen
) -> tuple[Tensor, Tensor]:
    """Return `n` circuits of different topologies and cores that meet an aim, and their cores.

    Parameters
    ----------
    x
        Circuits of different topologies, the likeliest first.
    aim
        The behaviour's test by trajectories, and targets.
    n
        How many.
    settings
        How they are chosen.

    Notes
    -----
    Where too few meet the aim, others of the pool follow as they are, their own cores.
    """
    tested = x[: settings.topologies(n)]
    found = _candidates(tested, aim, n, settings)
    rows = _different_cores(found, n)
    chosen, cores = found.x[rows], found.cores[rows]
    n_missing = max(0, n - len(rows))
    is_used = torch.zeros(len(tested), dtype=torch.bool)
    is_used[found.topology[rows]] = True
    rest = tested[~is_used][:n_missing]
    repeated = tested[torch.arange(n_missing - len(rest)) % len(tested)]
    others = torch.cat([rest, repeated])
    return torch.cat([chosen, others]), torch.cat([cores, others])


def _candidates(x: Tensor, aim: CircuitAim, n: int, settings: ChoiceSettings) -> Candidates:
    """Test topologies, and return the circuits to be made from the most robust ones with their cores."""
    own = torch.cat([x[None], fresh(x, settings.n_sets, spread=1.0, seed=settings.seed)])
    shown = _tested(own, aim.shows)
    share = shown[1:].double().mean(0)
    better = share.argsort(descending=True, stable=True)[: 2 * n]
    again = fresh(x[better], settings.n_sets, spread=1.0, seed=settings.seed + 1)
    share[better] = 0.5 * (share[better] + _tested(again, aim.shows).double().mean(0))
    sets, place = shown[:, better].nonzero(as_tuple=True)
    topology = better[place]
    circuits = own[sets, topology]
    meets = aim.meets(circuits) if len(circuits) else shown[:0, 0]
    return _with_cores(
        circuits[meets],
        topology[meets],
        share[topology[meets]],
        aim,
        settings,
    )


def _with_cores(
    circuits: Tensor, topology: Tensor, share: Tensor, aim: CircuitAim, settings: ChoiceSettings
) -> Candidates:
    """Keep of each topology the circuits with the most robust neighbourhoods, and find their cores."""
    around = fresh(circuits, settings.n_near, spread=settings.spread, seed=settings.seed + 2)
    near = _tested(around, aim.shows).double().mean(0)
    kept = _first_of_each(topology, near, settings.n_kept)
    cores = minimal_cores(circuits[kept], aim.shows)
    keys = canonical_keys(*signs_and_presence(cores))
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    return Candidates(
        x=circuits[kept],
        topology=topology[kept].cpu(),
        share=share[kept].cpu(),
        near=near[kept].cpu(),
        core=torch.tensor([number[key] for key in keys], dtype=torch.long),
        cores=cores,
    )


def _tested(x: Float[Tensor, "sets batch 7 genes genes"], shows: Shows) -> Tensor:
    """Return which circuits of several parameter sets show the behaviour ``(sets, batch)``."""
    if not x.numel():
        return x.new_zeros(x.shape[:2], dtype=torch.bool)
    return shows(x.flatten(0, 1)).reshape(x.shape[:2])


def _first_of_each(group: Tensor, value: Tensor, n: int) -> Tensor:
    """Return the rows of the `n` largest values of each group."""
    order = value.argsort(descending=True, stable=True)
    counts = dict.fromkeys(group.tolist(), 0)
    kept = []
    for row, name in zip(order.tolist(), group[order].tolist(), strict=True):
        if counts[name] < n:
            counts[name] += 1
            kept.append(row)
    return torch.tensor(kept, dtype=torch.long)


def _different_cores(found: Candidates, n: int) -> Tensor:
    """Return the rows of at most `n` candidates, one a topology, of different cores as far as there are."""
    if not len(found.x):
        return torch.zeros(0, dtype=torch.long)
    quality = 1 + found.share + 0.1 * found.near
    matched = _matched(found, quality)
    left = (~torch.isin(found.topology, found.topology[matched])).nonzero().squeeze(1)
    others = left[_first_of_each(found.topology[left], quality[left], 1)]
    first = matched[found.share[matched].argsort(descending=True, stable=True)]
    return torch.cat([first, others])[:n]


def _matched(found: Candidates, quality: Tensor) -> Tensor:
    """Assign cores to topologies with the largest sum of qualities, and return the rows of the pairs."""
    names = sorted(set(found.topology.tolist()))
    topology = torch.searchsorted(torch.tensor(names), found.topology)
    table = torch.zeros(len(names), int(found.core.max()) + 1, dtype=torch.float64)
    row_of = torch.full(table.shape, -1)
    for row in quality.argsort(stable=True).tolist():
        cell = int(topology[row]), int(found.core[row])
        table[cell] = quality[row]
        row_of[cell] = row
    rows, columns = linear_sum_assignment(table.numpy(), maximize=True)
    matched = row_of[torch.from_numpy(rows), torch.from_numpy(columns)]
    return matched[matched >= 0]
