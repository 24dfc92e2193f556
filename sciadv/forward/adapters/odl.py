"""ODL's operators: their adjoints are those of weighted inner products, here turned into Euclidean ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.adapters.host import Array, host_linear
from sciadv.forward.adapters.request import Request
from sciadv.forward.autodiff import apply_nonlinear, as_dtype
from sciadv.forward.base import Forward
from sciadv.types import Shape


class OdlNonlinear(Forward):
    """A nonlinear ODL operator, with the `derivative` it gives; made by `as_forward`. It runs on the host.

    Parameters
    ----------
    operator
        The operator; it has `derivative(x)`, with an adjoint.
    in_shape, out_shape
        Shapes of one candidate and of its measurements.
    dtype, device
        Of the candidates.
    """

    is_linear = False

    def __init__(
        self,
        operator: Any,
        in_shape: Shape,
        out_shape: Shape,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, out_shape, dtype=dtype, device=device)
        self.operator = operator

    def forward(self, x: Tensor) -> Tensor:
        """Return ``F(x)``."""
        return apply_nonlinear(self._forward, self.jvp, self.vjp, x)

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return ``F.derivative(x)(tangent)``."""
        pushed = [
            _apply(self.operator.derivative(at), row)
            for at, row in zip(self._points(x), _rows(tangent), strict=True)
        ]
        return self._tensor(pushed, x, self.out_shape)

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Return the Euclidean adjoint of ``F.derivative(x)`` applied to the cotangent."""
        pairs = zip(self._points(x), _rows(cotangent), strict=True)
        pulled = [_apply_adjoint(self.operator.derivative(at), row) for at, row in pairs]
        derivative = self._tensor(pulled, x, self.in_shape)
        return as_dtype(derivative, x.dtype)

    def _forward(self, x: Tensor) -> Tensor:
        return self._tensor([_apply(self.operator, row) for row in _rows(x)], x, self.out_shape)

    def _points(self, x: Tensor) -> list[Any]:
        return [_element(self.operator.domain, row) for row in _rows(x)]

    @staticmethod
    def _tensor(rows: list[Array], like: Tensor, shape: Shape) -> Tensor:
        stacked = torch.from_numpy(np.stack(rows))
        dtype = like.dtype.to_complex() if stacked.is_complex() else like.dtype.to_real()
        return stacked.to(device=like.device, dtype=dtype).reshape(-1, *shape)


def is_odl(obj: object) -> bool:
    """Whether this is an ODL operator."""
    return all(hasattr(obj, name) for name in ("domain", "range", "is_linear"))


def from_odl(operator: Any, request: Request, name: str) -> Forward:
    """Wrap an ODL operator, linear or not, batch by a loop.

    With ``<u, v>_X = sum w_X u v``, the Euclidean adjoint is ``w_X A*(y / w_Y)``.

    Raises
    ------
    InputError
        It is a functional, its spaces have weights that are not one number a component, or it does not fit
        the asked shapes.
    """
    if not hasattr(operator.range, "size"):
        raise InputError(
            f"{name} is a functional: it gives a number, not measurements; give the operator inside it"
        )
    in_shape, out_shape = request.shapes(_shape(operator.domain), _shape(operator.range), name)
    _weights(operator.domain), _weights(operator.range)
    if not operator.is_linear:
        return OdlNonlinear(operator, in_shape, out_shape, dtype=request.dtype, device=request.device)

    def apply(columns: Array) -> Array:
        return np.stack([_apply(operator, column) for column in columns.T], axis=1)

    def apply_adjoint(columns: Array) -> Array:
        return np.stack([_apply_adjoint(operator, column) for column in columns.T], axis=1)

    return host_linear(apply, apply_adjoint, in_shape, out_shape, request, name)


def _apply(operator: Any, flat: Array) -> Array:
    return _flat(operator(_element(operator.domain, flat)))


def _apply_adjoint(operator: Any, flat: Array) -> Array:
    weighted = operator.adjoint(_element(operator.range, flat / _weights(operator.range)))
    return _weights(operator.domain) * _flat(weighted)


def _rows(x: Tensor) -> Array:
    rows: Array = x.detach().flatten(1).cpu().numpy()
    return rows


def _shape(space: Any) -> Shape:
    """Shape of a space; a product of unlike spaces is flat."""
    shape = tuple(int(n) for n in getattr(space, "shape", ()))
    return shape if np.prod(shape) == _size(space) else (_size(space),)


def _parts(space: Any) -> list[Any]:
    """Factors of a product space; none of a space of arrays."""
    return list(space) if hasattr(space, "is_power_space") else []


def _size(space: Any) -> int:
    parts = _parts(space)
    return sum(_size(part) for part in parts) if parts else int(space.size)


def _element(space: Any, flat: Array) -> Any:
    """Return the element of a space with these components, in C order."""
    parts = _parts(space)
    if not parts:
        return space.element(flat.astype(space.dtype, copy=False).reshape(space.shape))
    pieces = np.split(flat, np.cumsum([_size(part) for part in parts])[:-1])
    return space.element([_element(part, piece) for part, piece in zip(parts, pieces, strict=True)])


def _flat(element: Any) -> Array:
    parts = _parts(element.space)
    if parts:
        return np.concatenate([_flat(part) for part in element])
    return np.asarray(element.asarray()).ravel()


def _weights(space: Any) -> npt.NDArray[np.float64]:
    """Weights w of the inner product ``sum w u v``, flat."""
    parts = _parts(space)
    weighting = space.weighting
    weight = getattr(weighting, "const", getattr(weighting, "array", None))
    if weight is None:
        raise InputError(
            f"the space {space!r} has an inner product that is not a weighted sum; give an operator between "
            f"spaces with constant or array weights"
        )
    if not parts:
        return np.broadcast_to(np.asarray(weight, dtype=np.float64), space.shape).ravel()
    factors = np.broadcast_to(np.asarray(weight, dtype=np.float64), (len(parts),))
    return np.concatenate([factor * _weights(part) for factor, part in zip(factors, parts, strict=True)])
