"""Operators side by side: several measurements of one candidate."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.forward.base import Forward, LinearForward, check_same_device, output_dtype


def stack(parts: Sequence[Forward]) -> Forward:
    """Return ``x -> (A1(x), A2(x), ...)``, flattened and concatenated; linear if all parts are.

    Parameters
    ----------
    parts
        Operators on candidates of one shape, at least one.

    Raises
    ------
    InputError
        No parts, or they differ in what they take or in the dtype of what they give.

    Examples
    --------
    >>> import torch
    >>> from sciadv.forward import BlockSum, Mask
    >>> stack([BlockSum((1, 4, 4), 2), Mask(torch.ones(1, 4, 4) > 0)]).out_shape
    (20,)
    """
    if not parts:
        raise InputError("cannot stack no operators; give at least one")
    for part in parts[1:]:
        if (part.in_shape, part.dtype) != (parts[0].in_shape, parts[0].dtype):
            raise InputError(
                f"cannot stack: one operator takes {parts[0].in_shape} of {parts[0].dtype}, another "
                f"{part.in_shape} of {part.dtype}"
            )
        check_same_device(parts[0], part)
    given = {str(output_dtype(part)) for part in parts}
    if len(given) > 1:
        raise InputError(
            f"cannot stack: some operators give {' and some '.join(sorted(given))}; stack those of one dtype"
        )
    linear = [part for part in parts if isinstance(part, LinearForward)]
    return LinearStack(linear) if len(linear) == len(parts) else NonlinearStack(parts)


class LinearStack(LinearForward):
    """``y = (A1 x, A2 x, ...)``, flattened and concatenated; made by `stack`.

    Parameters
    ----------
    parts
        Linear operators that take one shape.
    """

    def __init__(self, parts: Sequence[LinearForward]) -> None:
        super().__init__(parts[0].in_shape, (_total(parts),), dtype=parts[0].dtype, device=parts[0].device)
        self.parts = tuple(parts)
        self.registered = nn.ModuleList(parts)  # so that .to() moves them

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, flattened and concatenated."""
        return torch.cat([part(x).flatten(1) for part in self.parts], 1)

    def adjoint(self, y: Tensor) -> Tensor:
        """Add up what each part's adjoint makes of its piece."""
        pulled = [part.adjoint(piece) for part, piece in zip(self.parts, _pieces(self.parts, y), strict=True)]
        return torch.stack(pulled).sum(0)


class NonlinearStack(Forward):
    """``y = (F1(x), F2(x), ...)``, flattened and concatenated; made by `stack`.

    Parameters
    ----------
    parts
        Operators that take one shape.
    """

    is_linear = False

    def __init__(self, parts: Sequence[Forward]) -> None:
        super().__init__(parts[0].in_shape, (_total(parts),), dtype=parts[0].dtype, device=parts[0].device)
        self.parts = tuple(parts)
        self.registered = nn.ModuleList(parts)  # so that .to() moves them

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, flattened and concatenated."""
        return torch.cat([part(x).flatten(1) for part in self.parts], 1)

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Return the parts' derivatives, flattened and concatenated."""
        return torch.cat([part.jvp(x, tangent).flatten(1) for part in self.parts], 1)

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Add up what each part's adjoint derivative makes of its piece."""
        pulled = [
            part.vjp(x, piece) for part, piece in zip(self.parts, _pieces(self.parts, cotangent), strict=True)
        ]
        return torch.stack(pulled).sum(0)


def _total(parts: Sequence[Forward]) -> int:
    return sum(prod(part.out_shape) for part in parts)


def _pieces(parts: Sequence[Forward], y: Tensor) -> list[Tensor]:
    """Cut flat measurements into those of each part, in its shape."""
    pieces = torch.split(y, [prod(part.out_shape) for part in parts], 1)
    return [piece.reshape(-1, *part.out_shape) for part, piece in zip(parts, pieces, strict=True)]
