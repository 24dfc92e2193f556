"""How near reconstructions are to known images: mean squared error, PSNR, SSIM; one number per image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sciadv.errors import InputError


def _check(x: Tensor, truth: Tensor) -> None:
    if x.shape != truth.shape:
        raise InputError(f"images have shape {tuple(x.shape)}, but the truth has {tuple(truth.shape)}")


def mse(x: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error per pixel of each image, ``(batch, ...) -> (batch,)``."""
    _check(x, truth)
    return (x - truth).square().flatten(1).mean(1)


def psnr(x: Tensor, truth: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of each image [dB], ``10 log10(data_range^2 / mse)``; inf for equal images.

    Examples
    --------
    >>> import torch
    >>> psnr(torch.full((1, 1, 4, 4), 0.1), torch.zeros(1, 1, 4, 4)).round()
    tensor([20.])
    """
    return 10 * torch.log10(data_range**2 / mse(x, truth))


def ssim(x: Tensor, truth: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Mean structural similarity of each image, ``(batch, channels, height, width) -> (batch,)``.

    Gaussian window of standard deviation 1.5 pixels, 11 x 11, at the places where it fits into the image;
    population covariances; ``K1 = 0.01``, ``K2 = 0.03``. Channels count alike.

    Parameters
    ----------
    x, truth
        Images, at least 11 pixels high and wide.
    data_range
        Largest minus smallest possible value.

    Raises
    ------
    InputError
        The shapes differ, or the images are smaller than the window.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli. Image quality assessment: from error visibility to
    structural similarity. IEEE Transactions on Image Processing 13 (2004) 600-612, equation 13.
    """
    _check(x, truth)
    if x.ndim != 4 or min(x.shape[2:]) < 11:
        raise InputError(
            f"ssim needs (batch, channels, height, width) of 11 pixels or more, got {tuple(x.shape)}"
        )
    offset = torch.arange(11, dtype=x.dtype, device=x.device) - 5
    line = torch.exp(-0.5 * (offset / 1.5) ** 2)
    line = line / line.sum()

    def blur(image: Tensor) -> Tensor:
        rows = functional.conv2d(image.flatten(0, 1)[:, None], line.view(1, 1, 11, 1))
        return functional.conv2d(rows, line.view(1, 1, 1, 11))

    mean_x, mean_t = blur(x), blur(truth)
    variance_x, variance_t = blur(x * x) - mean_x**2, blur(truth * truth) - mean_t**2
    covariance = blur(x * truth) - mean_x * mean_t
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_t + c1) / (mean_x**2 + mean_t**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_t + c2)
    return (luminance * structure).reshape(len(x), -1).mean(1)
