"""``sciadv bench``: a measured comparison, against the bars that its problem sets."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from sciadv.cli.edge import (
    EXIT_INTERRUPTED,
    check_output_folder,
    document,
    output_console,
    plain_errors,
    progress_console,
    say,
    say_error,
)
from sciadv.errors import InputError
from sciadv.files.folders import benchmarks_root
from sciadv.files.writing import require_writable


@plain_errors
def bench(
    name: Annotated[str | None, typer.Argument(help="A bench; leave it out to list them.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="The same work on fewer samples.")] = False,
    peers: Annotated[
        str | None,
        typer.Option(
            help="Other packages to run beside, with commas.", show_default="all that are installed"
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write rows and bars to this file.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if a bar is missed.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the CSV, PNG and Markdown.")
    ] = None,
) -> None:
    """Run a bench, print its table, and say which bars are held and which are missed."""
    if name is None:
        _list_benches()
        return
    from sciadv.arguments.values import as_seed
    from sciadv.files.page import to_json
    from sciadv.files.publishing import lock_folder
    from sciadv.files.writing import write_file

    _check_outputs(json_file, out)
    as_seed(seed)
    chosen = None if peers is None else [peer.strip() for peer in peers.split(",") if peer.strip()]
    console = progress_console()
    with nullcontext() if out is None else lock_folder(out):
        result = import_benchmarks().run_bench(
            name,
            quick=quick,
            peers=chosen,
            seed=seed,
            out=out,
            report=lambda sentence: console.print(sentence, markup=False, style="dim"),
        )
    output_console().print(document(result.markdown))
    if not result.is_complete:
        say_error("interrupted; measured parts are kept where -o says, older results are as they were")
        raise typer.Exit(EXIT_INTERRUPTED)
    if json_file is not None:
        write_file(json_file, to_json(result.payload()))
    n_missed = sum(not bar.holds for bar in result.bars)
    say(f"{len(result.bars) - n_missed} bars held, {n_missed} missed" if result.bars else "no bars are set")
    if check and n_missed:
        raise typer.Exit(1)


def import_benchmarks() -> ModuleType:
    """Import the benches of a checkout.

    Raises
    ------
    InputError
        The package was installed without them.
    """
    root = benchmarks_root()
    if root is None:
        raise InputError(
            "the benches are not in the installed package: they travel with the source; run `sciadv bench` "
            "in a checkout that was installed by `pip install --editable .`"
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return import_module("benchmarks")


def _list_benches() -> None:
    for name, entry in import_benchmarks().BENCHES.items():
        say(f"{name:<26} {entry.title}")


def _check_outputs(json_file: Path | None, out: Path | None) -> None:
    """Refuse what cannot be written before minutes are spent on measuring."""
    if out is not None:
        check_output_folder(out)
    if json_file is not None:
        require_writable(json_file)
