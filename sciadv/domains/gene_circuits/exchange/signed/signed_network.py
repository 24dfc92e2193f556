"""Genes and the signs of their effects on each other, whatever file they come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import circuits_of


@dataclass(frozen=True)
class Edge:
    """An effect of one gene on another: sign -1, 1, or 0 where it is not known, and then why."""

    source: str
    target: str
    sign: int
    why: str = ""


@dataclass(frozen=True)
class SignedNetwork:
    """A network of signed edges.

    Parameters
    ----------
    genes
        Names, in the order of the file.
    edges
        Each pair of genes once.
    notes
        What was left out or read otherwise: sentences.
    """

    genes: tuple[str, ...]
    edges: tuple[Edge, ...]
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(genes: Iterable[str], edges: Iterable[Edge], notes: Iterable[str] = ()) -> SignedNetwork:
        """Return a network of edges; contradictory ones are one edge whose sign is dual.

        Raises
        ------
        InputError
            There is no gene.
        """
        found: dict[tuple[str, str], Edge] = {}
        for edge in edges:
            pair = (edge.source, edge.target)
            other = found.get(pair, edge)
            is_same = other.sign == edge.sign
            found[pair] = other if is_same else Edge(*pair, 0, "dual: it activates and represses")
        names = dict.fromkeys(genes)
        names.update(dict.fromkeys(gene for pair in found for gene in pair))
        if not names:
            raise InputError("there is no gene in the network; give a file with genes and edges")
        return SignedNetwork(tuple(names), tuple(found.values()), tuple(notes))

    @staticmethod
    def from_signs(genes: Iterable[str], signs: Tensor) -> SignedNetwork:
        """Return the network of signs ``(genes, genes)``; there is an edge wherever one is not 0."""
        names = list(genes)
        places = signs.nonzero().tolist()
        return SignedNetwork.of(names, [Edge(names[i], names[j], int(signs[i, j])) for i, j in places])

    @property
    def signs(self) -> npt.NDArray[np.int8]:
        """Signs ``(genes, genes)`` of the effect of gene i on gene j; 0 where none is known."""
        place = {gene: i for i, gene in enumerate(self.genes)}
        signs = np.zeros((len(place), len(place)), np.int8)
        for edge in self.edges:
            signs[place[edge.source], place[edge.target]] = edge.sign
        return signs

    @property
    def unknown(self) -> tuple[Edge, ...]:
        """The edges whose sign is not known, or is both."""
        return tuple(edge for edge in self.edges if edge.sign == 0)

    @property
    def messages(self) -> list[str]:
        """What was read, in sentences."""
        known = len(self.edges) - len(self.unknown)
        words = [f"{len(self.genes)} genes and {known} edges of known sign"]
        words += [
            f"the sign of {edge.source} on {edge.target} is not known ({edge.why}): the edge is left out"
            for edge in self.unknown
        ]
        return [*words, *self.notes]

    def circuit(self, *, places: Tensor | float = 0.0) -> Tensor:
        """Return the circuit ``(7, genes, genes)`` of the known edges, kinetics at given places.

        Parameters
        ----------
        places
            Places in their ranges, in [-1, 1]; the middle if left out.
        """
        return circuits_of(torch.from_numpy(self.signs)[None].float(), places=places)[0]
