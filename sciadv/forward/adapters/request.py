"""What is asked of an adapter: shapes, dtype and device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import torch

from sciadv.errors import FOREIGN_FAILURES, InputError, shown_failure
from sciadv.types import Shape

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What a wrapped operator should be, and when it passes; a shape of None is the operator's own.

    Parameters
    ----------
    in_shape, out_shape
        Shapes of one candidate and of its measurements.
    dtype, device
        Of the candidates.
    tolerance
        Largest relative error of adjoint, linearity and batches that passes for rounding.
    largest_matrix
        Largest number of entries of an operator without an adjoint that is written out as a matrix.
    """

    in_shape: Shape | None
    out_shape: Shape | None
    dtype: torch.dtype
    device: torch.device
    tolerance: float = 1e-4
    largest_matrix: int = 2**24

    def shapes(self, own_in: Shape, own_out: Shape, name: str) -> tuple[Shape, Shape]:
        """Return the shapes to present an operator in; only their sizes have to be the operator's own.

        Raises
        ------
        InputError
            The asked shape has another number of elements.
        """
        return fit_shape(self.in_shape, own_in, f"{name} takes"), fit_shape(
            self.out_shape, own_out, f"{name} gives"
        )

    def need_in_shape(self, name: str) -> Shape:
        """Return the shape of the candidates where only the caller can know it.

        Raises
        ------
        InputError
            None was given.
        """
        if self.in_shape is None:
            raise InputError(f"{name} does not say what it takes; give in_shape, the shape of one candidate")
        return self.in_shape


def fit_shape(asked: Shape | None, own: Shape, what: str) -> Shape:
    """Return the asked shape if it has as many elements as the operator's own, which is the default.

    Raises
    ------
    InputError
        It has not.
    """
    if asked is not None and prod(asked) != prod(own):
        raise InputError(
            f"{what} {own}, {prod(own)} numbers, but {tuple(asked)} with {prod(asked)} was asked for; "
            f"was it made for another size?"
        )
    return own if asked is None else tuple(asked)


def attempt(call: Callable[[], T], what: str) -> T:
    """Run foreign code for the first time; what it raises on input it cannot take becomes an `InputError`.

    Raises
    ------
    InputError
        The call failed.
    """
    try:
        return call()
    except FOREIGN_FAILURES as error:
        raise InputError(f"{what} failed: {shown_failure(error)}") from error
