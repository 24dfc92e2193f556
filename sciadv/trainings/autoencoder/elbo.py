"""The evidence lower bound of a variational autoencoder with Bernoulli pixels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def negative_elbo(
    logits: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor, *, divergence_weight: float = 1.0
) -> Tensor:
    """Return ``-E log p(x | z) + KL(q(z | x) | N(0, I))`` per image [nats], Bernoulli pixels; ``(batch,)``.

    Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, eq. 10 and appendix C.1.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return cross_entropy + divergence_weight * divergence


def reconstruct(
    generator: nn.Module, encoder: nn.Module, x: Tensor, noise: Tensor, *, divergence_weight: float
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
    """
    mean, log_variance = encoder.posterior(x)  # type: ignore[operator]  # typed Tensor | Module
    z = mean + (0.5 * log_variance).exp() * noise
    logits = generator.logits(z)  # type: ignore[operator]  # as above
    return logits, negative_elbo(logits, x, mean, log_variance, divergence_weight=divergence_weight)
