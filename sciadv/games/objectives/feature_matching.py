"""Feature matching: the generator meets the mean of the discriminator's features on real data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor
from torch.nn.functional import softplus

from sciadv.errors import InputError
from sciadv.games.objectives.objective import Objective


@final
@dataclass(frozen=True)
class FeatureMatching(Objective):
    """Cross-entropy on output 0; the generator minimises ``|E_p f - E_q f|^2`` of the other outputs f.

    The discriminator gives ``(batch, 1 + features)``: a logit, then the features, commonly those of its
    last hidden layer. Only the logit is trained on; the features come with it.

    Notes
    -----
    The discriminator measures ``2 JSD``; the generator's loss is the MMD of a linear kernel on the
    features, which is 0 as soon as the features' means agree: moments are matched, not densities.

    References
    ----------
    T. Salimans et al., Improved techniques for training GANs, NeurIPS 2016, section 3.1.
    """

    kind: ClassVar[str] = "feature-matching"

    divergence: ClassVar[str] = "2 JSD(p, q); the generator descends |E_p f - E_q f|^2"
    reads_features: ClassVar[bool] = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E_p softplus(-logit) + E_q softplus(logit)`` of output 0.

        Raises
        ------
        InputError
            Outputs are not ``(batch, 1 + features)`` with at least one feature.
        """
        _expect_features(real_logits)
        return softplus(-real_logits[:, 0]).mean() + softplus(fake_logits[:, 0]).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Return the squared distance of the features' means.

        Raises
        ------
        InputError
            Outputs are not ``(batch, 1 + features)`` with at least one feature.
        """
        _expect_features(fake_logits)
        return (real_logits[:, 1:].mean(0) - fake_logits[:, 1:].mean(0)).square().sum()


def _expect_features(outputs: Tensor) -> None:
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise InputError(
            f"feature matching needs a discriminator that gives (batch, 1 + features), a logit and then "
            f"features, but it gives {tuple(outputs.shape)}"
        )
