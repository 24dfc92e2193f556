"""The adversarial correction: a code that hides the batch, and a decoder that takes the batch beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction_game import (
    AdversarialSettings,
    CorrectionGame,
    training_of,
)
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.matches import matches_of
from sciadv.domains.batch_correction.networks import CorrectionNets
from sciadv.domains.batch_correction.query.decoder_columns import fit_batch_columns
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.matrices import Matrix, dense
from sciadv.games.updates import Update
from sciadv.prior import Prior
from sciadv.trainings.correction.correction_training import CorrectionTraining
from sciadv.trainings.game.game_parts import Named
from sciadv.trainings.loop import run

#: Cells that pass through the networks at once.
_CHUNK = 8192


def correction_training(
    expression: Matrix, groups: Groups, plan: FitPlan, *, update: Named | Update | None = None
) -> tuple[CorrectionTraining, Components]:
    """Return the training of a correction of normalised expression, not begun, and its components.

    Parameters
    ----------
    expression
        ``(cells, genes)``.
    groups
        Batches and labels of the cells.
    plan
        How to fit.
    update
        How encoder and discriminator move; see `training_of`.
    """
    settings = plan.settings
    components = Components.fit(expression, settings.n_components, seed=plan.seed)
    x = torch.as_tensor(components.scores(expression), device=plan.device)
    nets = CorrectionNets.seeded(
        x.shape[1],
        groups.n_batches,
        groups.n_labels,
        n_latent=settings.n_latent,
        n_hidden=settings.n_hidden,
        seed=plan.seed,
    ).to(plan.device)
    is_matched = groups.n_labels == 0  # labels keep types apart themselves
    matches = matches_of(x.cpu().numpy(), groups, seed=plan.seed) if is_matched else None
    game = CorrectionGame(
        nets,
        x,
        *groups.on(plan.device),
        settings=settings,
        seed=plan.seed,
        matches=matches,
    )
    return training_of(game, settings, update=update), components


class _InEveryBatch(nn.Module):
    """``(z, e) -> decoder(z, b) + spread e`` for each batch b, and last the mean of the rows of the fit."""

    def __init__(self, nets: CorrectionNets, spread: float, n_fitted: int) -> None:
        super().__init__()
        self.nets = nets
        self.spread = spread
        self.n_fitted = n_fitted

    def forward(self, latent: Tensor) -> Tensor:
        z = latent[:, : self.nets.n_latent]
        deviation = self.spread * latent[:, self.nets.n_latent :]
        first = torch.zeros(len(z), dtype=torch.long, device=z.device)
        rows = torch.stack([self.nets.decode(z, first + b) for b in range(self.nets.n_batches)], 1)
        mean = rows[:, : self.n_fitted].mean(1, keepdim=True)
        return torch.cat([rows, mean], 1) + deviation[:, None]


class _Code(nn.Module):
    """The mean code of a cell measured in one batch, and its deviation from what the decoder makes of it."""

    def __init__(self, nets: CorrectionNets, own: int, spread: float) -> None:
        super().__init__()
        self.nets = nets
        self.own = own
        self.spread = spread

    def forward(self, x: Tensor) -> Tensor:
        measured = x[:, self.own]
        z = self.nets.posterior(measured)[0]
        batch = torch.full((len(z),), self.own, device=z.device)
        return torch.cat([z, (measured - self.nets.decode(z, batch)) / self.spread], 1)


@final
class AdversarialCorrection(Correction):
    """Principal components in, a code without the batch out; expression moves as the decoder says.

    With z the code of a cell of batch b, its expression is changed by ``mean_c x(z, c) - x(z, b)``, the
    decoder's x for the mean of all batches of the fit minus that for its own: what the code does not
    describe, noise included, stays as measured.

    Parameters
    ----------
    components
        Of the expression before correction.
    nets
        The trained networks.
    settings
        How they were made.
    n_fitted
        Batches of the fit, which come first; None for all.
    """

    method = "adversarial"
    least_cells = 10  # a discriminator needs some of each batch
    needs_batch = False
    needs_labels = False

    def __init__(
        self,
        components: Components,
        nets: CorrectionNets,
        settings: AdversarialSettings,
        *,
        n_fitted: int | None = None,
    ) -> None:
        self.components = components
        self.nets = nets.eval().requires_grad_(False)
        self.settings = settings
        self.n_fitted = nets.n_batches if n_fitted is None else n_fitted

    @classmethod
    def fit(cls, expression: Matrix, groups: Groups, plan: FitPlan) -> AdversarialCorrection:
        """Train on normalised expression ``(cells, genes)``; labels of -1 are unknown.

        Raises
        ------
        GameError
            The training diverged.
        KeyboardInterrupt
            Ctrl-C ended it.
        """
        training, components = correction_training(expression, groups, plan)
        run(training, monitor=plan.monitor).check_finished()
        return cls.trained(training, components, plan.settings)

    @classmethod
    def trained(
        cls, training: CorrectionTraining, components: Components, settings: AdversarialSettings
    ) -> AdversarialCorrection:
        """Return the correction of what `correction_training` returned, after its training."""
        nets = training.game.nets
        assert isinstance(nets, CorrectionNets)  # those of the game that it was made of
        return cls(components, nets, settings)

    @property
    def _device(self) -> torch.device:
        return next(self.nets.parameters()).device

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the mean code of each cell; it depends on neither batch nor label."""
        scores = torch.as_tensor(self.components.scores(expression), device=self._device)
        codes = [self.nets.posterior(x)[0] for x in torch.split(scores, _CHUNK)]
        embedding: NDArray[np.float32] = torch.cat(codes).cpu().numpy()
        return embedding

    def correct(self, expression: Matrix, groups: Groups, *, to: int | None = None) -> NDArray[np.float32]:
        """Return the expression, moved by what the decoder says of the batch."""
        codes = torch.as_tensor(self.embed(expression, groups), device=self._device)
        numbers, _ = groups.on(self._device)
        pairs = zip(torch.split(codes, _CHUNK), torch.split(numbers, _CHUNK), strict=True)
        shift = torch.cat([self._shift(z, b, to) for z, b in pairs]).cpu().numpy()
        return dense(expression) + self.components.to_genes(shift)

    def measure(self, expression: Matrix) -> NDArray[np.float32]:
        """Return the principal components of the expression."""
        return self.components.scores(expression)

    def to_expression(self, expression: Matrix, measured: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the expression, moved by the change of its principal components."""
        return dense(expression) + self.components.to_genes(measured - self.components.scores(expression))

    def adapted(
        self,
        expression: Matrix,
        groups: Groups,
        reference: Reference,  # noqa: ARG002  # the decoder holds what the other batches are
        plan: FitPlan,
    ) -> AdversarialCorrection:
        """Return it with the decoder's columns of further batches, by least squares; all else stays.

        The encoder takes no batch, so that cells of further batches keep their codes: `embed` is not adapted.
        """
        x = torch.as_tensor(self.components.scores(expression), device=plan.device)
        nets = self.nets.extended(groups.n_batches).eval().requires_grad_(False)
        batch = groups.on(plan.device)[0] + self.nets.n_batches
        fit_batch_columns(nets, x, batch, n_new=groups.n_batches)
        return AdversarialCorrection(self.components, nets, self.settings, n_fitted=self.n_fitted)

    def prior(self, own: int, label: int) -> Prior:  # noqa: ARG002  # the decoder takes no label
        """Return the decoder as a prior; its latents are the code and the cell's own deviation from it.

        The deviation has the standard deviation that the weight of the squared error stands for,
        ``1 / sqrt(2 weight)``, and is the same in every batch.
        """
        spread = (2 * self.settings.error_weight) ** -0.5
        generator = _InEveryBatch(self.nets, spread, self.n_fitted)
        n_latent = self.nets.n_latent + self.components.loadings.shape[1]
        return Prior(generator, n_latent, _Code(self.nets, own, spread), name="correction")

    def _shift(self, z: Tensor, batch: Tensor, to: int | None) -> Tensor:
        own = self.nets.decode(z, batch)
        if to is not None:
            return self.nets.decode(z, torch.full_like(batch, to)) - own
        every = [self.nets.decode(z, torch.full_like(batch, b)) for b in range(self.n_fitted)]
        return torch.stack(every).mean(0) - own

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
        tensors = {f"nets.{name}": value for name, value in self.nets.state_dict().items()}
        return tensors | self.components.tensors(), {
            "settings": asdict(self.settings),
            "n_fitted": self.n_fitted,
        }

    @classmethod
    def restore(
        cls,
        tensors: dict[str, Tensor],
        facts: dict[str, Any],
        *,
        n_batches: int,
        n_labels: int,
        device: torch.device,
    ) -> AdversarialCorrection:
        """Build it from what `state` returned."""
        settings = AdversarialSettings(**facts["settings"])
        components = Components.from_tensors(tensors)
        nets = CorrectionNets(
            components.loadings.shape[1],
            n_batches,
            n_labels,
            n_latent=settings.n_latent,
            n_hidden=settings.n_hidden,
        )
        prefix = "nets."
        nets.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        return cls(components, nets.to(device), settings, n_fitted=facts.get("n_fitted"))
