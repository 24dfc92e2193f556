"""The evidence lower bound of a variational autoencoder, with Bernoulli pixels or Gaussian ones."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional


def negative_elbo(
    logits: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor, *, divergence_weight: float = 1.0
) -> Tensor:
    """Return ``-E log p(x | z) + KL(q(z | x) | N(0, I))`` per image [nats], Bernoulli pixels; ``(batch,)``.

    Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, eq. 10 and appendix C.1.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    return cross_entropy + divergence_weight * _divergence(mean, log_variance)


def _divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return ``KL(N(mean, exp(log_variance)) | N(0, I))`` [nats], ``(batch,)``."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


@final
class ResidualVariance:
    """The variance s^2 of a Gaussian likelihood of pixels, followed from step to step.

    ``s^2 = tr(C^2) / tr(C)``, C the covariance of the residuals ``x - G(z)`` of a minibatch: where
    neighbouring residuals go together they count less than independent ones, and s^2 is above the mean
    square. tr(C^2) is the mean of ``(r_i . r_j)^2`` over pairs of images.

    Parameters
    ----------
    decay
        Of the exponential moving average over the steps.
    """

    def __init__(self, *, decay: float = 0.99) -> None:
        self.decay = decay
        self.value = torch.tensor(float("nan"))

    @torch.no_grad()
    def follow(self, residuals: Tensor) -> Tensor:
        """Take the residuals ``(batch, ...)`` of a minibatch in and return s^2."""
        r = residuals.flatten(1)
        products = r @ r.T
        own = products.diagonal()
        n = len(r)
        crossed = (products.square().sum() - own.square().sum()) / max(n * (n - 1), 1)
        here = torch.maximum(crossed / own.mean().clamp_min(1e-30), own.mean() / r.shape[1]).clamp_min(1e-8)
        if self.value.isnan():
            self.value = here
        self.value = self.decay * self.value.to(here) + (1 - self.decay) * here
        return self.value

    def state_dict(self) -> dict[str, Tensor]:
        """Return s^2, for a checkpoint."""
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.value = state["value"]


def posterior_draw(encoder: nn.Module, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a latent of the posterior of each image, its mean and log variance; ``(batch, latent)`` each.

    `noise` are the standard normals that make the draw.
    """
    mean, log_variance = encoder.posterior(x)  # type: ignore[operator]  # typed Tensor | Module
    return mean + (0.5 * log_variance).exp() * noise, mean, log_variance


def reconstruct(  # two networks, a minibatch and its likelihood
    generator: nn.Module,
    encoder: nn.Module,
    x: Tensor,
    noise: Tensor,
    *,
    divergence_weight: float,
    variance: ResidualVariance | None = None,
) -> tuple[Tensor, Tensor]:
    """Return logits at a draw of the posterior of each image, and the negative ELBO.

    Parameters
    ----------
    generator, encoder
        The networks; they have `logits(z)` and `posterior(x)`.
    x
        Images ``(batch, channels, height, width)`` in [0, 1].
    noise
        Standard normals ``(batch, latent)`` that make the draw.
    divergence_weight
        Weight of the divergence.
    variance
        Of Gaussian pixels, up to a constant of the ELBO; None for Bernoulli pixels.
    """
    z, mean, log_variance = posterior_draw(encoder, x, noise)
    logits = generator.logits(z)  # type: ignore[operator]  # as above
    if variance is None:
        return logits, negative_elbo(logits, x, mean, log_variance, divergence_weight=divergence_weight)
    residuals = (x - logits.sigmoid()).flatten(1)
    fit = residuals.square().sum(1) / (2 * variance.follow(residuals.detach()))
    return logits, fit + divergence_weight * _divergence(mean, log_variance)
