"""The command line. Heavy libraries are imported inside the commands: ``sciadv --help`` is instant."""

from __future__ import annotations

import typer

from sciadv.cli import bench, catalogue, correct, demo, design, solve, train

__all__ = ["app", "main"]

app = typer.Typer(
    name="sciadv",
    help="Search the latent space of a generator for what agrees with a measurement or a physical law.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(catalogue.list_entries)
app.command("show")(catalogue.show)
app.command("solve")(solve.solve)
app.command("design")(design.design)
app.command("correct")(correct.correct)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("bench")(bench.bench)


def main() -> None:
    """Run the command line."""
    app()
