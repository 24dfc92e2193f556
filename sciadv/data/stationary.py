"""Stationary statistics: a mean and an autocovariance that hold for images of any size, by FFT.

The covariance of an image is ``C = R F* S F R'``: R cuts the image out of a torus that is wider by the
longest lag, S >= 0 is the spectrum. No matrix of pixels by pixels is made. Dietrich and Newsam, Fast and
exact simulation of stationary Gaussian processes through circulant embedding of the covariance matrix, SIAM
J. Scientific Computing 18 (1997) 1088-1107.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.files.cards import require_stated
from sciadv.files.folders import as_path
from sciadv.files.weights import TensorFile, read_tensor_file, write_tensors
from sciadv.types import Shape

STATIONARY = "stationary.safetensors"


@dataclass(frozen=True, eq=False)
class Stationary:
    """A mean and an autocovariance over lags.

    Parameters
    ----------
    mean
        ``(channels,)``.
    autocovariance
        ``(channels, channels, *lags)``, an odd number of lags on each axis with lag 0 in their middle:
        ``E[(x_c(p) - mean_c) (x_d(p + lag) - mean_d)]``.

    Raises
    ------
    InputError
        The shapes do not fit one another.
    """

    mean: Tensor
    autocovariance: Tensor

    def __post_init__(self) -> None:
        """Check the shapes."""
        n, lags = len(self.mean), self.autocovariance.shape[2:]
        if self.autocovariance.shape[:2] != (n, n) or not lags or any(lag % 2 == 0 for lag in lags):
            raise InputError(
                f"a stationary covariance is (channels, channels, *lags) with an odd number of lags on each "
                f"axis and {n} channels, but it is {tuple(self.autocovariance.shape)}"
            )

    @property
    def variance(self) -> Tensor:
        """Variance of a pixel of each channel ``(channels,)``."""
        lags = self.autocovariance.flatten(2)
        return lags[:, :, lags.shape[2] // 2].diagonal()


@dataclass(frozen=True, eq=False)
class StationaryStatistics:
    """What a prior of stationary images knows beside its generator.

    Parameters
    ----------
    images
        Mean and autocovariance of the training images.
    error
        The same of what the generator cannot represent, ``nu = x - G(z*)``.
    reference
        Images ``(n, channels, *sides)`` of the same kind that nothing was learned from, or None: `mirrored`
        gives them any size.
    """

    images: Stationary
    error: Stationary
    reference: Tensor | None = None

    def save(self, folder: Path | str) -> Path:
        """Write ``stationary.safetensors``."""
        parts = {"images": self.images, "error": self.error}
        tensors = {f"{name}.mean": part.mean.float() for name, part in parts.items()}
        tensors |= {f"{name}.autocovariance": part.autocovariance.float() for name, part in parts.items()}
        if self.reference is not None:
            low, high = self.reference.min(), self.reference.max()
            level = 255 * (self.reference - low) / (high - low).clamp_min(1e-12)
            tensors["reference"] = level.round().to(torch.uint8)
            tensors["reference_range"] = torch.stack([low, high]).float()
        return write_tensors(as_path(folder, "folder") / STATIONARY, tensors, {})

    @staticmethod
    def load(folder: Path | str, card: Mapping[str, str] | None = None) -> StationaryStatistics | None:
        """Read what `save` wrote; None where there is no such file.

        Parameters
        ----------
        folder
            The prior's folder.
        card
            Facts of the prior's card, which may state the file's hash.

        Raises
        ------
        WeightsError
            The file is damaged, not that of the card, or not of stationary statistics.
        """
        path = as_path(folder, "folder") / STATIONARY
        if not path.exists() and not path.is_symlink():
            return None
        file = read_tensor_file(path, what="stationary statistics of a prior", advice="Fetch it again")
        require_stated(file, card or {})
        parts: list[Stationary] = []
        for name in ("images", "error"):
            keys = f"{name}.mean", f"{name}.autocovariance"
            if any(key not in file.tensors for key in keys):
                raise file.wrong(f"it has no {' or no '.join(keys)}")
            try:
                parts.append(Stationary(*(file.tensors[key].float() for key in keys)))
            except InputError as error:
                raise file.wrong(str(error)) from error
        return StationaryStatistics(parts[0], parts[1], _reference_in(file, len(parts[0].mean)))


def _reference_in(file: TensorFile, n_channels: int) -> Tensor | None:
    """Return the reference images of a file; None where there are none."""
    levels, limits = file.tensors.get("reference"), file.tensors.get("reference_range")
    if levels is None or limits is None:
        return None
    if levels.dtype != torch.uint8 or levels.shape[1:2] != (n_channels,) or limits.shape != (2,):
        raise file.wrong(f"reference is {levels.dtype} of shape {tuple(levels.shape)}")
    low, high = limits.tolist()
    images: Tensor = low + (high - low) / 255 * levels.float()
    return images


def mirrored(images: Tensor, sides: Shape) -> Tensor:
    """Return images ``(n, channels, *sides)`` cut to other sides, or mirrored at their ends to reach them.

    Mirrored images of a stationary medium have its statistics, but for pairs across a mirror.

    Parameters
    ----------
    images
        The images, of any sides.
    sides
        The sides wanted.

    Examples
    --------
    >>> mirrored(torch.arange(3.0)[None, None], (7,))
    tensor([[[0., 1., 2., 2., 1., 0., 0.]]])
    """
    for axis, side in enumerate(sides, start=2):
        n = images.shape[axis]
        places = torch.arange(side, device=images.device) % (2 * n)
        images = images.index_select(axis, torch.where(places < n, places, 2 * n - 1 - places))
    return images


def stationary_of(images: Tensor, *, longest: int) -> Stationary:
    """Estimate mean and autocovariance of images ``(n, channels, *sides)`` up to a longest lag.

    Each lag is averaged over the pairs of pixels that there are, and tapered along each axis by a triangle
    that ends past the longest lag, which keeps the covariance nearly positive (Bartlett 1950).

    Parameters
    ----------
    images
        The images.
    longest
        Longest lag along each axis [pixels], below the shortest side.

    Raises
    ------
    InputError
        The longest lag is not below the shortest side.

    Examples
    --------
    >>> noise = torch.randn(50, 1, 32, generator=torch.Generator().manual_seed(0))
    >>> stationary_of(noise, longest=2).autocovariance.shape
    torch.Size([1, 1, 5])
    """
    sides = images.shape[2:]
    if not 0 < longest < min(sides):
        raise InputError(f"the longest lag is {longest} pixels, but it must be from 1 to below {min(sides)}")
    axes = tuple(range(2, images.ndim))
    mean = images.double().mean((0, *axes))
    padded = [side + longest for side in sides]
    lags = torch.zeros(images.shape[1], images.shape[1], *padded, dtype=torch.float64)
    for part in torch.split(images, max(1, 2**22 // prod(padded))):
        centred = part.double() - mean.view(-1, *(1 for _ in sides))
        spectrum = torch.fft.rfftn(centred, padded, axes)
        power = torch.einsum("nc...,nd...->cd...", spectrum.conj(), spectrum)
        lags += torch.fft.irfftn(power, padded, axes)
    window = lags
    for axis, side in zip(axes, sides, strict=True):
        lag = torch.arange(-longest, longest + 1)
        weight = (1 - lag.abs() / (longest + 1)) / (side - lag.abs())
        shaped = weight.view(-1, *(1 for _ in range(window.ndim - axis - 1)))
        window = (
            torch.cat(
                [
                    window.narrow(axis, window.shape[axis] - longest, longest),
                    window.narrow(axis, 0, longest + 1),
                ],
                axis,
            )
            * shaped
        )
    return Stationary(mean.float(), (window / len(images)).float())


class StationaryField:
    """A stationary covariance at one size: its products, and a square root of it, by FFT.

    Parameters
    ----------
    statistics
        Mean and autocovariance.
    image_shape
        (channels, *sides) of the images.
    dtype, device
        Of the products.

    Raises
    ------
    InputError
        The images have other channels or another number of sides than the statistics.
    """

    def __init__(
        self,
        statistics: Stationary,
        image_shape: Shape,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        lags = statistics.autocovariance.shape[2:]
        if len(lags) != len(image_shape) - 1 or len(statistics.mean) != image_shape[0]:
            raise InputError(
                f"the statistics are of {len(statistics.mean)} channels and {len(lags)} sides, but images "
                f"are {image_shape}"
            )
        self.image_shape = tuple(image_shape)
        self.torus = tuple(_even(side + lag // 2) for side, lag in zip(image_shape[1:], lags, strict=True))
        self._axes = tuple(range(-len(lags), 0))
        self._cut: tuple[slice, ...] = tuple(slice(side) for side in (None, None, *image_shape[1:]))
        self._root = self._square_root(statistics.autocovariance.double()).to(device, dtype.to_complex())
        self.mean = statistics.mean.to(device, dtype).view(-1, *(1 for _ in lags)).expand(self.image_shape)

    @property
    def noise_shape(self) -> Shape:
        """Shape of the white noise that `root` takes: that of an image on the torus."""
        return (self.image_shape[0], *self.torus)

    def _square_root(self, autocovariance: Tensor) -> Tensor:
        """Return the root of the spectrum ``(channels, channels, *frequencies)``, negative parts left out."""
        wrapped = autocovariance.new_zeros(*autocovariance.shape[:2], *self.torus)
        lags = autocovariance.shape[2:]
        places = [
            (torch.arange(n) - n // 2) % side for n, side in zip(lags, self.torus, strict=True)
        ]  # a torus is longer than all lags, or folds them
        grid = torch.meshgrid(*places, indexing="ij")
        for row, into in zip(autocovariance.flatten(0, 1), wrapped.flatten(0, 1), strict=True):
            into.index_put_(grid, row, accumulate=True)
        spectrum = torch.fft.rfftn(wrapped, dim=self._axes).conj()  # (C x)_c(p) = sum_q K_cd(q - p) x_d(q)
        if len(autocovariance) == 1:
            root: Tensor = spectrum.real.clamp_min(0).sqrt() + 0j
            return root
        matrices = spectrum.movedim((0, 1), (-2, -1))
        values, vectors = torch.linalg.eigh(0.5 * (matrices + matrices.mH))
        root = (vectors * values.clamp_min(0).sqrt()[..., None, :]) @ vectors.mH
        return root.movedim((-2, -1), (0, 1))

    def _filtered(self, x: Tensor) -> Tensor:
        """Return ``F* S^1/2 F`` of images on the torus."""
        spectrum = torch.fft.rfftn(x, dim=self._axes)
        mixed = torch.einsum("cd...,nd...->nc...", self._root, spectrum)
        filtered: Tensor = torch.fft.irfftn(mixed, self.torus, self._axes)
        return filtered

    def root(self, noise: Tensor) -> Tensor:
        """Return ``B w`` with ``B B' = C``, of white noise ``(batch, *noise_shape)``; differentiable."""
        return self._filtered(noise)[self._cut]

    def root_adjoint(self, images: Tensor) -> Tensor:
        """Return ``B' x`` of images ``(batch, *image_shape)``."""
        pads = [
            n
            for side, whole in zip(self.image_shape[:0:-1], self.torus[::-1], strict=True)
            for n in (0, whole - side)
        ]
        return self._filtered(torch.nn.functional.pad(images, pads))

    def times(self, images: Tensor) -> Tensor:
        """Return ``C x`` of images ``(batch, *image_shape)``."""
        return self.root(self.root_adjoint(images))


def _even(n: int) -> int:
    """Return the next even number whose factors are 2, 3 and 5: a quick length of FFTs."""
    n += n % 2
    while True:
        left = n
        for factor in (2, 3, 5):
            while left % factor == 0:
                left //= factor
        if left == 1:
            return n
        n += 2
