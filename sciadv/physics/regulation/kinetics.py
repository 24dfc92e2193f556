"""What the numbers of a circuit mean: its kinetic parameters, in the ranges of its model.

A tensor of circuits holds places in [-1, 1]; which equations and ranges they stand for is a `CircuitModel`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.nets.graph import CHANNELS, N_EDGE, N_GENE
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel, Range

__all__ = ["MORE", "Kinetics", "Range", "check_circuits", "circuits_of", "pack", "parameter_mask", "unpack"]

#: Quantities of genes that a tensor of circuits has no channel for.
MORE = ("basal", "second_site", "mrna_degradation", "translation", "delay")


@dataclass(frozen=True)
class Kinetics:
    """Circuits in physical units: edges ``(batch, genes, genes)`` from i to j, genes ``(batch, genes)``.

    Parameters
    ----------
    sign
        -1 represses, 0 none, 1 activates.
    threshold
        Level of gene i at which the edge is half on, as a part of that gene's largest level.
    hill, fold
        Hill coefficient; by how much the edge changes the production of gene j at most.
    production
        Largest production of a gene, of mRNA where the model has mRNA [levels per time].
    degradation
        Of protein [1 / time].
    presence
        1 where there is a gene, 0 where it is padding.
    model
        What the numbers are in.
    more
        Further quantities of genes ``(batch, genes)`` by name: "basal", "second_site", "mrna_degradation",
        "translation", "delay"; one that is left out has the middle of its range in every gene.

    Raises
    ------
    UnknownNameError
        `more` names no such quantity.
    """

    sign: Tensor
    threshold: Tensor
    hill: Tensor
    fold: Tensor
    production: Tensor
    degradation: Tensor
    presence: Tensor
    model: CircuitModel = RACIPE
    more: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.more:
            if name not in MORE:
                raise UnknownNameError("further quantity of a gene", name, MORE)

    @property
    def n_genes(self) -> Tensor:
        """How many genes each circuit has ``(batch,)``."""
        return self.presence.sum(1).long()

    @property
    def largest(self) -> Tensor:
        """Level of protein that each gene has at its largest production ``(batch, genes)``."""
        made = self.production
        if self.model.expression == "mrna":
            made = made * self.of_genes("translation") / self.of_genes("mrna_degradation")
        return made / self.degradation

    def of_genes(self, name: str) -> Float[Tensor, "batch genes"]:
        """Return a further quantity of genes, given or in the middle of its range."""
        if name in self.more:
            return self.more[name]
        return torch.full_like(self.presence, getattr(self.model.ranges, name).middle)

    def rows(self, index: slice | list[int] | Tensor) -> Kinetics:
        """Return some of the circuits."""
        return self._each(lambda value: value[index])

    def to(self, dtype: torch.dtype) -> Kinetics:
        """Return the circuits in another dtype."""
        return self._each(lambda value: value.to(dtype))

    def _each(self, function: Callable[[Tensor], Tensor]) -> Kinetics:
        """Return the circuits with every tensor replaced by what a function makes of it."""
        made: dict[str, Any] = {
            one.name: function(value)
            for one in fields(self)
            if isinstance(value := getattr(self, one.name), Tensor)
        }
        more = {name: function(value) for name, value in self.more.items()}
        return replace(self, **made, more=more)


def unpack(x: Float[Tensor, "batch 7 genes genes"], model: CircuitModel = RACIPE) -> Kinetics:
    """Return what a tensor of circuits means; differentiable, relaxed signs stay relaxed.

    Parameters
    ----------
    x
        Circuits, see `sciadv.nets.graph`.
    model
        Whose ranges the places are in. Quantities that the tensor has no channel for have the middle of
        their ranges.
    """
    ranges, sign = model.ranges, x[:, 0]
    places = _shared(x[:, 1 : 1 + N_EDGE], sign, model)
    names = CHANNELS[1 : 1 + N_EDGE]
    threshold, hill, fold = (getattr(ranges, name).value(places[:, i]) for i, name in enumerate(names))
    on_genes = x[:, 1 + N_EDGE :].diagonal(dim1=2, dim2=3)
    production = ranges.production.value(on_genes[:, 0])
    degradation = ranges.degradation.value(on_genes[:, 1])
    return Kinetics(sign, threshold, hill, fold, production, degradation, on_genes[:, -1], model)


def _shared(places: Tensor, sign: Tensor, model: CircuitModel) -> Float[Tensor, "batch 3 genes genes"]:
    """Return the places of edges, the mean of those that share one where a model shares them."""
    if model.shared == "none":
        return places
    dimensions = {"regulator": (3,), "target": (2,), "circuit": (2, 3)}[model.shared]
    exists = sign.detach().abs()[:, None]
    n_edges = exists.sum(dimensions, keepdim=True).clamp_min(1)
    mean = (places * exists).sum(dimensions, keepdim=True) / n_edges
    return mean.expand_as(places)


def pack(kinetics: Kinetics) -> Float[Tensor, "batch 7 genes genes"]:
    """Return circuits as the tensor that networks and operators take.

    Raises
    ------
    InputError
        A parameter lies outside its range in the circuits' model, or something is not finite.
    """
    exists = kinetics.sign.abs()
    channels = [kinetics.sign]
    for name in CHANNELS[1:-1]:
        value, here = (
            getattr(kinetics, name),
            exists if name in CHANNELS[1 : 1 + N_EDGE] else kinetics.presence,
        )
        limits: Range = getattr(kinetics.model.ranges, name)
        place = torch.where(here > 0, limits.place(value), 0)
        _check_places(name, place, value, limits)
        channels.append(place if place.ndim == 3 else torch.diag_embed(place))
    channels.append(torch.diag_embed(kinetics.presence))
    return torch.stack([channel.to(kinetics.threshold.dtype) for channel in channels], 1)


def _check_places(name: str, place: Tensor, value: Tensor, limits: Range) -> None:
    bad = (~(place.abs() <= 1 + 1e-5)).nonzero()
    if len(bad):
        worst = float(value[tuple(bad[0])])
        raise InputError(
            f"{name} of circuit {int(bad[0][0]) + 1} is {worst:g}, but its range is {limits.low:g} to "
            f"{limits.high:g} [{limits.unit}]; give its model ranges that hold it"
        )


def check_circuits(x: object) -> Tensor:
    """Return circuits as a tensor ``(batch, 7, genes, genes)``, or say what is wrong with them.

    Raises
    ------
    InputError
        The wrong type or shape, NaN or Inf, relaxed signs, places outside [-1, 1], or edges of missing genes.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise InputError(
            f"circuits are a tensor of floats (batch, 7, genes, genes), but got {type(x).__name__}"
        )
    if x.ndim != 4 or x.shape[1] != len(CHANNELS) or x.shape[2] != x.shape[3]:
        raise InputError(
            f"circuits have shape (batch, {len(CHANNELS)}, genes, genes), but got {tuple(x.shape)}; "
            f"the channels are {', '.join(CHANNELS)}"
        )
    if not bool(x.isfinite().all()):
        raise InputError("circuits hold NaN or Inf; look at the parameters they were packed from")
    sign, present = x[:, 0], x[:, -1].diagonal(dim1=1, dim2=2)
    if not bool(((sign == 0) | (sign.abs() == 1)).all()):
        raise InputError(
            "signs of edges are -1, 0 or 1, but some are between; take the sign of the relaxed ones"
        )
    if bool((x.abs() > 1 + 1e-5).any()):
        raise InputError("kinetic places lie in [-1, 1], but some do not; make circuits from units by pack()")
    if bool((sign.abs() * (1 - present[:, :, None] * present[:, None]) > 0).any()):
        raise InputError("an edge leads from or to a gene that is absent (presence 0); remove it")
    return x


def circuits_of(
    signs: Float[Tensor, "batch genes genes"],
    *,
    presence: Tensor | None = None,
    places: Tensor | float = 0.0,
) -> Float[Tensor, "batch 7 genes genes"]:
    """Return circuits of given signs with kinetics at given places of their ranges.

    Parameters
    ----------
    signs
        -1, 0 or 1.
    presence
        ``(batch, genes)``, all genes if None.
    places
        One number for all parameters, or a tensor like the circuits.

    Examples
    --------
    >>> ring = -torch.eye(3).roll(1, 1)[None]
    >>> circuits_of(ring).shape
    torch.Size([1, 7, 3, 3])
    """
    there = torch.ones_like(signs[..., 0]) if presence is None else presence.to(signs.dtype)
    x = signs.new_zeros(len(signs), len(CHANNELS), *signs.shape[1:]) + places
    x = x * parameter_mask(signs, there)
    return torch.cat([signs[:, None], x[:, 1:-1], torch.diag_embed(there)[:, None]], 1)


def parameter_mask(signs: Tensor, presence: Tensor) -> Float[Tensor, "batch 7 genes genes"]:
    """Return 1 where a circuit has a kinetic parameter: on its edges, and on the diagonal of its genes."""
    edge, gene = signs.abs(), torch.diag_embed(presence)
    nothing = torch.zeros_like(edge)
    return torch.stack([nothing, *(edge,) * N_EDGE, *(gene,) * N_GENE, nothing], 1)
