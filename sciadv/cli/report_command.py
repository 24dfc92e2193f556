"""``sciadv report``: folders of results in, one page that compares them out."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sciadv.cli.edge import plain_errors, say
from sciadv.errors import InputError


@plain_errors
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders that sciadv solve or sciadv design wrote.")],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="The .html file to write.")] = Path(
        "comparison.html"
    ),
) -> None:
    """Compare runs on one page: what differs, and each measurement side by side."""
    from sciadv.files.writing import write_file
    from sciadv.report.run_comparison import comparison_page, read_runs

    if out.suffix != ".html":
        raise InputError(f"{out} has to end in .html, the format that is written; give another by -o")
    command = shlex.join(["sciadv", "report", *map(str, runs), "-o", str(out)])
    write_file(out, comparison_page(read_runs(runs), command=command))
    say(f"wrote {out}")
