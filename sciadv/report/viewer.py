"""The numbers behind a page's viewer: pictures of each measurement, embedded once, for sliders to choose."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sciadv.drawing.panels import Array, PanelRow, as_image, limits_of, real_values
from sciadv.files.page import gray_png


@dataclass(frozen=True, eq=False)
class Panel:
    """One quantity of every measurement that a viewer shows.

    Parameters
    ----------
    label
        What it is.
    values
        ``(frames, inner, *shape)``: `inner` is 1, or how many draws or restarts a slider goes through.
    scale
        Panels of the same name have one scale; "residual" has one with zero in its middle.
    slider
        What goes through `inner`: "draw" or "restart"; empty for one picture.
    sets_scale
        Whether its values count for the scale; those of a baseline do not, and may leave it.
    """

    label: str
    values: Array
    scale: str
    slider: str = ""
    sets_scale: bool = True

    @property
    def n_bytes(self) -> int:
        """Bytes of a frame on a page, before compression: one for a pixel, four for a line's value."""
        size = int(np.prod(self.values.shape[1:]))
        return size if as_image(self.values[0, 0]) is not None else 4 * size


@dataclass(frozen=True, eq=False)
class View:
    """What a viewer shows.

    Parameters
    ----------
    panels
        What stands side by side.
    names
        Of the frames, such as "measurement 17".
    words
        Sentences below each frame.
    note
        Which frames are shown, if not all.
    """

    panels: Sequence[Panel]
    names: Sequence[str]
    words: Sequence[Sequence[str]] = field(default=())
    note: str = ""

    def facts(self) -> dict[str, object]:
        """Return what the viewer's script reads, as plain values."""
        limits = {}
        for scale in {panel.scale for panel in self.panels}:
            setting = [
                PanelRow(one.label, one.values, scale)
                for one in self.panels
                if one.scale == scale and one.sets_scale
            ]
            limits[scale] = limits_of(setting, scale)
        return {
            "names": list(self.names),
            "words": [list(lines) for lines in self.words],
            "panels": [_held(panel, limits[panel.scale]) for panel in self.panels],
        }

    @property
    def sliders(self) -> dict[str, int]:
        """How many draws and restarts there are to go through, by name."""
        return {one.slider: one.values.shape[1] for one in self.panels if one.slider}


def frames_that_fit(
    n_frames: int,
    n_bytes: int,
    *,
    most_bytes: int = 6_000_000,
) -> int:
    """Return how many of `n_frames` frames, each of so many bytes, a page can hold.

    Parameters
    ----------
    n_frames
        How many there are.
    n_bytes
        Of one, before compression.
    most_bytes
        Of all: pages of more than some megabytes open slowly.

    Examples
    --------
    >>> frames_that_fit(100, 1_000), frames_that_fit(100, 1_000_000), frames_that_fit(100, 10**9)
    (100, 6, 1)
    """
    return max(1, min(n_frames, most_bytes // max(1, n_bytes)))


def _held(
    panel: Panel,
    limits: tuple[float, float],
) -> dict[str, object]:
    """Return a panel as the script reads it: images as one sheet of grey levels, lines as numbers."""
    n_frames, n_inner = panel.values.shape[:2]
    low, high = limits
    facts: dict[str, object] = {
        "label": panel.label,
        "scale": panel.scale,
        "slider": panel.slider,
        "inner": n_inner,
        "low": low,
        "high": high,
    }
    samples = panel.values.reshape(n_frames * n_inner, *panel.values.shape[2:])
    images = [as_image(sample) for sample in samples]
    if images[0] is None:
        lines = real_values(samples).reshape(len(samples), -1).astype("<f4")
        return facts | {"length": lines.shape[1], "lines": base64.b64encode(lines.tobytes()).decode()}
    stacked = np.stack([image for image in images if image is not None])
    levels = np.clip(np.nan_to_num((stacked - low) / (high - low)), 0, 1)
    sheet, columns = _sheet(np.rint(255 * levels).astype(np.uint8))
    address = f"data:image/png;base64,{base64.b64encode(gray_png(sheet)).decode()}"
    height, width = stacked.shape[1:3]
    return facts | {"height": height, "width": width, "columns": columns, "sheet": address}


def _sheet(images: Array) -> tuple[Array, int]:
    """Lay images ``(n, height, width, ...)`` side by side on one about as wide as high; and its columns."""
    n, height, width = images.shape[:3]
    columns = max(1, round((n * height / width) ** 0.5))
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, *images.shape[1:]), np.uint8)
    padded[:n] = images
    grid = padded.reshape(rows, columns, *images.shape[1:])
    return np.concatenate([np.concatenate(list(row), 1) for row in grid], 0), columns
