"""The report of a solve: one HTML file that holds its figures and all that is needed to do it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sciadv.files.folders import as_path
from sciadv.files.html.page_parts import Picture, Table, downloads, picture
from sciadv.files.html.template import render
from sciadv.files.page import png, to_json, versions, write_page
from sciadv.files.publishing import publish
from sciadv.files.reading import read_bytes
from sciadv.report.baselines import Baselines, baselines, beside_columns, comparison_rows
from sciadv.report.measurements import (
    measurement_rows,
    measurements_csv,
    measurements_table,
    needs_a_look,
    worst_first,
)
from sciadv.report.plotting import plot_history, plot_misfit, plot_restarts, plot_solution, status_counts
from sciadv.report.posterior_section import (
    plot_chains,
    posterior_table,
    posterior_words,
    worst_mixed,
)
from sciadv.report.solution_view import shown_rows, solution_view
from sciadv.solution import SHORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sciadv.problem import Problem
    from sciadv.solution import Solution


#: What `write_results` writes.
RESULTS = ("solution.npz", "summary.json", "figure.png", "report.html")


@dataclass(frozen=True)
class Run:
    """How a solution was made: what its report needs beside the problem and the solution.

    Parameters
    ----------
    title
        The problem's title.
    command
        The command line that does it again.
    seed
        Seed of the search.
    device
        Device it ran on.
    measurements_sha256
        Hash of the user's measurements file; empty for the problem's own measurements.
    was_interrupted
        Whether the user stopped it.
    date
        When it ended, in UTC.
    """

    title: str
    command: str = ""
    seed: int = 0
    device: str = "cpu"
    measurements_sha256: str = ""
    was_interrupted: bool = False
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def summary(
    problem: Problem,
    solution: Solution,
    run: Run,
) -> dict[str, object]:
    """Return what ``summary.json`` holds: the solution's numbers and how to get them again."""
    return {
        "problem": problem.name,
        "title": run.title,
        "interrupted": run.was_interrupted,
        **solution.summary(),
        "forward": repr(problem.forward),
        "likelihood": repr(problem.likelihood),
        "latent_weight": problem.latent_weight,
        "prior": problem.prior.name,
        "weights_sha256": problem.prior.card.get("weights_sha256", ""),
        "in_range_recovery": problem.prior.card.get("in_range_recovery", ""),
        "measurements_sha256": run.measurements_sha256,
        "command": run.command,
        "seed": run.seed,
        "device": run.device,
        "date": run.date,
        "versions": versions(),
    }


def write_results(
    problem: Problem,
    solution: Solution,
    run: Run,
    folder: Path | str,
) -> Path:
    """Write the files of `RESULTS` to a folder, which is made if need be."""

    def build(new: Path) -> None:
        solution.save(new)
        figure = plot_solution(problem, solution)
        drawn = png(figure)
        archive = read_bytes(new / "solution.npz", advice="save it again")
        held = {"solution.npz": archive, "figure.png": drawn}
        page = _page(problem, solution, run, figure=figure, held=held)
        write_page(new, summary(problem, solution, run), drawn, page)

    return publish(as_path(folder, "folder"), build)


#: Measurements that a report's figure shows, the worst.
N_EXAMPLES = 10


def report_html(
    problem: Problem,
    solution: Solution,
    run: Run,
) -> str:
    """Return a page that needs no other file and no network: figures are part of it."""
    return _page(problem, solution, run, figure=plot_solution(problem, solution), held={})


def _page(
    problem: Problem,
    solution: Solution,
    run: Run,
    *,
    figure: Figure,
    held: Mapping[str, bytes],
) -> str:
    """Return the page with a figure of the worst measurements; `held` are files that it gives to save."""
    shown = shown_rows(problem, solution)
    beside = baselines(problem.subset(shown), solution)
    further = beside_columns(problem, solution, beside, shown)
    blank = dict.fromkeys(further[shown[0]])
    rows = [row | further.get(number, blank) for number, row in enumerate(measurement_rows(solution))]
    facts = summary(problem, solution, run)
    files: dict[str, bytes | str] = {
        **held,
        "measurements.csv": measurements_csv(rows),
        "summary.json": to_json(facts),
    }
    return render(
        "solution.html.j2",
        {
            "title": run.title,
            "was_interrupted": run.was_interrupted,
            "lead": _lead(problem, solution),
            "alarms": [] if solution.diagnosis is None else solution.diagnosis.counts(),
            "cards": _cards(solution),
            "worst_title": "The worst cases" if len(rows) > N_EXAMPLES else "The measurements, worst first",
            "worst": picture(figure, _worst_words(solution)),
            "table_words": _table_words(solution),
            "measurements": measurements_table(
                solution, rows, links={row: place for place, row in enumerate(shown)}
            ),
            "view": solution_view(problem, solution, beside, shown),
            "beside": _beside(problem, solution, beside, shown),
            "on_the_way": _on_the_way(solution),
            **_posterior(solution, shown),
            "refused": beside.refused,
            "numbers": _numbers(solution),
            "pictures": _pictures(problem, solution),
            "endings": Table(
                "How each search ended", ("", "measurements", "for example"), _endings(solution)
            ),
            "flags": _flags(solution),
            "settings": list(solution.settings.items()),
            "origin": _origin(facts),
            "command": run.command,
            "downloads": downloads(files),
        },
    )


def _lead(
    problem: Problem,
    solution: Solution,
) -> str:
    return (
        f"{problem.n_problems} measurements of {problem.name}, solved by {solution.method} with the prior "
        f"{problem.prior.name} in {solution.seconds:.1f} s: {status_counts(solution)}."
    )


def _cards(solution: Solution) -> list[tuple[str, object]]:
    """Return the numbers that head the page."""
    n = len(solution.status)
    n_look = sum(needs_a_look(solution))
    cards: list[tuple[str, object]] = [
        ("measurements", n),
        ("not explained, or flagged", f"{n_look} of {n}"),
        (f"misfit [{solution.unit}], median", solution.median_misfit),
        (f"misfit [{solution.unit}], largest", float(solution.misfit.max())),
    ]
    if solution.agreement is not None:
        cards.append(("restarts that agree, mean", f"{100 * float(solution.agreement.mean()):.0f} %"))
    return [*cards, ("time [s]", f"{solution.seconds:.1f}")]


def _worst_words(
    solution: Solution,
    n: int = N_EXAMPLES,
) -> str:
    """Say what the figure of the worst measurements shows."""
    shown = [
        f"number {i} (misfit {float(solution.misfit[i]):.4g} {solution.unit}, {SHORT[solution.status[i]]})"
        for i in worst_first(solution)[:n]
    ]
    return f"Measurements, reconstructions, predictions and residuals, a column each: {', '.join(shown)}"


def _table_words(solution: Solution) -> str:
    n = sum(needs_a_look(solution))
    return (
        f"{n} of {len(solution.status)} are marked: not explained, or flagged by the diagnosis. "
        f"A click on a column's name sorts by it; numbers count from 0, as in solution.npz."
    )


def _numbers(solution: Solution) -> list[tuple[str, str]]:
    misfit = solution.misfit.double()
    low, high = (float(misfit.quantile(q)) for q in (0.05, 0.95))
    rows = [
        (f"misfit [{solution.unit}], mean", f"{float(misfit.mean()):.4g}"),
        ("misfit, median", f"{solution.median_misfit:.4g}"),
        ("misfit, 5 % and 95 % quantiles", f"{low:.4g}, {high:.4g}"),
        ("time [s]", f"{solution.seconds:.2f}"),
        ("time per measurement [s]", f"{solution.seconds / len(solution.status):.4g}"),
        ("iterations", str(len(solution.history))),
    ]
    if solution.agreement is not None:
        rows.append(("restarts that agree, mean", f"{100 * float(solution.agreement.mean()):.0f} %"))
    return rows


def _beside(
    problem: Problem,
    solution: Solution,
    beside: Baselines,
    shown: Sequence[int],
) -> Table:
    """Return the table of the answer and its baselines, and of what `auto` compared on reference images."""
    error = [] if problem.truth is None else ["error (root mean square), mean"]
    head = ("", f"misfit [{solution.unit}], median", *error, "time [s]")
    name = f"The answer beside its baselines, {len(shown)} measurements"
    return Table(name, head, comparison_rows(problem, solution, beside, shown))


def _on_the_way(solution: Solution) -> Table | None:
    """Return what `auto` computed on the way: the errors of each estimate on the prior's reference images."""
    errors = solution.settings.get("reference_errors")
    weights = solution.settings.get("weights")
    if not isinstance(errors, Mapping) or not isinstance(weights, Mapping):
        return None
    ranked = sorted(errors, key=lambda name: float(errors[name]))
    rows = [(name, errors[name], weights.get(name, 0.0)) for name in ranked]
    head = ("estimate", "mean squared error on reference images", "weight in the answer")
    return Table("What auto computed on the way", head, rows)


def _posterior(
    solution: Solution,
    shown: Sequence[int],
) -> dict[str, object]:
    """Return what the page shows of the posterior; nothing where there is none."""
    posterior = solution.posterior
    if posterior is None:
        return {"posterior": None}
    chains = None
    if posterior.n_chains > 1:
        places = worst_mixed(posterior)
        seen = [f"measurement {row}, latent {k}: R-hat {value:.4g}" for row, k, value in places]
        words = f"Traces and ranks of {posterior.n_chains} chains where they agree least: {'; '.join(seen)}"
        caption = "Traces and ranks where the chains agree least, one latent a measurement."
        chains = picture(plot_chains(posterior, places), words, caption=caption)
    return {
        "posterior": posterior_table(posterior, shown),
        "posterior_words": posterior_words(posterior),
        "chains": chains,
    }


def _pictures(
    problem: Problem,
    solution: Solution,
) -> list[Picture]:
    """Draw the misfits and the restarts that agree."""
    misfit = solution.misfit
    most = f"from {float(misfit.min()):.4g} to {float(misfit.max()):.4g} {solution.unit}"
    drawn = [
        picture(
            _figure_of(plot_misfit(problem, solution)),
            f"Histogram of {len(misfit)} misfits, {most}, median {solution.median_misfit:.4g}",
            caption="Misfits of all measurements.",
        )
    ]
    if len(solution.history) > 1:
        first, last = solution.history[0], solution.history[-1]
        n = len(solution.history)
        words = f"Mean best objective, {first:.4g} after the first and {last:.4g} after {n} iterations"
        caption = "Convergence: the best objective, mean over the measurements."
        drawn.append(picture(_figure_of(plot_history(solution)), words, caption=caption))
    if solution.agreement is not None:
        words = f"How many restarts agree: {100 * float(solution.agreement.mean()):.0f} % on average"
        caption = "Restarts that end at the best objective."
        drawn.append(picture(_figure_of(plot_restarts(solution)), words, caption=caption))
    return drawn


def _endings(solution: Solution) -> list[tuple[str, int, str]]:
    """Return a row per status: its words, how many, and the first one's sentence."""
    status = solution.status
    first = [status.index(kind) for kind in dict.fromkeys(status)]
    return [(SHORT[status[i]], status.count(status[i]), solution.messages[i]) for i in first]


def _flags(solution: Solution) -> Table | None:
    """Say how many measurements raise each flag, those that none raises included."""
    if solution.diagnosis is None:
        return None
    rows = [(words, int(mask.sum())) for mask, words in solution.diagnosis.flags.values()]
    return Table("Flags of the diagnosis", ("flag", "measurements"), rows)


def _origin(
    facts: dict[str, object],
) -> list[tuple[str, object]]:
    names = ["problem", "forward", "likelihood", "latent_weight", "measurements_sha256", "prior"]
    names += ["in_range_recovery", "weights_sha256", "seed", "device", "date"]
    rows = [(name.replace("_", " "), facts[name]) for name in names if facts[name] != ""]
    return rows + [(f"{name} version", version) for name, version in versions().items()]


def _figure_of(ax: Axes) -> Figure:
    figure: Figure = ax.figure  # type: ignore[assignment]  # never a SubFigure here
    return figure
