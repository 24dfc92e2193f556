"""Counts of signed motifs of relaxed graphs, as features that a critic of circuits sees."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def motif_counts(edges: Float[Tensor, "batch nodes nodes signs"]) -> Float[Tensor, "batch motifs"]:
    """Return logarithms of one plus the counts of signed motifs per node, differentiable in the edges.

    Of every combination of signs: paths of two edges, pairs of edges into one node and out of one, feedback
    between two nodes and among three, and feed-forward loops.

    Parameters
    ----------
    edges
        Whether there is an activating and a repressing edge from i to j, in [0, 1]; none to itself.

    Examples
    --------
    >>> ring = torch.eye(3).roll(1, 1)[None, :, :, None]
    >>> counts = motif_counts(torch.cat([ring, 0 * ring], -1))
    >>> counts.shape
    torch.Size([1, 32])
    """
    n = edges.shape[1]
    off = 1 - torch.eye(n, dtype=edges.dtype, device=edges.device)
    paths = torch.einsum("bijr,bjks->bikrs", edges, edges) * off[None, :, :, None, None]
    into = torch.einsum("bikr,bjks,ij->brs", edges, edges, off)
    out_of = torch.einsum("bkir,bkjs,ij->brs", edges, edges, off)
    mutual = torch.einsum("bijr,bjis->brs", edges, edges)
    forward = torch.einsum("bikrs,bikt->brst", paths, edges)
    cycles = torch.einsum("bikrs,bkit->brst", paths, edges)
    counts = [
        paths.sum((1, 2)),
        into,
        out_of,
        mutual,
        forward,
        cycles,
    ]
    return (torch.cat([part.flatten(1) for part in counts], 1) / n).log1p()
