"""Linear operators that compute in NumPy, on the host: SciPy's, PyLops', any two functions of columns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import as_tensor
from sciadv.errors import InputError
from sciadv.forward.adapters.request import Request, attempt
from sciadv.forward.autodiff import apply_linear, as_dtype
from sciadv.forward.base import Forward, LinearForward
from sciadv.forward.matrix import Matrix
from sciadv.types import Shape

Array = npt.NDArray[Any]
ArrayMap = Callable[[Array], Array]

_log = logging.getLogger(__name__)


class HostLinear(LinearForward):
    """A linear operator given by two NumPy functions of columns, ``(n, batch) -> (m, batch)`` and back.

    Torch can differentiate through it in every mode. On another device than the CPU each application copies
    there and back. Columns are flattened in C order; complex measurements keep their dtype, and the adjoint's
    real part is taken for real candidates.

    Parameters
    ----------
    apply, apply_adjoint
        The operator and its Euclidean (conjugate) adjoint.
    in_shape, out_shape
        Shapes of one candidate and of its measurements.
    dtype, device
        Of the candidates.
    """

    def __init__(
        self,
        apply: ArrayMap,
        apply_adjoint: ArrayMap,
        in_shape: Shape,
        out_shape: Shape,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, out_shape, dtype=dtype, device=device)
        self.apply_columns = apply
        self.apply_adjoint_columns = apply_adjoint

    def forward(self, x: Tensor) -> Tensor:
        """Return ``A x``."""
        return apply_linear(self._forward, self._adjoint, x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``A* y``."""
        return apply_linear(self._adjoint, self._forward, y)

    def _forward(self, x: Tensor) -> Tensor:
        return _through_columns(self.apply_columns, x).reshape(len(x), *self.out_shape)

    def _adjoint(self, y: Tensor) -> Tensor:
        x = _through_columns(self.apply_adjoint_columns, y).reshape(len(y), *self.in_shape)
        return as_dtype(x, x.dtype.to_complex() if self.dtype.is_complex else x.dtype.to_real())


def is_scipy(obj: object) -> bool:
    """Whether this is a `scipy.sparse.linalg.LinearOperator` (PyLops' are none, for `isinstance`)."""
    return all(hasattr(obj, name) for name in ("matmat", "rmatmat", "shape")) and not is_pylops(obj)


def is_pylops(obj: object) -> bool:
    """Whether this is a PyLops operator."""
    return all(hasattr(obj, name) for name in ("matmat", "rmatmat", "dims", "dimsd"))


def from_scipy(operator: Any, request: Request, name: str) -> Forward:
    """Wrap a SciPy `LinearOperator`; one without `rmatvec` is written out as a matrix if it is small.

    Raises
    ------
    InputError
        It has no adjoint and is too large for a matrix, or does not fit the asked shapes.
    """
    n_measurements, n = (int(size) for size in operator.shape)
    in_shape, out_shape = request.shapes((n,), (n_measurements,), name)
    try:
        operator.rmatvec(np.zeros(n_measurements))
    except NotImplementedError:
        return from_columns(operator.matmat, in_shape, out_shape, request, name)
    return host_linear(operator.matmat, operator.rmatmat, in_shape, out_shape, request, name)


def from_pylops(operator: Any, request: Request, name: str) -> Forward:
    """Wrap a PyLops operator; its shapes are `dims` and `dimsd` unless others of these sizes are asked for.

    Raises
    ------
    InputError
        It does not fit the asked shapes.
    """
    in_shape, out_shape = request.shapes(
        tuple(map(int, operator.dims)), tuple(map(int, operator.dimsd)), name
    )
    return host_linear(operator.matmat, operator.rmatmat, in_shape, out_shape, request, name)


def host_linear(
    apply: ArrayMap, apply_adjoint: ArrayMap, in_shape: Shape, out_shape: Shape, request: Request, name: str
) -> HostLinear:
    """Wrap two functions of columns, and say so if every application will copy between devices."""
    if request.device.type != "cpu":
        _log.warning(
            "%s computes on the host: every application copies from %s and back", name, request.device
        )
    return HostLinear(apply, apply_adjoint, in_shape, out_shape, dtype=request.dtype, device=request.device)


def from_columns(apply: ArrayMap, in_shape: Shape, out_shape: Shape, request: Request, name: str) -> Matrix:
    """Write an operator that has no adjoint out as a matrix, column by column.

    Raises
    ------
    InputError
        The matrix would be too large, or the operator is not linear after all.
    """
    n = prod(in_shape)
    n_measurements = prod(out_shape)
    if n * n_measurements > request.largest_matrix:
        raise InputError(
            f"{name} has no adjoint, and is too large ({n_measurements} x {n}) to be written out as a "
            f"matrix; give its adjoint (rmatvec of a SciPy operator, or as_forward(..., adjoint=...) of "
            f"a function)"
        )
    matrix = attempt(lambda: np.asarray(apply(np.eye(n))), f"{name} applied to {n} unit vectors")
    x = np.random.default_rng(0).standard_normal((n, 1))
    error = np.linalg.norm(apply(x) - matrix @ x) / max(np.linalg.norm(matrix @ x), np.finfo(float).tiny)
    if not error <= request.tolerance:
        raise InputError(
            f"{name} has no derivative and is not linear: it differs from its matrix by {error:.1e}"
        )
    return Matrix(matrix, in_shape, out_shape=out_shape, dtype=request.dtype, device=request.device)


def _answer(apply: ArrayMap, columns: Array) -> Any:
    """Apply a caller's function; what it raises is said in a sentence."""
    try:
        return apply(columns)
    except (ValueError, TypeError, RuntimeError, IndexError, AttributeError) as error:
        raise InputError(
            f"the operator cannot be applied to columns {columns.shape}: {type(error).__name__}: {error}"
        ) from error


def _through_columns(apply: ArrayMap, x: Tensor) -> Tensor:
    """Apply a function of columns to a batch ``(batch, ...)``; gives ``(batch, m)`` in x's precision."""
    columns = x.detach().flatten(1).T.cpu().numpy()
    result = as_tensor(np.asarray(_answer(apply, columns)).T, "what the operator gives")
    precision = x.dtype.to_complex() if result.is_complex() else x.dtype.to_real()
    return result.to(device=x.device, dtype=precision)
