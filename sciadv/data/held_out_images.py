"""Test images that lie in a prior's folder, so that it can be tried and measured where the data are not."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.files.weights import read_tensor_file, write_tensors

HELD_OUT = "held_out.safetensors"


def save_held_out(images: Tensor, folder: Path, *, most: int = 100) -> Path:
    """Write some test images, spread evenly: uint8, or float32 in the units of the data.

    Parameters
    ----------
    images
        ``(n, channels, *sides)``.
    folder
        The prior's.
    most
        Images at most.
    """
    rows = torch.linspace(0, len(images) - 1, min(most, len(images))).round().long()
    return write_tensors(folder / HELD_OUT, {"images": images[rows]}, {})


def load_held_out(folder: Path) -> Tensor:
    """Read what `save_held_out` wrote, in the units of the data, grey values of 8 bits in [0, 1].

    Raises
    ------
    InputError
        There is no such file.
    WeightsError
        It is damaged.
    """
    path = folder / HELD_OUT
    if not path.is_file():
        raise InputError(
            f"{folder} has no {HELD_OUT}, the test images that a prior of your own images keeps; give "
            f'images = "prior" or the name of a data set'
        )
    file = read_tensor_file(path, what="a file of held-out images", advice="Train again")
    images = file.tensors.get("images")
    if images is None or images.ndim < 3:
        raise file.wrong("it has no images")
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()
