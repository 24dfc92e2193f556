"""The state of a prior in words: unused latents, samples without spread, a discriminator that has won."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciadv.games.diagnostics import mode_collapse, saturation
from sciadv.games.objectives.relativistic import centred
from sciadv.trainings.game.game_diagnosis import SATURATED, since

#: Images that are looked at, and nats from which a number of the latent counts as used.
_N_IMAGES, _USED = 256, 0.01


@torch.no_grad()
def diagnose_prior(
    generator: nn.Module,
    encoder: nn.Module,
    images: Tensor,
    *,
    discriminator: nn.Module | None,
    saturated_since: int | None,
    numbers: torch.Generator,
) -> tuple[str, ...]:
    """Say what is wrong with a variational autoencoder whose decoder plays a game, or that nothing is.

    Parameters
    ----------
    generator, encoder
        The networks; the encoder has `posterior(x)`.
    images
        Training images ``(n, channels, height, width)`` uint8; the first 256 are looked at.
    discriminator
        The relativistic game's; None without a game.
    saturated_since
        First step of the discriminator's present saturation, where a log knows it.
    numbers
        Draws the latents of the samples.

    Returns
    -------
    Sentences, alarms first; the last counts the numbers of the latent that are used: those whose divergence
    from the latent law is above 0.01 nats in the mean over images.
    """
    x = images[:_N_IMAGES].float() / 255
    mean, log_variance = encoder.posterior(x)  # type: ignore[operator]  # typed Tensor | Module
    nats = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)
    n_latent, n_used = len(nats), int((nats > _USED).sum())
    fake = generator(torch.randn(len(x), n_latent, generator=numbers).to(mean))
    alarms = [mode_collapse(fake, x)]
    if discriminator is not None:
        logits = centred(discriminator(x), discriminator(fake))
        alarms.insert(0, since(saturation(*logits, threshold=SATURATED), saturated_since))
    told = [alarm.message for alarm in alarms if alarm.fired] or [f"no alarm: {alarms[-1].message}"]
    used = f"{n_used} of {n_latent} numbers of the latent are used, {float(nats.sum()):.1f} nats in all"
    if n_used < n_latent:
        used += "; the others are noise: try divergence_steps, or a shorter latent"
    return *told, used
