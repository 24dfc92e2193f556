"""Equations of many different circuits at once: regulated production, then linear steps to the protein.

The state is ``(states, batch)``: with the batch last every operation runs over contiguous memory, which is
six times quicker on a CPU than the batch first. Circuits of different topology, parameters and initial state
make one batch, since topology is only a tensor of signs. The first rows of a state are the levels of protein,
one a gene; further blocks, which a model with mRNA or maturation has, hold what protein is made from, see
`CircuitModel.stage_names`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.physics.regulation.kinetics import Kinetics
from sciadv.physics.regulation.promoters import Edges, Promoter, promoter_of

#: Levels below this do nothing: the logarithm's floor.
_TINY = 1e-20


@dataclass(frozen=True)
class HillEquations:
    """``dp/dt = g_1 s_1 - r_0 p``, ``ds_k/dt = g_(k+1) s_(k+1) - r_k s_k``, ``ds_K/dt = G f(p) - r_K s_K``.

    With protein only that is ``dp/dt = G f(p) - r_0 p``; f is that of the promoters.

    Parameters
    ----------
    promoter
        f of the levels of protein.
    production
        G, the largest one ``(genes, batch)``.
    rates
        r, with which each stage is lost ``(stages, genes, batch)``, that of protein first.
    gains
        g, with which each stage but the last is made from the next one ``(stages - 1, genes, batch)``.
    """

    promoter: Promoter
    production: Tensor
    rates: Tensor
    gains: Tensor

    @staticmethod
    def of(kinetics: Kinetics) -> HillEquations:
        """Lay circuits out batch last; absent genes stay at level 0."""
        offset = -kinetics.hill * (kinetics.threshold * kinetics.largest[:, :, None]).log()
        rates = stage_rates(kinetics)
        gains = rates[:, 1 : 1 + kinetics.model.n_maturation]
        if kinetics.model.expression == "mrna":
            gains = torch.cat([gains, kinetics.of_genes("translation")[:, None]], 1)
        return HillEquations(
            promoter_of(edges_of(kinetics, offset), kinetics.model),
            batch_last(kinetics.production * kinetics.presence),
            batch_last(rates),
            batch_last(gains),
        )

    @property
    def degradation(self) -> Tensor:
        """Of protein ``(genes, batch)``."""
        return self.rates[0]

    def regulation(self, x: Tensor) -> Tensor:
        """Return the part of its largest production that each gene has; ``(genes, batch)``."""
        return self.promoter.value(self.levels(x).clamp_min(_TINY).log())

    def __call__(self, x: Tensor) -> Tensor:
        """Return ``dx/dt`` of a state ``(states, batch)``."""
        source = self.production * self.regulation(x)
        if len(self.rates) == 1:
            return torch.addcmul(source, self.rates[0], x, value=-1)
        stages = x.reshape(self.rates.shape)
        made = torch.cat([self.gains * stages[1:], source[None]])
        return torch.addcmul(made, self.rates, stages, value=-1).flatten(0, 1)

    def levels(self, x: Float[Tensor, "states batch"]) -> Float[Tensor, "genes batch"]:
        """Return the levels of protein in a state."""
        return x[: self.rates.shape[1]]

    def state(self, levels: Float[Tensor, "genes batch"]) -> Float[Tensor, "states batch"]:
        """Return the state that would keep levels of protein: every stage makes what the next one loses."""
        stages = [levels]
        for rate, gain in zip(self.rates, self.gains, strict=False):
            stages.append(stages[-1] * rate / gain)
        return torch.cat(stages)


def batch_last(values: Tensor) -> Tensor:
    """Return tensors of circuits with the batch last, contiguous."""
    return values.movedim(0, -1).contiguous()


def edges_of(kinetics: Kinetics, offset: Float[Tensor, "batch genes genes"]) -> Edges:
    """Return what promoters are made of; offsets are ``-hill log K``, in levels or in relative ones."""
    parts = (
        kinetics.sign,
        kinetics.hill,
        kinetics.fold,
        offset,
        kinetics.of_genes("basal"),
        kinetics.of_genes("second_site"),
    )
    return Edges(*(batch_last(part) for part in parts))


def stage_rates(kinetics: Kinetics) -> Float[Tensor, "batch stages genes"]:
    """Return the rates of loss of protein, of each step of maturation and of mRNA."""
    steps = kinetics.model.n_maturation
    rates = [kinetics.degradation]
    if steps:
        rates += [steps / kinetics.of_genes("delay")] * steps
    if kinetics.model.expression == "mrna":
        rates.append(kinetics.of_genes("mrna_degradation"))
    return torch.stack(rates, 1)
