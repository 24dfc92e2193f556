"""``sciadv list`` and ``sciadv show``: what there is, and what it is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciadv.cli.edge import document, output_console, plain_errors
from sciadv.errors import UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

    from benchmarks import Bench
    from sciadv.registry.registry import Registry
    from sciadv.solution import Solution


@plain_errors
def list_entries() -> None:
    """List problems, priors, benches, and the parts that a file can name."""
    from rich.table import Table

    console = output_console()
    for kind, entries in _entries().items():
        table = Table(title=kind, title_justify="left", title_style="bold", box=None, show_header=False)
        table.add_column(overflow="fold", min_width=22, style="cyan")
        table.add_column(overflow="fold")
        for name, words in entries.items():
            table.add_row(name, words)
        if not entries:
            table.add_row("(none)", "")
        console.print(table, markup=False)
        console.print()


@plain_errors
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A problem, prior, bench or part (a solver, an operator), or a folder of your own."
        ),
    ],
) -> None:
    """Show a problem's README and settings, a prior's card, what a part computes, or what a solve found."""
    console = output_console()
    entries = _entries()
    kinds = [kind for kind, names in entries.items() if name in names]
    if not kinds and (Path(name).exists() or "/" in name or name.endswith(".toml")):
        _show_path(console, name)
        return
    if not kinds:
        raise UnknownNameError("entry", name, {known for names in entries.values() for known in names})
    for kind in kinds:
        console.rule(f"{kind}: {name}", align="left")
        if kind in _SHOW:
            _SHOW[kind](console, name)
        else:
            console.print(inspect.getdoc(_registries()[kind][name]) or "", markup=False)


def _entries() -> dict[str, dict[str, str]]:
    """Return a line per entry, by kind."""
    from sciadv.catalogue import titles

    parts = {
        kind: {name: _first_line(registry.own.get(name)) for name in registry}
        for kind, registry in _registries().items()
    }
    catalogues = {"problems": titles("problems"), "priors": titles("priors")}
    return catalogues | parts | {"benches": {name: bench.title for name, bench in _benches().items()}}


def _registries() -> dict[str, Registry[Any]]:
    """Return the registries of parts that files name."""
    from sciadv.forward import FORWARDS
    from sciadv.games.objectives import OBJECTIVES
    from sciadv.games.penalties import PENALTIES
    from sciadv.games.updates import UPDATES
    from sciadv.likelihood import LIKELIHOODS
    from sciadv.nets import NETS
    from sciadv.schema import RECIPES
    from sciadv.solvers import SOLVERS

    return {
        "solvers": SOLVERS,
        "forwards": FORWARDS,
        "likelihoods": LIKELIHOODS,
        "networks": NETS,
        "objectives": OBJECTIVES,
        "penalties": PENALTIES,
        "updates": UPDATES,
        "recipes": RECIPES,
    }


def _benches() -> Mapping[str, Bench]:
    """Return the benches of a checkout; an installed package has none."""
    from sciadv.cli.bench_command import import_benchmarks
    from sciadv.files.folders import benchmarks_root

    benches: Mapping[str, Bench] = {} if benchmarks_root() is None else import_benchmarks().BENCHES
    return benches


def _first_line(thing: object) -> str:
    """Return the first sentence of a docstring without its markup; of a plug-in's, that it is one."""
    described = getattr(thing, "spec", thing)  # of a kind of recipe, the table
    text = inspect.getdoc(described) if thing is not None else "(of another installed package)"
    first = (text or "").split("\n\n", maxsplit=1)[0]
    return re.sub(r"`+", "", " ".join(first.split()))


def _show_path(console: Console, name: str) -> None:
    """Show what lies in a folder or file of the user's."""
    from sciadv.files.folders import as_path
    from sciadv.prior import CARD
    from sciadv.solution import Solution

    path = as_path(name, "name")
    if path.suffix == ".npz" or (path / "solution.npz").is_file():
        _show_solution(console, Solution.load(path))
    elif (path / CARD).is_file():
        _show_prior(console, name)
    else:
        _show_problem(console, name)


def _show_solution(console: Console, solution: Solution) -> None:
    console.print(repr(solution), markup=False)
    for status in dict.fromkeys(solution.status):
        count, example = solution.status.count(status), solution.messages[solution.status.index(status)]
        console.print(f"{count:>5}  {example}", markup=False)
    for sentence in [] if solution.diagnosis is None else solution.diagnosis.counts():
        console.print(sentence, markup=False)


def _show_problem(console: Console, name: str) -> None:
    from rich.syntax import Syntax

    from sciadv.catalogue import entry_spec, spec_file
    from sciadv.files.reading import read_text

    entry_spec(name)
    file = spec_file("problems", name)
    readme = file.parent / "README.md"
    if readme.is_file():
        console.print(document(read_text(readme)))
        console.print()
    console.print(file.name, style="bold")
    console.print(Syntax(read_text(file), "toml", background_color="default", word_wrap=True))


def _show_prior(console: Console, name: str) -> None:
    from rich.table import Table

    from sciadv.files.cards import read_card, read_card_text
    from sciadv.files.folders import find_entry
    from sciadv.files.release.released_priors import absence, whole_prior
    from sciadv.prior import WEIGHTS

    folder = find_entry("priors", name)
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in read_card(folder).items():
        table.add_row(key, value)
    console.print(table, markup=False)
    console.print(document(read_card_text(folder)))
    if absence(folder):
        console.print(f"Here is its card alone: {absence(folder)}.", markup=False)
    elif not (whole_prior(folder) / WEIGHTS).is_file():
        console.print(f"It has no weights here yet; train it: sciadv train {name}", markup=False)


def _show_bench(console: Console, name: str) -> None:
    bench = _benches()[name]
    console.print(bench.title, markup=False)
    if bench.problem is not None:
        console.print(f"Its bars stand in the problem {bench.problem}.", markup=False)
    for one in bench.thresholds:
        console.print(f"It must hold: {one.name} {one.op} {one.bound:g}.", markup=False)
    if bench.peers:
        console.print(f"It can measure beside ours: {', '.join(bench.peers)}.", markup=False)
    console.print(f"Run it: sciadv bench {name}", markup=False)


_SHOW: dict[str, Callable[[Console, str], None]] = {
    "problems": _show_problem,
    "priors": _show_prior,
    "benches": _show_bench,
}
