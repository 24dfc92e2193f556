"""Plain functions of a batch as forward operators: torch's, linear or not, and NumPy's, linear."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sciadv.arguments.values import shown
from sciadv.errors import FOREIGN_FAILURES, InputError, shown_failure
from sciadv.forward.adapters.checks import linearity_error, require_predictions
from sciadv.forward.adapters.host import Array, ArrayMap, from_columns, host_linear
from sciadv.forward.adapters.request import Request, attempt
from sciadv.forward.autodiff import TensorMap, TensorMap2, apply_linear, forward_mode
from sciadv.forward.base import Forward, LinearForward
from sciadv.types import Shape

AnyMap = Callable[[Any], Any]


class LinearFunction(LinearForward):
    """A linear torch function of a batch; without an adjoint of its own, torch transposes it.

    Parameters
    ----------
    function
        Maps ``(batch, *in_shape)`` to ``(batch, *out_shape)``; a module moves with the operator.
    in_shape, out_shape
        Shapes of one candidate and of its measurements.
    adjoint
        Its Euclidean adjoint, or None.
    dtype, device
        Of the candidates.
    """

    def __init__(
        self,
        function: TensorMap,
        in_shape: Shape,
        out_shape: Shape,
        *,
        adjoint: TensorMap | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, out_shape, dtype=dtype, device=device)
        self.function = function
        self.function_adjoint = adjoint

    def forward(self, x: Tensor) -> Tensor:
        """Return ``A x``."""
        return apply_linear(self.function, self._transpose, x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``A* y``."""
        return apply_linear(self._transpose, self.function, y)

    def _transpose(self, y: Tensor) -> Tensor:
        if self.function_adjoint is not None:
            return self.function_adjoint(y)
        dtype = y.dtype.to_complex() if self.dtype.is_complex else y.dtype.to_real()
        blank = torch.zeros(len(y), *self.in_shape, dtype=dtype, device=y.device)
        x: Tensor = torch.func.vjp(self.function, blank)[1](y)[0]
        return x


class NonlinearFunction(Forward):
    """A differentiable torch function of a batch.

    Parameters
    ----------
    function
        Maps ``(batch, *in_shape)`` to ``(batch, *out_shape)``.
    in_shape, out_shape
        Shapes of one candidate and of its measurements.
    vjp
        Its adjoint derivative ``vjp(x, cotangent)``; torch's reverse mode if None.
    module
        The module that `function` is a method of, so that it moves with the operator.
    dtype, device
        Of the candidates.

    Notes
    -----
    Functions of which torch has no forward-mode derivative (say, with `grid_sample`) get the same number by
    transposing the adjoint derivative, at about twice the cost.
    """

    is_linear = False

    def __init__(
        self,
        function: TensorMap,
        in_shape: Shape,
        out_shape: Shape,
        *,
        vjp: TensorMap2 | None = None,
        module: nn.Module | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, out_shape, dtype=dtype, device=device)
        self.function = function
        self.own_vjp = vjp
        self.module = module
        self.has_forward_mode = self._try_forward_mode()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``F(x)``."""
        return self.function(x)

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Forward mode where torch has it, else the adjoint derivative, transposed."""
        if self.has_forward_mode:
            return forward_mode(self.function, x, tangent)[1]
        pulled = torch.func.vjp(self.function, x)
        transposed = torch.func.vjp(lambda cotangent: pulled[1](cotangent)[0], torch.zeros_like(pulled[0]))
        derivative: Tensor = transposed[1](tangent)[0]
        return derivative

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return the function's own adjoint derivative, or torch's."""
        if self.own_vjp is not None:
            return self.own_vjp(x, cotangent)
        derivative: Tensor = torch.func.vjp(self.function, x)[1](cotangent)[0]
        return derivative

    def _try_forward_mode(self) -> bool:
        x = torch.zeros(1, *self.in_shape, dtype=self.dtype, device=self.device)
        try:
            forward_mode(self.function, x, x)
        except (NotImplementedError, RuntimeError):
            return False
        return True


def from_function(
    function: AnyMap, request: Request, name: str, *, adjoint: AnyMap | None, is_linear: bool | None
) -> Forward:
    """Wrap a function of a batch: measure whether it is linear, and find how to transpose it.

    Raises
    ------
    InputError
        It fails on a batch of `in_shape`, gives no batch or no floating-point numbers, or cannot be
        differentiated.
    """
    in_shape = request.need_in_shape(name)
    x = torch.rand(2, *in_shape, generator=torch.Generator().manual_seed(0), dtype=request.dtype)
    x = x.to(request.device)
    y = _first_call(function, x, name)
    require_predictions(y, name, device=x.device)
    out_shape = _out_shape(tuple(y.shape), request, name)
    if adjoint is not None:
        _check_adjoint(adjoint, y, x, name)
    if not isinstance(y, Tensor):
        return _from_numpy(function, in_shape, out_shape, request, name, adjoint=adjoint)
    dtype = request.dtype
    device = request.device
    linear = LinearFunction(function, in_shape, out_shape, adjoint=adjoint, dtype=dtype, device=device)
    if is_linear is None:
        with torch.no_grad():
            error = linearity_error(linear, generator=torch.Generator().manual_seed(0))
        is_linear = error <= request.tolerance
    can_differentiate = _can_differentiate(function, x)
    if is_linear and (adjoint is not None or can_differentiate):
        return linear
    if is_linear:
        apply = partial(_tensor_columns, function, like=x)
        return from_columns(apply, in_shape, out_shape, request, name)
    if not can_differentiate:
        raise InputError(
            f"{name} is nonlinear, and torch cannot differentiate it; write it in torch, or subclass "
            f"sciadv.forward.Forward with its jvp and vjp"
        )
    return NonlinearFunction(function, in_shape, out_shape, dtype=dtype, device=device)


def _first_call(function: AnyMap, x: Tensor, name: str) -> Tensor | Array:
    """Apply the function to a batch: of tensors if torch can differentiate it, else of arrays if it can."""
    with warnings.catch_warnings():
        # torch's array protocol is out of date, for functions that mix tensors and arrays
        warnings.filterwarnings("ignore", message="__array_wrap__", category=DeprecationWarning)
        try:
            y: Any = function(x)
        except FOREIGN_FAILURES as error:
            y = error
        if isinstance(y, Tensor) and _can_differentiate(function, x):
            return y
    try:
        array = function(x.cpu().numpy())
    except FOREIGN_FAILURES:
        array = None
    if isinstance(array, np.ndarray) or isinstance(y, Tensor):
        return array if isinstance(array, np.ndarray) else y
    failure = y if isinstance(y, FOREIGN_FAILURES) else None
    what = shown(y) if failure is None else shown_failure(failure)
    raise InputError(
        f"{name} on a batch of shape {tuple(x.shape)} should give a tensor of a tensor, or an array of an "
        f"array, but: {what}"
    ) from failure


def _check_adjoint(adjoint: AnyMap, y: Tensor | Array, x: Tensor, name: str) -> None:
    """Check that an adjoint takes a batch of measurements and gives a batch of candidates."""
    shape = tuple(y.shape)
    given = y.detach().clone() if isinstance(y, Tensor) else y.copy()
    pulled = attempt(lambda: adjoint(given), f"the adjoint of {name} on a batch of shape {shape}")
    require_predictions(pulled, f"the adjoint of {name}", device=x.device, what="candidates")
    is_flat = not isinstance(pulled, Tensor) and pulled.shape == tuple(x.flatten(1).shape)  # NumPy's may be
    if tuple(pulled.shape) != tuple(x.shape) and not is_flat:
        raise InputError(
            f"the adjoint of {name} maps a batch of shape {shape} to {tuple(pulled.shape)}, but candidates "
            f"are {tuple(x.shape)}"
        )


def _out_shape(shape: Shape, request: Request, name: str) -> Shape:
    """Return the shape of one measurement from that of two."""
    if not shape or shape[0] != 2:
        raise InputError(
            f"{name} maps a batch of 2 to shape {shape}; it should keep the first dimension, the batch"
        )
    if request.out_shape is not None and shape[1:] != tuple(request.out_shape):
        raise InputError(
            f"{name} gives {shape[1:]}, not the out_shape {tuple(request.out_shape)}; reshape it there"
        )
    return shape[1:]


def _can_differentiate(function: TensorMap, x: Tensor) -> bool:
    """Whether torch has a derivative that is not zero: a function that detaches x has one that is."""
    try:
        pulled = torch.func.vjp(function, x)
        cotangent = torch.randn(
            pulled[0].shape, generator=torch.Generator().manual_seed(0), dtype=pulled[0].dtype
        )
        return bool(pulled[1](cotangent.to(x.device))[0].any())
    except FOREIGN_FAILURES:  # TypeError: the output is no tensor
        return False


def _from_numpy(
    function: ArrayMap,
    in_shape: Shape,
    out_shape: Shape,
    request: Request,
    name: str,
    *,
    adjoint: ArrayMap | None,
) -> Forward:
    """Wrap a NumPy function of a batch; the check at the end of wrapping says so if it is not linear."""

    def apply(columns: Array) -> Array:
        return _columns(function(columns.T.reshape(-1, *in_shape)))

    if adjoint is None:
        return from_columns(apply, in_shape, out_shape, request, name)
    pull_back = adjoint

    def apply_adjoint(columns: Array) -> Array:
        return _columns(pull_back(columns.T.reshape(-1, *out_shape)))

    return host_linear(apply, apply_adjoint, in_shape, out_shape, request, name)


def _tensor_columns(function: TensorMap, columns: Array, *, like: Tensor) -> Array:
    """Apply a torch function of a batch to columns."""
    rows = torch.from_numpy(np.ascontiguousarray(columns.T)).to(like).reshape(-1, *like.shape[1:])
    return _columns(function(rows).detach().cpu().numpy())


def _columns(batch: Array) -> Array:
    """Flatten a batch ``(batch, ...)`` and turn it: ``(n, batch)``."""
    columns: Array = np.asarray(batch).reshape(len(batch), -1).T
    return columns
