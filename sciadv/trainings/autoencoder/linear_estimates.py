"""Linear estimates of images from random measurements: what an encoder is shown at the start of a solve."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciadv.data.moments import Moments


def linear_estimates(
    images: Tensor,
    moments: Moments,
    *,
    n_latent: int,
    generator: torch.Generator,
    measurements: tuple[float, float] = (0.5, 5.0),
    noise: tuple[float, float] = (1e-3, 1e-1),
) -> Tensor:
    """Measure images by one random Gaussian matrix and return their linear estimates, shape as `images`.

    ``mu + C A^T (A C A^T + s^2 I)^-1 (y - A mu)`` with ``y = A x + s e``, A and e of standard normals: the
    linear minimum mean square error estimate (Kay, Estimation Theory, 1993, theorem 12.1). How many
    measurements and how much noise there are is drawn too.

    Parameters
    ----------
    images
        ``(batch, channels, height, width)`` in [0, 1].
    moments
        Mean mu and covariance C of the training set, on the device of `images`.
    n_latent
        Length of the latent, to which the number of measurements is in proportion.
    generator
        Draws everything.
    measurements
        Measurements per number of the latent, fewest and most; between them at random, log-uniformly.
    noise
        Noise over the measurements' standard deviation, likewise.
    """
    share, level = torch.rand(2, generator=generator).tolist()
    m = max(1, round(n_latent * _log_between(measurements, share)))
    pixels = moments.mean.numel()
    A = torch.randn(m, pixels, generator=generator).to(images)
    e = torch.randn(len(images), m, generator=generator).to(images)
    y = (images.flatten(1) - moments.mean.flatten()) @ A.T
    s = _log_between(noise, level) * y.std()
    crossed = moments.covariance @ A.T  # (pixels, measurements)
    inner = A @ crossed + s.square() * torch.eye(m).to(images)
    estimate: Tensor = (crossed @ torch.linalg.solve(inner, (y + s * e).T)).T + moments.mean.flatten()
    return estimate.reshape(images.shape)


def _log_between(bounds: tuple[float, float], share: float) -> float:
    return math.exp(math.log(bounds[0]) + share * math.log(bounds[1] / bounds[0]))
