"""The state of a prior in words: unused latents, samples without spread, a discriminator that has won."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciadv.games.diagnostics import mode_collapse, saturation
from sciadv.trainings.autoencoder.autoencoder_game import AutoencoderGame
from sciadv.trainings.autoencoder.image_batches import in_unit_range
from sciadv.trainings.game.game_diagnosis import DEFAULT_THRESHOLDS, DiagnosisThresholds, since
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
        Training images ``(n, channels, *sides)``, uint8, or float32 in [0, 1]; each is compared with a
        sample.
    game
        The decoder's game; None without one.
    saturated_since
        First step of the discriminator's present saturation, where a log knows it.
    numbers
        Draws the latents of the samples.
    thresholds
        From where on the discriminator counts as saturated, and a number of the latent as used.

    Returns
    -------
    Sentences, alarms first; the last counts the numbers of the latent that are used: those whose divergence
    from the latent distribution is above `thresholds.used` in the mean over images.
    """
    x = in_unit_range(images)
    mean, log_variance = encoder.posterior(x)  # type: ignore[operator]  # typed Tensor | Module
    nats = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)
    n_latent, n_used = len(nats), int((nats > thresholds.used).sum())
    fake = generator(torch.randn(len(x), n_latent, generator=numbers).to(mean))
    alarms = [mode_collapse(fake, x)]
    if game is not None:
        logits = scores_of(game.discriminator(x), game.discriminator(fake), objective=game.rules.objective)
        alarms.insert(0, since(saturation(*logits, threshold=thresholds.saturated), saturated_since))
    alarmed = [alarm.message for alarm in alarms if alarm.fired] or [f"no alarm: {alarms[-1].message}"]
    used = f"{n_used} of {n_latent} numbers of the latent are used, {float(nats.sum()):.1f} nats in all"
    if n_used < n_latent:
        used += "; the others are noise: try divergence_steps, or a shorter latent"
    return *alarmed, used
