"""The three networks of an adversarial correction, and a way to build them from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional


def fixed(values: NDArray[np.float64]) -> nn.Parameter:
    """Return numbers of a network that no training changes."""
    return nn.Parameter(torch.as_tensor(values).float(), requires_grad=False)


def perceptron(
    n_in: int, hidden: tuple[int, ...], n_out: int, *, layers: Callable[[int], list[nn.Module]]
) -> nn.Sequential:
    """Stack linear layers, each hidden one followed by `layers(width)`."""
    parts: list[nn.Module] = []
    for width in hidden:
        parts += [nn.Linear(n_in, width), *layers(width)]
        n_in = width
    return nn.Sequential(*parts, nn.Linear(n_in, n_out))


def _normalised(width: int) -> list[nn.Module]:
    return [nn.BatchNorm1d(width), nn.ReLU()]


def _leaky(_: int) -> list[nn.Module]:
    return [nn.LeakyReLU(0.2)]


@final
class CorrectionNets(nn.Module):
    """Encoder ``q(z | x)``, decoder ``x(z, batch)``, batch discriminator of the code, classifier of labels.

    The encoder does not take the batch, so that it serves cells of any; the decoder does, so that the code
    need not carry it.

    Parameters
    ----------
    n_components
        Length of x, the scores of principal components.
    n_batches
        How many batches.
    n_labels
        How many labels; 0 for none.
    n_latent
        Length of the code z.
    n_hidden
        Width of the encoder's two hidden layers and of the decoder's one; the discriminator's two have half.
    """

    def __init__(
        self, n_components: int, n_batches: int, n_labels: int, *, n_latent: int = 20, n_hidden: int = 128
    ) -> None:
        super().__init__()
        self.n_components = n_components
        self.n_hidden = n_hidden
        self.n_batches = n_batches
        self.n_labels = n_labels
        self.n_latent = n_latent
        self.encoder = perceptron(n_components, (n_hidden, n_hidden), 2 * n_latent, layers=_normalised)
        self.decoder = perceptron(n_latent + n_batches, (n_hidden,), n_components, layers=_normalised)
        narrow = n_hidden // 2
        self.discriminator = perceptron(n_latent + n_labels, (narrow, narrow), n_batches, layers=_leaky)
        self.classifier = nn.Linear(n_latent, n_labels) if n_labels else None

    @staticmethod
    def seeded(
        n_components: int, n_batches: int, n_labels: int, *, n_latent: int, n_hidden: int, seed: int
    ) -> CorrectionNets:
        """Build them with weights that depend on the seed only; torch's random state stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # forked: the only way to seed torch's initialisers
            return CorrectionNets(n_components, n_batches, n_labels, n_latent=n_latent, n_hidden=n_hidden)

    def extended(self, n_new: int) -> CorrectionNets:
        """Return copies for further batches, whose columns and logits are zero; the rest is the same."""
        nets = CorrectionNets(
            self.n_components,
            self.n_batches + n_new,
            self.n_labels,
            n_latent=self.n_latent,
            n_hidden=self.n_hidden,
        )
        state = self.state_dict()
        for name, value in nets.state_dict().items():
            known = torch.zeros_like(value)
            known[tuple(slice(size) for size in state[name].shape)] = state[name]
            state[name] = known
        nets.load_state_dict(state)
        return nets.to(next(self.parameters()).device)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of ``q(z | x)``, ``(batch, n_latent)`` each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 4)

    def decode(self, z: Tensor, batch: Tensor) -> Tensor:
        """Return x ``(cells, components)`` of codes in batches, given by their numbers ``(cells,)``."""
        given = functional.one_hot(batch, self.n_batches).to(z.dtype)
        x: Tensor = self.decoder(torch.cat([z, given], 1))
        return x

    def batch_logits(self, mean: Tensor, labels: Tensor) -> Tensor:
        """Return the discriminator's logits of each batch ``(cells, batches)``.

        It takes the label too, or where that is unknown (-1) the classifier's estimate, so that it cannot
        find a batch by its shares of the labels.
        """
        if self.classifier is not None:
            guess = self.classifier(mean).softmax(1).detach()
            given = functional.one_hot(labels.clamp(min=0), self.n_labels).to(mean.dtype)
            mean = torch.cat([mean, torch.where(labels[:, None] >= 0, given, guess)], 1)
        logits: Tensor = self.discriminator(mean)
        return logits
