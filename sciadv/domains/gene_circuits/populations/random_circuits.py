"""Circuits to compare with: random and rewired ones, those of a prior at its largest size, all small ones."""

from __future__ import annotations

from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets.graph import CHANNELS, CircuitGenerator
from sciadv.physics.regulation.kinetics import circuits_of
from sciadv.prior import Prior
from sciadv.types import as_generator


def largest_samples(
    prior: Prior, n: int, *, seed: int, first_latent: float = 3.0
) -> Float[Tensor, "batch 7 genes genes"]:
    """Draw circuits of the prior that have as many genes as it can make.

    Parameters
    ----------
    prior
        A prior of circuits.
    n
        How many.
    seed
        Seed of the draws.
    first_latent
        The latent that chooses the number of genes; 3 stands for the largest circuits.

    Raises
    ------
    InputError
        The prior is not one of circuits.
    """
    if not isinstance(prior.generator, CircuitGenerator):
        raise InputError(
            f"prior {prior.name!r} makes {prior.out_shape}, not gene circuits; take one that does"
        )
    z = prior.sample_latent(n, seed=seed)
    z[:, 0] = first_latent
    with torch.no_grad():
        return torch.cat([prior(part) for part in torch.split(z, 1000)])


def random_circuits(n: int, n_genes: int, *, seed: int) -> Float[Tensor, "batch 7 genes genes"]:
    """Draw circuits: each edge absent, positive or negative alike, kinetics anywhere in range."""
    generator = as_generator(seed)
    signs = torch.randint(-1, 2, (n, n_genes, n_genes), generator=generator).float()
    places = 2 * torch.rand(n, len(CHANNELS), n_genes, n_genes, generator=generator) - 1
    return circuits_of(signs, places=places)


def connected_random_graphs(
    signs: Float[Tensor, "batch genes genes"], presence: Float[Tensor, "batch genes"], *, seed: int
) -> Float[Tensor, "batch genes genes"]:
    """Draw Erdos-Renyi graphs that hang together, with the sizes, densities and signs of others.

    Each graph has as many genes as the one in its row; each pair, a gene with itself apart, has an edge with
    the share that pairs have in the graphs of that size, activating as often as there.

    Parameters
    ----------
    signs, presence
        The graphs that are imitated.
    seed
        Seed of the draws.
    """
    generator = as_generator(seed)
    drawn = torch.zeros_like(signs)
    n_genes = presence.sum(1)
    for size in sorted(set(n_genes.tolist())):
        rows = n_genes == size
        drawn[rows] = _like(signs[rows], presence[rows], generator)
    return drawn


def _like(signs: Tensor, presence: Tensor, generator: torch.Generator) -> Tensor:
    """Draw until every graph hangs together."""
    pairs = presence[:, :, None] * presence[:, None]
    loops = pairs * torch.eye(signs.shape[-1])
    others = pairs - loops
    share = torch.zeros_like(signs)
    for kind in (loops, others):
        share += kind * (signs.abs() * kind).sum() / kind.sum()
    n_edges = signs.abs().sum().clamp_min(1)
    positive = (signs > 0).sum() / n_edges
    drawn = torch.zeros_like(signs)
    todo = torch.arange(len(signs))
    while len(todo):
        has_edge = torch.rand(drawn[todo].shape, generator=generator) < share[todo]
        kind = torch.where(torch.rand(drawn[todo].shape, generator=generator) < positive, 1.0, -1.0)
        drawn[todo] = has_edge * kind
        todo = todo[~are_connected(drawn[todo], presence[todo])]
    return drawn


def rewired(
    signs: Float[Tensor, "batch genes genes"],
    presence: Float[Tensor, "batch genes"],
    *,
    seed: int,
    swaps_per_edge: int = 10,
) -> Float[Tensor, "batch genes genes"]:
    """Swap the targets of pairs of edges of one sign: every gene keeps its numbers of edges of each sign.

    Edges of genes to themselves stay, and a swap by which a graph would fall apart is undone.

    Parameters
    ----------
    signs, presence
        The graphs.
    seed
        Seed of the swaps.
    swaps_per_edge
        Swaps that are tried, for each edge.

    References
    ----------
    R. Milo et al., Network motifs: simple building blocks of complex networks, Science 298, 2002.
    """
    generator = as_generator(seed)
    found = signs.clone()
    eye = torch.eye(signs.shape[-1], dtype=torch.bool)
    n_tried = swaps_per_edge * int((signs != 0).sum((1, 2)).max())
    rows = torch.arange(len(signs))
    for _ in range(n_tried):
        one, other = _two_edges(found.masked_fill(eye, 0), generator)
        (a, b), (c, d) = one, other
        sign = found[rows, a, b]
        is_free = (found[rows, a, d] == 0) & (found[rows, c, b] == 0) & (a != d) & (c != b)
        fits = is_free & (sign == found[rows, c, d]) & (sign != 0)
        swapped = found.clone()
        swapped[rows, a, b] = 0
        swapped[rows, c, d] = 0
        swapped[rows, a, d] = sign
        swapped[rows, c, b] = sign
        fits &= are_connected(swapped, presence)
        found[fits] = swapped[fits]
    return found


def _two_edges(
    signs: Tensor, generator: torch.Generator
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Draw two edges of each graph: their sources and targets."""
    n = signs.shape[-1]
    weight = signs.abs().flatten(1) + 1e-9  # a graph without edges has something to draw
    drawn = torch.multinomial(weight, 2, generator=generator)
    one, other = drawn.unbind(1)
    return (one // n, one % n), (other // n, other % n)


def enumerate_topologies(n_genes: int = 3) -> Float[Tensor, "batch genes genes"]:
    """Return every topology of up to `n_genes` genes once up to relabelling; other genes are padding.

    A topology counts if the genes that have edges, their own included, hang together, and there is at least
    one edge: the convention of CircuiTree's grammar, which gives 3,325 for three genes (3,284 of three, 39
    of two, 2 of one).

    Parameters
    ----------
    n_genes
        At most 3: there are 43 million sign matrices of four.

    Raises
    ------
    InputError
        `n_genes` is not 1, 2 or 3.

    Examples
    --------
    >>> len(enumerate_topologies(2))
    41
    """
    if not 1 <= n_genes <= 3:
        raise InputError(f"topologies are enumerated for 1 to 3 genes, but n_genes is {n_genes}")
    signs = torch.tensor(list(product((-1.0, 0.0, 1.0), repeat=n_genes**2))).reshape(-1, n_genes, n_genes)
    has_edge = ((signs != 0).any(1) | (signs != 0).any(2)).float()
    signs, has_edge = signs[has_edge.any(1)], has_edge[has_edge.any(1)]
    connected = are_connected(signs, has_edge)
    signs, has_edge = signs[connected], has_edge[connected]
    first = {key: i for i, key in reversed(list(enumerate(canonical_keys(signs, has_edge))))}
    return signs[sorted(first.values())]
