"""Cards for notebooks: a title, a short table of facts, and a row of small pictures."""

from __future__ import annotations

import base64
import html
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from sciadv.drawing.panels import as_image, as_numbers

if TYPE_CHECKING:
    from torch import Tensor


class Described(ABC):
    """What says of itself a few facts, in one line and as a card of a notebook."""

    @abstractmethod
    def facts_of_itself(self) -> Mapping[str, object]:
        """Return short facts by name; the first is what it is called."""

    def __repr__(self) -> str:
        """Show the facts in one line."""
        name, *others = self.facts_of_itself().items()
        words = "".join(f", {key}: {fact}" for key, fact in others if fact is not None)
        return f"{type(self).__name__}({name[1]}{words})"

    def _repr_html_(self) -> str:
        name, *others = self.facts_of_itself().items()
        return html_card(f"{type(self).__name__} {name[1]}", others)


def html_card(title: str, facts: Iterable[tuple[str, object]], *, picture: bytes | None = None) -> str:
    """Return a short piece of HTML that a notebook shows; every text is escaped, and cut where it is long.

    Parameters
    ----------
    title
        Plain text.
    facts
        Names and values; values of None are left out.
    picture
        A PNG below the table.

    Examples
    --------
    >>> "<b>" in html_card("a <b> title", [("n", 3)])
    False
    """
    rows = "".join(
        f"<tr><td>{_cut(name)}</td><td style='text-align:left'>{_cut(value)}</td></tr>"
        for name, value in facts
        if value is not None
    )
    shown = ""
    if picture is not None:
        held = base64.b64encode(picture).decode()
        shown = f"<img alt='the first examples of {_cut(title)}' src='data:image/png;base64,{held}'>"
    return f"<div class='sciadv-card'><strong>{_cut(title)}</strong><table>{rows}</table>{shown}</div>"


def _cut(value: object, longest: int = 200) -> str:
    text = " ".join(str(value).split())
    return html.escape(text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}")


def thumbnails(samples: Tensor, *, n: int = 8, height: int = 64) -> bytes | None:
    """Return the first samples side by side as a PNG so many pixels high; None if they are no images."""
    from PIL import Image

    shown = [as_image(sample) for sample in as_numbers(samples[:n])]
    images = [np.asarray(image, dtype=np.float64) for image in shown if image is not None]
    if not images:
        return None
    row = np.concatenate([np.pad(one, [(0, 0), (0, 1), (0, 0)][: one.ndim]) for one in images], axis=1)
    finite = row[np.isfinite(row)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    scaled = np.nan_to_num((row - low) / (high - low if high > low else 1.0)).clip(0, 1)
    picture = Image.fromarray((255 * scaled).astype(np.uint8))
    width = max(1, round(picture.width * height / picture.height))
    buffer = io.BytesIO()
    picture.resize((min(width, n * height * 2), height), Image.Resampling.NEAREST).save(buffer, format="PNG")
    return buffer.getvalue()
