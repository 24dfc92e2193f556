"""Distance of an image from the truth up to what magnitudes leave open: sign, shift, half a turn."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError


def relative_error(x: Tensor, truth: Tensor, *, up_to_shift: bool = False) -> Tensor:
    """Return ``min_T |T x - truth| / |truth|`` of each image over the trivial ambiguities T, ``(batch,)``.

    Parameters
    ----------
    x, truth
        Images ``(batch, channels, height, width)``, real.
    up_to_shift
        False: T is the sign, what magnitudes of general measurements leave open. True: also any whole shift
        and the turn by 180 degrees, what those of a Fourier transform leave open, in a frame twice as high
        and wide, so that nothing comes in from the other side.

    Raises
    ------
    InputError
        The shapes differ or are not those of images.

    Notes
    -----
    ``|T x - truth|^2 = |x|^2 + |truth|^2 - 2 <T x, truth>``; the inner products of all shifts are a
    correlation, computed by Fourier transforms.

    Examples
    --------
    >>> truth = torch.eye(4)[None, None]
    >>> x = -truth.roll(1, 3)
    >>> x[..., 3, 0] = 0  # one pixel is pushed out of the image
    >>> relative_error(x, truth), relative_error(x, truth, up_to_shift=True)
    (tensor([1.3229]), tensor([0.5000]))
    """
    if x.shape != truth.shape or x.ndim != 4:
        raise InputError(
            f"images have shape {tuple(x.shape)} and the truth {tuple(truth.shape)}; both should be "
            f"(batch, channels, height, width)"
        )
    found, true = x.double(), truth.double()
    if up_to_shift:
        size = (2 * x.shape[2], 2 * x.shape[3])
        spectrum, turned = torch.fft.rfft2(true, s=size), torch.fft.rfft2(found.flip((2, 3)), s=size)
        pairs = [spectrum * torch.fft.rfft2(found, s=size).conj(), spectrum * turned.conj()]
        products = [torch.fft.irfft2(pair.sum(1), s=size).abs().flatten(1).amax(1) for pair in pairs]
        overlap = torch.stack(products).amax(0)
    else:
        overlap = (found * true).flatten(1).sum(1).abs()
    squared = found.square().flatten(1).sum(1) + true.square().flatten(1).sum(1) - 2 * overlap
    norm = true.square().flatten(1).sum(1).clamp_min(1e-30)
    return (squared.clamp_min(0) / norm).sqrt().to(x.dtype)
