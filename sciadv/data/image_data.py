"""Images that a prior is trained on, whoever brings them: a named data set's, or a user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.data.datasets import LICENCES, load_images
from sciadv.data.image_checks import checked_images
from sciadv.data.own_images import Reading, read_own
from sciadv.data.splits import SplitRule, split_rows
from sciadv.errors import InputError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ValueRange:
    """Lowest and highest value of the data, in their units, one for each channel."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __str__(self) -> str:
        """Say it in words."""
        ends = [f"{low:.6g} to {high:.6g}" for low, high in zip(self.low, self.high, strict=True)]
        return ends[0] if len(set(ends)) == 1 else "; ".join(ends) + " (by channel)"


@dataclass(frozen=True)
class RangeRule:
    """How the range of values is learnt from training images.

    Parameters
    ----------
    margin
        What is added at an end, as a part of the range: images that come later may go beyond.
    hard
        Part of the values that lie on an end from which on it is a hard limit, without a margin.
    unlike
        Channels whose ranges differ by more than this factor in length, or lie apart, have ranges of their
        own.
    """

    margin: float = 0.05
    hard: float = 1e-3
    unlike: float = 3.0


@dataclass(frozen=True, eq=False)
class ImageData:
    """Training, reference and test images ``(n, channels, *sides)``.

    Parameters
    ----------
    train, reference, test
        uint8 (0 to 255, which stand for 0 to 1), or float32 in the units of the data. Nothing is learnt from
        reference images, with which measurements are compared, nor from test images. There may be no
        reference images: then the last training images are taken for them.
    sha256
        Hash of the training images.
    facts
        Lines of a card: what the data are, their licence, range and split.
    labels
        Classes of the training images ``(n,)``, where they are known.
    value_range
        Of float images; None for uint8.
    """

    train: Tensor
    reference: Tensor
    test: Tensor
    sha256: str
    facts: Mapping[str, str] = field(default_factory=dict)
    labels: Tensor | None = None
    value_range: ValueRange | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(channels, *sides) of one image."""
        return tuple(self.train.shape[1:])

    def values(self, images: Tensor) -> Tensor:
        """Return some of the images in the units of the data, float32; grey values of 8 bits in [0, 1]."""
        return images.float() / 255 if images.dtype == torch.uint8 else images

    def unit(self, images: Tensor) -> Tensor:
        """Return some of the images as networks learn them: uint8 as they are, else float32 in [0, 1]."""
        if self.value_range is None:
            return images
        ones = (1,) * (images.ndim - 2)
        low, high = (
            torch.tensor(limit).view(-1, *ones) for limit in (self.value_range.low, self.value_range.high)
        )
        return ((images - low) / (high - low)).clamp(0, 1)


def named_data(name: str, *, prepare: str = "none", n_reference: int = 0, seed: int = 0) -> ImageData:
    """Load a named data set.

    Parameters
    ----------
    name, prepare, seed
        As of `sciadv.data.datasets.load_images`.
    n_reference
        Training images, the last ones, that nothing is learnt from; 0 to learn from all of them.

    Raises
    ------
    InputError
        The data are not there, or are not those expected.
    """
    train, test = (load_images(name, split, prepare=prepare, seed=seed) for split in ("train", "test"))
    if n_reference >= len(train.images) - 1:
        raise InputError(f"{name} has {len(train.images)} training images; hold fewer than {n_reference} out")
    images = torch.from_numpy(train.images.copy())[:, None]
    n = len(images) - n_reference
    facts = {
        "data": f"{name}, training split, prepared as {prepare!r}",
        "data_sha256": train.sha256,
        "data_licence": LICENCES[name],
    }
    if n_reference:
        facts["split"] = f"the last {n_reference} training images are held out for reference"
    return ImageData(
        images[:n],
        images[n:],
        torch.from_numpy(test.images.copy())[:, None],
        train.sha256,
        facts,
        torch.from_numpy(train.labels.astype("int64"))[:n],
    )


def own_data(  # noqa: PLR0913  # what is read, and what is asked of it
    source: str | Path | Array,
    reading: Reading = Reading(),  # noqa: B008  frozen
    *,
    limits: tuple[float, float] | None = None,
    drop: bool = False,
    licence: str = "not stated",
    split: SplitRule = SplitRule(),  # noqa: B008  frozen
    rule: RangeRule = RangeRule(),
    seed: int = 0,
) -> ImageData:
    """Read a user's images, check and split them, and learn their range.

    Parameters
    ----------
    source
        A folder, a file or an array.
    reading
        How it is read.
    limits
        The range of values, where the user says it.
    drop
        Whether constant and repeated images are left out instead of refused.
    licence
        Of the data, for the card.
    split, rule
        How images are held out, and how the range is learnt.
    seed
        Chooses the files or blocks that are held out.

    Raises
    ------
    InputError
        The images cannot be read, or no prior can be learnt from them.

    Examples
    --------
    >>> signals = np.random.default_rng(0).normal(20.0, 3.0, (60, 32))
    >>> data = own_data(signals)
    >>> data.image_shape, bool((data.unit(data.train) <= 1).all())
    ((1, 32), True)
    """
    found = checked_images(read_own(source, reading), limits=limits, drop=drop)
    rows = split_rows(found.groups, rule=split, seed=seed)
    train, reference, test = (
        torch.from_numpy(found.images[part]) for part in (rows.train, rows.reference, rows.test)
    )
    value_range = None
    if found.images.dtype != np.uint8:
        value_range = (
            learn_range(found.images[rows.train], rule)
            if limits is None
            else ValueRange(*((end,) * found.images.shape[1] for end in limits))
        )
    name = Path(source).name if isinstance(source, str | Path) else "images"
    sha256 = hashlib.sha256(np.ascontiguousarray(found.images[rows.train]).tobytes()).hexdigest()
    facts = {
        "data": f"{name}: {found.words}, axes {found.axes!r}",
        "data_sha256": sha256,
        "data_licence": licence,
        "image_shape": " x ".join(map(str, found.images.shape[1:])),
        "value_range": "0 to 1 (8 bits)" if value_range is None else str(value_range),
        "split": rows.words,
    }
    return ImageData(train, reference, test, sha256, facts, None, value_range)


def learn_range(images: Array, rule: RangeRule = RangeRule()) -> ValueRange:
    """Return the range of training images ``(n, channels, *sides)``, with a margin at soft ends.

    Examples
    --------
    >>> images = np.linspace(0, 1, 600).reshape(60, 1, 10).clip(0.5)
    >>> str(learn_range(images))
    '0.5 to 1'
    """
    by_channel = np.moveaxis(images, 1, 0).reshape(images.shape[1], -1)
    lows, highs = by_channel.min(1).astype(float), by_channel.max(1).astype(float)
    lengths = highs - lows
    lie_apart = lows.max() >= highs.min()
    if len(lows) == 1 or (lengths.max() <= rule.unlike * lengths.min() and not lie_apart):
        by_channel = by_channel.reshape(1, -1)
    ends = [_ends(values, rule) for values in by_channel]
    if len(ends) < images.shape[1]:
        ends = ends * images.shape[1]
    return ValueRange(tuple(low for low, _ in ends), tuple(high for _, high in ends))


def _ends(values: Array, rule: RangeRule) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise InputError(f"a channel is constant, {low:g} in every training image; leave that channel out")
    margin = rule.margin * (high - low)
    is_hard = [float((values == end).mean()) >= rule.hard for end in (low, high)]
    return low - (0 if is_hard[0] else margin), high + (0 if is_hard[1] else margin)
