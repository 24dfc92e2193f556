"""Signed motifs of circuits: connected triples of nodes, feedback and feed-forward loops.

U. Alon, Network motifs: theory and experimental approaches, Nature Reviews Genetics 8, 2007, pages 450-461.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import torch
from jaxtyping import Shaped
from torch import Tensor

from sciadv.metrics.graph import Key, are_connected, canonical_keys


def triples(
    signs: Shaped[Tensor, "batch nodes nodes"], present: Shaped[Tensor, "batch nodes"]
) -> Shaped[Tensor, "triples 3 3"]:
    """Return the connected induced subgraphs of three nodes of all graphs, without edges to themselves."""
    n = signs.shape[-1]
    places = torch.tensor(list(combinations(range(n), 3)), device=signs.device).reshape(-1, 3)
    parts = signs[:, places[:, :, None], places[:, None, :]]
    parts = parts * (1 - torch.eye(3, dtype=signs.dtype, device=signs.device))
    there = present[:, places].prod(2) > 0
    found = parts[there]
    return found[are_connected(found)]


def motif_shares(
    signs: Shaped[Tensor, "batch nodes nodes"], present: Shaped[Tensor, "batch nodes"]
) -> dict[Key, float]:
    """Return the share of each signed motif among the connected triples of graphs."""
    counts = Counter(canonical_keys(triples(signs, present)))
    total = max(1, counts.total())
    return {key: n / total for key, n in counts.items()}


def motif_distance(one: dict[Key, float], other: dict[Key, float]) -> float:
    """Return the total variation distance of two distributions of motifs: 0 for equal, 1 for disjoint ones.

    Examples
    --------
    >>> motif_distance({(3, 1): 1.0}, {(3, 1): 0.25, (3, 2): 0.75})
    0.75
    """
    return 0.5 * sum(abs(one.get(key, 0.0) - other.get(key, 0.0)) for key in {*one, *other})


def loop_shares(signs: Shaped[Tensor, "batch nodes nodes"]) -> dict[str, float]:
    """Return shares of loops: coherent among feed-forward ones, and kinds of feedback of two nodes.

    A feed-forward loop ``i -> j -> k, i -> k`` is coherent where the signs of both paths agree. Feedback
    between two nodes is double negative, double positive or mixed. NaN where a circuit set has none.
    """
    edges = signs * (1 - torch.eye(signs.shape[-1], dtype=signs.dtype, device=signs.device))
    paths = edges[:, :, :, None] * edges[:, None, :, :]  # i -> j -> k
    ends = paths * edges[:, :, None, :]  # and i -> k
    coherent = float((ends > 0).sum())
    both = edges * edges.transpose(1, 2)
    negative = float(((both > 0) & (edges < 0)).sum()) / 2
    positive = float(((both > 0) & (edges > 0)).sum()) / 2
    mixed = float((both < 0).sum()) / 2
    n_feedback = negative + positive + mixed
    n_forward = coherent + float((ends < 0).sum())
    return {
        "coherent_feed_forward": _share(coherent, n_forward),
        "double_negative": _share(negative, n_feedback),
        "double_positive": _share(positive, n_feedback),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
