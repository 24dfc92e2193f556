"""What pages are made of: pictures, tables and files to save, as templates take them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sciadv.files.page import svg

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A drawing that takes the page's colours.

    Parameters
    ----------
    drawing
        An ``<svg>`` element.
    words
        What is seen, with its numbers: the alternative text.
    caption
        The line below it.
    width
        Natural width [pixels]; it shrinks to six tenths of it on a narrower screen, and is scrolled there.
    """

    drawing: Markup
    words: str
    caption: str
    width: int


@dataclass(frozen=True)
class Table:
    """Rows of plain values; a reader sorts them by any column.

    Parameters
    ----------
    name
        What the rows are, for readers that do not see the table.
    head
        Names of the columns.
    rows
        Plain values, a sequence a row.
    marked
        Whether a row is set off, such as one that needs a look; empty for none.
    links
        Number of the viewer's frame that a row shows; empty for none.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    marked: Sequence[bool] = ()
    links: Sequence[int | None] = ()


@dataclass(frozen=True)
class Download:
    """A file that a page holds, or where it lies.

    Parameters
    ----------
    name
        Of the file.
    size
        In words.
    uri
        The file itself, as a ``data:`` address; empty where it is too large for the page.
    """

    name: str
    size: str
    uri: str


def picture(figure: Figure, words: str, *, caption: str = "") -> Picture:
    """Return a figure as a drawing of a page.

    Its text and frame take the page's colour and its background is the page's, so that it can be read in the
    dark too. Identifiers begin with a hash of the drawing: different drawings of a page share none.

    Parameters
    ----------
    figure
        Of matplotlib; black and white in it become the page's colours.
    words
        What is seen, with its numbers.
    caption
        The line below it.
    """
    from markupsafe import Markup

    text = svg(figure)
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="d{own}-', text)
    text = re.sub(r'(url\(|href=")#', rf"\1#d{own}-", text)
    text = text.replace("#000000", "currentColor").replace("#ffffff", "var(--page)")
    text = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1">', text, count=1)
    label = Markup('<svg role="img" aria-label="{}" ').format(words)
    drawing = Markup(text.replace("<svg ", str(label), 1))
    width = round(figure.get_figwidth() * 96)
    return Picture(drawing, words, caption, width)


def downloads(files: Mapping[str, bytes | str], *, most_bytes: int = 4_000_000) -> list[Download]:
    """Return files for a page to hold: the first that fit into `most_bytes` together; others lie beside it.

    Examples
    --------
    >>> files = {"a.csv": "x" * 600, "b.csv": "x" * 600, "c.csv": "x"}
    >>> [bool(one.uri) for one in downloads(files, most_bytes=1000)]
    [True, False, True]
    """
    room = most_bytes
    found = []
    for name, content in files.items():
        one = download(name, content, most_bytes=room)
        room -= len(content) if one.uri else 0
        found.append(one)
    return found


def download(name: str, content: bytes | str, *, most_bytes: int = 4_000_000) -> Download:
    """Return a file for a page to hold.

    Parameters
    ----------
    name
        Of the file.
    content
        Its bytes, or text.
    most_bytes
        A larger one is left out, and the page says where it lies: browsers become slow with pages of tens of
        megabytes, and mail refuses them.

    Examples
    --------
    >>> download("a.csv", "x").uri, download("a.csv", "x" * 2000, most_bytes=1000)
    ('data:text/csv;base64,eA==', Download(name='a.csv', size='2 kB', uri=''))
    """
    held = content.encode() if isinstance(content, str) else content
    kinds = {"csv": "text/csv", "png": "image/png", "json": "application/json", "npz": "application/zip"}
    kind = kinds.get(name.rsplit(".", maxsplit=1)[-1], "text/plain")
    size = f"{len(held) / 1e6:.1f} MB" if len(held) >= 1e6 else f"{max(1, round(len(held) / 1e3))} kB"
    if len(held) > most_bytes:
        return Download(name, size, "")
    return Download(name, size, f"data:{kind};base64,{base64.b64encode(held).decode()}")
