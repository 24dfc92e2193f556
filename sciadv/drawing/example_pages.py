"""Pages of a gallery: examples that run as a script, in a notebook, and when a site is built."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sciadv.files.page import png
from sciadv.files.publishing import publish
from sciadv.files.writing import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run_page(page: Callable[..., Mapping[str, tuple[float, float]]]) -> list[str]:
    """Run a page with the options of its command line; return a line a number, beside theory's.

    Parameters
    ----------
    page
        Its computation, ``page(quick=...)``: it draws a figure with pyplot, and returns numbers beside
        those of theory by their names. ``--quick`` runs it in its setting of seconds, and ``--out FOLDER``
        saves the figure as a PNG file named as the page's file. Other options, as notebooks have them, are
        left alone.

    Returns
    -------
    list of str
        ``name: number (theory number)``, each with six digits.

    Examples
    --------
    >>> run_page(lambda *, quick: {"half of one": (1 / 2, 0.5)})
    ['half of one: 0.5 (theory 0.5)']
    """
    import matplotlib.pyplot as plt

    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, help="folder for the figure")
    options, _ = parser.parse_known_args()
    numbers = page(quick=options.quick)
    if options.out:
        name = f"{Path(inspect.getfile(page)).stem}.png"
        publish(options.out, lambda new: write_file(new / name, png(plt.gcf())))
    return [f"{name}: {here:.6g} (theory {theory:.6g})" for name, (here, theory) in numbers.items()]


def show(figure: Figure) -> None:
    """Show a figure as pyplot does: in a window, in a notebook, or on the page of a gallery.

    Figures of this package are made without pyplot, so that programs that make many hold none of them.

    Parameters
    ----------
    figure
        Of `Solution.plot`, `CandidateSet.plot`, or any other figure of matplotlib.
    """
    import matplotlib.pyplot as plt
    from matplotlib import get_backend

    manager = plt.figure().canvas.manager
    if manager is not None:  # its window, or what stands for one, now has this figure
        manager.canvas.figure = figure
        figure.set_canvas(manager.canvas)
    if get_backend().lower() != "agg":
        plt.show()
