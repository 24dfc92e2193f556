"""Minimal cores: what is left of circuits when every edge that their behaviour can do without is deleted.

Circuits whose topologies differ often do the same by the same few edges; their cores tell such circuits from
those that work in another way.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.nets.graph import CHANNELS, N_EDGE, signs_and_presence

#: What tests circuits ``(batch, 7, genes, genes)``: whether each shows a behaviour ``(batch,)``.
Shows = Callable[[Tensor], Bool[Tensor, " batch"]]
_FOLD = CHANNELS.index("fold")


def minimal_cores(
    x: Float[Tensor, "batch 7 genes genes"], shows: Shows, *, n_passes: int = 3
) -> Float[Tensor, "batch 7 genes genes"]:
    """Delete edges one by one, the weakest first, as long as a circuit shows its behaviour.

    Each pass tests every edge alone, then deletes those that can be done without one after the other where
    that stays so; the passes end where no edge can. An edge's strength is its fold change. Genes left without
    any edge are deleted, and the others come first.

    Parameters
    ----------
    x
        Circuits that show the behaviour; one that does not is returned as it is.
    shows
        The test.
    n_passes
        Passes at most.

    Examples
    --------
    >>> import torch
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> ring = circuits_of(torch.tensor([[[0.0, -1, 1], [0, 0, -1], [-1, 0, 0]]]))
    >>> has_ring = lambda x: (x[:, 0, 0, 1] != 0) & (x[:, 0, 1, 2] != 0) & (x[:, 0, 2, 0] != 0)
    >>> int(minimal_cores(ring, has_ring)[0, 0].abs().sum())
    3
    """
    cores = x.clone()
    rows = shows(x).nonzero().squeeze(1)
    for _ in range(n_passes):
        rows, edges = _deletable(cores, rows, shows)
        if not len(rows):
            break
        for edge in edges.unbind(1):
            _delete(cores, rows, edge, shows)
    return without_idle_genes(cores)


def _deletable(cores: Tensor, rows: Tensor, shows: Shows) -> tuple[Tensor, Tensor]:
    """Test the edges of some circuits alone.

    Returns
    -------
    The circuits with edges that can be done without ``(rows,)``, and these edges' places, the weakest first
    ``(rows, edges)``, -1 for none.
    """
    signs = cores[rows, 0].flatten(1)
    row, edge = signs.nonzero(as_tuple=True)
    is_free = torch.zeros_like(signs, dtype=torch.bool)
    if len(row):
        is_free[row, edge] = shows(_without(cores[rows[row]], edge))
    strength = cores[rows, _FOLD].flatten(1).masked_fill(~is_free, torch.inf)
    weakest = strength.sort(dim=1)
    order = torch.where(weakest.values.isfinite(), weakest.indices, -1)
    some = is_free.any(1)
    return rows[some], order[some][:, (order[some] >= 0).any(0)]


def _without(x: Tensor, edge: Tensor) -> Tensor:
    """Return circuits without one edge each."""
    n = x.shape[-1]
    tried = x.clone()
    here = torch.arange(len(x), device=x.device)
    tried[here, : 1 + N_EDGE, edge // n, edge % n] = 0
    return tried


def _delete(cores: Tensor, rows: Tensor, edge: Tensor, shows: Shows) -> None:
    """Delete one edge of each of some circuits where the behaviour stays, in place."""
    is_there = edge >= 0
    rows = rows[is_there]
    if not len(rows):
        return
    tried = _without(cores[rows], edge[is_there])
    stays = shows(tried)
    cores[rows[stays]] = tried[stays]


def without_idle_genes(x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, "batch 7 genes genes"]:
    """Return circuits without the genes that have no edge, the others first in their order."""
    signs, presence = signs_and_presence(x)
    has_edge = (signs != 0).any(1) | (signs != 0).any(2)
    order = (~has_edge).int().argsort(dim=1, stable=True)
    kept = (presence * has_edge).gather(1, order)
    batch = torch.arange(len(x), device=x.device)[:, None, None]
    moved = x.movedim(1, -1)[batch, order[:, :, None], order[:, None, :]].movedim(-1, 1)
    return moved * kept[:, None, :, None] * kept[:, None, None, :]
