"""Missing pixels: the operator of inpainting."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, to_tensor
from sciadv.registry.checked import checked


class Mask(LinearForward):
    """Keep the observed pixels, ``y = x[mask]``, as a flat vector in C order.

    Missing pixels are absent from y, not zeros in it: every datum of y was measured.

    Parameters
    ----------
    mask
        Boolean, of the shape of one candidate, say (channels, height, width): True where observed.
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        `mask` is not boolean, or nothing is observed.

    Examples
    --------
    >>> import torch
    >>> A = Mask(torch.tensor([[[True, False], [False, True]]]))
    >>> A(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[1., 4.]])
    """

    kind = "mask"

    observed: Tensor

    @checked
    def __init__(
        self,
        mask: Tensor | npt.NDArray[Any],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        observed = observed_indices(mask)
        super().__init__(tuple(mask.shape), (len(observed),), dtype=dtype, device=device)
        self.register_buffer("observed", observed.to(device), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the observed pixels, ``(batch, observed)``."""
        return x.flatten(1)[:, self.observed]

    def adjoint(self, y: Tensor) -> Tensor:
        """Put the observed pixels back into images that are 0 elsewhere, ``(batch, *in_shape)``."""
        blank = y.new_zeros(len(y), prod(self.in_shape))
        return blank.index_copy(1, self.observed, y).reshape(-1, *self.in_shape)


def observed_indices(mask: Tensor | npt.NDArray[Any]) -> Tensor:
    """Return the flat indices at which a boolean mask is True, ``(observed,)``.

    Raises
    ------
    InputError
        `mask` is not boolean, or is False everywhere.
    """
    flags = to_tensor(mask)
    if flags.dtype != torch.bool:
        raise InputError(
            f"a mask is boolean, True where observed, but this one is {flags.dtype}; give mask > 0"
        )
    if not bool(flags.any()):
        raise InputError(f"the mask of shape {tuple(flags.shape)} observes nothing: it is False everywhere")
    return flags.flatten().nonzero().flatten()
