"""Circuits a few changes away from others: edges come, go and change sign, parameters are drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.values import as_number
from sciadv.metrics.graph import are_connected
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import circuits_of


@dataclass(frozen=True)
class Mutation:
    """How far a mutant lies from its parent.

    Parameters
    ----------
    edges
        Pairs of genes on average whose edge is drawn again: absent, activating or repressing alike.
    parameters
        Part of the kinetic parameters that is drawn again, anywhere in their ranges.

    Raises
    ------
    InputError
        `edges` is below 0, or `parameters` is not in [0, 1].
    """

    edges: float = 1.5
    parameters: float = 0.1

    def __post_init__(self) -> None:
        as_number(self.edges, "edges", least=0)
        as_number(self.parameters, "parameters", least=0, most=1)

    def __call__(
        self, parents: Float[Tensor, "batch 7 genes genes"], *, generator: torch.Generator
    ) -> Float[Tensor, "batch 7 genes genes"]:
        """Return one mutant of each parent; its parent itself where its genes would not hang together."""
        signs, presence = signs_and_presence(parents)
        pairs = presence[:, :, None] * presence[:, None]
        share = self.edges / pairs.sum((1, 2)).clamp_min(1)
        drawn = torch.randint(-1, 2, signs.shape, generator=generator).to(signs)
        is_changed = _draw(signs, generator) < share[:, None, None]
        mutants = torch.where(is_changed, drawn, signs) * pairs
        anywhere = 2 * _draw(parents, generator) - 1
        is_new = (mutants != 0) & (signs == 0)
        is_redrawn = (_draw(parents, generator) < self.parameters) | is_new[:, None]
        places = torch.where(is_redrawn, anywhere, parents)
        children = circuits_of(mutants, presence=presence, places=places)
        whole = are_connected(mutants, presence)
        return torch.where(whole[:, None, None, None], children, parents)


def _draw(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator).to(like)
