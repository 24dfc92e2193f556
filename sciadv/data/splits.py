"""Training, reference and test images of one set, so that no patient or sample is in two of them.

Images of one file are of one patient, and neighbours in a file or folder are alike. Whole files go to one
split where there are many; else the order is cut into blocks, and blocks go to one split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of each part, in their order, and how they were chosen.

    Parameters
    ----------
    train, reference, test
        Rows: what the networks learn from, what measurements are compared with, what nothing is tuned on.
    words
        How, for a card.
    """

    train: Rows
    reference: Rows
    test: Rows
    words: str


@dataclass(frozen=True)
class SplitRule:
    """How many images are held out, and how the order is cut.

    Parameters
    ----------
    share
        Part of the images that is held out for reference, and as many again for test.
    fewest_reference, fewest_test
        Images of these parts at least: a p-value of 0.05 needs 19.
    most
        Images of these parts at most.
    fewest_parts
        Each of these parts is at most all images divided by this.
    groups
        Files or folders from which on whole ones are held out.
    blocks
        Blocks that the order is cut into otherwise.
    gap
        Part of a block that is left out at its border with a block of another part.
    """

    share: float = 0.1
    fewest_reference: int = 20
    fewest_test: int = 10
    most: int = 1000
    fewest_parts: int = 5
    groups: int = 10
    blocks: int = 20
    gap: float = 0.1


def split_rows(groups: Rows, *, rule: SplitRule = SplitRule(), seed: int = 0) -> Split:
    """Split images by their files, or by blocks of neighbours.

    Parameters
    ----------
    groups
        Number of the file of each image ``(n,)``.
    rule
        How many are held out.
    seed
        Chooses the files or blocks.

    Examples
    --------
    >>> split = split_rows(np.zeros(400, np.int64))
    >>> len(split.train), len(split.reference), len(split.test)
    (306, 40, 40)
    """
    n = len(groups)
    n_groups = len(np.unique(groups))
    by_group = n_groups >= rule.groups
    units = groups if by_group else _blocks(groups, rule.blocks)
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.unique(units))
    part = np.zeros(n, np.int64)
    for number, least in enumerate((rule.fewest_reference, rule.fewest_test), start=1):
        n_wanted = min(max(round(rule.share * n), least), rule.most, n // rule.fewest_parts)
        part[_held_out(units, order, part, n_wanted)] = number
    gap = 0 if by_group else int(rule.gap * n / len(order))
    left_out = _near_border(part, gap)
    rows = [np.flatnonzero((part == number) & ~left_out) for number in range(3)]
    how = f"by {n_groups} files or folders" if by_group else f"by {len(order)} blocks of neighbours"
    words = f"{how}, seed {seed}: {len(rows[0])} train, {len(rows[1])} reference, {len(rows[2])} test" + (
        f", {int(left_out.sum())} between them left out" if gap else ""
    )
    return Split(rows[0], rows[1], rows[2], words)


def _held_out(units: Rows, order: Rows, part: Rows, n_wanted: int) -> npt.NDArray[np.bool_]:
    """Choose whole units until so many images are held out, large ones last; the training keeps one unit."""
    sizes = {int(unit): int((units == unit).sum()) for unit in order if not part[units == unit].any()}
    chosen: list[int] = []
    n_held = 0
    for unit in sorted(sizes, key=lambda unit: sizes[unit] > 2 * n_wanted):  # stable: else the drawn order
        if n_held >= n_wanted or len(chosen) == len(sizes) - 1:
            break
        chosen.append(unit)
        n_held += sizes[unit]
    return np.isin(units, chosen)


def _blocks(groups: Rows, n_blocks: int) -> Rows:
    """Cut each group into blocks of neighbours, about `n_blocks` in all."""
    blocks = np.zeros(len(groups), np.int64)
    first = 0
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        n = max(3, round(n_blocks * len(rows) / len(groups)))
        blocks[rows] = first + np.arange(len(rows)) * n // len(rows)
        first += n
    return blocks


def _near_border(part: Rows, gap: int) -> npt.NDArray[np.bool_]:
    """Mark training images within `gap` of one of another part."""
    left_out = np.zeros(len(part), bool)
    for shift in range(1, gap + 1):
        left_out[shift:] |= part[:-shift] != part[shift:]
        left_out[:-shift] |= part[:-shift] != part[shift:]
    near: npt.NDArray[np.bool_] = left_out & (part == 0)
    return near


def evenly(images: Tensor, n: int) -> Tensor:
    """Return n images, or all if fewer, evenly spaced among all: the first ones may be of one patient.

    Examples
    --------
    >>> evenly(torch.arange(10), 4)
    tensor([0, 3, 6, 9])
    """
    return images[torch.linspace(0, len(images) - 1, min(n, len(images))).round().long()]
