"""Where the minibatches of a game come from, and whether its networks fit them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.arguments.values import as_tensor, shown
from sciadv.errors import FOREIGN_FAILURES, InputError, shown_failure
from sciadv.trainings.data_order import Sampler, Stream, batch_indices, step_generator


@final
@dataclass(frozen=True)
class Source:
    """Where minibatches come from, and how large they are.

    Parameters
    ----------
    data
        Samples ``(n, ...)``, uint8 for images in [0, 1] in steps of 1/255, or floats as they are; or a
        sampler of endless data.
    batch
        Samples a minibatch, over all processes together.
    seed
        Seed of order, latents and noise.
    labels
        Class ``(n,)`` of each sample, from 0, for networks that take labels; None for none.

    Raises
    ------
    InputError
        Fewer samples than a batch, samples that are neither uint8 nor finite floats, or labels that are not
        one whole number a sample.
    """

    data: Tensor | Sampler
    batch: int
    seed: int
    labels: Tensor | None = None

    def __post_init__(self) -> None:
        if self.labels is not None and (
            not isinstance(self.data, Tensor)
            or self.labels.shape != self.data.shape[:1]
            or self.labels.dtype != torch.int64
        ):
            raise InputError("labels are one whole number (int64) for each sample of a data set")
        if not isinstance(self.data, Tensor):
            if not callable(self.data):
                raise InputError(
                    f"samples are a torch tensor (n, ...) or a sampler, but these are a "
                    f"{type(self.data).__name__}; for an array, torch.from_numpy(array)"
                )
            return
        as_tensor(self.data, "samples", device=self.data.device)  # refuses sparse, quantised and meta ones
        n_samples = len(self.data) if self.data.ndim else 0
        if n_samples < self.batch:
            raise InputError(
                f"the data set has {n_samples} samples, fewer than one batch of {self.batch}; "
                f"give more, or a smaller batch"
            )
        if self.data.dtype != torch.uint8 and not self.data.is_floating_point():
            raise InputError(
                f"samples are uint8 (0 to 255) or floats, but these are {self.data.dtype}; convert them"
            )

    def labels_of(self, draw: int) -> Tensor | None:
        """Return the classes of the batch of a draw."""
        if self.labels is None:
            return None
        index = batch_indices(len(self.labels), self.batch, draw, seed=self.seed)
        return self.labels[index.to(self.labels.device)]

    def real(self, draw: int) -> Tensor:
        """Return the batch of a draw, as floats."""
        if not isinstance(self.data, Tensor):
            return self._sampled(self.data, draw)
        index = batch_indices(len(self.data), self.batch, draw, seed=self.seed)
        batch = self.data[index.to(self.data.device)]
        return batch.float() / 255 if batch.dtype == torch.uint8 else batch

    def some(self, n: int) -> tuple[Tensor, Tensor | None]:
        """Return at most n samples, as floats, and their classes."""
        if not isinstance(self.data, Tensor):
            return torch.cat([self.real(draw) for draw in range(-(-n // self.batch))])[:n], None
        rows = torch.randperm(len(self.data), generator=step_generator(self.seed, 0, stream=Stream.DATA))[:n]
        rows = rows.to(self.data.device)
        chosen = self.data[rows]
        chosen = chosen.float() / 255 if chosen.dtype == torch.uint8 else chosen
        return chosen, None if self.labels is None else self.labels[rows.to(self.labels.device)]

    def _sampled(self, sampler: Sampler, draw: int) -> Tensor:
        """Return the batch that a sampler gives for a draw, if it is one."""
        try:
            batch: object = sampler(self.batch, step_generator(self.seed, draw, stream=Stream.DATA))
        except FOREIGN_FAILURES as error:
            raise InputError(
                f"the sampler fails on sampler({self.batch}, generator): {shown_failure(error)}"
            ) from error
        is_batch = isinstance(batch, Tensor) and batch.ndim > 0 and len(batch) == self.batch
        if not isinstance(batch, Tensor) or not is_batch or not batch.is_floating_point():
            raise InputError(
                f"the sampler must give {self.batch} samples as a tensor of floats, but gives {shown(batch)}"
            )
        return as_tensor(batch, "samples of the sampler", device=batch.device)


@final
@dataclass(frozen=True)
class Part:
    """A part of a minibatch: real samples, latents, classes of both, and the seed of what is drawn for it."""

    real: Tensor
    z: Tensor
    draw: int
    number: int
    labels: Tensor | None = None

    def slice(self, k: int, size: int) -> Part:
        """Return the k-th part of so many samples."""
        rows = slice(k * size, (k + 1) * size)
        labels = None if self.labels is None else self.labels[rows]
        return Part(self.real[rows], self.z[rows], self.draw, k, labels)

    def through(self, generator: Callable[..., Tensor]) -> Tensor:
        """Return the fakes of the part's latents, of its classes where there are any."""
        return generator(self.z) if self.labels is None else generator(self.z, self.labels)

    def scored_by(self, discriminator: Callable[..., Tensor]) -> Tensor:
        """Return the outputs on the part's samples as they are, of its classes where there are any."""
        return discriminator(self.real) if self.labels is None else discriminator(self.real, self.labels)
