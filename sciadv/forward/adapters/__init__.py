"""Other libraries' operators as forward operators, and ours as theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.adapters.checks import check_wrapped
from sciadv.forward.adapters.deepinv import from_deepinv, is_deepinv
from sciadv.forward.adapters.functions import from_function
from sciadv.forward.adapters.host import from_pylops, from_scipy, is_pylops, is_scipy
from sciadv.forward.adapters.odl import from_odl, is_odl
from sciadv.forward.adapters.request import Request
from sciadv.forward.base import Forward
from sciadv.forward.matrix import Matrix, ScipySparse
from sciadv.registry.checked import checked
from sciadv.types import Shape, as_device

_WRAPPERS: tuple[tuple[Callable[[object], bool], Callable[[Any, Request, str], Forward]], ...] = (
    (is_deepinv, from_deepinv),
    (is_pylops, from_pylops),
    (is_scipy, from_scipy),
    (is_odl, from_odl),
)


@checked
def as_forward(  # noqa: PLR0913  # what is known of a foreign operator
    obj: object,
    in_shape: Shape | None = None,
    *,
    out_shape: Shape | None = None,
    adjoint: Callable[[Any], Any] | None = None,
    is_linear: bool | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    tolerance: float = 1e-4,
    largest_matrix: int = 2**24,
) -> Forward:
    """Turn any operator into a `Forward`, and check its adjoint and linearity once, here.

    ===========================  ==========================================================================
    given                        what is taken
    ===========================  ==========================================================================
    `Forward`                    itself: not moved, not checked
    2-D tensor, array, sparse    `Matrix`
    deepinv `Physics`            ``A`` and ``A_adjoint`` (or ``A_vjp``); not its noise or sensor
    PyLops `LinearOperator`      ``matmat``, ``rmatmat``; runs in NumPy
    SciPy `LinearOperator`       ``matmat``, ``rmatmat``; small ones without ``rmatvec`` as a matrix
    ODL `Operator`               the call and the adjoint, made Euclidean; nonlinear ones by ``derivative``
    function of a batch          measured to be linear or not; differentiated by torch. A NumPy function must
                                 be linear; without `adjoint` a small one is written out as a matrix
    ===========================  ==========================================================================

    Parameters
    ----------
    obj
        The operator.
    in_shape
        Shape of one candidate. Left out, it is the operator's own; a function has none, so that it must be
        given. It may arrange a flat operator's numbers otherwise, in C order: ``(1, 28, 28)`` for an operator
        on 784.
    out_shape
        Shape of its measurements, likewise; a function's must be the one it gives.
    adjoint
        Euclidean adjoint of a function, which maps batches back; other operators have theirs.
    is_linear
        Whether a function is linear; measured if left out.
    dtype, device
        Of the candidates. NumPy operators copy from and to the device at every application.
    tolerance
        Largest relative error of adjoint, linearity and batches that passes for rounding.
    largest_matrix
        Largest number of entries of an operator without an adjoint that is written out as a matrix.

    Returns
    -------
    Forward
        A `LinearForward` if the operator is linear.

    Raises
    ------
    InputError
        It is none of these, does not fit the shapes, mixes the members of a batch, or is not linear as it
        said.
    AdjointError
        The adjoint fails the dot test; the message and `ratio` say by what factor.

    Examples
    --------
    >>> import numpy as np, torch
    >>> as_forward(np.ones((3, 4)), (1, 2, 2)).out_shape
    (3,)
    >>> as_forward(lambda x: x.square().mean((2, 3)), (1, 8, 8)).is_linear
    False
    """
    if isinstance(obj, Forward):
        return obj
    request = Request(in_shape, out_shape, dtype, as_device(device), tolerance, largest_matrix)
    if isinstance(obj, (Tensor, np.ndarray, ScipySparse)):
        return Matrix(obj, in_shape, out_shape=out_shape, dtype=dtype, device=request.device)
    name = _name(obj)
    wrap = next((wrap for is_one, wrap in _WRAPPERS if is_one(obj)), None)
    if wrap is not None:
        A = wrap(obj, request, name)
    elif callable(obj):
        A = from_function(obj, request, name, adjoint=adjoint, is_linear=is_linear)
    else:
        raise InputError(
            f"{obj!r} is no forward operator; give a sciadv Forward, a matrix, a SciPy, PyLops, deepinv "
            f"or ODL operator, or a function of a batch"
        )
    check_wrapped(A, name, tolerance=tolerance)
    return A


def _name(obj: object) -> str:
    """Return the operator's name in messages: library and class, or the function's own."""
    if hasattr(obj, "__qualname__"):
        return f"function {obj.__qualname__}"
    return f"{type(obj).__module__.partition('.')[0]} {type(obj).__qualname__}"
