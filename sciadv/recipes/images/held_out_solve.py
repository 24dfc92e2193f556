"""The error of a small solve on held-out images: what the best step of a training is chosen by."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import final

import torch
from torch import Tensor

from sciadv.data.moments import Residual, moments_of
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.metrics import mse
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.representation_error import RepresentationError
from sciadv.trainings.autoencoder.image_batches import in_unit_range
from sciadv.types import as_generator

#: The number's name in logs and on the card.
HELD_OUT_ERROR = "held_out_error"


@final
class HeldOutSolve:
    """Mean squared error of held-out images in [0, 1] behind a random Gaussian matrix.

    Solved by `RepresentationError`, with the statistics of ``x - G(E(x))`` of training images, E the encoder.
    Images of more than `most_pixels` are only encoded and generated.

    Parameters
    ----------
    train, held_out
        Images ``(n, channels, *sides)``, uint8, or float32 in [0, 1].
    seed
        Seed of matrix, noise and search.
    n_train, n_held_out
        Images at most.
    share, most_measurements
        Measurements as a part of the pixels, and at most.
    sigma
        Standard deviation of the noise, in units of the range, of measurements with rows of unit length.
    most_pixels
        Pixels from which on nothing is solved.
    jitter
        Variance added to each pixel's residual, in units of the range: few images leave directions empty.
    """

    def __init__(  # noqa: PLR0913  # images, and the numbers of the small problem
        self,
        train: Tensor,
        held_out: Tensor,
        *,
        seed: int = 0,
        n_train: int = 1000,
        n_held_out: int = 16,
        share: float = 0.1,
        most_measurements: int = 200,
        sigma: float = 0.02,
        most_pixels: int = 4096,
        jitter: float = 1e-4,
    ) -> None:
        self.train, self.held_out = (
            in_unit_range(images[:: max(1, len(images) // n)][:n])
            for images, n in ((train, n_train), (held_out, n_held_out))
        )
        self.seed, self.sigma, self.most_pixels, self.jitter = seed, sigma, most_pixels, jitter
        pixels = prod(train.shape[1:])
        m = max(4, min(round(share * pixels), most_measurements))
        self.forward = GaussianSensing(tuple(train.shape[1:]), m, seed=seed, scale=pixels**-0.5)
        with torch.no_grad():
            y = self.forward(self.held_out)
        self.y = y + sigma * torch.randn(y.shape, generator=as_generator(seed))

    def __call__(self, prior: Prior) -> dict[str, float]:
        """Return the mean error, and that of encoding and generating alone."""
        encoded = float(self._encoded(prior.to("cpu")).mean())
        if self._is_large:
            return {HELD_OUT_ERROR: encoded}
        return {HELD_OUT_ERROR: float(self.errors(prior).mean()), "held_out_encoded": encoded}

    @property
    def _is_large(self) -> bool:
        return self.held_out[0].numel() > self.most_pixels

    def _encoded(self, prior: Prior) -> Tensor:
        with torch.no_grad():
            return mse(prior(prior.encode(self.held_out)), self.held_out)

    def errors(self, prior: Prior) -> Tensor:
        """Return the mean squared error of each held-out image ``(n,)``."""
        prior = prior.to("cpu")
        if self._is_large:
            return self._encoded(prior)
        with torch.no_grad():
            residuals = self.train - prior(prior.encode(self.train))
        image = moments_of(residuals)
        assert image.dense is not None  # moments of samples are dense
        image = replace(image, dense=image.dense + self.jitter * torch.eye(len(image.dense)))
        known = replace(prior, residual=Residual(image, image, self.held_out))
        problem = Problem(known, self.forward, Gaussian(self.sigma), self.y)
        return mse(RepresentationError().solve(problem, seed=self.seed).x, self.held_out)
