"""The command line. Heavy libraries are imported inside the commands: ``sciadv --help`` is instant."""

from __future__ import annotations

import typer

from sciadv.cli import (
    bench_command,
    correct_command,
    demo_command,
    design_command,
    list_command,
    solve_command,
    train_command,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="sciadv",
    help="Search the latent space of a generator for what agrees with a measurement or a physical law.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(list_command.list_entries)
app.command("show")(list_command.show)
app.command("solve")(solve_command.solve)
app.command("design")(design_command.design)
app.command("correct")(correct_command.correct)
app.command("demo")(demo_command.demo)
app.command("train")(train_command.train)
app.command("bench")(bench_command.bench)


def main() -> None:
    """Run the command line."""
    app()
