"""A generator of periodic two-phase cells: the decoder of a medium on a map of latents that closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.nets.spatial.decoder import SpatialDecoder
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Whole


@final
class TorusDecoder(nn.Module):
    """White noise on a torus, to correlated latents, to a periodic image of zeros and ones.

    The latents of each map are Gaussian with the spectrum of those of real patches, ``amplitude * F(z)``; the
    map goes on at its far side where it ends, so that opposite edges of the image continue each other. Pixels
    are 1 where the logit and a shift exceed 0: the shift sets how much there is of the second phase.
    Derivatives are those of a sigmoid in its place (straight-through).

    Parameters
    ----------
    inner
        A decoder without padding.
    maps
        Maps of its latents that vary; the others stay at their mean.
    sharpness
        Of the sigmoid whose derivative is taken.
    n_latent
        Numbers of a latent, which follow from the rest; a file states them.

    Raises
    ------
    InputError
        `n_latent` is another number than follows, the sides of the image are no multiples of the map's, a
        map is not one of the decoder's, or the map is smaller than its margin.

    References
    ----------
    Y. Bengio, N. Leonard, A. Courville, Estimating or propagating gradients through stochastic neurons for
    conditional computation, 2013 (arXiv 1308.3432), section 4: the straight-through derivative.

    Examples
    --------
    >>> inner = SpatialDecoder(image_shape=(1, 32, 32), channels=2, maps=2, halvings=2)
    >>> cells = TorusDecoder(inner=inner, maps=[0])
    >>> x = cells(torch.randn(3, cells.n_latent))
    >>> x.shape, bool(((x == 0) | (x == 1)).all())
    (torch.Size([3, 1, 32, 32]), True)
    """

    kind = "torus-decoder"

    settings: dict[str, object]
    amplitude: Tensor
    mean: Tensor
    shift: Tensor

    @checked
    def __init__(
        self,
        *,
        inner: SpatialDecoder,
        maps: Sequence[Whole],
        sharpness: Positive = 1.0,
        n_latent: Count | None = None,
    ) -> None:
        super().__init__()
        latent = inner.map
        step = 2**latent.halvings
        sides = latent.image_shape[1:]
        if len(sides) != 2 or any(side % step or side < step * latent.margin for side in sides):
            raise InputError(
                f"a periodic image needs two sides that are multiples of {step} and at least "
                f"{step * latent.margin} pixels, but they are {sides}"
            )
        if not maps or any(number >= latent.maps for number in maps):
            raise InputError(f"maps must be some of 0 to {latent.maps - 1}, but they are {list(maps)}")
        self.inner, self.maps, self.sharpness = inner, tuple(maps), float(sharpness)
        self.sides = (sides[0] // step, sides[1] // step)
        height, width = self.sides
        self.register_buffer("amplitude", torch.ones(len(self.maps), height, width // 2 + 1))
        self.register_buffer("mean", torch.zeros(latent.maps))
        self.register_buffer("shift", torch.zeros(()))
        self.n_latent = len(self.maps) * height * width
        if n_latent not in (None, self.n_latent):
            raise InputError(f"n_latent is {n_latent}, but it is {self.n_latent} here; leave it out")
        self.settings = {
            "inner": inner,
            "maps": list(maps),
            "sharpness": self.sharpness,
            "n_latent": self.n_latent,
        }

    def latents(self, z: Tensor) -> Tensor:
        """Return the map of correlated latents ``(batch, maps, height, width)`` of white noise."""
        white = z.reshape(len(z), len(self.maps), *self.sides)
        moved = torch.fft.irfft2(torch.fft.rfft2(white) * self.amplitude, s=self.sides)
        parts = list(self.mean[None, :, None, None].expand(len(z), -1, *self.sides).unbind(1))
        for number, part in zip(self.maps, moved.unbind(1), strict=True):
            parts[number] = parts[number] + part
        return torch.stack(parts, 1)

    def logits(self, z: Tensor) -> Tensor:
        """Return what is above 0 where a pixel is 1 ``(batch, 1, height, width)``."""
        margin = self.inner.map.margin
        closed = functional.pad(self.latents(z), (margin,) * 4, mode="circular")
        return self.inner.logits(closed) + self.shift

    def forward(self, z: Tensor) -> Tensor:
        """Generate periodic images of zeros and ones ``(batch, 1, height, width)``."""
        logits = self.logits(z)
        soft = torch.sigmoid(self.sharpness * logits)
        return (logits > 0).to(soft) + (soft - soft.detach())
