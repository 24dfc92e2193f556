"""Colours that set groups apart, also for readers who see fewer; batches and labels have different ones.

For batches Wong, Points of view: color blindness, Nature Methods 8 (2011) 441, after Okabe and Ito; for
labels Tol, Colour schemes, SRON/EPS/TN/09-002, 2021, scheme "muted".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BATCHES = ("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#5b5b5b")
LABELS = (
    "#cc6677",
    "#332288",
    "#ddcc77",
    "#117733",
    "#88ccee",
    "#882255",
    "#44aa99",
    "#999933",
    "#aa4499",
)


def group_colours(n: int, palette: tuple[str, ...] = BATCHES) -> Array:
    """Return `n` colours ``(n, 3)``; after the last of the palette they come again, lighter, then darker.

    Parameters
    ----------
    n
        How many groups there are.
    palette
        Hexadecimal colours: `BATCHES` or `LABELS`.

    Examples
    --------
    >>> group_colours(2).shape, bool((group_colours(8)[7] > group_colours(8)[0]).all())
    ((2, 3), True)
    """
    base = np.array([[int(name[k : k + 2], 16) / 255 for k in (1, 3, 5)] for name in palette])
    turns = np.arange(n) // len(palette)
    share = np.where(turns == 0, 0.0, 1 - 0.55 ** ((turns + 1) // 2))[:, None]
    aim = np.where(turns % 2, 1.0, 0.0)[:, None]
    colours: Array = (1 - share) * base[np.arange(n) % len(palette)] + share * aim
    return colours
