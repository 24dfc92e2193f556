"""The command line. Heavy libraries are imported inside the commands: ``sciadv --help`` is instant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sciadv.cli import (
    bench_command,
    correct_command,
    demo_command,
    design_command,
    fetch_command,
    init_command,
    list_command,
    report_command,
    solve_command,
    train_command,
)
from sciadv.cli.edge import EXIT_INTERRUPTED, say, say_error

__all__ = ["app", "main"]

app = typer.Typer(
    name="sciadv",
    help="Search the latent space of a generator for what agrees with a measurement or a physical law.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _say_version(is_wanted: bool) -> bool:  # noqa: FBT001  # typer calls it so
    if is_wanted:
        from sciadv import __version__

        say(f"sciadv {__version__}")
        raise typer.Exit
    return False


@app.callback()
def _begin(
    version: Annotated[  # its callback has said it
        bool,
        typer.Option("--version", help="Say the version and exit.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Begin with the options of the program itself."""


app.command("list")(list_command.list_entries)
app.command("show")(list_command.show)
app.command("solve")(solve_command.solve)
app.command("design")(design_command.design)
app.command("correct")(correct_command.correct)
app.command("transform")(correct_command.transform)
app.command("report")(report_command.report)
app.command("demo")(demo_command.demo)
app.command("fetch")(fetch_command.fetch)
app.command("init")(init_command.init)
app.command("train")(train_command.train)
app.command("bench")(bench_command.bench)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; Ctrl-C before a command has begun is a sentence, too.

    Parameters
    ----------
    arguments
        Those of the command line, without the program's name; the process's own if left out.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="sciadv")
    except KeyboardInterrupt as error:
        say_error("interrupted before the command had begun; nothing was written")
        raise SystemExit(EXIT_INTERRUPTED) from error
