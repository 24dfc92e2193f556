"""Differentiation of operators that torch cannot see into: sparse, NumPy and foreign ones.

An operator gives its own tangents and cotangents; here they are shown to torch, so that ``backward``,
`torch.func.jvp`, `torch.func.vjp` and `torch.vmap` all work through it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

TensorMap = Callable[[Tensor], Tensor]
TensorMap2 = Callable[[Tensor, Tensor], Tensor]
Values = TypeVar("Values", Tensor, dict[str, Tensor])

#: torch counts the levels of forward-mode differentiation per process, not per thread.
_FORWARD_MODE = threading.RLock()


def forward_mode(
    function: Callable[[Values], Tensor], values: Values, tangents: Values
) -> tuple[Tensor, Tensor]:
    """Return a function's value and its derivative along tangents, by `torch.func.jvp`; one thread at a time.

    Parameters
    ----------
    function
        What to differentiate.
    values, tangents
        Where and along what: a tensor each, or tensors by name.

    Examples
    --------
    >>> import torch
    >>> forward_mode(torch.square, torch.tensor(3.0), torch.tensor(1.0))
    (tensor(9.), tensor(6.))
    """
    with _FORWARD_MODE:
        value, derivative = torch.func.jvp(function, (values,), (tangents,))[:2]
    return value, derivative


def apply_linear(apply: TensorMap, adjoint: TensorMap, x: Tensor) -> Tensor:
    """Return ``apply(x)``, differentiable any number of times through `adjoint` and `apply` alone.

    Parameters
    ----------
    apply, adjoint
        A linear map of batches and its adjoint. Neither needs to be differentiable by torch.
    x
        Input ``(batch, ...)``.

    Examples
    --------
    >>> import torch
    >>> x = torch.ones(1, 2, requires_grad=True)
    >>> apply_linear(lambda x: 3 * x.detach(), lambda y: 3 * y.detach(), x).sum().backward()
    >>> x.grad
    tensor([[3., 3.]])
    """
    y: Tensor = _Linear.apply(x, apply, adjoint)  # type: ignore[no-untyped-call]  # untyped in torch
    return y


def apply_nonlinear(apply: TensorMap, jvp: TensorMap2, vjp: TensorMap2, x: Tensor) -> Tensor:
    """Return ``apply(x)``, differentiable once through ``jvp(x, tangent)`` and ``vjp(x, cotangent)``.

    Parameters
    ----------
    apply, jvp, vjp
        A map of batches, its derivative and its adjoint derivative; none needs to be differentiable by torch.
    x
        Input ``(batch, ...)``.
    """
    y: Tensor = _Nonlinear.apply(x, apply, jvp, vjp)  # type: ignore[no-untyped-call]  # untyped in torch
    return y


def as_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Cast; a complex tensor cast to a real dtype keeps its real part (the adjoint of the embedding)."""
    return (x.real if x.is_complex() and not dtype.is_complex else x).to(dtype)


def as_kind_of(x: Tensor, matrix: Tensor) -> Tensor:
    """Make real `x` complex where `matrix` is; the precision stays that of `x`."""
    return x.to(x.dtype.to_complex()) if matrix.is_complex() else x


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, apply: TensorMap, adjoint: TensorMap) -> Tensor:  # noqa: ARG004  # read in setup_context
        return apply(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, TensorMap, TensorMap], output: Tensor) -> None:  # noqa: ARG004
        _, ctx.linear_map, ctx.adjoint_map = inputs

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor, None, None]:
        return apply_linear(ctx.adjoint_map, ctx.linear_map, cotangent), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        return apply_linear(ctx.linear_map, ctx.adjoint_map, tangent)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int, None, None], x: Tensor, apply: TensorMap, adjoint: TensorMap
    ) -> Any:
        rows = x.movedim(in_dims[0], 0)  # (mapped, batch, ...)
        y = apply_linear(apply, adjoint, rows.flatten(0, 1))
        return y.reshape(info.batch_size, rows.shape[1], *y.shape[1:]), 0


class _Nonlinear(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, apply: TensorMap, jvp: TensorMap2, vjp: TensorMap2) -> Tensor:  # noqa: ARG004
        return apply(x)

    @staticmethod
    def setup_context(
        ctx: Any,
        inputs: tuple[Tensor, TensorMap, TensorMap2, TensorMap2],
        output: Tensor,  # noqa: ARG004
    ) -> None:
        x, _, ctx.tangent_map, ctx.cotangent_map = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.cotangent_map(ctx.saved_tensors[0], cotangent), None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        derivative: Tensor = ctx.tangent_map(ctx.saved_tensors[0], tangent)
        return derivative
