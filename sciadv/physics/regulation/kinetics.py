"""What the numbers of a circuit mean: ranges of the kinetic parameters, and the Hill equations' parameters.

The ranges are those of RACIPE (Huang et al., Interrogating the topological robustness of gene regulatory
circuits by randomization, PLOS Computational Biology 13, 2017, Table 1), with one difference: RACIPE sets
the middle of a threshold's range to the median level of the regulator (its half-functional rule), here a
threshold is a part of the regulator's largest level, production / degradation, from 1 % of it to all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.nets.graph import CHANNELS, N_EDGE, N_GENE


@dataclass(frozen=True)
class Range:
    """The lowest and highest value of a parameter, and whether its logarithm is what is uniform."""

    low: float
    high: float
    unit: str
    is_log: bool = False

    def value(self, place: Tensor) -> Tensor:
        """Return values for places in [-1, 1]."""
        part = (place + 1) / 2
        if self.is_log:
            return self.low * (self.high / self.low) ** part
        return self.low + (self.high - self.low) * part

    def place(self, value: Tensor) -> Tensor:
        """Return the places of values."""
        if self.is_log:
            return 2 * (value / self.low).log() / torch.tensor(self.high / self.low).log() - 1
        return 2 * (value - self.low) / (self.high - self.low) - 1


RANGES = {
    "threshold": Range(0.01, 1.0, "parts of the regulator's largest level", is_log=True),
    "hill": Range(1.0, 6.0, "1"),
    "fold": Range(1.0, 100.0, "1"),
    "production": Range(1.0, 100.0, "levels per time"),
    "degradation": Range(0.1, 1.0, "1 / time"),
}


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
        Largest production of a gene [levels per time].
    degradation
        [1 / time].
    presence
        1 where there is a gene, 0 where it is padding.
    """

    sign: Tensor
    threshold: Tensor
    hill: Tensor
    fold: Tensor
    production: Tensor
    degradation: Tensor
    presence: Tensor

    @property
    def n_genes(self) -> Tensor:
        """How many genes each circuit has ``(batch,)``."""
        return self.presence.sum(1).long()

    def rows(self, index: slice | list[int] | Tensor) -> Kinetics:
        """Return some of the circuits."""
        return Kinetics(*(getattr(self, field.name)[index] for field in fields(self)))

    def to(self, dtype: torch.dtype) -> Kinetics:
        """Return the circuits in another dtype."""
        return Kinetics(*(getattr(self, field.name).to(dtype) for field in fields(self)))


def unpack(x: Float[Tensor, "batch 7 genes genes"]) -> Kinetics:
    """Return what a tensor of circuits means; differentiable, relaxed signs stay relaxed."""
    edges = [RANGES[name].value(x[:, 1 + i]) for i, name in enumerate(CHANNELS[1 : 1 + N_EDGE])]
    on_genes = x[:, 1 + N_EDGE :].diagonal(dim1=2, dim2=3)
    names = CHANNELS[1 + N_EDGE : 1 + N_EDGE + N_GENE]
    genes = [RANGES[name].value(on_genes[:, i]) for i, name in enumerate(names)]
    threshold, hill, fold = edges
    production, degradation = genes
    return Kinetics(x[:, 0], threshold, hill, fold, production, degradation, on_genes[:, -1])


def pack(kinetics: Kinetics) -> Float[Tensor, "batch 7 genes genes"]:
    """Return circuits as the tensor that networks and operators take.

    Raises
    ------
    InputError
        A parameter lies outside its range, or something is not finite.
    """
    exists = kinetics.sign.abs()
    channels = [kinetics.sign]
    for name in CHANNELS[1:-1]:
        value, here = (
            getattr(kinetics, name),
            exists if name in CHANNELS[1 : 1 + N_EDGE] else kinetics.presence,
        )
        place = torch.where(here > 0, RANGES[name].place(value), 0)
        _check_places(name, place, value)
        channels.append(place if place.ndim == 3 else torch.diag_embed(place))
    channels.append(torch.diag_embed(kinetics.presence))
    return torch.stack([channel.to(kinetics.threshold.dtype) for channel in channels], 1)


def _check_places(name: str, place: Tensor, value: Tensor) -> None:
    bad = (~(place.abs() <= 1 + 1e-5)).nonzero()
    if len(bad):
        worst, limits = float(value[tuple(bad[0])]), RANGES[name]
        raise InputError(
            f"{name} of circuit {int(bad[0][0])} is {worst:g}, but its range is {limits.low:g} to "
            f"{limits.high:g} [{limits.unit}]"
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
