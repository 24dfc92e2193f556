"""``sciadv solve``: from measurements to a folder of results."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sciadv.cli.edge import (
    EXIT_INTERRUPTED,
    Interruption,
    check_output_folder,
    default_folder,
    plain_errors,
    progress_console,
    say,
    say_error,
    write_whole,
)

if TYPE_CHECKING:
    from sciadv.problem import Problem
    from sciadv.schema import ProblemSpec
    from sciadv.solution import Solution
    from sciadv.solvers import Monitor, Progress


@dataclass(frozen=True)
class Request:
    """What the user asked to solve, and how."""

    problem: str
    out: Path
    measurements: Path | None = None
    solver: str | None = None
    restarts: int | None = None
    device: str = "auto"
    seed: int = 0
    first: int | None = None
    shards: int | None = None
    block: int = 64
    is_on_cluster: bool = False
    allow_factory: bool = False

    @property
    def command(self) -> str:
        """The command line that does the same again."""
        optional = {
            "--measurements": self.measurements,
            "--solver": self.solver,
            "--restarts": self.restarts,
            "--first": self.first,
            "--shards": self.shards,
            "--block": None if self.shards is None else self.block,
        }
        given = [part for flag, value in optional.items() if value is not None for part in (flag, str(value))]
        given += ["--cluster"] * self.is_on_cluster
        fixed = ["--device", self.device, "--seed", str(self.seed), "-o", str(self.out)]
        flags = ["--allow-factory"] if self.allow_factory else []
        return shlex.join(["sciadv", "solve", self.problem, *given, *fixed, *flags])


@plain_errors
def solve(  # noqa: PLR0913  # a command's options are its arguments
    problem: Annotated[str, typer.Argument(help="A problem that `sciadv list` shows, or a path.")],
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the results.", show_default="NAME-answer")
    ] = None,
    measurements: Annotated[
        Path | None,
        typer.Option(help="Your data: a .npy, or a .npz with an array y.", show_default=False),
    ] = None,
    solver: Annotated[
        str | None, typer.Option(help="A solver that `sciadv list` shows.", show_default="the problem's")
    ] = None,
    restarts: Annotated[
        int | None, typer.Option(min=1, help="Starts per measurement.", show_default="the solver's")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random in the search.")] = 0,
    first: Annotated[
        int | None, typer.Option(min=1, help="Solve only the first so many measurements.", show_default="all")
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(min=1, help="Solve in blocks, by so many processes; goes on where it was stopped."),
    ] = None,
    block: Annotated[int, typer.Option(min=1, help="With --shards: measurements of a block.")] = 64,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="With --shards: by tasks of Ray, not by processes.")
    ] = False,
    allow_factory: Annotated[
        bool,
        typer.Option("--allow-factory", help="Call the function of yours that the prior's file names."),
    ] = False,
) -> None:
    """Solve a problem and write solution.npz, summary.json, figure.png and report.html.

    With --shards: part-00000.npz and so on, a block of measurements each, and summary.json.
    """
    request = Request(
        problem,
        default_folder(problem, "answer") if out is None else out,
        measurements,
        solver,
        restarts,
        device,
        seed,
        first,
        shards,
        block,
        cluster,
        allow_factory,
    )
    if shards is None:
        run_request(request)
    else:
        run_shards(request, shards)


def run_request(request: Request) -> Solution:
    """Check everything, solve, then write; exit with 130 after writing if the user pressed Ctrl-C."""
    import sciadv
    from sciadv.catalogue import problem_spec
    from sciadv.files.publishing import lock_folder
    from sciadv.files.writing import refuse_inputs
    from sciadv.report.solution_page import RESULTS, Run, write_results
    from sciadv.types import as_device
    from sciadv.verbs.solve import choose_solver

    check_output_folder(request.out)
    device = as_device(request.device)
    spec = problem_spec(request.problem)
    problem, measurements_sha256 = _load(request, str(device))
    solver = choose_solver(problem, request.solver, restarts=request.restarts)
    refuse_inputs([request.out / name for name in RESULTS], _inputs(request, spec))
    with Interruption() as interruption, lock_folder(request.out):
        with _progress(problem) as bar, interruption.searching(bar) as monitor:
            solution = sciadv.solve(problem, solver, seed=request.seed, monitor=monitor, diagnose="quick")
        solution = _compared(problem, solution, interruption, seed=request.seed)
        run = Run(
            title=spec.title,
            command=request.command,
            seed=request.seed,
            device=str(device),
            measurements_sha256=measurements_sha256,
            was_interrupted=interruption.happened,
        )
        _say_overwritten(request.out)
        came_late = write_whole(lambda: write_results(problem, solution, run, request.out))
    _say_solution(solution, request.out)
    if interruption.happened:
        say_error(f"interrupted; the best found until then is in {request.out}, marked as interrupted")
        raise typer.Exit(EXIT_INTERRUPTED)
    if interruption.came_late or came_late:
        say_error(f"interrupted after the search had ended; all results are in {request.out}")
        raise typer.Exit(EXIT_INTERRUPTED)
    return solution


def run_shards(request: Request, shards: int) -> None:
    """Solve in blocks; exit with 130 if the user pressed Ctrl-C, with all solved blocks kept."""
    from sciadv.types import as_device
    from sciadv.verbs.solve_many import solve_many

    check_output_folder(request.out)
    problem, _ = _load(request, str(as_device(request.device)))
    try:
        found = solve_many(
            problem,
            request.solver,
            out=request.out,
            shards=shards,
            block=request.block,
            restarts=request.restarts,
            seed=request.seed,
            engine="ray" if request.is_on_cluster else "processes",
            monitor=lambda solved, n: say(f"  {solved} of {n} measurements"),
        )
    except KeyboardInterrupt:
        say_error(f"interrupted; solved blocks are in {request.out}: the same command goes on from there")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    say(f"{found.n_measurements} measurements in {len(found.parts)} parts; wrote {found.folder}")


def _inputs(request: Request, spec: ProblemSpec) -> list[Path]:
    """List the files that a solve reads, which must not be among those that it writes."""
    from sciadv.catalogue import spec_file

    file = spec_file("problems", request.problem)
    named = [file.parent / Path(text).expanduser() for text in _texts(spec.model_dump())]
    given = [] if request.measurements is None else [request.measurements]
    return [file, *given, *(path for path in named if path.suffix in {".npy", ".npz"})]


def _texts(value: object) -> Iterator[str]:
    """Go through the texts in nested tables."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))


def _load(request: Request, device: str) -> tuple[Problem, str]:
    """Load the problem, put the user's measurements into it, and return it with the hash of their file."""
    from sciadv.catalogue import load_problem
    from sciadv.files.arrays import read_array
    from sciadv.prior import sha256

    allow = request.allow_factory
    problem = load_problem(request.problem, device=device, seed=request.seed, allow_factory=allow)
    digest = ""
    if request.measurements is not None:
        problem = problem.with_measurements(read_array(request.measurements))
        digest = sha256(request.measurements)
    return (problem if request.first is None else problem.subset(slice(request.first))), digest


@contextmanager
def _progress(problem: Problem) -> Iterator[Monitor]:
    """Show a bar with live numbers while it is open; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = progress_console()
    columns = (
        BarColumn(bar_width=14),
        MofNCompleteColumn(),
        TextColumn("{task.fields[alive]} restarts alive, misfit {task.fields[misfit]},"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with RichProgress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("solve", total=None, alive="-", misfit="-")

        def monitor(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.iteration,
                total=progress.n_iterations,
                alive=f"{progress.n_alive}/{progress.n_rows}",
                misfit=f"{progress.best_misfit:.4g} {problem.likelihood.unit}",
            )

        yield monitor


def _compared(problem: Problem, solution: Solution, interruption: Interruption, *, seed: int) -> Solution:
    """Compare with the prior's reference images, which may take a minute.

    Ctrl-C leaves that out, and so does an interrupted search.
    """
    from sciadv.verbs.solve import compare_with_reference

    if solution.was_interrupted or interruption.came_late:
        return solution
    console = progress_console()
    words = "comparing with the prior's reference images (Ctrl-C leaves that out)"
    try:
        with interruption.may_stop(), console.status(words) if console.is_terminal else nullcontext():
            return compare_with_reference(problem, solution, seed=seed)
    except KeyboardInterrupt:
        say_error("interrupted: not compared with the prior's reference images")
        return solution


def _say_overwritten(out: Path) -> None:
    from sciadv.report.solution_page import RESULTS

    there = [name for name in RESULTS if (out / name).exists()]
    if there:
        say(f"{out} is there already: {', '.join(there)} overwritten")


def _say_solution(solution: Solution, out: Path) -> None:
    """Say how many measurements ended how, each kind with its first sentence, and what was written."""
    from sciadv.report.solution_page import RESULTS

    say(f"{len(solution.status)} measurements by {solution.method} in {solution.seconds:.1f} s")
    say(f"median misfit {solution.median_misfit:.4g} {solution.unit}")
    for status in dict.fromkeys(solution.status):
        count, example = solution.status.count(status), solution.messages[solution.status.index(status)]
        say(f"  {count:>5}  {example}" + ("" if count == 1 else "  (the first of them)"))
    if solution.diagnosis is not None:
        for sentence in solution.diagnosis.counts():
            say(f"  {sentence}")
    say(f"wrote {', '.join(str(out / name) for name in RESULTS)}")
