"""What every forward operator must do; for operators of this and of other packages."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from sciadv.errors import AdjointError
from sciadv.forward.adapters.checks import (
    batch_error,
    derivative_error,
    dot_test,
    linearity_error,
    random_candidates,
)
from sciadv.forward.base import Forward, LinearForward
from sciadv.testing.promise import require

#: Largest relative errors that pass, by the real dtype of the candidates.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}


def check_forward(A: Forward, *, seed: int = 0, has_double: bool = True) -> None:
    """Check that an operator keeps every promise of `Forward`, and say by how much it does not.

    Shapes, dtype and device of what it returns; that it is deterministic, leaves its input alone, and treats
    the members of a batch as independent; the dot test ``<J t, y> = <t, J* y>``; linearity, or else the
    derivative against finite differences; and, in double precision, torch's gradient through it.

    Parameters
    ----------
    A
        The operator. It is not changed: a copy is cast to float64.
    seed
        Seed of the random candidates: normal for a linear operator, uniform in [0, 1] for a nonlinear one.
    has_double
        Whether the operator can compute in float64. False leaves out that half: say, for foreign operators
        that compute in float32 whatever they are given.

    Raises
    ------
    AdjointError
        The dot test fails by more than 1e-5 in float32 or 1e-10 in float64.
    AssertionError
        Another promise is broken.

    Examples
    --------
    >>> from sciadv.forward import BlockSum
    >>> check_forward(BlockSum((1, 8, 8), 2))
    """
    _check_kind(A)
    _check_values(A, seed)
    if has_double:
        double = copy.deepcopy(A).to(torch.float64)
        _check_values(double, seed)
        _check_gradient(double, seed)


def _check_kind(A: Forward) -> None:
    """Check that an operator is linear to the type checker if and only if it is at run time."""
    is_linear_type = isinstance(A, LinearForward)
    require(
        A.is_linear == is_linear_type,
        f"is_linear is {A.is_linear}, but the class {'is' if is_linear_type else 'is not'} a LinearForward",
    )


@torch.no_grad()
def _check_values(A: Forward, seed: int) -> None:
    """Check everything that needs no gradient, in the operator's own dtype."""
    generator = torch.Generator().manual_seed(seed)
    tolerance = TOLERANCES.get(A.dtype.to_real(), 1e-2)
    x, tangent = random_candidates(A, 6, generator=generator).chunk(2)
    _check_returned(A, x, tangent)
    error = batch_error(A, generator=generator)
    require(error <= tolerance, f"a batch differs from its members one by one by {error:.1e} of its size")
    if A.is_linear:
        error = linearity_error(A, generator=generator)
        require(error <= tolerance, f"A(a + 2 b) differs from A(a) + 2 A(b) by {error:.1e} of its size")
    test = dot_test(A, generator=generator)
    if not test.error <= tolerance:
        raise AdjointError(f"dot test in {A.dtype}: off by {test.error:.1e}: {test}", ratio=test.ratios[0])
    if not A.is_linear:
        step, allowed = (1e-5, 1e-6) if A.dtype.to_real() == torch.float64 else (1e-2, 1e-2)
        error = derivative_error(A, x, tangent, step=step)
        require(error <= allowed, f"jvp differs from central differences by {error:.1e} of their size")


def _check_returned(A: Forward, x: Tensor, tangent: Tensor) -> None:
    """Shapes, dtypes and devices; the same again for the same input, which stays as it was."""
    before = x.clone()
    y = A(x)
    require(torch.equal(x, before), "the operator changes its input in place")
    precision = A.dtype.to_complex() if y.is_complex() else A.dtype.to_real()
    returned = {"forward": (y, A.out_shape, precision), "jvp": (A.jvp(x, tangent), A.out_shape, precision)}
    returned["vjp"] = (A.vjp(x, y), A.in_shape, A.dtype)
    if isinstance(A, LinearForward):
        returned["adjoint"] = (A.adjoint(y), A.in_shape, A.dtype)
    for name, (tensor, shape, dtype) in returned.items():
        expected = (len(x), *shape)
        require(
            tuple(tensor.shape) == expected,
            f"{name} gives shape {tuple(tensor.shape)}, not {expected} (batch first)",
        )
        require(
            tensor.dtype == dtype, f"{name} gives {tensor.dtype}, not {dtype}, for candidates of {A.dtype}"
        )
        require(tensor.device == A.device, f"{name} gives a tensor on {tensor.device}, not on {A.device}")
        require(bool(tensor.isfinite().all()), f"{name} gives NaN or Inf for ordinary candidates")
    error = _distance(A(x), y)
    require(
        error <= torch.finfo(y.dtype).eps * 100, f"two calls on the same candidates differ by {error:.1e}"
    )


def _check_gradient(A: Forward, seed: int) -> None:
    """Check torch's gradient through the operator against finite differences and the operator's own `vjp`."""
    generator = torch.Generator().manual_seed(seed)
    x = random_candidates(A, 2, generator=generator).requires_grad_()
    y = A(x)
    require(
        y.requires_grad,
        "torch does not see the operator: its output requires no gradient. Write it in torch, or return "
        "sciadv.forward.autodiff.apply_linear(apply, adjoint, x)",
    )
    cotangent = torch.randn(y.shape, generator=generator, dtype=y.dtype).to(A.device)
    (gradient,) = torch.autograd.grad(y, x, cotangent)
    error = _distance(gradient, A.vjp(x.detach(), cotangent))
    require(error <= 1e-8, f"torch's gradient differs from vjp by {error:.1e} of its size")
    try:
        torch.autograd.gradcheck(A, (x,), fast_mode=True)
    except RuntimeError as failure:
        raise AssertionError(f"torch.autograd.gradcheck fails: {failure}") from failure


def _distance(a: Tensor, b: Tensor) -> float:
    """Return ``|a - b| / |b|``."""
    size = torch.linalg.vector_norm(b).clamp_min(torch.finfo(b.dtype).tiny)
    return float(torch.linalg.vector_norm(a - b) / size)
