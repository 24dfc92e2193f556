"""Signed directed graphs: canonical keys under relabelling, connectedness, uniqueness and novelty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import permutations

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from sciadv.errors import InputError

#: A graph up to relabelling: its number of nodes and the code of its canonical order.
Key = tuple[int, int]
#: Colours of the nodes, 0 to the number of colours - 1; and what tells two colourings apart.
Colours = list[int]
Trace = tuple[tuple[int, ...], ...]


def canonical_keys(
    signs: Shaped[Tensor, "batch nodes nodes"],
    present: Shaped[Tensor, "batch nodes"] | None = None,
    *,
    most_permuted: int = 6,
) -> list[Key]:
    """Return one key per graph, equal for two graphs exactly if a relabelling makes one the other.

    The key of a graph of at most `most_permuted` nodes is the smallest number, in base 3, that its signs make
    under all orders of the nodes; of a larger one the number under its canonical order, which is searched
    (see `canonical_order`). No number of nodes is refused.

    Parameters
    ----------
    signs
        -1, 0 or 1: the edge from node i to node j.
    present
        1 where there is a node, 0 where it is padding; all if None.
    most_permuted
        Largest number of nodes all of whose orders are tried, at most 6 (720 orders, numbers of 58 bits).

    Raises
    ------
    InputError
        Signs that are none, or `most_permuted` above 6.

    Examples
    --------
    >>> a = torch.tensor([[[0, 1], [0, -1]], [[-1, 0], [1, 0]]])
    >>> one, other = canonical_keys(a)
    >>> one == other
    True
    >>> ring = -torch.eye(30).roll(1, 1)[None]
    >>> order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    >>> canonical_keys(ring) == canonical_keys(ring[:, order][:, :, order])
    True
    """
    if not bool(((signs == 0) | (signs.abs() == 1)).all()):
        raise InputError("signs of edges are -1, 0 or 1; round a relaxed graph first")
    if most_permuted > 6:
        raise InputError(f"most_permuted must be at most 6, but it is {most_permuted}")
    there = torch.ones_like(signs[..., 0]) if present is None else present
    counts = (there > 0).sum(1)
    keys: list[Key] = [(0, 0)] * len(signs)
    for size in sorted(set(counts.tolist())):
        rows = (counts == size).nonzero().squeeze(1)
        order = (there[rows] <= 0).int().argsort(dim=1, stable=True)[:, :size]
        part = signs[rows[:, None, None], order[:, :, None], order[:, None, :]].long() + 1
        codes = _smallest_code(part).tolist() if size <= most_permuted else _searched_codes(part)
        for row, code in zip(rows.tolist(), codes, strict=True):
            keys[row] = (size, code)
    return keys


def _searched_codes(digits: Int[Tensor, "batch nodes nodes"]) -> list[int]:
    codes = []
    for matrix in digits.tolist():
        order = canonical_order(matrix)
        codes.append(int("".join(str(matrix[i][j]) for i in order for j in order), 3))
    return codes


def canonical_order(digits: list[list[int]]) -> list[int]:
    """Return the nodes of a directed graph in an order that gives isomorphic graphs the same matrix.

    Colours are refined until nodes of one colour have the same edges to and from every colour; where several
    nodes still share one, each of them in turn is given a colour of its own. Of all colourings that are so
    reached the one with the smallest trace is taken. Two colourings with the same trace are an automorphism;
    a branch that one maps to a finished branch is left out. Exact, whatever the refinement cannot tell apart.

    Parameters
    ----------
    digits
        0, 1 or 2: the kind of the edge from node i to node j, itself included.

    References
    ----------
    B. D. McKay, A. Piperno, Practical graph isomorphism II, Journal of Symbolic Computation 60, 2014, sec. 2.

    Examples
    --------
    >>> canonical_order([[1, 1, 2], [1, 1, 1], [1, 0, 1]])
    [2, 1, 0]
    """
    n = len(digits)
    pairs = [[3 * digits[i][j] + digits[j][i] + (9 if i == j else 0) for j in range(n)] for i in range(n)]
    search = _Search(pairs)
    colours, trace = _refined(pairs, [0] * n)
    search.visit(colours, (), (trace,))
    return sorted(range(n), key=search.best_colours.__getitem__)


def _refined(pairs: list[list[int]], colours: Colours) -> tuple[Colours, Trace]:
    """Split colours until nodes of one colour see the same edges to all colours; also what they see.

    The colours are numbered by what their nodes see, so that they do not depend on labels. What the nodes of
    a colouring all of whose colours differ see is the whole graph.
    """
    n_colours = len(set(colours))
    while True:
        tagged = [18 * colour for colour in colours]
        seen = [
            (colours[i], *sorted([a + b for a, b in zip(row, tagged, strict=True)]))
            for i, row in enumerate(pairs)
        ]
        trace = tuple(sorted(set(seen)))
        place = {view: colour for colour, view in enumerate(trace)}
        colours = [place[view] for view in seen]
        if len(trace) == n_colours:
            return colours, trace
        n_colours = len(trace)


@dataclass
class _Search:
    """Depth-first search of the colouring with the smallest trace; see `canonical_order`.

    Parameters
    ----------
    pairs
        What two nodes are to each other.
    best, best_colours
        The smallest traces so far, of all steps of their path, and their colouring.
    finished
        Paths (the nodes that were given colours of their own) and colourings, by traces.
    automorphisms
        Those found: the image of each node.
    """

    pairs: list[list[int]]
    best: tuple[Trace, ...] = ()
    best_colours: Colours = field(default_factory=list)
    finished: dict[tuple[Trace, ...], tuple[tuple[int, ...], Colours]] = field(default_factory=dict)
    automorphisms: list[list[int]] = field(default_factory=list)

    def visit(self, colours: Colours, path: tuple[int, ...], traces: tuple[Trace, ...]) -> int:
        """Search below a colouring; return the length of the path at which to go on."""
        cell = _smallest_cell(colours)
        if not cell:
            return self.finish(colours, path, traces)
        done: list[int] = []
        for node in cell:
            if not done or node not in self.images(done, path):
                back = self.descend(colours, path, traces, node)
                if back < len(path):
                    return back
            done.append(node)
        return len(path)

    def descend(self, colours: Colours, path: tuple[int, ...], traces: tuple[Trace, ...], node: int) -> int:
        """Give a node a colour of its own, before the others of its colour, and search below."""
        own = [2 * colour + 1 for colour in colours]
        own[node] -= 1
        refined, trace = _refined(self.pairs, own)
        longer = (*traces, trace)
        if self.best and longer > self.best[: len(longer)]:
            return len(path)
        return self.visit(refined, (*path, node), longer)

    def finish(self, colours: Colours, path: tuple[int, ...], traces: tuple[Trace, ...]) -> int:
        """Compare a colouring whose colours all differ; where one had its traces, go back to their fork."""
        if traces in self.finished:
            other_path, other = self.finished[traces]
            node_of = sorted(range(len(colours)), key=colours.__getitem__)
            self.automorphisms.append([node_of[colour] for colour in other])
            forks = (k for k, (a, b) in enumerate(zip(path, other_path, strict=True)) if a != b)
            return next(forks)
        self.finished[traces] = (path, colours)
        if not self.best or traces < self.best:
            self.best = traces
            self.best_colours = colours
        return len(path)

    def images(self, nodes: list[int], path: tuple[int, ...]) -> set[int]:
        """Return what the automorphisms found that keep a path map some nodes to, one after another."""
        keeping = [image for image in self.automorphisms if all(image[node] == node for node in path)]
        reached, new = set(nodes), list(nodes)
        while new:
            node = new.pop()
            found = {image[node] for image in keeping} - reached
            reached |= found
            new += found
        return reached


def _smallest_cell(colours: Colours) -> list[int]:
    """Return the nodes of the smallest colour, the first of them, that several nodes share."""
    counts = Counter(colours)
    shared = [(n, colour) for colour, n in counts.items() if n > 1]
    if not shared:
        return []
    _, chosen = min(shared)
    return [node for node, colour in enumerate(colours) if colour == chosen]


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
