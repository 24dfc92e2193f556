"""Training of a small classifier by Adam on cross-entropy, its rate falling along one cosine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR

from sciadv.errors import InputError
from sciadv.nets import ConvClassifier
from sciadv.registry.checked import checked
from sciadv.trainings.fits.network_fit import NetworkFit
from sciadv.types import Count, Positive, as_generator


@checked
@dataclass(frozen=True)
class ClassifierSchedule:
    """How long and how fast.

    Parameters
    ----------
    epochs
        Times through the images.
    batch
        Images a step.
    learning_rate
        Adam's at the first step.
    augment
        Whether to distort the images (`small_affine`).
    """

    epochs: Count = 3
    batch: Count = 128
    learning_rate: Positive = 1e-3
    augment: bool = False


@final
class ClassifierTraining(NetworkFit):
    """A classifier on labelled images; follows `sciadv.trainings.Training`.

    Parameters
    ----------
    classifier
        Trained in place.
    images, labels
        ``(n, channels, height, width)`` uint8 and ``(n,)``.
    schedule
        How long and how fast.
    seed
        Seed of the order and of the distortions.

    Raises
    ------
    InputError
        Fewer images than a batch.
    """

    def __init__(
        self,
        classifier: ConvClassifier,
        images: Tensor,
        labels: Tensor,
        *,
        schedule: ClassifierSchedule,
        seed: int = 0,
    ) -> None:
        if len(images) < schedule.batch:
            raise InputError(
                f"a classifier needs at least one batch of {schedule.batch} images, not {len(images)}"
            )
        n_steps = schedule.epochs * (len(images) // schedule.batch)
        super().__init__("classifier", classifier, n_steps, schedule.batch, schedule.learning_rate)
        self.classifier, self.images, self.labels = classifier, images, labels
        self.schedule, self.seed = schedule, seed
        self._numbers = as_generator(seed)
        self._order = torch.zeros(0, dtype=torch.int64)
        self._rates = CosineAnnealingLR(self.optimizer, self.n_steps)

    def step(self) -> dict[str, float]:
        """Do one step and return its loss."""
        place = self.n_done % (len(self.images) // self.batch)
        if place == 0:
            self._order = torch.randperm(len(self.images), generator=self._numbers)
        index = self._order[place * self.batch : (place + 1) * self.batch]
        x = self.images[index].float() / 255
        logits = self.classifier(small_affine(x, self._numbers) if self.schedule.augment else x)
        loss = functional.cross_entropy(logits, self.labels[index])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.optimizer.step()
        self._rates.step()
        self.n_done += 1
        return {"cross_entropy": loss.item()}

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"schedule": asdict(self.schedule), "seed": self.seed, "n_images": len(self.images)}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on; the generator and the epoch's order are of it."""
        tensors, facts = super().state()
        numbers = {"numbers": self._numbers.get_state(), "order": self._order.clone()}
        return tensors | numbers, facts | {"rates": self._rates.state_dict()}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        super().restore(tensors, facts)
        self._numbers.set_state(tensors["numbers"].clone())
        self._order = tensors["order"].clone()
        self._rates.load_state_dict(dict(facts["rates"]))
        for group, rate in zip(self.optimizer.param_groups, self._rates.get_last_lr(), strict=True):
            group["lr"] = rate


def small_affine(images: Tensor, generator: torch.Generator) -> Tensor:
    """Scale, shear and shift each image ``(n, channels, height, width)`` a little at random."""
    limits = torch.tensor([[0.12, 0.2, 0.12], [0.1, 0.08, 0.06]])
    draws = 2 * torch.rand(len(images), 2, 3, generator=generator) - 1
    grid = functional.affine_grid(torch.eye(2, 3) + limits * draws, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
