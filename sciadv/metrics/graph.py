"""Signed directed graphs: canonical keys under relabelling, connectedness, uniqueness and novelty."""

from __future__ import annotations

from collections.abc import Collection
from itertools import permutations

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from sciadv.errors import InputError

#: A graph up to relabelling: its number of nodes and its smallest code.
Key = tuple[int, int]
_MAX_NODES = 6


def canonical_keys(
    signs: Shaped[Tensor, "batch nodes nodes"], present: Shaped[Tensor, "batch nodes"] | None = None
) -> list[Key]:
    """Return one key per graph, equal for two graphs exactly if a relabelling makes one the other.

    The key is the smallest number, in base 3, that the signs make under all orders of the nodes.

    Parameters
    ----------
    signs
        -1, 0 or 1: the edge from node i to node j.
    present
        1 where there is a node, 0 where it is padding; all if None.

    Raises
    ------
    InputError
        More than 6 nodes (720 orders), or signs that are none.

    Examples
    --------
    >>> a = torch.tensor([[[0, 1], [0, -1]], [[-1, 0], [1, 0]]])
    >>> one, other = canonical_keys(a)
    >>> one == other
    True
    """
    n = signs.shape[-1]
    if n > _MAX_NODES:
        raise InputError(f"canonical keys try all orders of at most {_MAX_NODES} nodes, but there are {n}")
    if not bool(((signs == 0) | (signs.abs() == 1)).all()):
        raise InputError("signs of edges are -1, 0 or 1; round a relaxed graph first")
    there = torch.ones_like(signs[..., 0]) if present is None else present
    counts = (there > 0).sum(1)
    keys: list[Key] = [(0, 0)] * len(signs)
    for size in sorted(set(counts.tolist())):
        rows = (counts == size).nonzero().squeeze(1)
        order = (there[rows] <= 0).int().argsort(dim=1, stable=True)[:, :size]
        part = signs[rows[:, None, None], order[:, :, None], order[:, None, :]].long() + 1
        codes = _smallest_code(part)
        for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
            keys[row] = (size, code)
    return keys


def _smallest_code(digits: Int[Tensor, "batch nodes nodes"]) -> Int[Tensor, " batch"]:
    n = digits.shape[-1]
    if n == 0:
        return digits.new_zeros(len(digits))
    orders = torch.tensor(list(permutations(range(n))), device=digits.device)
    weights = 3 ** torch.arange(n * n, device=digits.device)
    inverse = torch.argsort(orders, dim=1)
    # sum over [i, j] of digits[p(i), p(j)] weight[i, j] = sum over [i, j] of digits[i, j] weight[q(i), q(j)]
    permuted = weights.reshape(n, n)[inverse[:, :, None], inverse[:, None, :]].flatten(1)
    codes = [(part.flatten(1)[:, None] * permuted[None]).sum(2).amin(1) for part in torch.split(digits, 500)]
    return torch.cat(codes) if codes else digits.new_zeros(0)


def are_connected(
    signs: Shaped[Tensor, "batch nodes nodes"], present: Shaped[Tensor, "batch nodes"] | None = None
) -> Shaped[Tensor, " batch"]:
    """Whether all nodes of each graph hang together when edges are taken without their direction."""
    there = (torch.ones_like(signs[..., 0]) if present is None else present) > 0
    linked = (signs != 0) | (signs.transpose(1, 2) != 0) | torch.eye(signs.shape[-1], dtype=torch.bool)
    linked = (linked & there[:, :, None] & there[:, None]).float()
    for _ in range(max(1, signs.shape[-1] - 1).bit_length()):
        linked = ((linked @ linked) > 0).float()
    n_linked = linked.sum(2).amax(1)
    return n_linked == there.sum(1)


def share_unique(keys: Collection[Key]) -> float:
    """Return the number of different graphs over the number of graphs."""
    return len(set(keys)) / len(keys)


def share_novel(keys: Collection[Key], known: Collection[Key]) -> float:
    """Return the share of graphs that are not among the known ones."""
    known = set(known)
    return sum(key not in known for key in keys) / len(keys)
