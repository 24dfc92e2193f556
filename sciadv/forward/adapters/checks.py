"""Measurements of an operator: is its adjoint one, is it linear, does it keep a batch apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from sciadv.arguments.values import shown
from sciadv.errors import AdjointError, InputError
from sciadv.forward.base import Forward


@dataclass(frozen=True)
class DotTest:
    """What a dot test measured.

    Parameters
    ----------
    ratios
        ``<J t, y> / <t, J* y>`` of each trial; 1 for a true adjoint.
    error
        Largest ``|<J t, y> - <t, J* y>|`` relative to the larger of the two.
    """

    ratios: tuple[float, ...]
    error: float

    def __str__(self) -> str:
        """Say the ratios, and what a constant one means."""
        shown = ", ".join(f"{ratio:.6g}" for ratio in self.ratios)
        spread = max(self.ratios) - min(self.ratios)
        text = f"<A x, y> / <x, A* y> is {shown} in {len(self.ratios)} trials, but 1 for a true adjoint"
        if not spread <= 1e-3 * abs(self.ratios[0]):
            return text
        return f"{text}. The ratio is constant, which often reveals a weighting or a missing factor"


def random_candidates(A: Forward, n: int, *, generator: torch.Generator) -> Tensor:
    """Draw n candidates: normal for a linear operator, uniform in [0, 1] for a nonlinear one."""
    draw = torch.randn if A.is_linear else torch.rand
    return draw(n, *A.in_shape, generator=generator, dtype=A.dtype).to(A.device)


def inner(a: Tensor, b: Tensor) -> float:
    """Real part of the Euclidean inner product, summed in double precision."""
    wide = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float64)
    return float((a.to(wide).conj() * b.to(wide)).real.sum())


def dot_test(A: Forward, *, generator: torch.Generator, n_trials: int = 3) -> DotTest:
    """Compare ``<J t, y>`` with ``<t, J* y>``, J the derivative of the operator at a random candidate.

    The cotangent is random plus the direction of ``J t``, so that neither product is near zero by chance.

    Parameters
    ----------
    A
        The operator: its `jvp` and `vjp` are compared.
    generator
        Of random candidates, on the CPU.
    n_trials
        How often.
    """
    ratios = []
    errors = []
    for _ in range(n_trials):
        x = random_candidates(A, 1, generator=generator)
        tangent = torch.randn(x.shape, generator=generator, dtype=A.dtype).to(A.device)
        pushed = A.jvp(x, tangent)
        noise = torch.randn(pushed.shape, generator=generator, dtype=pushed.dtype).to(A.device)
        cotangent = noise + pushed / pushed.abs().square().mean().sqrt().clamp_min(
            torch.finfo(pushed.dtype).tiny
        )
        left = inner(pushed, cotangent)
        right = inner(tangent, A.vjp(x, cotangent))
        ratios.append(1.0 if left == right else left / right if right else float("inf"))
        errors.append(abs(left - right) / (max(abs(left), abs(right)) or 1.0))
    return DotTest(tuple(ratios), max(errors))


def linearity_error(A: Forward, *, generator: torch.Generator) -> float:
    """Return ``|A(a + 2 b) - A(a) - 2 A(b)|`` relative to ``|A(a)| + 2 |A(b)|`` for random a and b."""
    a, b = random_candidates(A, 2, generator=generator).chunk(2)
    pushed = A(a), A(b)
    error = torch.linalg.vector_norm(A(a + 2 * b) - pushed[0] - 2 * pushed[1])
    size = torch.linalg.vector_norm(pushed[0]) + 2 * torch.linalg.vector_norm(pushed[1])
    return float(error / size.clamp_min(torch.finfo(size.dtype).tiny))


def derivative_error(F: Forward, x: Tensor, tangent: Tensor, *, step: float) -> float:
    """Return how far `jvp` is from central differences of that step, relative to the differences' size."""
    difference = (F(x + step * tangent) - F(x - step * tangent)) / (2 * step)
    size = torch.linalg.vector_norm(difference).clamp_min(torch.finfo(difference.dtype).tiny)
    return float(torch.linalg.vector_norm(F.jvp(x, tangent) - difference) / size)


def batch_error(A: Forward, *, generator: torch.Generator) -> float:
    """Return how far a batch of three differs from its three members one by one, relative to its size."""
    x = random_candidates(A, 3, generator=generator)
    together = A(x)
    alone = torch.cat([A(one) for one in x.chunk(len(x))])
    size = torch.linalg.vector_norm(alone).clamp_min(torch.finfo(alone.dtype).tiny)
    return float(torch.linalg.vector_norm(together - alone) / size)


def require_predictions(y: object, name: str, *, device: torch.device, what: str = "predictions") -> None:
    """Check that a foreign operator gives dense floating-point or complex numbers, where the candidates are.

    Raises
    ------
    InputError
        It gives none: integers, truth values, objects, a sparse or quantised tensor, or one of elsewhere.
    """
    if isinstance(y, Tensor):
        is_dense = y.layout == torch.strided and not y.is_quantized and y.device.type == device.type
        is_real = y.is_floating_point() or y.is_complex()
        found = f"a {y.layout} tensor of {y.dtype} on {y.device}"
    else:
        kind = getattr(y, "dtype", np.dtype(object))
        is_dense = is_real = isinstance(y, np.ndarray) and kind.kind in "fc"
        found = f"an array of {kind}" if isinstance(y, np.ndarray) else shown(y)
    if not (is_dense and is_real):
        raise InputError(
            f"{name} gives {found}, but {what} are dense floating-point numbers on {device}, as the "
            f"candidates are; convert them there"
        )


@torch.no_grad()
def check_wrapped(A: Forward, name: str, *, tolerance: float, seed: int = 0) -> None:
    """Check a foreign operator at the time it is wrapped.

    Parameters
    ----------
    A
        The wrapped operator.
    name
        Its name in messages.
    tolerance
        Largest relative error that passes for rounding.
    seed
        Seed of the candidates.

    Raises
    ------
    AdjointError
        Its adjoint fails the dot test.
    InputError
        It gives NaN, Inf or no dense floating-point numbers, mixes the members of a batch, or is said to be
        linear and is not.
    """
    predicted = A(random_candidates(A, 2, generator=torch.Generator().manual_seed(seed)))
    require_predictions(predicted, name, device=A.device)
    if not bool(predicted.isfinite().all()):
        n_bad = int((~predicted.isfinite()).sum())
        raise InputError(
            f"{name} gives NaN or Inf in {n_bad} of {predicted.numel()} predictions of random candidates; "
            f"look for divisions by 0, logarithms and roots of negative numbers"
        )
    generator = torch.Generator().manual_seed(seed)
    if not (error := batch_error(A, generator=generator)) <= tolerance:
        raise InputError(
            f"{name} mixes the members of a batch, or is not deterministic: three candidates at once "
            f"differ from the same three one by one by {error:.1e}; an operator maps (batch, *in_shape) "
            f"member by member"
        )
    if A.is_linear and not (error := linearity_error(A, generator=generator)) <= tolerance:
        raise InputError(
            f"{name} is said to be linear, but A(a + 2 b) differs from A(a) + 2 A(b) by {error:.1e} of "
            f"its size; an offset makes an operator nonlinear"
        )
    test = dot_test(A, generator=generator)
    if not isfinite(test.error):
        raise InputError(f"the derivative of {name}, or its adjoint, gives NaN or Inf at random candidates")
    if not test.error <= tolerance:
        raise AdjointError(f"the adjoint of {name} fails the dot test: {test}", ratio=test.ratios[0])
