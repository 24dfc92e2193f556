"""Subsampled Fourier transforms: single-coil Cartesian magnetic resonance imaging (MRI)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.autodiff import as_dtype
from sciadv.forward.base import LinearForward, expect_grid, to_tensor
from sciadv.forward.imaging.mask import observed_indices
from sciadv.registry.checked import checked
from sciadv.types import Shape


class MaskedFourier(LinearForward):
    """Sample the orthonormal Fourier transform of an image, ``y = (F x)[mask]``: complex k-space data.

    Of signals, images and volumes. The data are the sampled frequencies alone, in C order of the mask;
    frequencies that were not measured are absent from y, not zeros in it.

    Parameters
    ----------
    in_shape
        (channels, length), (channels, height, width) or (channels, depth, height, width); every channel is
        sampled alike.
    mask
        Boolean k-space mask, True where sampled: ``(height, width)`` for images. A mask of fewer dimensions,
        or with some of 1, is repeated along the others, as in NumPy: ``(width,)`` or ``(1, width)`` samples
        whole columns, as a scanner does.
    is_centred
        True: zero frequency and the image's origin are at pixel ``(height // 2, width // 2)``, as scanners
        and fastMRI have it. False: both are at pixel (0, 0), as in `numpy.fft.fftn`.
    dtype, device
        Of the candidates. Real images by default: the adjoint is then the real part of ``F^H y``. With a
        complex dtype the images are complex.

    Raises
    ------
    InputError
        The mask is not boolean, is False everywhere or does not fit the image.

    References
    ----------
    .. [1] J. Zbontar et al. fastMRI: an open dataset and benchmarks for accelerated MRI. 2018,
       arXiv:1811.08839,
       section 3.

    Examples
    --------
    >>> import torch
    >>> A = MaskedFourier((1, 8, 8), torch.arange(8) % 2 == 0)
    >>> y = A(torch.ones(3, 1, 8, 8))
    >>> y.shape, y.dtype
    (torch.Size([3, 1, 32]), torch.complex64)
    """

    kind = "masked-fourier"

    sampled: Tensor

    @checked
    def __init__(
        self,
        in_shape: Shape,
        mask: Tensor | npt.NDArray[Any],
        *,
        is_centred: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, sizes = expect_grid(in_shape, "MaskedFourier")
        flags = to_tensor(mask)
        fits = 1 <= flags.ndim <= len(sizes)
        if not fits or any(n not in (1, sizes[i - flags.ndim]) for i, n in enumerate(flags.shape)):
            raise InputError(
                f"a k-space mask for {' x '.join(map(str, sizes))} has shape {sizes}, or one that repeats to "
                f"it, such as ({sizes[-1]},), but this one has {tuple(flags.shape)}"
            )
        sampled = observed_indices(flags.expand(sizes))
        super().__init__(in_shape, (channels, len(sampled)), dtype=dtype, device=device)
        self.is_centred = is_centred
        self.axes = tuple(range(-len(sizes), 0))
        self.register_buffer("sampled", sampled.to(device), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sampled frequencies, complex ``(batch, channels, sampled)``."""
        image = torch.fft.ifftshift(x, dim=self.axes) if self.is_centred else x
        k_space: Tensor = torch.fft.fftn(image, dim=self.axes, norm="ortho")
        k_space = torch.fft.fftshift(k_space, dim=self.axes) if self.is_centred else k_space
        return k_space.flatten(2)[..., self.sampled]

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the zero-filled image, ``(batch, *in_shape)``."""
        blank = y.new_zeros(*y.shape[:-1], prod(self.in_shape[1:]), dtype=y.dtype.to_complex())
        k_space = blank.index_copy(-1, self.sampled, y.to(blank.dtype)).reshape(-1, *self.in_shape)
        k_space = torch.fft.ifftshift(k_space, dim=self.axes) if self.is_centred else k_space
        image = torch.fft.ifftn(k_space, dim=self.axes, norm="ortho")
        image = torch.fft.fftshift(image, dim=self.axes) if self.is_centred else image
        return as_dtype(image, image.dtype if self.dtype.is_complex else y.dtype.to_real())


def cartesian_mask(width: int, acceleration: int, *, seed: int) -> Tensor:
    """Choose columns of a centred k-space, ``width // acceleration`` of them: boolean ``(width,)``.

    The central ones, 8 % of all at an acceleration of 4 and 4 % at 8 as in fastMRI [1]_, are all there. The
    others are drawn with a density that falls as the square of the distance to the edge, since images have
    their energy at low frequencies [2]_.

    Parameters
    ----------
    width
        Columns of k-space.
    acceleration
        Columns there are for each that is sampled, >= 1.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        The acceleration is below 1 or leaves no column.

    References
    ----------
    .. [1] J. Zbontar et al. fastMRI: an open dataset and benchmarks for accelerated MRI. 2018,
       arXiv:1811.08839, section 4.8.
    .. [2] M. Lustig, D. Donoho, J. M. Pauly. Sparse MRI: the application of compressed sensing for rapid MR
       imaging. Magnetic Resonance in Medicine 58 (2007) 1182-1195.

    Examples
    --------
    >>> mask = cartesian_mask(64, 8, seed=0)
    >>> int(mask.sum()), bool(mask[31:34].all())
    (8, True)
    """
    if acceleration < 1 or acceleration > width:
        raise InputError(f"expected an acceleration from 1 to {width}, but got {acceleration}")
    n_columns = width // acceleration
    n_centre = min(n_columns, max(1, round(0.32 * width / acceleration)))
    mask = np.zeros(width, dtype=bool)
    first = width // 2 - n_centre // 2
    mask[first : first + n_centre] = True
    distance = np.abs(np.arange(width) - width // 2) / (width / 2)
    density = np.where(mask, 0.0, (1 - distance) ** 2 + 1e-3)
    chosen = np.random.default_rng(seed).choice(
        width, n_columns - n_centre, replace=False, p=density / density.sum()
    )
    mask[chosen] = True
    return torch.from_numpy(mask)
