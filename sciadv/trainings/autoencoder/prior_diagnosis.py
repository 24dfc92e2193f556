"""The state of a prior in words: unused latents, samples less diverse, a discriminator that has won."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciadv.games.diagnostics import saturation
from sciadv.trainings.autoencoder.autoencoder_game import AutoencoderGame
from sciadv.trainings.autoencoder.image_batches import in_unit_range
from sciadv.trainings.game.game_diagnosis import (
    DEFAULT_THRESHOLDS,
    DiagnosisThresholds,
    collapse_sentence,
    diversity_of,
    diversity_sentence,
    most_compared,
    since,
)
from sciadv.trainings.game.game_losses import scores_of


@torch.no_grad()
def diagnose_prior(
    generator: nn.Module,
    encoder: nn.Module,
    images: Tensor,
    *,
    game: AutoencoderGame | None,
    saturated_since: int | None,
    numbers: torch.Generator,
    thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS,
) -> tuple[str, ...]:
    """Say what is wrong with a variational autoencoder whose decoder plays a game, or that nothing is.

    Parameters
    ----------
    generator, encoder
        The networks; the encoder has `posterior(x)`.
    images
        Training images ``(n, channels, *sides)``, uint8, or float32 in [0, 1].
    game
        The decoder's game; None without one.
    saturated_since
        First step of the discriminator's present saturation, where a log knows it.
    numbers
        Draws images and latents.
    thresholds
        From where on the discriminator counts as saturated, a number of the latent as used, and samples as
        less diverse than the images.

    Returns
    -------
    Sentences, alarms first; the last counts the numbers of the latent that are used: those whose divergence
    from the latent distribution is above `thresholds.used` in the mean over images.
    """
    n_compared = min(len(images), thresholds.n_real, most_compared(images, thresholds))
    chosen = torch.randperm(len(images), generator=numbers)[:n_compared].to(images.device)
    real = in_unit_range(images[chosen])
    x = real[: thresholds.n_encoded]
    mean, log_variance = encoder.posterior(x)  # type: ignore[operator]  # typed Tensor | Module
    nats = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)
    n_latent, n_used = len(nats), int((nats > thresholds.used).sum())

    def draw(n: int) -> Tensor:
        fake: Tensor = generator(torch.randn(n, n_latent, generator=numbers).to(mean))
        return fake

    alarms = []
    if game is not None:
        z = torch.randn(len(x), n_latent, generator=numbers).to(mean)
        compared = game.joined(x, mean), game.joined(generator(z), z)
        real_logits, fake_logits = (game.discriminator(part) for part in compared)
        logits = scores_of(real_logits, fake_logits, objective=game.rules.objective)
        saturated = since(saturation(*logits, threshold=thresholds.saturated), saturated_since)
        alarms += [saturated.message] if saturated.fired else []
    diversity = diversity_of(real, draw, thresholds=thresholds)
    if diversity is not None and diversity.fired:
        alarms.append(collapse_sentence(diversity))
    alarmed = alarms or [f"no alarm: {diversity_sentence(diversity)}"]
    used = f"{n_used} of {n_latent} numbers of the latent are used, {float(nats.sum()):.1f} nats in all"
    if n_used < n_latent:
        used += "; the others are noise: try divergence_steps, or a shorter latent"
    return *alarmed, used
