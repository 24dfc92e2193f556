"""The forward operator: what turns a candidate x into predicted measurements F(x).

Tangents go through `jvp` and cotangents through `vjp`; solvers never ask an operator for automatic
differentiation. A linear operator gives both by its `forward` and its `adjoint`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
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
        """Keep complex tensors complex: ``.to(torch.float64)`` makes complex64 complex128, where torch drops a part."""

        def move(tensor: Tensor) -> Tensor:
            if not tensor.is_complex():
                return fn(tensor)
            moved = fn(torch.view_as_real(tensor))
            return fn(tensor) if moved.is_complex() else torch.view_as_complex(moved)

        return super()._apply(move, recurse)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Predict the measurements ``(batch, *out_shape)`` of candidates ``(batch, *in_shape)``."""

    @abstractmethod
    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Derivative of the measurements at `x` along `tangent` (both ``(batch, *in_shape)``)."""

    @abstractmethod
    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Adjoint derivative at `x` applied to `cotangent` ``(batch, *out_shape)``."""

    def __matmul__(self, inner: Forward) -> Forward:
        """Compose: ``(F @ B)(x) = F(B(x))``."""
        from sciadv.forward.compose import compose

        return compose(self, inner)

    def __rmul__(self, factor: float) -> Forward:
        """Scale: ``(c * F)(x) = c F(x)``."""
        from sciadv.forward.compose import scale

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

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return ``A tangent``, the derivative of a linear map everywhere."""
        derivative: Tensor = self(tangent)
        return derivative

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return ``A* cotangent``."""
        return self.adjoint(cotangent)


class NonlinearForward(Forward, ABC):
    """A nonlinear `Forward` written in torch; tangent and cotangent come from `torch.func`."""

    is_linear = False

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Derivative along `tangent` by forward-mode differentiation."""
        derivative: Tensor = torch.func.jvp(self, (x,), (tangent,))[1]
        return derivative

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Adjoint derivative by reverse-mode differentiation."""
        _, pullback = torch.func.vjp(self, x)
        derivative: Tensor = pullback(cotangent)[0]
        return derivative


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
