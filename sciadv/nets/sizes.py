"""What all networks of images share: layers for their dimensions, resolutions, widths, kept settings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from torch import Tensor, nn

from sciadv.errors import InputError

#: (channels, *sides) with one side (signals), two (images) or three (volumes), and that of MNIST, for which
#: networks are made when nothing else is said.
ImageShape = Sequence[int]
MNIST: ImageShape = (1, 28, 28)

Parameters = ParamSpec("Parameters")
Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Layers:
    """Layers of one number of dimensions."""

    convolution: type[nn.Conv1d | nn.Conv2d | nn.Conv3d]
    transposed: type[nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d]
    pooling: type[nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d | nn.AdaptiveAvgPool3d]
    halving: type[nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d]
    batch_norm: type[nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d]


_LAYERS = {
    1: Layers(nn.Conv1d, nn.ConvTranspose1d, nn.AdaptiveAvgPool1d, nn.AvgPool1d, nn.BatchNorm1d),
    2: Layers(nn.Conv2d, nn.ConvTranspose2d, nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.BatchNorm2d),
    3: Layers(nn.Conv3d, nn.ConvTranspose3d, nn.AdaptiveAvgPool3d, nn.AvgPool3d, nn.BatchNorm3d),
}
CONVOLUTIONS = tuple(kind for each in _LAYERS.values() for kind in (each.convolution, each.transposed))
BATCH_NORMS = tuple(each.batch_norm for each in _LAYERS.values())


def layers_of(image_shape: ImageShape) -> Layers:
    """Return the layers for signals, images or volumes, by the number of sides in their shape.

    Raises
    ------
    InputError
        There are no sides, or more than three.
    """
    n_sides = len(image_shape) - 1
    if n_sides not in _LAYERS:
        raise InputError(
            f"image_shape must be (channels, *sides) with one to three sides, but it is {tuple(image_shape)}"
        )
    return _LAYERS[n_sides]


def cropped(images: Tensor, image_shape: ImageShape) -> Tensor:
    """Return the first `image_shape` values of each side of ``(batch, channels, *sides)``."""
    kept = (slice(None), slice(None), *(slice(side) for side in image_shape[1:]))
    return images[kept]


def halved(image_shape: ImageShape, halvings: int) -> tuple[int, ...]:
    """Return the sides after so many halvings, rounded up.

    Examples
    --------
    >>> halved((1, 125, 60), 3)
    (16, 8)
    """
    return tuple(-(-side // 2**halvings) for side in image_shape[1:])


def feature_maps(channels: int, level: int) -> int:
    """Feature maps after `level` halvings: doubled with each, up to four times those of the first."""
    return int(channels * min(2 ** (level - 1), 4))


def keeps_settings(
    init: Callable[Concatenate[Net, Parameters], None],
) -> Callable[Concatenate[Net, Parameters], None]:
    """Let a network keep the keyword arguments it was made with, defaults included, in `settings`.

    Sequences become lists, so that a file can hold them.
    """
    signature = inspect.signature(init)

    def initialise(self: Net, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        init(self, *args, **kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        given = list(bound.arguments.items())[1:]
        vars(self)["settings"] = {k: list(v) if isinstance(v, list | tuple) else v for k, v in given}

    functools.update_wrapper(initialise, init)
    return initialise
