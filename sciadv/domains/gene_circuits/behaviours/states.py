"""Stable states: how many there are, and from which share of initial states each is reached."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured
from sciadv.domains.gene_circuits.behaviours.robustness import wilson_interval
from sciadv.forward.circuits.parameter_sets import sobol_places
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import unpack
from sciadv.physics.regulation.rest import (
    Settling,
    largest_levels,
    relative_levels,
    settle,
    stable_state_near,
)


@dataclass(frozen=True)
class StatesFound:
    """Stable states of circuits, that of the largest share first.

    Parameters
    ----------
    levels
        ``(states, batch, genes)``, NaN where there is no further state.
    shares
        Share of the initial states that end there ``(states, batch)``; 0 for a state that only Newton's
        iteration found.
    n_states
        ``(batch,)``, not above the `most_states` of the test.
    at_rest
        Share of the initial states that end in any stable state ``(batch,)``.
    """

    levels: Tensor
    shares: Tensor
    n_states: Tensor
    at_rest: Tensor


@dataclass(frozen=True)
class StateSearch:
    """How stable states are looked for: from many initial states, by trajectories and by Newton's iteration.

    Parameters
    ----------
    n_starts
        Initial states, a Sobol sequence; its logarithms are uniform over the three decades below each gene's
        largest level.
    seed
        Seed of the sequence.
    n_decades
        Decades that it spans.
    same
        States nearer than this in every gene are one [decades].
    most_states
        States that are counted, at most.
    settling
        How trajectories are followed.
    model
        What circuits stand for; its times are those of the settings.
    """

    n_starts: int = 64
    seed: int = 5
    n_decades: float = 3.0
    same: float = 0.02
    most_states: int = 8
    settling: Settling = field(default_factory=Settling)
    model: CircuitModel = RACIPE

    def coarser(self) -> StateSearch:
        """Return a search with a quarter of the initial states."""
        return replace(self, n_starts=max(1, self.n_starts // 4))

    def initial_levels(
        self,
        x: Float[Tensor, "batch 7 genes genes"],
    ) -> Float[Tensor, "starts batch genes"]:
        """Return where trajectories start."""
        places = sobol_places(self.n_starts, (x.shape[-1],), seed=self.seed).to(x)
        parts = 10 ** (self.n_decades / 2 * (places - 1))
        return parts[:, None] * largest_levels(unpack(x, self.model))

    def find(self, x: Float[Tensor, "batch 7 genes genes"]) -> StatesFound:
        """Follow every start to its end, and count the different ones."""
        initial = self.initial_levels(x)
        many = unpack(x.repeat(self.n_starts, 1, 1, 1), self.model)
        ends, at_rest = settle(many, initial.flatten(0, 1), self.settling)
        anywhere = Settling(near=math.inf, n_newton=2 * self.settling.n_newton)
        further, found = stable_state_near(many, initial.flatten(0, 1), anywhere)
        both = torch.cat([relative_levels(many, ends), relative_levels(many, further)])
        usable = torch.cat([at_rest, found]).reshape(-1, len(x))
        decades = both.log10().reshape(len(usable), *initial.shape[1:])
        return self._counted(decades, usable, largest_levels(unpack(x, self.model)))

    def apart(
        self,
        x: Float[Tensor, "batch 7 genes genes"],
    ) -> Float[Tensor, "2 batch genes"]:
        """Return two initial states of each circuit, whose ends differ most in some gene."""
        initial = self.initial_levels(x)
        many = unpack(x.repeat(self.n_starts, 1, 1, 1), self.model)
        ends, at_rest = settle(many, initial.flatten(0, 1), self.settling)
        decades = relative_levels(many, ends).log10().reshape(initial.shape)
        away = ~at_rest.reshape(initial.shape[:2])[..., None]
        highest = decades.masked_fill(away, -torch.inf)
        lowest = decades.masked_fill(away, torch.inf)
        gene = (highest.amax(0) - lowest.amin(0)).nan_to_num(neginf=-1.0).argmax(1)
        rows = torch.arange(len(gene), device=gene.device)
        starts = [highest.argmax(0)[rows, gene], lowest.argmin(0)[rows, gene]]
        return torch.stack([initial[start, rows] for start in starts])

    def _counted(self, decades: Tensor, usable: Tensor, largest: Tensor) -> StatesFound:
        """Take the first end that belongs to no state yet as the next state, and all ends near it."""
        rows = torch.arange(usable.shape[1], device=usable.device)
        left = usable.clone()
        n_starts = self.n_starts
        levels, shares = [], []
        for _ in range(self.most_states):
            first = left.int().argmax(0)
            state = decades[first, rows]
            here = left & ((decades - state).abs() <= self.same).all(-1)
            exists = left.any(0)
            levels.append(torch.where(exists[:, None], 10**state * largest, torch.nan))
            shares.append(here[:n_starts].sum(0).to(decades.dtype) / n_starts)
            left = left & ~here
        found, parts = torch.stack(levels), torch.stack(shares)
        ranked = (parts + 1e-9 * ~found[..., 0].isnan()).argsort(dim=0, descending=True, stable=True)
        found = found.gather(0, ranked[..., None].expand_as(found))
        return StatesFound(
            found,
            parts.gather(0, ranked),
            (~found[..., 0].isnan()).sum(0),
            usable[:n_starts].to(decades.dtype).mean(0),
        )


def measured_states(search: StateSearch, x: Tensor, *, chunk: int = 512) -> Measured:
    """Return what is measured of circuits' stable states, `chunk` circuits at once.

    ``n_states``, the share of the rarest of them with Wilson's interval, the share of starts that came to
    rest, and the largest ratio of a gene's levels between the two largest states.
    """
    parts = [search.find(some) for some in torch.split(x, chunk)]
    found = StatesFound(
        torch.cat([part.levels for part in parts], 1),
        torch.cat([part.shares for part in parts], 1),
        torch.cat([part.n_states for part in parts]),
        torch.cat([part.at_rest for part in parts]),
    )
    last = (found.n_states - 1).clamp_min(0)
    rarest = found.shares.gather(0, last[None])[0]
    low, high = wilson_interval(rarest * search.n_starts, search.n_starts)
    two = found.levels[:2].log10()
    return {
        "n_states": found.n_states.to(x.dtype),
        "rarest_share": rarest,
        "rarest_share_low": low,
        "rarest_share_high": high,
        "share_at_rest": found.at_rest,
        "state_ratio": 10 ** (two[0] - two[1]).abs().nan_to_num(0.0).amax(-1),
    }


@final
@dataclass(frozen=True)
class Bistability:
    """Exactly two stable states, each reached from a fair share of many initial states.

    Parameters
    ----------
    search
        How states are looked for.
    least_share
        Share of the initial states that the rarer state is reached from, at least.
    least_ratio
        Ratio of some gene's levels in both states, at least.
    """

    kind: ClassVar[str] = "bistability"
    search: StateSearch = field(default_factory=StateSearch)
    least_share: float = 0.2
    least_ratio: float = 2.0

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return number of states, share of the rarest with its interval, and their ratio."""
        return measured_states(self.search, x)

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether there are two states, both common and apart, and every start ends in one."""
        fair = measured["rarest_share"] >= self.least_share
        apart = measured["state_ratio"] >= self.least_ratio
        return (measured["n_states"] == 2) & fair & apart & (measured["share_at_rest"] == 1)

    def coarser(self) -> Bistability:
        """Return the test with a quarter of the initial states."""
        return replace(self, search=self.search.coarser())


@final
@dataclass(frozen=True)
class Multistability:
    """Two stable states or more, each reached from some share of the initial states; a target says how many.

    Parameters
    ----------
    search
        How states are looked for.
    least_share
        Share of the initial states that the rarest state is reached from, at least.
    least_states
        States, at least.
    """

    kind: ClassVar[str] = "multistability"
    search: StateSearch = field(default_factory=StateSearch)
    least_share: float = 0.05
    least_states: int = 2

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return number of states, share of the rarest with its interval, and their ratio."""
        return measured_states(self.search, x)

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether there are so many states, and every start ends in one of them."""
        several = measured["n_states"] >= self.least_states
        fair = measured["rarest_share"] >= self.least_share
        return several & fair & (measured["share_at_rest"] == 1)

    def coarser(self) -> Multistability:
        """Return the test with a quarter of the initial states."""
        return replace(self, search=self.search.coarser())
