"""The meaning of an array's axes: which one counts images, which one channels, which ones are sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError

Array = npt.NDArray[Any]

#: Letters of sides; "n" counts images, "c" channels.
SIDES = "dhwl"


def check_axes(axes: str) -> str:
    """Return axes that can be read: at most one n and one c, one to three sides, no letter twice.

    Raises
    ------
    InputError
        They cannot.

    Examples
    --------
    >>> check_axes("nhwc")
    'nhwc'
    """
    sides = [letter for letter in axes if letter in SIDES]
    if len(set(axes)) < len(axes) or not set(axes) <= {"n", "c", *SIDES} or not 1 <= len(sides) <= 3:
        raise InputError(
            f"axes must have one to three of the letters d, h, w, l for sides, and n for images and c for "
            f"channels where there are any, each once, but they are {axes!r}; RGB images are 'nhwc'"
        )
    return axes


def guess_axes(shape: tuple[int, ...], *, most_channels: int = 4) -> str:
    """Return the likely axes of an array of several images, by its shape alone.

    Parameters
    ----------
    shape
        The array's; its first axis counts images.
    most_channels
        An axis at the end or after the first that is at most so long, beside longer ones, is of channels.

    Raises
    ------
    InputError
        The array has one axis, or more than five.

    Examples
    --------
    >>> [guess_axes(shape) for shape in ((500, 96), (500, 28, 28), (500, 32, 32, 3), (500, 3, 32, 32))]
    ['nl', 'nhw', 'nhwc', 'nchw']
    >>> guess_axes((60, 16, 16, 16))
    'ndhw'
    """
    if not 2 <= len(shape) <= 5:
        raise InputError(
            f"an array of shape {shape} is no set of images: it has {len(shape)} axes; give one of shape "
            f"(images, length), (images, height, width) or (images, depth, height, width), channels last"
        )
    rest = shape[1:]
    if len(rest) >= 2:
        if rest[-1] <= most_channels < min(rest[:-1]):
            return f"n{_sides(len(rest) - 1)}c"
        if rest[0] <= most_channels < min(rest[1:]):
            return f"nc{_sides(len(rest) - 1)}"
    if len(rest) > 3:
        raise InputError(
            f"an array of shape {shape} has no axis of at most {most_channels} channels; say what its axes "
            f"are (axes in [data]), such as 'ncdhw'"
        )
    return f"n{_sides(len(rest))}"


def _sides(n: int) -> str:
    return {1: "l", 2: "hw", 3: "dhw"}[n]


def arranged(array: Array, axes: str) -> Array:
    """Return an array as ``(images, channels, *sides)``; axes that it does not have get length one.

    Raises
    ------
    InputError
        The axes are not as many as those of the array.
    """
    check_axes(axes)
    if len(axes) != array.ndim:
        raise InputError(f"axes {axes!r} are {len(axes)}, but the array has shape {array.shape}")
    sides = [letter for letter in axes if letter in SIDES]
    order = [letter for letter in ("n", "c", *sides) if letter in axes]
    found: Array = array.transpose([axes.index(letter) for letter in order])
    for position, letter in enumerate("nc"):
        if letter not in axes:
            found = np.expand_dims(found, position)
    return found
