"""A target with a tolerance."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.arguments.values import as_flag, as_number
from sciadv.likelihood.base import Likelihood, as_positive, check_shape_fits
from sciadv.types import Positive


class Tolerance(Likelihood):
    """A target with a tolerance: nearly every ``|y_hat - y| <= width`` is as good as any other.

    The energy is ``1/2 sum max(1 + (|y_hat - y| / width - 1) / softness, 0)^2``: nothing up to the soft
    margin inside the tolerance, 1/2 at its edge. The misfit is ``max |y_hat - y| / width``: at or below 1
    every datum is within its tolerance.

    Parameters
    ----------
    width
        How far a prediction may lie from y [unit of y], > 0: a number or a tensor of shape `out_shape`;
        infinite where it may lie anywhere.
    above
        The same for predictions above y; `width` if left out, which otherwise holds below y.
    is_relative
        Whether widths are parts of ``|target|`` instead.
    softness
        Width of the margin inside the tolerance in which the energy rises, as a part of the width, in (0, 1].

    Raises
    ------
    InputError
        A width is not positive, or the softness is not in (0, 1].
    """

    kind = "tolerance"

    unit = "tolerance"

    def __init__(
        self,
        width: float | Tensor,
        *,
        above: float | Tensor | None = None,
        softness: Positive = 0.1,
        is_relative: bool = False,
    ) -> None:
        self.width = _as_width(width, "width")
        self.above = self.width if above is None else _as_width(above, "above")
        self.softness = as_number(softness, "softness", above=0, most=1)
        self.is_relative = as_flag(is_relative, "is_relative")

    def _width(self, residual: Tensor, y: Tensor) -> Tensor:
        """Width on the side of a residual; a relative one around 0 is as good as closed."""
        width = self.width.to(y.real.dtype)
        if self.above is not self.width:
            width = torch.where(residual > 0, self.above.to(width), width)
        return width * y.abs().clamp_min(torch.finfo(width.dtype).tiny ** 0.5) if self.is_relative else width

    def _excess(self, residual: Tensor, width: Tensor) -> Tensor:
        return (1 + (residual.abs() / width - 1) / self.softness).clamp_min(0)

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Half the squared excess over the margin."""
        residual = prediction - y
        return 0.5 * self._excess(residual, self._width(residual, y)).square().flatten(1).sum(1)

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the excess over (width x softness), with the residual's sign."""
        residual = prediction - y
        width = self._width(residual, y)
        return residual.sgn() * self._excess(residual, width) / (width * self.softness)

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``1 / (width x softness)^2`` past the margin, 0 before it."""
        residual = prediction - y
        width = self._width(residual, y)
        outside = (self._excess(residual, width) > 0).to(width.dtype)
        return outside / (width * self.softness) ** 2

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Largest residual over its tolerance."""
        residual = prediction - y
        return (residual.abs() / self._width(residual, y)).flatten(1).amax(1)

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw uniformly within the tolerance; the prediction itself where that has no end."""
        uniform = torch.rand(
            prediction.shape, generator=generator, dtype=prediction.dtype, device=prediction.device
        )
        part = 2 * uniform - 1
        width = self._width(part, prediction)
        return prediction + torch.where(width.isfinite(), width, 0) * part

    def check_data(self, y: Tensor) -> None:
        """Refuse measurements of another shape than the widths'."""
        check_shape_fits(self.width, "width", tuple(y.shape[1:]))
        check_shape_fits(self.above, "above", tuple(y.shape[1:]))

    def to(self, device: torch.device | str) -> Tolerance:
        """Return the same likelihood on another device."""
        above = None if self.above is self.width else self.above.to(device)
        return Tolerance(
            self.width.to(device), above=above, softness=self.softness, is_relative=self.is_relative
        )

    def __repr__(self) -> str:
        """Show the width."""
        relative = ", relative" if self.is_relative else ""
        if self.above is not self.width:
            relative += ", other above"
        if self.width.numel() == 1:
            return f"Tolerance(width={float(self.width):g}{relative})"
        return f"Tolerance(width of shape {tuple(self.width.shape)}{relative})"


def _as_width(value: float | Tensor, name: str) -> Tensor:
    """Return a width > 0, or one for each datum, that may be infinite."""
    if isinstance(value, Tensor) and bool(value.isinf().any()):
        as_positive(torch.where(value.isposinf(), 1.0, value), name)
        return value.detach()
    return as_positive(value, name)
