"""How robustly circuits show a behaviour: the share of fresh parameter sets, with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from sciadv.forward.circuits.parameter_sets import perturbed, sobol_places, without_kinetics
from sciadv.nets.graph import N_EDGE, N_GENE


@dataclass(frozen=True)
class Robustness:
    """Share of parameter sets in which each circuit shows a behaviour, with its interval.

    Parameters
    ----------
    share
        ``(batch,)``.
    low, high
        Wilson's 95 % interval ``(batch,)``.
    n_sets
        Parameter sets per circuit.
    spread
        How far parameters were drawn around the circuit's own, as a part of their ranges; 1: anywhere.
    """

    share: Tensor
    low: Tensor
    high: Tensor
    n_sets: int
    spread: float


def wilson_interval(
    hits: Tensor,
    n: int,
    *,
    z: float = 1.959964,
) -> tuple[Tensor, Tensor]:
    """Return Wilson's score interval of a share.

    E. B. Wilson, Journal of the American Statistical Association 22, 1927, pages 209-212.

    Examples
    --------
    >>> import torch
    >>> low, high = wilson_interval(torch.tensor([0.0]), 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0, 0.2775)
    """
    share = hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)).sqrt()
    return (middle - half).clamp_min(0), (middle + half).clamp_max(1)


def fresh(
    x: Float[Tensor, "batch 7 genes genes"],
    n_sets: int,
    *,
    spread: float,
    seed: int,
) -> Tensor:
    """Return circuits with fresh parameters ``(sets, batch, 7, genes, genes)``, from a Sobol sequence.

    Parameters
    ----------
    x
        Circuits.
    n_sets
        Parameter sets.
    spread
        Largest shift of a parameter, as a part of its range; 1 draws anywhere in the ranges, whatever x has.
    seed
        Seed of the sequence; not that of the search.
    """
    places = sobol_places(n_sets, (N_EDGE + N_GENE, *x.shape[2:]), seed=seed).to(x)
    if spread < 1:
        return perturbed(x, 2 * spread * places)
    return perturbed(without_kinetics(x), places)


def share_of_fresh(
    x: Float[Tensor, "batch 7 genes genes"],
    is_shown: Callable[[Tensor], Tensor],
    *,
    n_sets: int = 64,
    spread: float = 0.2,
    seed: int = 1000,
) -> Robustness:
    """Measure in which share of fresh parameter sets circuits do something.

    Parameters
    ----------
    x
        Circuits.
    is_shown
        Of circuits, whether each does.
    n_sets, spread, seed
        As for `fresh`.
    """
    many = fresh(x, n_sets, spread=spread, seed=seed)
    shown = is_shown(many.flatten(0, 1)).reshape(n_sets, len(x))
    hits = shown.to(x.dtype).sum(0)
    return Robustness(hits / n_sets, *wilson_interval(hits, n_sets), n_sets, spread)
