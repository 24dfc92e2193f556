"""Responses of circuits to an inducer: to slow ramps of its dose up and down, and to a step.

Which gene is the input is for the caller to say; where it is not said, every gene is tried as the input, and
a behaviour reports the pair of input and output that shows it best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.inputs import ActsOn, induced
from sciadv.physics.regulation.kinetics import Kinetics, unpack
from sciadv.physics.regulation.rest import Settling, settle
from sciadv.physics.regulation.trajectories import simulate


@dataclass(frozen=True)
class Ends:
    """Which gene is induced and which is looked at.

    Parameters
    ----------
    input_gene, output_gene
        Counted from 0; None tries all.
    acts_on
        What the inducer scales: "production" or "activity".
    """

    input_gene: int | None = None
    output_gene: int | None = None
    acts_on: ActsOn = "production"

    def inputs(self, x: Float[Tensor, "batch 7 genes genes"]) -> list[int]:
        """Return the genes that are tried as the input.

        Raises
        ------
        InputError
            No circuit has the gene that was asked for.
        """
        largest = int(unpack(x).n_genes.max()) if len(x) else x.shape[-1]
        for what, gene in (("input", self.input_gene), ("output", self.output_gene)):
            if gene is not None and not 0 <= gene < largest:
                raise InputError(
                    f"gene {gene}, counted from 0, is asked to be the {what}, but no circuit here has more "
                    f"than {largest} genes; choose one that exists, or none to try all"
                )
        return list(range(largest)) if self.input_gene is None else [self.input_gene]

    def usable(
        self,
        x: Float[Tensor, "batch 7 genes genes"],
    ) -> Bool[Tensor, "inputs batch genes"]:
        """Return which pairs of input and output there are; a gene is not its own output."""
        there = unpack(x).presence > 0
        pairs = []
        for gene in self.inputs(x):
            outputs = there & there[:, gene : gene + 1]
            outputs[:, gene] = False
            if self.output_gene is not None:
                outputs[:, : self.output_gene] = False
                outputs[:, self.output_gene + 1 :] = False
            pairs.append(outputs)
        return torch.stack(pairs)


@dataclass(frozen=True)
class Ramp:
    """A slow ramp of the dose up and down again.

    Parameters
    ----------
    lowest, highest
        Doses at the ends, factors of the gene's production or activity.
    n_doses
        Doses, by equal factors; thresholds are as fine as these.
    settling
        How a circuit is followed to rest at each dose: first by Newton's iteration from the state before.
    model
        What circuits stand for; its times are those of the settings.
    """

    lowest: float = 0.01
    highest: float = 100.0
    n_doses: int = 41
    settling: Settling = field(default_factory=partial(Settling, times=(0.0, 40.0, 160.0)))
    model: CircuitModel = RACIPE

    @property
    def decades(self) -> Tensor:
        """Logarithms of the doses ``(doses,)``."""
        ends = (math.log10(self.lowest), math.log10(self.highest))
        return torch.linspace(*ends, self.n_doses, dtype=torch.float64)

    def follow(
        self, x: Float[Tensor, "batch 7 genes genes"], ends: Ends
    ) -> tuple[Float[Tensor, "2 doses inputs batch genes"], Bool[Tensor, "inputs batch"]]:
        """Return levels at rest on the way up and down, both by rising dose, and what rests throughout."""
        inputs = ends.inputs(x)
        kinetics = unpack(x.repeat(len(inputs), 1, 1, 1), self.model)
        gene = torch.tensor(inputs, device=x.device).repeat_interleave(len(x))
        doses = 10**self.decades
        levels = 0.1 * kinetics.largest * kinetics.presence
        always = torch.ones_like(gene, dtype=torch.bool)
        ways = []
        for order in (doses, doses.flip(0)):
            kept = []
            for dose in order.tolist():
                rows = always.nonzero()[:, 0]  # what has not come to rest once is followed no further
                some = induced(kinetics.rows(rows), gene[rows], dose, acts_on=ends.acts_on)
                levels[rows], always[rows] = settle(some, levels[rows], self.settling)
                kept.append(levels.clone())
            ways.append(torch.stack(kept))
        both = torch.stack([ways[0], ways[1].flip(0)])
        shape = (len(inputs), len(x))
        return both.reshape(2, len(doses), *shape, -1), always.reshape(shape)

    def coarser(self) -> Ramp:
        """Return a ramp with half as many doses."""
        return replace(self, n_doses=max(2, (self.n_doses + 1) // 2))


@dataclass(frozen=True)
class Step:
    """A dose that steps from 1 to another and stays.

    Parameters
    ----------
    dose
        Factor of the gene's production or activity after the step.
    t_end, n_kept
        Time that the response is followed [time], and states kept of it.
    settling
        How a circuit is followed to rest before and after.
    model
        What circuits stand for; its times are those of the settings.
    """

    dose: float = 1.2
    t_end: float = 150.0
    n_kept: int = 300
    settling: Settling = field(default_factory=Settling)
    model: CircuitModel = RACIPE

    def follow(
        self, x: Float[Tensor, "batch 7 genes genes"], ends: Ends
    ) -> tuple[Float[Tensor, "time inputs batch genes"], Bool[Tensor, "inputs batch"]]:
        """Return levels from just before the step to rest after it, and what rests before and after."""
        inputs = ends.inputs(x)
        kinetics = unpack(x.repeat(len(inputs), 1, 1, 1), self.model)
        gene = torch.tensor(inputs, device=x.device).repeat_interleave(len(x))
        before, was_at_rest = settle(kinetics, 0.1 * kinetics.largest * kinetics.presence, self.settling)
        stepped = self._stepped(kinetics, gene, ends)
        response = simulate(stepped, before, t_end=self.t_end, n_kept=self.n_kept)
        after, is_at_rest = settle(stepped, response[-1], self.settling)
        levels = torch.cat([before[None], response, after[None]])
        shape = (len(inputs), len(x))
        return levels.reshape(len(levels), *shape, -1), (was_at_rest & is_at_rest).reshape(shape)

    def _stepped(self, kinetics: Kinetics, gene: Tensor, ends: Ends) -> Kinetics:
        return induced(kinetics, gene, self.dose, acts_on=ends.acts_on)


def best_pair(
    quality: Float[Tensor, "inputs batch genes"], usable: Bool[Tensor, "inputs batch genes"]
) -> tuple[Tensor, Tensor]:
    """Return the input's place and the output of the best usable pair of each circuit; of none the first."""
    ranked = quality.nan_to_num(-torch.inf).masked_fill(~usable, -torch.inf)
    flat = ranked.movedim(1, 0).flatten(1)
    index = flat.argmax(1)
    return index // quality.shape[2], index % quality.shape[2]


def at_pairs(
    numbers: dict[str, Float[Tensor, "inputs batch genes"]],
    quality: Float[Tensor, "inputs batch genes"],
    usable: Bool[Tensor, "inputs batch genes"],
    inputs: list[int],
) -> dict[str, Tensor]:
    """Return numbers at each circuit's best pair ``(batch,)``, and which genes these are."""
    place, output = best_pair(quality, usable)
    rows = torch.arange(len(place), device=place.device)
    is_there = usable[place, rows, output]
    genes = torch.tensor(inputs, device=place.device)[place]
    found = {name: values[place, rows, output] for name, values in numbers.items()}
    found |= {"input_gene": genes.to(quality.dtype), "output_gene": output.to(quality.dtype)}
    return {name: torch.where(is_there, values, torch.nan) for name, values in found.items()}
