"""Sizes of a latent map and of the image that it gives, and layers for signals, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, runtime_checkable

from torch import nn

from sciadv.arguments.values import as_shape
from sciadv.errors import InputError
from sciadv.nets.sizes import ImageShape
from sciadv.types import Shape

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d

_CONVOLUTIONS: dict[int, type[Convolution]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, type[Transposed]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}


@runtime_checkable
class OfAnySize(Protocol):
    """A network whose weights serve images of any size."""

    def at_size(self, image_shape: Shape) -> nn.Module:
        """Return the network for images of another size, with the same weights."""
        ...


@dataclass(frozen=True)
class LatentMap:
    """The map of latents under an image: one place every ``2^halvings`` pixels, and a margin around it.

    The margin is what the border's pixels see beyond the image, so that no pixel sees a border.

    Parameters
    ----------
    maps
        Numbers a place.
    image_shape
        (channels, *sides) of the image.
    halvings
        Doublings of the resolution from the map to the image.
    margin
        Places around the image on each side.

    Examples
    --------
    >>> LatentMap(4, (1, 64, 60), 3, 4).shape
    (4, 16, 16)
    """

    maps: int
    image_shape: Shape
    halvings: int
    margin: int

    @property
    def places(self) -> Shape:
        """Places of the map on each side, the margins included."""
        return tuple(-(-side // 2**self.halvings) + 2 * self.margin for side in self.image_shape[1:])

    @property
    def shape(self) -> Shape:
        """(maps, *places)."""
        return (self.maps, *self.places)

    @property
    def n_latent(self) -> int:
        """Numbers of a latent."""
        return prod(self.shape)

    def require(self, n_latent: int | None) -> int:
        """Return the numbers of a latent, which `n_latent` must be where it is given.

        Raises
        ------
        InputError
            It is another number.
        """
        if n_latent is not None and n_latent != self.n_latent:
            raise InputError(
                f"n_latent is {n_latent}, but images of {self.image_shape} have a latent map of "
                f"{self.shape}, {self.n_latent} numbers; leave n_latent out"
            )
        return self.n_latent


def sides_of(image_shape: ImageShape) -> int:
    """Return how many sides an image has, one (a signal) to three (a volume).

    Raises
    ------
    InputError
        There are none, or more.
    """
    n_sides = len(image_shape) - 1
    if n_sides not in _CONVOLUTIONS:
        raise InputError(
            f"image_shape must be (channels, *sides) with one to three sides, but it is {tuple(image_shape)}"
        )
    return n_sides


def convolution(
    n_sides: int, n_in: int, n_out: int, *, kernel: int, stride: int = 1, padding: int = 0
) -> Convolution:
    """Return a convolution of so many sides."""
    return _CONVOLUTIONS[n_sides](n_in, n_out, kernel, stride, padding)


def doubling(n_sides: int, n_in: int, n_out: int) -> Transposed:
    """Return a layer that doubles the resolution and keeps only what sees no border: n to 2 n - 2 pixels."""
    return _TRANSPOSED[n_sides](n_in, n_out, 4, 2, 2)


def same_weights(net: nn.Module, other: nn.Module) -> nn.Module:
    """Give another network of the same layers the weights of `net`, shared; return it in the same mode."""
    other.load_state_dict(net.state_dict(), assign=True)
    other.train(net.training)
    return other


def resized(
    generator: nn.Module, encoder: nn.Module | None, old: Shape, image_shape: Shape, who: str
) -> dict[str, Any]:
    """Return `generator`, `latent_shape` and `encoder` (None where it is of one size) for another size.

    Parameters
    ----------
    generator, encoder
        The networks.
    old
        Shape of its images.
    image_shape
        That of the other ones.
    who
        Whose it is, for messages.

    Raises
    ------
    InputError
        It is of one size only, or the images have other channels or another number of sides.
    """
    image_shape = as_shape(image_shape, "image_shape")
    if not isinstance(generator, OfAnySize):
        raise InputError(
            f"the generator of {who} makes images of {old} only; for any size train a prior of kind 'spatial'"
        )
    if len(image_shape) != len(old) or image_shape[0] != old[0]:
        raise InputError(f"{who} makes images of {old}: give as many channels and sides, not {image_shape}")
    other = generator.at_size(image_shape)
    return {
        "generator": other,
        "latent_shape": other.settings["n_latent"],  # type: ignore[index]  # typed Tensor | Module
        "encoder": encoder.at_size(image_shape) if isinstance(encoder, OfAnySize) else None,
    }


def cut(sides: Sequence[int], first: int) -> tuple[slice, ...]:
    """Return the index of an image of these sides, which begins at `first`, in a batch of larger ones."""
    return (slice(None), slice(None), *(slice(first, first + side) for side in sides))
