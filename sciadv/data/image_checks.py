"""What a set of images is refused for, in words, before hours are spent on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.data.own_images import OwnImages, without
from sciadv.errors import InputError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class CheckRule:
    """What images are refused for.

    Parameters
    ----------
    fewest_images
        Images at least.
    shortest_side
        Pixels of a side at least.
    widest
        The whole range of values over that of all but a thousandth at each end, at most: what lies beyond is
        taken for a mark of missing values.
    """

    fewest_images: int = 30
    shortest_side: int = 8
    widest: float = 1000.0


def checked_images(
    found: OwnImages,
    *,
    limits: tuple[float, float] | None = None,
    drop: bool = False,
    rule: CheckRule = CheckRule(),
) -> OwnImages:
    """Return images that a prior can be trained on.

    Parameters
    ----------
    found
        What was read.
    limits
        Lowest and highest value that there may be, in the units of the data (grey values of 8 bits are 0 to
        1); None for no limit.
    drop
        Whether constant images and copies of others are left out instead of refused.
    rule
        What they are refused for.

    Raises
    ------
    InputError
        NaN or Inf, sides too short, values beyond the limits or far from all others, constant or repeated
        images, or too few of them.
    """
    _check_values(found.images, limits, rule)
    constant = _is_constant(found.images)
    if constant.all():
        raise InputError(f"all {len(constant)} images are constant; is it the right file or array?")
    repeated = _is_repeated(found.images) & ~constant
    if not drop:
        _refuse(constant, "are constant: one value everywhere")
        _refuse(repeated, "repeat an earlier one exactly, so that a test would know its answer")
    kept = without(found, constant | repeated)
    if len(kept.images) < rule.fewest_images:
        raise InputError(
            f"{len(kept.images)} images are too few: a prior is learnt from {rule.fewest_images} or more, "
            f"better from some hundred; cut large ones into crops (crop in [data]), or give slices"
        )
    return kept


def _check_values(images: Array, limits: tuple[float, float] | None, rule: CheckRule) -> None:
    sides = images.shape[2:]
    if min(sides) < rule.shortest_side:
        raise InputError(
            f"the images are {' x '.join(map(str, sides))}, but sides are {rule.shortest_side} or longer. If "
            f"the axes were misread, say what they are (axes in [data], such as 'nhwc')"
        )
    if images.dtype.kind == "f":
        n_bad = images.size - int(np.count_nonzero(np.isfinite(images)))
        if n_bad:
            first = int(np.argmax(~np.isfinite(images).reshape(len(images), -1).all(1)))
            raise InputError(
                f"{n_bad} of {images.size} values are NaN or Inf, the first in image {first}; fill them in "
                f"or leave those images out"
            )
    _check_range(images, limits, rule)


def _check_range(images: Array, limits: tuple[float, float] | None, rule: CheckRule) -> None:
    low, high = (
        float(value) / (255 if images.dtype == np.uint8 else 1) for value in (images.min(), images.max())
    )
    if limits is not None and (low < limits[0] or high > limits[1]):
        raise InputError(
            f"values go from {low:g} to {high:g}, but range is {limits[0]:g} to {limits[1]:g}; mend the "
            f"values or the range. Grey values of 8 bits count as 0 to 1"
        )
    if limits is None and images.dtype.kind == "f":
        _check_spread(images, low, high, rule.widest)


def _check_spread(images: Array, low: float, high: float, widest: float) -> None:
    some = images.reshape(-1)[:: max(1, images.size // 1_000_000)]
    near, far = (float(value) for value in np.quantile(some, [0.001, 0.999]))
    if far > near and high - low > widest * (far - near):
        raise InputError(
            f"values go from {low:g} to {high:g}, but all of them except a thousandth lie in {near:g} to "
            f"{far:g}: is a mark of missing values among them? Replace it, or give the range that is meant "
            f"(range in [data])"
        )


def _is_constant(images: Array) -> npt.NDArray[np.bool_]:
    flat = images.reshape(len(images), -1)
    constant: npt.NDArray[np.bool_] = flat.min(1) == flat.max(1)
    return constant


def _is_repeated(images: Array) -> npt.NDArray[np.bool_]:
    seen: set[bytes] = set()
    repeated = np.zeros(len(images), bool)
    for i, image in enumerate(images):
        digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
        repeated[i] = digest in seen
        seen.add(digest)
    return repeated


def _refuse(rows: npt.NDArray[np.bool_], why: str) -> None:
    if rows.any():
        first = ", ".join(map(str, np.flatnonzero(rows)[:5])) + ("" if rows.sum() < 6 else ", ...")
        raise InputError(
            f"{int(rows.sum())} of {len(rows)} images {why} (number {first}). "
            f"Leave them out yourself, or have them left out: drop = true in [data], --drop"
        )
