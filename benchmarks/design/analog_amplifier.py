"""Operational amplifiers: the circuits' solver beside ngspice, and the search beside simpler ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contract import Bench, Row, Settings, markdown_table
from benchmarks.design import analog_merit, analog_response, analog_specs
from sciadv.domains.analog_circuits.open_circuit_benchmark import has_benchmark
from sciadv.errors import InputError, MissingPackageError
from sciadv.forward.circuits import ngspice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "analog-amplifier"


def run(settings: Settings) -> list[Row]:
    """Measure with three seeds (quick: one, fewer circuits and targets).

    Raises
    ------
    MissingPackageError
        ngspice is not installed.
    InputError
        The benchmark's circuits are not there.
    """
    if not ngspice.is_installed():
        raise MissingPackageError("this bench compares with the program ngspice; apt-get install ngspice")
    if not has_benchmark():
        raise InputError("this bench takes circuits/ocb_regenerated under SCIADV_DATA, which is not there")
    seeds = [settings.seed + i for i in range(1 if settings.quick else 3)]
    settings.report("responses of random circuits, beside ngspice")
    rows = _responses(seeds, 40 if settings.quick else 200)
    settings.report("targets of held-out topologies")
    tasks = [analog_specs.make_task(seed, 20 if settings.quick else 100) for seed in seeds]
    for name in analog_specs.METHODS:
        settings.report(f"targets by: {name}")
        rows.append(analog_specs.spec_row(name, tasks))
    for name in analog_merit.METHODS:
        settings.report(f"figure of merit by: {name}")
        rows.append(analog_merit.merit_row(name, seeds[:1] if settings.quick else seeds))
    settings.report("netlists reloaded in ngspice")
    rows.append(analog_merit.reload_row(seeds))
    return rows


def _responses(seeds: list[int], n: int) -> list[Row]:
    """Return a row a seed, and the worst of them."""
    rows = [analog_response.response_row(n, seed) for seed in seeds]
    worst = {"row": "ours, responses", "is_ours": True, "n_circuits": sum(row["n_circuits"] for row in rows)}
    errors = [key for key in rows[0] if "error" in key]
    worst |= {key: max(row[key] for row in rows) for key in errors}
    speeds = [key for key in rows[0] if "per_second" in key or key.startswith("times") or key.endswith("ms")]
    return [worst | {key: min(row[key] for row in rows) for key in speeds}, *rows]


def table(rows: list[Row]) -> str:
    """Write the rows as three tables of Markdown."""
    responses = [
        [
            row["row"],
            row["n_circuits"],
            f"{row['largest_relative_error']:.1e}",
            f"{row['circuits_per_second']:.0f}",
            f"{row['ngspice_per_second']:.0f}",
            f"{row['ngspice_one_process_per_second']:.0f}",
            f"{row['times_ngspice']:.0f}",
            f"{row['times_ngspice_one_process']:.1f}",
            f"{row['circuits_per_second_in_large_batch']:.0f}",
        ]
        for row in rows
        if "circuits_per_second" in row
    ]
    specs = [
        [
            row["row"],
            row["n_targets"],
            f"{row['within_tolerance']:.1%}",
            f"{row['same_bin']:.1%}",
            f"{row['met']:.1%}",
            f"{row['cpu_ms_per_target']:.1f}",
        ]
        for row in rows
        if "met" in row
    ]
    merit = [
        [
            row["row"],
            f"{row['best']:.1f} to {row['best_of_seeds']:.1f}",
            f"{row['best_stable']:.1f}",
            f"{row['cpu_seconds']:.1f}",
        ]
        for row in rows
        if "best_stable" in row
    ]
    (again,) = [row for row in rows if "confirmed" in row]
    heads = (
        [
            "responses",
            "circuits",
            "largest error",
            "circuits/s",
            "ngspice/s",
            "ngspice, one process/s",
            "times",
            "times one process",
            "circuits/s, ten times as many",
        ],
        ["targets by", "targets", "within tolerance", "same bin", "both, worst seed", "CPU ms a target"],
        ["figure of merit by", "best (seeds)", "best that keeps the limit, worst seed", "CPU s"],
    )
    tables = [
        markdown_table(head, lines) for head, lines in zip(heads, (responses, specs, merit), strict=True)
    ]
    tables.append(
        f"{again['n_good']} of {again['n_designs']} designs do what was asked; reloaded in ngspice, "
        f"{again['confirmed']:.0%} of these do; the largest relative deviation of a figure is "
        f"{again['largest_relative_deviation']:.1e}."
    )
    return "\n\n".join(tables)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw shares of targets and figures of merit, a bar a method."""
    left, right = figure.subplots(1, 2)
    for panel, key, words in (
        (left, "met", "targets met, by tolerance and by bin (worst seed)"),
        (right, "best", "best figure of merit (worst seed)"),
    ):
        shown = [row for row in rows if key in row][::-1]
        colours = ["C1" if row["is_ours"] else "C0" for row in shown]
        names = [row["row"].replace(", diff", ",\ndiff").replace(" of the n", "\nof the n") for row in shown]
        bars = panel.barh(names, [row[key] for row in shown], color=colours)
        panel.bar_label(bars, fmt="%.2f" if key == "met" else "%.0f", padding=3)
        panel.set_xlabel(words, fontsize=8)
        panel.tick_params(labelsize=7)
        panel.margins(x=0.2)


BENCH = Bench(
    title="Operational amplifiers: responses beside ngspice, targets and figures of merit beside others",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
