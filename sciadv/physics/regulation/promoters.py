"""Promoters: which part of its largest production a gene has, for the levels of its regulators.

All tensors have the regulators first, then the targets, and the batch last, so that every operation runs over
contiguous memory. The formulas are those of `CircuitModel`. Signs between -1, 0 and 1 are polynomials that
are exact at these three, so that an absent edge has a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from sciadv.physics.regulation.circuit_model import CircuitModel


@dataclass(frozen=True)
class Edges:
    """What promoters are made of, regulators first, then targets, the batch last.

    Parameters
    ----------
    sign, hill, fold
        ``(genes, genes, batch)``, from gene i to gene j.
    offset
        ``-hill log K``, likewise.
    basal, second_site
        ``(genes, batch)``.
    """

    sign: Tensor
    hill: Tensor
    fold: Tensor
    offset: Tensor
    basal: Tensor
    second_site: Tensor

    @property
    def activates(self) -> Tensor:
        """1 for an activation, 0 for a repression or none."""
        return self.sign * (1 + self.sign) / 2

    @property
    def represses(self) -> Tensor:
        """1 for a repression, 0 for an activation or none."""
        return self.sign * (self.sign - 1) / 2

    @property
    def leak(self) -> Tensor:
        """Product of the 1 / fold of a gene's regulators ``(genes, batch)``."""
        return (1 - (1 - 1 / self.fold) * self.sign.square()).prod(0)


@dataclass(frozen=True)
class Product:
    """``f_j = base_j + scale_j prod_i (a_ij + b_ij h_ij)``: multiplicative, "and" and "or" logic.

    Parameters
    ----------
    base, scale
        ``(genes, batch)``.
    a, b, hill, offset
        ``(genes, genes, batch)``.
    """

    base: Tensor
    scale: Tensor
    a: Tensor
    b: Tensor
    hill: Tensor
    offset: Tensor

    @staticmethod
    def of(edges: Edges, logic: str) -> Product:
        """Return the promoters: a factor is the condition e, its contrary, or RACIPE's shifted Hill function.

        "or" is one minus "and" of the contraries.
        """
        rest = 1 - edges.basal
        if logic == "multiplicative":
            reach = 1 - 1 / edges.fold
            a, b = 1 - reach * edges.activates, reach * edges.sign
            return Product(edges.basal, rest, a, b, edges.hill, edges.offset)
        span = rest * (1 - edges.leak)
        if logic == "and":
            a = 1 - edges.activates
            return Product(edges.basal + rest * edges.leak, span, a, edges.sign, edges.hill, edges.offset)
        is_free = (1 - edges.sign.square()).prod(0)
        base = edges.basal + rest * edges.leak + span * (1 + is_free)
        return Product(base, -span, 1 - edges.represses, -edges.sign, edges.hill, edges.offset)

    def value(self, log_x: Tensor) -> Tensor:
        """Return f ``(genes, *batch)`` at logarithms of levels ``(genes, *batch)``."""
        h = torch.addcmul(self.offset, self.hill, log_x[:, None]).sigmoid()
        return torch.addcmul(self.base, self.scale, torch.addcmul(self.a, self.b, h).prod(0))

    def slopes(self, log_x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f, and ``df_j / dlog x_i`` ``(genes i, genes j, *batch)``."""
        h = torch.addcmul(self.offset, self.hill, log_x[:, None]).sigmoid()
        factors = torch.addcmul(self.a, self.b, h)
        f = torch.addcmul(self.base, self.scale, factors.prod(0))
        rise = self.scale * self.b * self.hill * h * (1 - h)
        return f, rise * _products_of_others(factors)


def _products_of_others(factors: Tensor) -> Tensor:
    """Return, for each of the first dimension, the product of all others; right where some are 0."""
    one = torch.ones_like(factors[:1])
    before = torch.cat([one, factors[:-1]]).cumprod(0)
    after = torch.cat([one, factors.flip(0)[:-1]]).cumprod(0).flip(0)
    return before * after


@dataclass(frozen=True)
class Sum:
    """``f_j = base_j + sum_i rise_ij h_ij``: additive logic; shapes as in `Product`."""

    base: Tensor
    rise: Tensor
    hill: Tensor
    offset: Tensor

    @staticmethod
    def of(edges: Edges) -> Sum:
        """Return the promoters; a repression adds where it is absent."""
        more = edges.fold - 1
        scale = (1 - edges.basal) / (1 + (more * edges.sign.square()).sum(0))
        base = edges.basal + scale * (1 + (more * edges.represses).sum(0))
        return Sum(base, scale * more * edges.sign, edges.hill, edges.offset)

    def value(self, log_x: Tensor) -> Tensor:
        """Return f; ``(genes, *batch)``."""
        h = torch.addcmul(self.offset, self.hill, log_x[:, None]).sigmoid()
        return self.base + (self.rise * h).sum(0)

    def slopes(self, log_x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f and its slopes."""
        h = torch.addcmul(self.offset, self.hill, log_x[:, None]).sigmoid()
        return self.base + (self.rise * h).sum(0), self.rise * self.hill * h * (1 - h)


@dataclass(frozen=True)
class Sites:
    """Promoters by what their sites hold, ``f = base + scale N / D``: competitive and two-site logic.

    Parameters
    ----------
    base, scale
        ``(genes, batch)``; scale has the production of the empty promoter, relative to the largest.
    activates, represses
        Weights of regulators ``(genes, genes, batch)``.
    fold, hill, offset
        Likewise.
    pairing
        Weight of a regulator that is bound twice, beyond that of two independent ones, ``(1 / r - 1) / 2``.
    n_sites
        1 or 2.
    most
        Largest logarithm of the weight of a full promoter; beyond, all regulators bind alike. In float32 its
        exponential is 1e26.
    """

    base: Tensor
    scale: Tensor
    activates: Tensor
    represses: Tensor
    fold: Tensor
    hill: Tensor
    offset: Tensor
    pairing: Tensor
    n_sites: int
    most: float = 60.0

    @staticmethod
    def of(edges: Edges, *, n_sites: int) -> Sites:
        """Return the promoters."""
        largest = (1 + edges.activates * (edges.fold - 1)).amax(0).clamp_min(1)
        return Sites(
            base=edges.basal,
            scale=(1 - edges.basal) / largest,
            activates=edges.activates,
            represses=edges.represses,
            fold=edges.fold,
            hill=edges.hill,
            offset=edges.offset,
            pairing=(1 / edges.second_site - 1) / 2,
            n_sites=n_sites,
        )

    def bound(self, log_x: Tensor) -> Tensor:
        """Return the weights u of one bound regulator ``(genes, genes, *batch)``."""
        logarithm = torch.addcmul(self.offset, self.hill, log_x[:, None])
        return logarithm.clamp_max(self.most / self.n_sites).exp()

    def value(self, log_x: Tensor) -> Tensor:
        """Return f; ``(genes, *batch)``."""
        u = self.bound(log_x)
        on, off = self.activates * u, self.represses * u
        raised, lowered = on * self.fold, off / self.fold
        if self.n_sites == 1:
            ratio = (1 + (raised + lowered).sum(0)) / (1 + (on + off).sum(0))
        else:
            single = 1 + self.pairing * u
            n_on, n_off = on.sum(0), off.sum(0)
            empty = 1 + n_on * n_off
            pairs = (n_on.square() + n_off.square()) / 2
            produced = (n_on * raised.sum(0) + n_off * lowered.sum(0)) / 2
            all_of = empty + ((on + off) * single).sum(0) + pairs
            ratio = (empty + ((raised + lowered) * single).sum(0) + produced) / all_of
        return torch.addcmul(self.base, self.scale, ratio)

    def slopes(self, log_x: Tensor) -> tuple[Tensor, Tensor]:
        """Return f and its slopes, by the quotient rule."""
        u, f = self.bound(log_x), self.value(log_x)
        ratio = (f - self.base) / self.scale
        weight, produced = self.activates + self.represses, self.activates * self.fold
        produced = produced + self.represses / self.fold
        if self.n_sites == 1:
            all_of = 1 + (weight * u).sum(0)
            rise = produced - ratio * weight
        else:
            all_of, rise = self._pair_slopes(u, ratio)
        inside = torch.addcmul(self.offset, self.hill, log_x[:, None]) < self.most / self.n_sites
        return f, self.scale * self.hill * u * rise / all_of * inside

    def _pair_slopes(self, u: Tensor, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Return D, and ``dN/du - ratio dD/du`` of two sites."""
        on, off = self.activates * u, self.represses * u
        n_on, n_off = on.sum(0), off.sum(0)
        p_on, p_off = (on * self.fold).sum(0), (off / self.fold).sum(0)
        twice = 1 + 2 * self.pairing * u
        all_of = 1 + ((on + off) * (1 + self.pairing * u)).sum(0) + (n_on + n_off).square() / 2
        of_all = (self.activates + self.represses) * (twice + n_on + n_off)
        raised = n_off + self.fold * (twice + n_on / 2) + p_on / 2
        lowered = n_on + (twice + n_off / 2) / self.fold + p_off / 2
        return all_of, self.activates * raised + self.represses * lowered - ratio * of_all


#: Promoters of one logic: ``value(log_x)`` and ``slopes(log_x)``.
Promoter = Product | Sum | Sites


def promoter_of(edges: Edges, model: CircuitModel) -> Promoter:
    """Return the promoters of circuits, by the logic of their model."""
    if model.logic in ("competitive", "two-site"):
        return Sites.of(edges, n_sites=2 if model.logic == "two-site" else 1)
    if model.logic == "additive":
        return Sum.of(edges)
    return Product.of(edges, model.logic)


def each(promoter: Promoter, function: Callable[[Tensor], Tensor]) -> Promoter:
    """Return promoters whose tensors are what a function makes of them."""
    values = {one.name: getattr(promoter, one.name) for one in fields(promoter)}
    made: dict[str, Any] = {
        name: function(value) for name, value in values.items() if isinstance(value, Tensor)
    }
    return replace(promoter, **made)
