"""Parameter sets of circuits: points of a Sobol sequence, near a circuit's own or anywhere in the ranges."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.nets.graph import N_EDGE, N_GENE


def sobol_places(n: int, shape: tuple[int, ...], *, seed: int, most: int = 21_201) -> Tensor:
    """Return `n` points of a scrambled Sobol sequence in [-1, 1], ``(n, *shape)``; `n` may be 0.

    Numbers beyond `most`, which a sequence of torch has at most, are of further sequences, scrambled
    otherwise.

    Examples
    --------
    >>> sobol_places(2, (5, 70, 70), seed=0).shape
    torch.Size([2, 5, 70, 70])
    """
    n_numbers = int(torch.tensor(shape).prod())
    parts = []
    for block, first in enumerate(range(0, n_numbers, most)):
        n_here = min(most, n_numbers - first)
        engine = torch.quasirandom.SobolEngine(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            n_here, scramble=True, seed=seed + 7919 * block
        )
        parts.append(engine.draw(max(n, 1))[:n])
    return 2 * torch.cat(parts, 1).reshape(n, *shape) - 1


def perturbed(
    x: Tensor, shifts: Float[Tensor, "sets 5 genes genes"]
) -> Float[Tensor, "sets batch 7 genes genes"]:
    """Shift the kinetics of circuits in their ranges, reflected at the ends; signs and genes stay."""
    kinetics = x[None, :, 1 : 1 + N_EDGE + N_GENE] + shifts[:, None]
    kinetics = torch.where(kinetics.abs() > 1, 2 * kinetics.sign() - kinetics, kinetics)
    sign, presence = (
        x[None, :, part].expand(len(shifts), -1, -1, -1, -1) for part in (slice(0, 1), slice(-1, None))
    )
    return torch.cat([sign, kinetics, presence], 2)


def without_kinetics(x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, "batch 7 genes genes"]:
    """Return the topology of circuits alone: every kinetic parameter in the middle of its range."""
    return torch.cat([x[:, :1], torch.zeros_like(x[:, 1:-1]), x[:, -1:]], 1)
