"""Instance noise: real and fake samples are blurred by noise that fades during training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class InstanceNoise:
    """Adds ``N(0, s_t^2)`` to the discriminator's inputs, with ``s_t = std * max(0, 1 - t / n_steps)``.

    Parameters
    ----------
    std
        Standard deviation at step 0 [unit of the samples], >= 0.
    n_steps
        Steps until the noise is gone, >= 1.

    Raises
    ------
    InputError
        `std` < 0 or `n_steps` < 1.

    Notes
    -----
    Distributions of disjoint supports overlap when blurred, so the divergence's gradient does not vanish; the
    same noise on both keeps p = q the fixed point. In the mean over the noise it acts as a gradient
    penalty of strength about ``s_t^2`` (Roth et al., NeurIPS 2017).

    References
    ----------
    C. K. Sonderby, J. Caballero, L. Theis, W. Shi, F. Huszar, Amortised MAP inference for image
    super-resolution, ICLR 2017.
    """

    option_kind: ClassVar[str] = "instance-noise"

    std: float = 0.1
    n_steps: int = 10_000

    def __post_init__(self) -> None:
        if self.std < 0 or self.n_steps < 1:
            raise InputError(
                f"instance noise needs std >= 0 and n_steps >= 1, but they are {self.std} and {self.n_steps}"
            )

    def at(self, step: int) -> float:
        """Return the standard deviation of the noise at a step."""
        return self.std * max(0.0, 1 - step / self.n_steps)

    def __call__(self, samples: Tensor, step: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the samples with noise of step `step` added."""
        noise = torch.randn(samples.shape, generator=generator, dtype=samples.dtype, device=samples.device)
        return samples + self.at(step) * noise
