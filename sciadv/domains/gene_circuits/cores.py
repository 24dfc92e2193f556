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

    An edge's strength is its fold change. Edges that were kept are tried again, since what could not be done
    without may become so later. Genes left without any edge are deleted, and the others come first.

    Parameters
    ----------
    x
        Circuits that show the behaviour; one that does not is returned as it is.
    shows
        The test.
    n_passes
        Passes over the edges at most; it ends earlier where one deletes nothing.

    Examples
    --------
    >>> import torch
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> ring = circuits_of(torch.tensor([[[0.0, -1, 1], [0, 0, -1], [-1, 0, 0]]]))
    >>> has_ring = lambda x: (x[:, 0, 0, 1] != 0) & (x[:, 0, 1, 2] != 0) & (x[:, 0, 2, 0] != 0)
    >>> int(minimal_cores(ring, has_ring)[0, 0].abs().sum())
    3
    """
    strength = torch.where(x[:, 0] != 0, x[:, _FOLD], torch.inf).flatten(1)
    order = strength.argsort(dim=1)
    cores = x.clone()
    todo = torch.arange(len(x), device=x.device)[shows(x)]
    for _ in range(n_passes):
        before = cores[todo, 0].abs().sum((1, 2))
        for step in range(int(before.max()) if len(todo) else 0):
            _delete(cores, todo, order[todo, step], shows)
        has_changed = cores[todo, 0].abs().sum((1, 2)) < before
        todo = todo[has_changed]
    return without_idle_genes(cores)


def _delete(cores: Tensor, rows: Tensor, edge: Tensor, shows: Shows) -> None:
    """Delete one edge of each of some circuits where the behaviour stays, in place."""
    n = cores.shape[-1]
    source, target = edge // n, edge % n
    is_there = cores[rows, 0, source, target] != 0
    rows, source, target = rows[is_there], source[is_there], target[is_there]
    if not len(rows):
        return
    tried = cores[rows]
    here = torch.arange(len(rows), device=rows.device)
    tried[here, : 1 + N_EDGE, source, target] = 0
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
