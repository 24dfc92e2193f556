"""deepinv's physics: its ``A`` and ``A_adjoint``, never its call, which adds noise and sensor effects."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.forward.adapters.checks import derivative_error
from sciadv.forward.adapters.functions import NonlinearFunction
from sciadv.forward.adapters.request import Request, attempt, fit_shape
from sciadv.forward.autodiff import apply_linear, as_dtype
from sciadv.forward.base import Forward, LinearForward
from sciadv.types import Shape


class DeepinvLinear(LinearForward):
    """A deepinv `LinearPhysics`; made by `as_forward`.

    deepinv does not cast, and several of its operators cannot be cast, so that the physics computes in its
    own precision whatever that of the candidates. Stacked physics give lists of measurements of several
    shapes; here they are flattened and concatenated.

    Parameters
    ----------
    physics
        The operator; a module moves with this one to other devices, but keeps its precision.
    in_shape
        Shape of one candidate.
    part_shapes
        Shapes of its measurements: one, or those of a stack.
    list_type
        deepinv's `TensorList` for a stack, else None.
    dtype, device
        Of the candidates.
    """

    def __init__(
        self,
        physics: Any,
        in_shape: Shape,
        part_shapes: tuple[Shape, ...],
        *,
        list_type: Any = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        out_shape = part_shapes[0] if list_type is None else (sum(_sizes(part_shapes)),)
        super().__init__(in_shape, out_shape, dtype=dtype, device=device)
        self.physics = physics
        self.part_shapes = part_shapes
        self.list_type = list_type
        self.precision = own_precision(physics)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Forward:  # noqa: FBT001  # torch's
        """Move or cast; the physics only moves."""
        super()._apply(fn, recurse=False)
        if recurse and isinstance(self.physics, nn.Module):
            self.physics.to(self.device)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return ``physics.A(x)``."""
        return apply_linear(self._forward, self._adjoint, x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``physics.A_adjoint(y)``."""
        return apply_linear(self._adjoint, self._forward, y)

    def _forward(self, x: Tensor) -> Tensor:
        y = self.physics.A(in_precision(x, self.precision))
        tensor = y if self.list_type is None else torch.cat([part.flatten(1) for part in y], 1)
        return in_precision(tensor, x.dtype)

    def _adjoint(self, y: Tensor) -> Tensor:
        data: Any = in_precision(y, self.precision)
        if self.list_type is not None:
            pieces = zip(torch.split(data, _sizes(self.part_shapes), 1), self.part_shapes, strict=True)
            data = self.list_type([piece.reshape(-1, *shape) for piece, shape in pieces])
        x = in_precision(self.physics.A_adjoint(data), y.dtype)
        return as_dtype(x, x.dtype if self.dtype.is_complex else x.dtype.to_real())


def is_deepinv(obj: object) -> bool:
    """Whether this is a deepinv physics: it has ``A``, and ``A_adjoint`` or ``A_vjp``."""
    has_derivative = hasattr(obj, "A_adjoint") or hasattr(obj, "A_vjp")
    return callable(getattr(obj, "A", None)) and has_derivative


def from_deepinv(physics: Any, request: Request, name: str) -> Forward:
    """Wrap a physics; one on another device than asked for is copied.

    Raises
    ------
    InputError
        The shape of its candidates is unknown, it fails on that shape, or it is nonlinear and stacked.
    """
    in_shape = _in_shape(physics, request, name)
    physics = _on_device(physics, request.device)
    x = torch.rand(1, *in_shape, generator=torch.Generator().manual_seed(0), dtype=request.dtype)
    x = in_precision(x.to(request.device), own_precision(physics))
    with torch.no_grad():
        y = attempt(lambda: physics.A(x), f"{name}.A on a candidate of shape {tuple(x.shape)} and {x.dtype}")
        attempt(lambda: physics.A(torch.cat([x, x])), f"{name}.A on a batch of two candidates")
    is_stack = not isinstance(y, Tensor)
    part_shapes = tuple(tuple(part.shape[1:]) for part in (y if is_stack else [y]))
    if _is_linear(physics):
        list_type = type(y) if is_stack else None
        A = DeepinvLinear(
            physics, in_shape, part_shapes, list_type=list_type, dtype=request.dtype, device=request.device
        )
        fit_shape(request.out_shape, A.out_shape, f"{name} gives")
        two = torch.cat([x, x]).to(request.dtype)
        with torch.no_grad():
            back = attempt(lambda: A.adjoint(A(two)), f"{name}.A_adjoint on a batch of two measurements")
        fit_shape(A.in_shape, tuple(back.shape[1:]), f"{name}.A_adjoint gives")
        return A
    if is_stack:
        raise InputError(f"{name} stacks nonlinear physics; wrap its members and use sciadv.forward.stack")
    if x.dtype != request.dtype:
        raise InputError(
            f"{name} computes in {x.dtype}, not {request.dtype}; cast it before, or give as_forward its dtype"
        )
    fit_shape(request.out_shape, part_shapes[0], f"{name} gives")
    vjp = physics.A_vjp
    module = physics if isinstance(physics, nn.Module) else None
    F = NonlinearFunction(
        physics.A,
        in_shape,
        part_shapes[0],
        vjp=vjp,
        module=module,
        dtype=request.dtype,
        device=request.device,
    )
    attempt(lambda: (F.jvp(x, x), F.vjp(x, y)), f"the derivative of {name}")
    _require_smooth(F, x, name)
    return F


def _require_smooth(F: Forward, x: Tensor, name: str, *, step: float = 1e-2, largest: float = 0.5) -> None:
    """Refuse a derivative that differs from central differences by more than a part of their size."""
    tangent = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype).to(x.device)
    with torch.no_grad():
        error = derivative_error(F, x, tangent, step=step)
    if not error <= largest:
        raise InputError(
            f"the derivative of {name} is not that of its values: the two differ by {error:.1e} of their "
            f"size; it has jumps, as rounding and wrapping have, or a wrong derivative"
        )


def own_precision(physics: Any) -> torch.dtype | None:
    """Return the real dtype of a physics' tensors, or None if it has none, or if it is no module."""
    tensors = [*physics.buffers(), *physics.parameters()] if isinstance(physics, nn.Module) else []
    dtypes = [
        tensor.dtype.to_real() for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()
    ]
    return dtypes[0] if dtypes else None


def in_precision(x: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Return x, real or complex as it is, in the precision of a dtype; as it is if that is None."""
    if dtype is None:
        return x
    return x.to(dtype.to_complex() if x.is_complex() else dtype.to_real())


def _is_linear(physics: Any) -> bool:
    """Whether a physics is linear; deepinv's phase retrieval has an ``A_adjoint`` and is not."""
    classes = {base.__name__ for base in type(physics).__mro__}
    return "LinearPhysics" in classes or ("Physics" not in classes and hasattr(physics, "A_adjoint"))


def _in_shape(physics: Any, request: Request, name: str) -> Shape:
    """Return the asked shape, or the image size that some physics know."""
    img_size = getattr(physics, "img_size", None)
    if request.in_shape is None and isinstance(img_size, (tuple, list)) and len(img_size) > 0:
        return tuple(int(n) for n in img_size)
    return request.need_in_shape(name)


def _on_device(physics: Any, device: torch.device) -> Any:
    """Return the physics, or a copy of it on the asked device."""
    if not isinstance(physics, nn.Module) or all(tensor.device == device for tensor in physics.buffers()):
        return physics
    untyped: Any = physics
    copied = (
        untyped.clone() if hasattr(physics, "clone") else copy.deepcopy(untyped)
    )  # clone: random generators too
    return copied.to(device)


def _sizes(shapes: tuple[Shape, ...]) -> list[int]:
    return [torch.Size(shape).numel() for shape in shapes]
