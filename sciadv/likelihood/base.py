"""What a likelihood is, and how data are seen as real numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor


def real_view(y: Tensor) -> Tensor:
    """Flatten ``(batch, ...)`` to real ``(batch, measurements)``; a complex number becomes two real ones."""
    return (torch.view_as_real(y) if y.is_complex() else y).flatten(1)


def as_data(values: Tensor, out_shape: Sequence[int]) -> Tensor:
    """Shape real ``(batch, measurements)`` as data ``(batch, *out_shape)``: `real_view` undone.

    Complex where there are two real numbers for each datum.

    Examples
    --------
    >>> y = torch.complex(torch.ones(2, 3), torch.zeros(2, 3))
    >>> bool((as_data(real_view(y), (3,)) == y).all())
    True
    """
    shape = (len(values), *out_shape)
    if values.shape[1] == 2 * prod(out_shape):
        return torch.view_as_complex(values.reshape(*shape, 2))
    return values.reshape(shape)


class Likelihood(ABC):
    """``p(y | prediction)``, per problem of a batch. All tensors are ``(batch, *out_shape)``."""

    unit: str = "sigma"
    #: A misfit at or below this is explained to the noise level.
    has_noise_level: bool = True

    @abstractmethod
    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``-log p(y | prediction)`` up to a constant; ``(batch,)``."""

    @abstractmethod
    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Gradient of the energy in the prediction; same shape as `prediction`."""

    @abstractmethod
    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Diagonal of the energy's Fisher curvature, real and >= 0; same shape as `prediction`."""

    @abstractmethod
    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """How far the data are from the prediction, in `unit`; ``(batch,)``. About 1 when explained."""

    @abstractmethod
    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw measurements from ``p(y | prediction)``."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Likelihood:
        """Return the same likelihood on another device."""
