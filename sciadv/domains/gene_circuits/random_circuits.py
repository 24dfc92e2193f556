"""Circuits to compare with: random ones, those of a prior at its largest size, and all small ones."""

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
