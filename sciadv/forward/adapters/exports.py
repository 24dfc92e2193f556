"""Our operators as other libraries': SciPy's, PyLops', deepinv's, ODL's, or a plain matrix.

They act on one candidate, flattened in C order, but deepinv's, which act on batches. An operator that makes
complex data of real candidates is linear over the reals only, so that ``<A x, y> = <x, A* y>`` holds for the
real parts.
"""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import Any, no_type_check

import numpy as np
import torch
from torch import Tensor

from sciadv.forward.adapters.host import Array
from sciadv.forward.base import Forward, LinearForward, output_dtype


def to_dense(A: LinearForward) -> Tensor:
    """Write a linear operator out as a matrix ``(measurements, n)``, by n applications in one batch.

    Examples
    --------
    >>> from sciadv.forward import BlockSum
    >>> to_dense(BlockSum((1, 2, 2), 2))
    tensor([[1., 1., 1., 1.]])
    """
    n = prod(A.in_shape)
    with torch.no_grad():
        columns: Tensor = A(torch.eye(n, dtype=A.dtype, device=A.device).reshape(n, *A.in_shape))
    return columns.flatten(1).T


def to_scipy(A: LinearForward) -> Any:
    """Return a linear operator as a `scipy.sparse.linalg.LinearOperator`.

    Examples
    --------
    >>> import numpy as np
    >>> from sciadv.forward import BlockSum
    >>> (to_scipy(BlockSum((1, 2, 2), 2)) @ np.ones(4)).tolist()
    [4.0]
    """
    from scipy.sparse.linalg import LinearOperator

    def matmat(columns: Array) -> Array:
        return _on_columns(A, columns, A.in_shape, A.dtype, A.device)

    def rmatmat(columns: Array) -> Array:
        return _on_columns(A.adjoint, columns, A.out_shape, measured, A.device)

    measured = output_dtype(A)
    return LinearOperator(
        (prod(A.out_shape), prod(A.in_shape)),
        matvec=lambda x: matmat(x.reshape(-1, 1))[:, 0],
        rmatvec=lambda y: rmatmat(y.reshape(-1, 1))[:, 0],
        matmat=matmat,
        rmatmat=rmatmat,
        dtype=torch.empty(0, dtype=measured).numpy().dtype,
    )


def to_pylops(A: LinearForward) -> Any:
    """Return a linear operator as a `pylops.LinearOperator` with ``dims`` and ``dimsd``.

    Raises
    ------
    ModuleNotFoundError
        PyLops is not installed.
    """
    pylops: Any = import_module("pylops")

    is_complex_linear = A.dtype.is_complex or not output_dtype(A).is_complex
    return pylops.LinearOperator(to_scipy(A), dims=A.in_shape, dimsd=A.out_shape, clinear=is_complex_linear)


def to_deepinv(A: Forward) -> Any:
    """Return an operator as a deepinv `LinearPhysics`, or `Physics` if it is nonlinear, without noise.

    Raises
    ------
    ModuleNotFoundError
        deepinv is not installed.
    """
    deepinv: Any = import_module("deepinv")

    if isinstance(A, LinearForward):
        physics = deepinv.physics.LinearPhysics(
            A=lambda x, **_: A(x), A_adjoint=lambda y, **_: A.adjoint(y), img_size=A.in_shape, device=A.device
        )
    else:
        physics = deepinv.physics.Physics(A=lambda x, **_: A(x))
    physics.sciadv_forward = A  # so that physics.to() moves it
    return physics


def to_odl(A: LinearForward) -> Any:
    """Return a linear operator as an `odl.Operator` between spaces with Euclidean inner products.

    Raises
    ------
    ModuleNotFoundError
        ODL is not installed.
    """
    odl: Any = import_module("odl")

    def space(shape: tuple[int, ...], dtype: torch.dtype) -> Any:
        name = str(dtype).removeprefix("torch.")
        return odl.cn(shape, dtype=name) if dtype.is_complex else odl.rn(shape, dtype=name)

    class FromForward(odl.Operator):  # type: ignore[misc]  # ODL is untyped
        """One direction of the operator; its adjoint is the other one."""

        def __init__(self, is_adjoint: bool) -> None:  # noqa: FBT001  # private
            spaces = space(A.in_shape, A.dtype), space(A.out_shape, output_dtype(A))
            domain, range_ = reversed(spaces) if is_adjoint else spaces
            super().__init__(domain, range_, linear=True)
            self.is_adjoint = is_adjoint

        @no_type_check  # ODL reads the signature, which a run-time type checker would hide
        def _call(self, x: Any) -> Array:
            x = torch.from_numpy(np.array(x.asarray())).to(A.device)[None]
            y: Tensor = A.adjoint(x) if self.is_adjoint else A(x)
            return np.asarray(y[0].detach().cpu())

        @property
        def adjoint(self) -> FromForward:
            return FromForward(not self.is_adjoint)

    return FromForward(is_adjoint=False)


def _on_columns(
    apply: Any, columns: Array, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Array:
    """Apply a map of batches ``(batch, *shape)`` to columns ``(n, batch)``."""
    rows = torch.from_numpy(np.ascontiguousarray(columns.T))
    rows = rows.real if rows.is_complex() and not dtype.is_complex else rows
    with torch.no_grad():
        result: Tensor = apply(rows.to(device=device, dtype=dtype).reshape(-1, *shape))
    return np.asarray(result.flatten(1).T.cpu())
