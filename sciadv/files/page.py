"""What pages and folders of results hold: plain values as JSON and CSV, figures as PNG and SVG."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciadv.files.writing import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def versions(packages: Iterable[str] = ("sciadv", "torch", "numpy")) -> dict[str, str]:
    """Return the versions of Python and of packages that an answer depends on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"


def to_json(value: object) -> str:
    """Write plain values as JSON; NaN and Inf, which it does not have, as null."""
    return json.dumps(_jsonable(value), indent=2)


def _jsonable(value: object) -> object:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_page(folder: Path, summary: object, picture: bytes, page: str) -> None:
    """Write ``summary.json``, ``figure.png`` and ``report.html`` to a folder, which must be there."""
    write_file(folder / "summary.json", to_json(summary))
    write_file(folder / "figure.png", picture)
    write_file(folder / "report.html", page)


def png(figure: Figure, *, dpi: float | None = None) -> bytes:
    """Return a figure as a PNG file's bytes, with so many dots an inch; None for the figure's own."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure" if dpi is None else dpi)
    return buffer.getvalue()


def gray_png(levels: Any) -> bytes:
    """Return grey levels ``(height, width)`` or colours ``(height, width, 3)``, uint8, as a PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """Return a figure as the text of an SVG file: transparent, its words as text, the same each time."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "sciadv"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def csv_line(cells: Iterable[object]) -> str:
    """Return a row of cells as a line of a CSV file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as the text of a CSV file; what a row lacks is empty."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
