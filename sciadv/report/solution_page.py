"""The report of a solve: one HTML file that holds its figures and all that is needed to do it again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from sciadv.files.folders import as_path
from sciadv.files.page import escape, html_page, html_table, image, png, versions, write_page
from sciadv.files.publishing import publish
from sciadv.report.plotting import SHORT, plot_misfit, plot_restarts, plot_solution, status_counts

if TYPE_CHECKING:
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
    date: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))


def summary(problem: Problem, solution: Solution, run: Run) -> dict[str, object]:
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


def write_results(problem: Problem, solution: Solution, run: Run, folder: Path | str) -> Path:
    """Write the files of `RESULTS` to a folder, which is made if need be."""

    def build(new: Path) -> None:
        solution.save(new)
        picture = png(plot_solution(problem, solution))
        page = _page(problem, solution, run, picture=picture)
        write_page(new, summary(problem, solution, run), picture, page)

    return publish(as_path(folder, "folder"), build)


#: Measurements that a report shows one by one.
N_EXAMPLES = 10


def report_html(problem: Problem, solution: Solution, run: Run) -> str:
    """Return a page that needs no other file and no network: figures are part of it."""
    return _page(problem, solution, run, picture=png(plot_solution(problem, solution, n_examples=N_EXAMPLES)))


def _page(problem: Problem, solution: Solution, run: Run, *, picture: bytes) -> str:
    warning = ""
    if run.was_interrupted:
        warning = '<p class="warning">Interrupted by the user: this is the best found until then.</p>'
    misfits, restarts = plot_misfit(problem, solution), plot_restarts(solution)
    sections = [
        f"<h1>{escape(run.title)}</h1>{warning}",
        f"<p>{escape(_lead(problem, solution))}</p>",
        image(picture, "measurements, reconstructions, predictions and residuals"),
        "<h2>Numbers</h2>" + html_table(_numbers(solution)),
        '<div class="pair">' + image(png(_figure_of(misfits)), "histogram of the misfits"),
        image(png(_figure_of(restarts)), "how many restarts agree") + "</div>",
        "<h2>How each search ended</h2>"
        + html_table(_endings(solution), head=("", "measurements", "for example")),
        "<h2>Diagnosis</h2>" + _diagnosis(solution),
        f"<h2>The first {min(N_EXAMPLES, problem.n_problems)} measurements</h2>" + _examples(solution),
        "<h2>Settings</h2>" + html_table((key, _plain(value)) for key, value in solution.settings.items()),
        "<h2>To do it again</h2>" + html_table(_origin(summary(problem, solution, run))),
        f"<pre>{escape(run.command)}</pre>" if run.command else "",
    ]
    return html_page(run.title, sections)


def _lead(problem: Problem, solution: Solution) -> str:
    return (
        f"{problem.n_problems} measurements of {problem.name}, solved by {solution.method} with the prior "
        f"{problem.prior.name} in {solution.seconds:.1f} s: {status_counts(solution)}."
    )


def _numbers(solution: Solution) -> list[tuple[str, str]]:
    misfit = solution.misfit.float()
    low, middle, high = (float(misfit.quantile(q)) for q in (0.05, 0.5, 0.95))
    rows = [
        (f"misfit [{solution.unit}], mean", f"{float(misfit.mean()):.4g}"),
        ("misfit, median", f"{middle:.4g}"),
        ("misfit, 5 % and 95 % quantiles", f"{low:.4g}, {high:.4g}"),
        ("time [s]", f"{solution.seconds:.2f}"),
        ("time per measurement [s]", f"{solution.seconds / len(solution.status):.4g}"),
        ("iterations", str(len(solution.history))),
    ]
    if solution.agreement is not None:
        rows.append(("restarts that agree, mean", f"{100 * float(solution.agreement.mean()):.0f} %"))
    return rows


def _endings(solution: Solution) -> list[tuple[str, str, str]]:
    """Return a row per status: its words, how many, and the first one's sentence."""
    status = solution.status
    first = [status.index(kind) for kind in dict.fromkeys(status)]
    return [(SHORT[status[i]], str(status.count(status[i])), solution.messages[i]) for i in first]


def _diagnosis(solution: Solution) -> str:
    """Say how many measurements raise each flag, those that none raises included."""
    if solution.diagnosis is None:
        return "<p>Not diagnosed: `sciadv.solve` does it.</p>"
    rows = [(words, str(int(mask.sum()))) for mask, words in solution.diagnosis.flags.values()]
    return html_table(rows, head=("", "measurements"))


def _examples(solution: Solution) -> str:
    words = [""] * len(solution.status) if solution.diagnosis is None else solution.diagnosis.words
    columns = (solution.messages, words, _agreeing_restarts(solution, N_EXAMPLES))
    rows = [(str(i), *row) for i, row in enumerate(zip(*columns, strict=False)) if i < N_EXAMPLES]
    return html_table(rows, head=("", "how well, and why it stopped", "diagnosis", "restarts that agree"))


def _agreeing_restarts(solution: Solution, n: int) -> list[str]:
    """Say per measurement which restarts agree with the best, in the sense of `Solution.agreement`."""
    if solution.restart_objectives is None:
        return ["no restarts"] * min(n, len(solution.status))
    objectives = solution.restart_objectives[:n]
    best = objectives.amin(1, keepdim=True)
    agrees = objectives <= best + 0.5 + 0.01 * best.abs()
    n_restarts = objectives.shape[1]
    return [
        f"{', '.join(str(i + 1) for i in row.nonzero().flatten().tolist())} of {n_restarts}" for row in agrees
    ]


def _origin(facts: dict[str, object]) -> list[tuple[str, str]]:
    names = ["problem", "forward", "likelihood", "latent_weight", "measurements_sha256", "prior"]
    names += ["in_range_recovery", "weights_sha256", "seed", "device", "date"]
    facts_of_run = [(name, facts[name]) for name in names if facts[name] != ""]
    rows = [(name.replace("_", " "), str(fact)) for name, fact in facts_of_run]
    return rows + [(f"{name} version", version) for name, version in versions().items()]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _figure_of(ax: object) -> Figure:
    figure: Figure = ax.figure  # type: ignore[attr-defined]  # an Axes, whose stubs say SubFigure too
    return figure
