"""Which share of circuits do what was asked for: as they are, and at fresh parameters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.domains.gene_circuits.asked.asked_classes import (
    asked_classes,
    class_among,
    families,
    share_nearby,
)
from sciadv.domains.gene_circuits.asked.asked_prior import asked_prior
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import CircuitGenerator, signs_and_presence
from sciadv.prior import Prior
from sciadv.types import as_generator


@torch.no_grad()
def shares_as_asked(
    x: Float[Tensor, "batch 7 genes genes"],
    asked: int,
    *,
    n_sets: int = 4,
    spread: float = 0.2,
    seed: int = 9000,
) -> dict[str, float]:
    """Return the shares of circuits of a class: as they are, and at fresh parameters near and anywhere.

    Parameters
    ----------
    x
        Circuits.
    asked
        Number of the class in `asked_classes`.
    n_sets, spread
        Parameter sets of each circuit, and how far the near ones lie as a part of the ranges.
    seed
        Of the sets.
    """
    classes = asked_classes()
    (family,) = (some for some in families(classes) if asked in some)
    wanted = torch.full((len(x),), asked)
    shown = class_among(x, classes, family) == wanted
    near, anywhere = (
        share_nearby(x, wanted, classes, family, n_sets=n_sets, spread=far, seed=seed)
        for far in (spread, 1.0)
    )
    keys = set(canonical_keys(*signs_and_presence(x[shown])))
    return {
        "as_drawn": float(shown.double().mean()),
        "fresh_near": float(near.mean()),
        "fresh_anywhere": float(anywhere.mean()),
        "topologies": float(len(keys)),
    }


def asked_draws(prior: Prior, n: int, *, seed: int) -> Iterator[tuple[str, int, int, Tensor]]:
    """Draw `n` circuits of each class and number of genes; its name, its number, and the genes come first."""
    inner: CircuitGenerator = prior.generator  # type: ignore[assignment]  # `asked_prior` checks
    numbers = as_generator(seed)
    for asked, one in enumerate(asked_classes()):
        for genes in range(inner.smallest, inner.n_genes + 1):
            some = asked_prior(prior, [asked], [genes])
            yield one.name, asked, genes, some.sample(n, seed=numbers)
