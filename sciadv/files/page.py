"""A page that needs no other file: HTML with its figures in it, tables, and plain values as JSON."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

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


def html_page(title: str, sections: Iterable[str]) -> str:
    """Return a whole page from its title (plain text) and its sections (HTML)."""
    return _PAGE.format(title=escape(title), body="\n".join(sections))


def escape(text: str) -> str:
    """Return plain text as HTML."""
    return html.escape(text, quote=True)


def html_table(rows: Iterable[Sequence[str]], *, head: Sequence[str] = ()) -> str:
    """Return rows of plain text as an HTML table."""
    top = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def png(figure: Figure, *, dpi: float | None = None) -> bytes:
    """Return a figure as a PNG file's bytes, with so many dots an inch; None for the figure's own."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure" if dpi is None else dpi)
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


def image(picture: bytes, words: str) -> str:
    """Return a PNG as an HTML image that holds it, described in words."""
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'


def download(name: str, text: str) -> str:
    """Return a link that saves a text, which the page itself holds, as a file."""
    held = base64.b64encode(text.encode()).decode()
    return f'<a download="{escape(name)}" href="data:text/plain;base64,{held}">{escape(name)}</a>'


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff }}
body {{ max-width: 1100px; margin: 2em auto; padding: 0 1em }}
h1 {{ font-size: 1.5em }} h2 {{ font-size: 1.15em; margin-top: 2em }}
img {{ max-width: 100% }} .pair img {{ max-width: 49% }}
table {{ border-collapse: collapse }}
td, th {{ padding: .25em .9em .25em 0; text-align: left; vertical-align: top }}
td, th {{ border-bottom: 1px solid #e4e4e4; overflow-wrap: anywhere }}
td:first-child {{ color: #666; white-space: nowrap; overflow-wrap: normal }}
pre {{ background: #f4f4f4; padding: .8em; overflow-x: auto }}
.warning {{ background: #fff1e0; border-left: 4px solid #d9722e; padding: .5em 1em }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
