"""What a likelihood is, and how data are seen as real numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from sciadv.arguments.values import as_number, as_tensor
from sciadv.errors import InputError
from sciadv.types import Shape


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


def as_positive(value: object, name: str, advice: str = "") -> Tensor:
    """Return a positive number, or one for each datum, as a tensor.

    Parameters
    ----------
    value
        What the caller gave: a number, or an array of numbers.
    name
        The argument's name, for the message.
    advice
        What to do, for the message.

    Raises
    ------
    InputError
        A value is no number, not finite or not positive, or there is none.

    Examples
    --------
    >>> as_positive(0.5, "sigma")
    tensor(0.5000)
    """
    if not isinstance(value, Tensor | np.ndarray | list | tuple) or np.ndim(value) == 0:
        number = as_number(value, name, above=0, advice=advice)
        return value.detach() if isinstance(value, Tensor) else torch.tensor(number)
    tensor = as_tensor(value, name, device=value.device if isinstance(value, Tensor) else "cpu")
    is_real = not tensor.is_complex() and tensor.dtype != torch.bool
    if not is_real or tensor.numel() == 0 or not bool(((tensor > 0) & tensor.isfinite()).all()):
        raise InputError(
            f"{name} must be finite numbers > 0, but its array of shape {tuple(tensor.shape)} and "
            f"{tensor.dtype} has others{advice}"
        )
    return tensor


def check_shape_fits(tensor: Tensor, name: str, out_shape: Shape) -> None:
    """Check that a number per datum has the shape of one measurement.

    Raises
    ------
    InputError
        It has another one.
    """
    pairs = zip(reversed(tensor.shape), reversed(out_shape), strict=False)
    fits = tensor.ndim <= len(out_shape) and all(size in (1, expected) for size, expected in pairs)
    if not fits:
        raise InputError(
            f"{name} has shape {tuple(tensor.shape)}, but one measurement has {tuple(out_shape)}; give one "
            f"number, or one for each datum"
        )


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

    def check_data(self, y: Tensor) -> None:  # noqa: B027  # most likelihoods describe any data
        """Raise `InputError` where measurements ``(batch, *out_shape)`` cannot come from this noise.

        Most noise can make any data of the right shape; likelihoods that say more implement this.
        """

    @abstractmethod
    def to(self, device: torch.device | str) -> Likelihood:
        """Return the same likelihood on another device."""
