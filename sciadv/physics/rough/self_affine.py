"""Randomly rough surfaces, and the numbers that describe one.

The spectral density of a self-affine surface falls with a power of the wave number, from the roll-off to the
cut-off. Persson, Albohr, Tartaglino, Volokitin and Tosatti, On the nature of surface roughness with
application to contact mechanics, sealing, rubber friction and adhesion, J. Phys.: Condens. Matter 17, 2005;
Jacobs, Junge and Pastewka, Quantitative characterization of surface topography using spectral analysis, Surf.
Topogr. 5, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.rough.active_set import as_field
from sciadv.physics.rough.half_space import wave_numbers
from sciadv.types import Shape, as_generator


@dataclass(frozen=True)
class SelfAffine:
    """How rough a surface is: its spectral density, in d = 1 or 2 directions.

    Constant up to the roll-off, ``q^-(d + 2 H)`` from there to the cut-off, and 0 beyond.

    Parameters
    ----------
    hurst
        Hurst's exponent H, from 0 (rough) to 1 (smooth).
    roll_off, cut_off
        Wave numbers [radians per m]. Contact is resolved where the cut-off is some times below the grid's
        largest, ``pi / spacing``.
    rms_height, rms_slope
        Root mean square of height [m] or slope, one of both.

    Raises
    ------
    InputError
        Both or none of height and slope are given, or another number is out of its range.
    """

    hurst: float
    roll_off: float
    cut_off: float
    rms_height: float | None = None
    rms_slope: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if (self.rms_height is None) == (self.rms_slope is None):
            raise InputError(
                f"give rms_height or rms_slope, one of both, not {self.rms_height} and {self.rms_slope}"
            )
        if not 0 <= self.hurst <= 1 or not 0 < self.roll_off <= self.cut_off:
            raise InputError(
                f"Hurst's exponent lies from 0 to 1 and the roll-off from above 0 to the cut-off, but they "
                f"are {self.hurst}, {self.roll_off} and {self.cut_off}"
            )

    def density(self, q: Tensor, n_directions: int) -> Tensor:
        """Return the spectral density at wave numbers q, up to a factor."""
        fall = (q / self.roll_off).clamp_min(1).pow(-(n_directions + 2 * self.hurst))
        return fall * ((q > 0) & (q <= self.cut_off))

    def factor(self, height: Tensor, spacing: float) -> Tensor:
        """Return what heights ``(batch, *shape)`` are multiplied by to have the asked height or slope."""
        if self.rms_slope is not None:
            return self.rms_slope / root_mean_square_slope(height, spacing)
        assert self.rms_height is not None
        return self.rms_height / root_mean_square(height)


def self_affine_surfaces(
    shape: Shape,
    roughness: SelfAffine,
    *,
    n: int = 1,
    spacing: float,
    seed: int | torch.Generator,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw periodic Gaussian surfaces with a self-affine spectrum.

    Parameters
    ----------
    shape
        Points: ``(points,)`` for profiles, ``(rows, columns)`` for surfaces.
    roughness
        The spectrum, and the height or slope that every surface has exactly.
    n
        How many are drawn.
    spacing
        Of the points [m].
    seed
        Seed or generator of the random phases and amplitudes.
    dtype, device
        Of the heights.

    Returns
    -------
    Tensor
        Heights [m] of mean 0, ``(n, *shape)``.

    Raises
    ------
    InputError
        No wave of the grid lies below the cut-off.

    Examples
    --------
    >>> roughness = SelfAffine(hurst=0.8, roll_off=0.2, cut_off=1.0, rms_height=2.0)
    >>> h = self_affine_surfaces((64, 64), roughness, spacing=1.0, seed=0)
    >>> h.shape, round(float(root_mean_square(h)), 6)
    (torch.Size([1, 64, 64]), 2.0)
    """
    q = wave_numbers(shape, spacing).to(device)
    density = roughness.density(q, len(shape))
    if not bool(density.any()):
        raise InputError(
            f"no wave of the grid lies below the cut-off {roughness.cut_off:g}; the longest has "
            f"{float(q[q > 0].min()):g}"
        )
    noise = torch.randn((n, *shape), generator=as_generator(seed, device), dtype=torch.float64, device=device)
    axes = tuple(range(1, noise.ndim))
    height: Tensor = torch.fft.irfftn(torch.fft.rfftn(noise, dim=axes) * density.sqrt(), s=shape, dim=axes)
    return (as_field(roughness.factor(height, spacing), height) * height).to(dtype)


def root_mean_square(height: Tensor) -> Tensor:
    """Return the root mean square of the heights about their mean [m], ``(batch,)``."""
    return height.flatten(1).var(1, correction=0).sqrt()


def root_mean_square_slope(height: Tensor, spacing: float) -> Tensor:
    """Return the root mean square of the gradient of periodic heights ``(batch,)``, exact for their waves."""
    shape = tuple(height.shape[1:])
    axes = tuple(range(1, height.ndim))
    # |q| h has the mean square of the gradient (Parseval)
    q = wave_numbers(shape, spacing).to(height.device, height.dtype)
    slopes = torch.fft.irfftn(torch.fft.rfftn(height, dim=axes) * q, s=shape, dim=axes)
    square: Tensor = slopes.flatten(1).square().mean(1)
    return square.sqrt()


def largest_slope(height: Tensor, spacing: float) -> Tensor:
    """Return the largest slope between neighbours of periodic heights, ``(batch,)``.

    In two directions it is that of the gradient by forward differences.
    """
    squares = [((height.roll(-1, axis) - height) / spacing).square() for axis in range(1, height.ndim)]
    return torch.stack(squares).sum(0).flatten(1).amax(1).sqrt()


def levelled(height: Tensor) -> Tensor:
    """Return measured heights ``(batch, *shape)`` less their least-squares plane: their mean and tilt.

    Examples
    --------
    >>> float(levelled(torch.arange(12.0).reshape(1, 3, 4)).abs().max()) < 1e-5
    True
    """
    axes = [torch.linspace(-1, 1, n, dtype=height.dtype, device=height.device) for n in height.shape[1:]]
    tilts = torch.stack([tilt.flatten() for tilt in torch.meshgrid(*axes, indexing="ij")])
    flat = height.flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    # the axes are centred, and so orthogonal to one another and to the mean
    slopes = flat @ tilts.T / tilts.square().sum(1)
    return (flat - slopes @ tilts).reshape(height.shape)
