"""The forward operator: what turns a candidate x into predicted measurements F(x).

Tangents go through `jvp` and cotangents through `vjp`; solvers never ask an operator for automatic
differentiation. A linear operator gives both by its `forward` and its `adjoint`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from sciadv.arguments.values import as_tensor
from sciadv.errors import InputError
from sciadv.forward.autodiff import forward_mode
from sciadv.types import Shape


class Forward(nn.Module, ABC):
    """A map ``(batch, *in_shape) -> (batch, *out_shape)`` with its tangent and cotangent.

    Parameters
    ----------
    in_shape, out_shape
        Shapes of one candidate and of its measurements, without the batch.
    dtype
        Dtype of the candidates; complex for the few operators that take complex images.
    device
        Where the operator's tensors live. `.to()` moves operator and tensors together.
    """

    is_linear: bool

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        self.in_shape = tuple(int(n) for n in in_shape)
        self.out_shape = tuple(int(n) for n in out_shape)
        self.register_buffer("_anchor", torch.empty(0, dtype=dtype, device=device), persistent=False)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the candidates."""
        return self._anchor.dtype  # type: ignore[return-value]  # nn.Module types buffers as Tensor | Module

    @property
    def device(self) -> torch.device:
        """Device the operator computes on."""
        return self._anchor.device  # type: ignore[return-value]  # as above

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Forward:  # noqa: FBT001  # torch's signature
        """Move or cast; ``.to(torch.float64)`` makes complex64 complex128, where torch would drop a part."""
        super()._apply(keep_complex(fn), recurse)  # type: ignore[no-untyped-call]  # untyped in torch
        return self

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Predict the measurements ``(batch, *out_shape)`` of candidates ``(batch, *in_shape)``."""

    @abstractmethod
    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return the derivative of the measurements at `x` along `tangent` (both ``(batch, *in_shape)``)."""

    @abstractmethod
    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return the adjoint derivative at `x` applied to `cotangent` ``(batch, *out_shape)``."""

    def __matmul__(self, inner: Forward) -> Forward:
        """Compose: ``(F @ B)(x) = F(B(x))``."""
        return compose(self, inner)

    def __rmul__(self, factor: float) -> Forward:
        """Scale: ``(c * F)(x) = c F(x)``."""
        return scale(self, factor)


class LinearForward(Forward, ABC):
    """A linear `Forward`: one class, two functions, `forward` and `adjoint`.

    The adjoint is with respect to the Euclidean inner products, ``<A x, y> = <x, A* y>`` (for complex
    data the real part of it); `sciadv.testing.check_forward` measures it.
    """

    is_linear = True

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """Apply the adjoint to ``(batch, *out_shape)``; gives ``(batch, *in_shape)``."""

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:  # noqa: ARG002  # the same at every x
        """Return ``A tangent``, the derivative of a linear map everywhere."""
        derivative: Tensor = self(tangent)
        return derivative

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:  # noqa: ARG002  # the same at every x
        """Return ``A* cotangent``."""
        return self.adjoint(cotangent)


class NonlinearForward(Forward, ABC):
    """A nonlinear `Forward` written in torch; tangent and cotangent come from `torch.func`."""

    is_linear = False

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return the derivative along `tangent` by forward-mode differentiation."""
        return forward_mode(self, x, tangent)[1]

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return the adjoint derivative by reverse-mode differentiation."""
        derivative: Tensor = torch.func.vjp(self, x)[1](cotangent)[0]
        return derivative


def compose(outer: Forward, inner: Forward) -> Forward:
    """Return ``x -> outer(inner(x))``, also written ``outer @ inner``; linear if both are.

    Raises
    ------
    InputError
        What `inner` gives is not what `outer` takes: another shape, dtype or device.

    Examples
    --------
    Travel times of a facies map:

    >>> from sciadv.forward import CrossholeTravelTime, FaciesSlowness
    >>> A = compose(CrossholeTravelTime(), FaciesSlowness())
    >>> A.in_shape, A.out_shape, A.is_linear
    ((1, 125, 60), (576,), False)
    """
    if inner.out_shape != outer.in_shape:
        raise InputError(
            f"cannot compose: the inner operator gives {inner.out_shape}, "
            f"but the outer one takes {outer.in_shape}"
        )
    check_same_device(outer, inner)
    given = output_dtype(inner)
    if given != outer.dtype:
        raise InputError(
            f"cannot compose: the inner operator gives {given}, but the outer one takes {outer.dtype}; "
            f"make both with one dtype"
        )
    if isinstance(outer, LinearForward) and isinstance(inner, LinearForward):
        return Composition(outer, inner)
    return Chain(outer, inner)


def scale(A: Forward, factor: float) -> Forward:
    """Return ``x -> factor * A(x)``, also written ``factor * A``; linear if A is.

    Examples
    --------
    >>> import torch
    >>> from sciadv.forward import BlockSum
    >>> (0.25 * BlockSum((1, 2, 2), 2))(torch.ones(1, 1, 2, 2))
    tensor([[[[1.]]]])
    """
    return compose(Scaling(A.out_shape, factor, dtype=output_dtype(A), device=A.device), A)


def value_and_pullback(A: Forward, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return ``A(x)`` and the map of cotangents by its adjoint derivative at x.

    An operator that is written in torch is evaluated once for both; one with a `vjp` of its own may compute
    its value again.

    Examples
    --------
    >>> import torch
    >>> from sciadv.forward import BlockSum
    >>> value, pullback = value_and_pullback(BlockSum((1, 2, 2), 2), torch.ones(1, 1, 2, 2))
    >>> float(value), pullback(value).flatten().tolist()
    (4.0, [4.0, 4.0, 4.0, 4.0])
    """
    if isinstance(A, NonlinearForward) and type(A).vjp is NonlinearForward.vjp:
        value, pull = torch.func.vjp(A, x)[:2]
        return value, lambda cotangent: pull(cotangent)[0]
    with torch.no_grad():
        return A(x), partial(A.vjp, x)


class Scaling(LinearForward):
    """Multiply by a real number, ``y = factor x``.

    Parameters
    ----------
    in_shape
        Shape of one candidate.
    factor
        Any real number.
    dtype, device
        Of the candidates.
    """

    def __init__(
        self,
        in_shape: Shape,
        factor: float,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, in_shape, dtype=dtype, device=device)
        self.factor = float(factor)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``factor x``."""
        return self.factor * x

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``factor y``."""
        return self.factor * y


class Composition(LinearForward):
    """``y = outer(inner(x))`` of two linear operators; made by `compose`.

    Parameters
    ----------
    outer, inner
        Operators that fit.
    """

    def __init__(self, outer: LinearForward, inner: LinearForward) -> None:
        super().__init__(inner.in_shape, outer.out_shape, dtype=inner.dtype, device=inner.device)
        self.outer = outer
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Return ``outer(inner(x))``."""
        y: Tensor = self.outer(self.inner(x))
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``inner*(outer*(y))``."""
        return self.inner.adjoint(self.outer.adjoint(y))


class Chain(Forward):
    """``y = outer(inner(x))`` where one of the two is nonlinear, with the chain rule; made by `compose`.

    Parameters
    ----------
    outer, inner
        Operators that fit.
    """

    is_linear = False

    def __init__(self, outer: Forward, inner: Forward) -> None:
        super().__init__(inner.in_shape, outer.out_shape, dtype=inner.dtype, device=inner.device)
        self.outer = outer
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Return ``outer(inner(x))``."""
        y: Tensor = self.outer(self.inner(x))
        return y

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Push the tangent through both."""
        return self.outer.jvp(self.inner(x), self.inner.jvp(x, tangent))

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Pull the cotangent back through both."""
        return self.inner.vjp(x, self.outer.vjp(self.inner(x), cotangent))


def output_dtype(A: Forward) -> torch.dtype:
    """Return the dtype of an operator's measurements, found by one application to zeros."""
    with torch.no_grad():
        y: Tensor = A(torch.zeros(1, *A.in_shape, dtype=A.dtype, device=A.device))
    return y.dtype


def check_same_device(one: Forward, other: Forward) -> None:
    """Raise `InputError` if two operators are on different devices."""
    if one.device != other.device:
        raise InputError(f"one operator is on {one.device}, the other on {other.device}; move one by .to()")


def to_tensor(array: Tensor | npt.NDArray[Any]) -> Tensor:
    """Return a tensor that shares the array's memory; read-only and flipped arrays are copied."""
    return array.detach() if isinstance(array, Tensor) else as_tensor(array, "the array")


def keep_complex(fn: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Make a cast or move of real tensors one of complex tensors too: it acts on both parts."""

    def move(tensor: Tensor) -> Tensor:
        if not tensor.is_complex():
            return fn(tensor)
        moved = fn(torch.view_as_real(tensor.resolve_conj()))
        return fn(tensor) if moved.is_complex() else torch.view_as_complex(moved)

    return move


def expect_image(shape: Shape, what: str) -> tuple[int, int, int]:
    """Return (channels, height, width) of an image shape.

    Raises
    ------
    InputError
        `shape` is not three positive numbers.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(f"{what} works on images (channels, height, width), but in_shape is {tuple(shape)}")
    channels, height, width = shape
    return channels, height, width


def expect_grid(shape: Shape, what: str) -> tuple[int, tuple[int, ...]]:
    """Return channels, and the sizes of a signal, an image or a volume.

    Raises
    ------
    InputError
        `shape` is not two to four positive numbers.

    Examples
    --------
    >>> expect_grid((1, 4, 5, 6), "Blur")
    (1, (4, 5, 6))
    """
    if not 2 <= len(shape) <= 4 or min(shape) < 1:
        raise InputError(
            f"{what} works on signals (channels, length), images (channels, height, width) and volumes "
            f"(channels, depth, height, width), but in_shape is {tuple(shape)}"
        )
    return shape[0], tuple(shape[1:])
