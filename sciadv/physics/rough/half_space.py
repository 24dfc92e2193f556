"""The elastic half space under a periodic grid: from deflections to pressures and back, by FFT.

In units of the grid: lengths over its spacing, pressures over the contact modulus, so that ``|q|`` is in
radians per point. Johnson, Contact Mechanics, Cambridge University Press 1985, chapter 13; Stanley and Kato,
An FFT-based method for rough surface contact, J. Tribology 119, 1997.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from sciadv.types import Shape


@final
class HalfSpace:
    """A periodic elastic half space, on points in one direction (plane strain) or two.

    A deflection ``u`` carries the pressure ``K u = |q| / 2 u``, wave by wave; the mean deflects nothing.

    Parameters
    ----------
    shape
        Points of the grid, ``(points,)`` or ``(rows, columns)``.
    dtype, device
        Of the deflections.

    Examples
    --------
    >>> import math, torch
    >>> x = torch.arange(8, dtype=torch.float64) / 8
    >>> u = torch.cos(2 * math.pi * x)[None]
    >>> bool(torch.allclose(HalfSpace((8,)).pressure(u), math.pi / 8 * u))  # |q| = 2 pi / 8
    True
    """

    def __init__(
        self, shape: Shape, *, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> None:
        self.shape = shape
        self._axes = tuple(range(-len(shape), 0))
        self._stiffness = wave_numbers(shape).to(device, dtype) / 2
        waves = self._stiffness[self._stiffness > 0]
        # the mean is twice as soft as the longest wave, which keeps `deflection` positive definite
        mean = waves.min() / 2 if len(waves) else 1.0
        self._compliance = 1 / torch.where(self._stiffness > 0, self._stiffness, mean)

    def pressure(self, deflection: Tensor) -> Tensor:
        """Return ``K u`` of deflections ``(..., *shape)``."""
        return self._filter(deflection, self._stiffness)

    def deflection(self, pressure: Tensor) -> Tensor:
        """Return what K is the inverse of, but for the mean: ``K deflection(p) = p - mean(p)``."""
        return self._filter(pressure, self._compliance)

    def _filter(self, field: Tensor, factor: Tensor) -> Tensor:
        waves = torch.fft.rfftn(field, dim=self._axes)
        filtered: Tensor = torch.fft.irfftn(waves * factor, s=self.shape, dim=self._axes)
        return filtered


def wave_numbers(shape: Shape, spacing: float = 1.0) -> Tensor:
    """Return ``|q|`` [radians per unit of `spacing`] of the waves of a real FFT over a grid, in float64."""
    waves = [torch.fft.fftfreq(n, dtype=torch.float64) for n in shape[:-1]]
    waves.append(torch.fft.rfftfreq(shape[-1], dtype=torch.float64))
    squares = [wave.square() for wave in torch.meshgrid(*waves, indexing="ij")]
    return 2 * math.pi / spacing * torch.stack(squares).sum(0).sqrt()
