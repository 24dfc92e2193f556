"""The adversarial correction: a code that hides the batch, and a decoder that is told it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.cells import Matrix, dense
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction import Correction, Groups
from sciadv.domains.batch_correction.correction_game import (
    AdversarialSettings,
    CorrectionGame,
    CorrectionTraining,
)
from sciadv.domains.batch_correction.networks import CorrectionNets
from sciadv.trainings.protocol import TrainingMonitor

#: Cells that a batch must have: a discriminator needs to see some.
LEAST_CELLS = 10
#: Cells that pass through the networks at once.
_CHUNK = 8192


@final
class AdversarialCorrection(Correction):
    """Principal components in, a code without the batch out; expression moves as the decoder says.

    With z the code of a cell of batch b, its expression is changed by ``mean_c x(z, c) - x(z, b)``, the
    decoder's x for the mean of all batches minus that for its own: what the code does not describe, noise
    included, stays as measured.

    Parameters
    ----------
    components
        Of the expression before correction.
    nets
        The trained networks.
    settings
        How they were made.
    """

    needs_batch = False
    needs_labels = False

    def __init__(self, components: Components, nets: CorrectionNets, settings: AdversarialSettings) -> None:
        self.components, self.nets, self.settings = components, nets.eval().requires_grad_(False), settings

    @staticmethod
    def fit(
        expression: Matrix,
        groups: Groups,
        *,
        settings: AdversarialSettings,
        seed: int,
        device: torch.device,
        monitor: TrainingMonitor | None = None,
    ) -> AdversarialCorrection:
        """Train on normalised expression ``(cells, genes)``; labels of -1 are unknown.

        Raises
        ------
        GameError
            The training diverged.
        """
        from sciadv.trainings.loop import run

        components = Components.fit(expression, settings.n_components, seed=seed)
        x = torch.as_tensor(components.scores(expression), device=device)
        nets = CorrectionNets.seeded(
            x.shape[1],
            groups.n_batches,
            groups.n_labels,
            n_latent=settings.n_latent,
            n_hidden=settings.n_hidden,
            seed=seed,
        ).to(device)
        game = CorrectionGame(nets, x, *groups.on(device), settings=settings, seed=seed)
        run(CorrectionTraining(game, settings), monitor=monitor).check()
        return AdversarialCorrection(components, nets, settings)

    @property
    def _device(self) -> torch.device:
        return next(self.nets.parameters()).device

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the mean code of each cell; neither batch nor label is looked at."""
        scores = torch.as_tensor(self.components.scores(expression), device=self._device)
        codes = [self.nets.posterior(x)[0] for x in torch.split(scores, _CHUNK)]
        embedding: NDArray[np.float32] = torch.cat(codes).cpu().numpy()
        return embedding

    def correct(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the expression, moved by what the decoder says of the batch."""
        codes = torch.as_tensor(self.embed(expression, groups), device=self._device)
        numbers, _ = groups.on(self._device)
        pairs = zip(torch.split(codes, _CHUNK), torch.split(numbers, _CHUNK), strict=True)
        shift = torch.cat([self._shift(z, b) for z, b in pairs]).cpu().numpy()
        return dense(expression) + self.components.to_genes(shift)

    def _shift(self, z: Tensor, batch: Tensor) -> Tensor:
        every = [self.nets.decode(z, torch.full_like(batch, b)) for b in range(self.nets.n_batches)]
        return torch.stack(every).mean(0) - self.nets.decode(z, batch)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
        tensors = {f"nets.{name}": value for name, value in self.nets.state_dict().items()}
        return tensors | self.components.tensors(), {"settings": asdict(self.settings)}

    @staticmethod
    def restore(
        tensors: dict[str, Tensor],
        facts: dict[str, Any],
        *,
        n_batches: int,
        n_labels: int,
        device: torch.device,
    ) -> AdversarialCorrection:
        """Build it from what `state` returned."""
        settings, components = AdversarialSettings(**facts["settings"]), Components.from_tensors(tensors)
        nets = CorrectionNets(
            components.loadings.shape[1],
            n_batches,
            n_labels,
            n_latent=settings.n_latent,
            n_hidden=settings.n_hidden,
        )
        prefix = "nets."
        nets.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        return AdversarialCorrection(components, nets.to(device), settings)
