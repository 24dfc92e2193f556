"""What all networks of images share: resolutions, widths, and the settings that they are built from."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from torch import nn

#: (channels, height, width), and that of MNIST, for which networks are made when nothing else is said.
ImageShape = Sequence[int]
MNIST: ImageShape = (1, 28, 28)

Parameters = ParamSpec("Parameters")
Net = TypeVar("Net", bound=nn.Module)


def halved(image_shape: ImageShape, halvings: int) -> tuple[int, int]:
    """Height and width after so many halvings, rounded up.

    Examples
    --------
    >>> halved((1, 125, 60), 3)
    (16, 8)
    """
    return -(-image_shape[1] // 2**halvings), -(-image_shape[2] // 2**halvings)


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
