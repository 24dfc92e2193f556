"""The schedule of a prior's training: lengths, rates and weights of its three phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sciadv.registry.checked import checked
from sciadv.types import Count, Decay, NotNegative, Positive, Whole


@checked
@dataclass(frozen=True)
class PriorSchedule:
    """How long and how fast.

    Parameters
    ----------
    elbo_steps, game_steps, estimate_steps
        Steps of the first, second and third phase. A game that begins before the autoencoder is trained, or
        goes on for long, makes a generator that is hard to search; of stationary media it makes the samples
        right, which after the ELBO are not (both measured in ``priors/README.md``).
    batch
        Images per step.
    divergence_steps
        First steps over which the divergence's weight in the ELBO rises from 0 to 1, so that the latents are
        used before they are made to follow N(0, I) (Sønderby et al., Ladder Variational Autoencoders, NeurIPS
        2016, section 2.3): for images so large that they otherwise never are.
    learning_rate
        Adam's step in the first and third phase, falling to a hundredth along a cosine.
    game_learning_rate
        Adam's step of all players in the second phase, falling linearly to a tenth in its second half.
    elbo_weight, game_weight
        Weights of the negative ELBO (in nats per image) and of the generator's loss in the second phase.
    game_divergence
        Weight of the divergence in the second phase's ELBO. Above 1 posteriors are wider, so that the
        generator changes more slowly and a search meets fewer local minima.
    critic_features
        Whether the second phase's ELBO has a further likelihood: a Gaussian of variance 1 around the
        discriminator's features of an image (Larsen et al., Autoencoding beyond pixels using a learned
        similarity metric, ICML 2016, Eq. 7).
    smoothness
        Weight of ``E |J(z) u|^2`` in the second phase, z and u drawn from N(0, I), J the generator's
        Jacobian: against steep walls between the places of different images (kin to the path length
        regularisation of Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020,
        section 3.2).
    slope_every, slope_step
        The slope is measured at every so many-th latent of a batch, by a difference over this step.
    fewest_measurements, most_measurements, least_noise, most_noise
        Of the linear estimates in the third phase: measurements per number of the latent, and noise over the
        measurements' standard deviation, between them at random (`linear_estimates`).
    generator_momentum, discriminator_momentum
        Adam's decay of the mean gradient in the second phase.
    gamma, penalty_every
        Weight of R1 and R2, and the steps between two of them (lazily, times the steps), where the recipe
        names no penalties.
    n_diagnosed
        Images that are encoded in the diagnosis at the end.
    ema
        Decay of the averaged generator and encoder in the second phase.
    likelihood
        Of a pixel in the ELBO: "bernoulli", for pixels that are nearly black or white, or "gaussian", with a
        variance that follows the residuals (`sciadv.trainings.autoencoder.elbo.ResidualVariance`).
    """

    elbo_steps: Whole = 14000
    game_steps: Whole = 2000
    estimate_steps: Whole = 0
    batch: Count = 64
    divergence_steps: Whole = 0
    learning_rate: Positive = 1e-3
    game_learning_rate: Positive = 3e-4
    elbo_weight: NotNegative = 0.01
    game_weight: NotNegative = 0.3
    game_divergence: NotNegative = 1.0
    critic_features: bool = False
    smoothness: NotNegative = 0.0
    slope_every: Count = 4
    slope_step: Positive = 0.1
    fewest_measurements: Positive = 0.5
    most_measurements: Positive = 5.0
    least_noise: NotNegative = 1e-3
    most_noise: NotNegative = 1e-1
    generator_momentum: Decay = 0.5
    discriminator_momentum: Decay = 0.0
    gamma: NotNegative = 0.1
    penalty_every: Count = 8
    n_diagnosed: Count = 256
    ema: Decay = 0.999
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"

    def divergence_weight(self, n_done: int) -> float:
        """Return the divergence's weight in the ELBO of a step."""
        weight = min(1.0, (n_done + 1) / max(1, self.divergence_steps))
        return weight * self.game_divergence if n_done >= self.elbo_steps else weight

    def in_words(self) -> str:
        """Say what the steps are of, and which share of them is the game: a line of a prior's card.

        Examples
        --------
        >>> PriorSchedule(elbo_steps=900, game_steps=100).in_words()
        '900 steps of the ELBO of an autoencoder, 100 of the game (10 %)'
        >>> PriorSchedule(elbo_steps=0, game_steps=100).in_words()
        '100 steps of the game with the ELBO of an autoencoder (100 %)'
        """
        total = self.elbo_steps + self.game_steps + self.estimate_steps
        share = f"{100 * self.game_steps / max(total, 1):.0f} %"
        if self.game_steps and not self.elbo_steps:
            parts = [f"{self.game_steps} steps of the game with the ELBO of an autoencoder ({share})"]
        else:
            game = f"{self.game_steps} of the game ({share})" if self.game_steps else "no game"
            parts = [f"{self.elbo_steps} steps of the ELBO of an autoencoder", game]
        parts += [f"{self.estimate_steps} of the encoder on linear estimates"] if self.estimate_steps else []
        return ", ".join(parts)
