"""What a stranger's input, a full disk and an interruption do: every outcome is counted, none may be bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table
from benchmarks.parts import PENDING, Part, measure_parts
from benchmarks.reliability import interruptions, pool
from benchmarks.reliability.bad_input.all_cases import MODULES, all_cases
from benchmarks.reliability.fuzzing import SHARES, targets
from benchmarks.reliability.worker import ACCEPTED, CRASH, HANG, OUTCOMES, SENTENCE, SILENCE, TRACEBACK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Bad outcomes of a case.
_BAD = (TRACEBACK, SILENCE, HANG, CRASH)
_JOBS = ("solve", "train", "correct", "bench")


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    every
        Every so manieth case of bad input.
    n_fuzzed
        Mutated files of each kind, times its share.
    n_moments
        Moments of each kind of interruption for each command.
    n_full
        Full disks of each kind for each command.
    n_threaded
        Solves in each of eight threads.
    n_solves
        Solves of one process.
    jobs
        The commands that are interrupted.
    """

    every: int
    n_fuzzed: int
    n_moments: int
    n_full: int
    n_threaded: int
    n_solves: int
    jobs: tuple[str, ...] = _JOBS


FULL = Plan(1, 10_600, 13, 12, 100, 10_000)
QUICK = Plan(12, 60, 1, 1, 5, 150, ("bench",))


def run(settings: Settings) -> list[Row]:
    """Measure every part, those of earlier runs from the cache, and the rows that sum them up."""
    plan = QUICK if settings.quick else FULL
    rows = measure_parts(list(_parts(plan, settings.seed)), settings)
    return rows + summaries([row for row in rows if not row.get(PENDING)])


def _parts(plan: Plan, seed: int) -> Iterator[Part]:
    """Give the parts: cases, fuzzers, interruptions, full disks, threads, memory."""

    def part(section: str, what: str, measure: Callable[[], Row], *depends: object) -> Part:
        return Part(f"{section}: {what}", {"section": section}, (section, what, seed, *depends), measure)

    for module in MODULES:
        yield part("bad input", module, partial(bad_input, module, plan.every), plan.every)
    for kind in targets():
        n = int(plan.n_fuzzed * SHARES.get(kind, 1.0))
        yield part("fuzzer", kind, partial(fuzzed, kind, n, seed), n)
    for kind in (
        interruptions.KILL,
        interruptions.INTERRUPT,
        interruptions.DISK_SIZE,
        interruptions.DISK_CALL,
    ):
        is_signal = kind in (interruptions.KILL, interruptions.INTERRUPT)
        n = plan.n_moments if is_signal else plan.n_full
        for job in plan.jobs:
            section = "interruption" if is_signal else "full disk"
            yield part(section, f"{job}, {kind}", partial(interrupted, kind, job, n, seed), n)
    yield part("endurance", "threads", partial(endured, "threads", plan.n_threaded), plan.n_threaded)
    yield part("endurance", "memory", partial(endured, "memory", plan.n_solves), plan.n_solves)


def bad_input(module: str, every: int) -> Row:
    """Run every so manieth case of a module; count how they end, and name those that end badly."""
    cases = all_cases()
    chosen = [number for number, case in enumerate(cases) if case.module == module][::every]
    outcomes = pool.run_cases(chosen)
    counts = Counter(outcome.kind for outcome in outcomes)
    bad = [f"{cases[o.case].name}: {o.kind}: {o.words}" for o in outcomes if o.kind in _BAD]
    return {"n": len(chosen), **{kind: counts[kind] for kind in OUTCOMES}, "words": "\n".join(bad)}


def fuzzed(kind: str, n: int, seed: int) -> Row:
    """Read so many mutated files of a kind, in two processes."""
    halves = [(kind, str(n - n // 2), str(2 * seed)), (kind, str(n // 2), str(2 * seed + 1))]
    found = run_modules("fuzzing", [half for half in halves if half[1] != "0"])
    results: list[Row] = [
        json.loads(lines[-1]) if lines else {"n": 0, "escapes": 1, "words": [why]} for lines, why in found
    ]
    words = [word for result in results for word in result["words"]]
    return {
        "n": sum(result["n"] for result in results),
        "escapes": sum(result["escapes"] for result in results),
        "words": "\n".join(words),
    }


def interrupted(kind: str, job: str, n: int, seed: int) -> Row:
    """Interrupt a command at so many moments, in two processes."""
    halves = [(kind, job, str(n - n // 2), str(2 * seed)), (kind, job, str(n // 2), str(2 * seed + 1))]
    if kind == interruptions.DISK_CALL:  # the calls are numbered, not drawn
        halves = halves[:1]
        halves[0] = (kind, job, str(n), str(seed))
    found = run_modules("interruptions", [half for half in halves if half[2] != "0"])
    trials = [json.loads(line) for lines, _ in found for line in lines]
    failed = [why for _, why in found if why]
    bad = [f"{t['moment']:.4g}: {t['lost'] or t['inexact']}" for t in trials if t["lost"] or t["inexact"]]
    return {
        "n": len(trials),
        "lost": sum(bool(trial["lost"]) for trial in trials) + len(failed),
        "inexact": sum(bool(trial["inexact"]) for trial in trials),
        "words": "\n".join([*failed, *bad]),
    }


def endured(what: str, n: int) -> Row:
    """Measure threads or memory in a process of its own."""
    ((lines, why),) = run_modules("endurance", [(what, str(n))])
    if not lines:
        return {"n": 0, "words": why}
    result: Row = json.loads(lines[-1])
    return result


def run_modules(name: str, arguments: Sequence[Sequence[str]]) -> list[tuple[list[str], str]]:
    """Run a module of this package once for each list of arguments, side by side.

    Returns each one's lines, and why it ended badly, if it did.
    """
    code = f"import sys; from benchmarks.reliability.{name} import main; main(*sys.argv[1:])"
    found: dict[int, tuple[list[str], str]] = {}

    def work(number: int) -> None:
        run = subprocess.run(
            [sys.executable, "-c", code, *arguments[number]],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
        )
        why = "" if run.returncode == 0 else f"code {run.returncode}: {run.stderr[-300:]}"
        found[number] = (run.stdout.splitlines(), why)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(arguments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(len(arguments))]


def summaries(rows: Sequence[Row]) -> list[Row]:
    """Add up the rows of each section, and what the thresholds are on."""
    made = []
    for section in dict.fromkeys(row["section"] for row in rows):
        group = [row for row in rows if row["section"] == section]
        if section == "endurance":
            continue
        numbers = {key for row in group for key, value in row.items() if isinstance(value, int)}
        total: Row = {"row": f"{section}: all", "section": "summary"}
        total |= {key: sum(row.get(key, 0) for row in group) for key in sorted(numbers)}
        if section == "bad input":
            total["answered"] = (total[SENTENCE] + total[ACCEPTED]) / max(1, total["n"])
        made.append(total)
    return made


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, a table a section, and what ended badly in words."""
    parts = []
    for section, columns in _COLUMNS.items():
        lines = [
            [row["row"].partition(": ")[2], *(_cell(row.get(column)) for column in columns)]
            for row in rows
            if row["row"].startswith(f"{section}: ")
        ]
        if lines:
            parts.append(markdown_table([section, *columns], lines))
    bad = [f"- {row['row']}: {line}" for row in rows for line in str(row.get("words", "")).splitlines()]
    return "\n\n".join([*parts, *(["\n".join(bad[:200])] if bad else [])])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_COLUMNS = {
    "bad input": ("n", *OUTCOMES),
    "fuzzer": ("n", "escapes"),
    "interruption": ("n", "lost", "inexact"),
    "full disk": ("n", "lost", "inexact"),
    "endurance": ("n", "different", "mebibytes"),
}


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the outcomes of bad input, a bar a module."""
    shown = [row for row in rows if row.get("section") == "bad input" and not row.get(PENDING)][::-1]
    axes = figure.subplots()
    left = [0] * len(shown)
    for outcome in OUTCOMES:
        counts = [row[outcome] for row in shown]
        axes.barh([row["row"] for row in shown], counts, left=left, label=outcome)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    axes.set_xlabel("cases")
    axes.legend()


def _thresholds() -> tuple[Threshold, ...]:
    every, fuzz, stop, disk = ("bad input: all", "fuzzer: all", "interruption: all", "full disk: all")
    return (
        Threshold("bad inputs", "n", every, ">=", 400),
        Threshold(
            "bad inputs answered by a sentence, or accepted as documented", "answered", every, ">=", 1.0
        ),
        Threshold("bad inputs that end in a traceback", TRACEBACK, every, "<=", 0),
        Threshold("bad inputs that hang", HANG, every, "<=", 0),
        Threshold("bad inputs that end the interpreter", CRASH, every, "<=", 0),
        Threshold("mutated files read", "n", fuzz, ">=", 1e5),
        Threshold("escapes from the readers", "escapes", fuzz, "<=", 0),
        Threshold("moments of kill -9 and Ctrl-C", "n", stop, ">=", 100),
        Threshold("interruptions that lose or mix results", "lost", stop, "<=", 0),
        Threshold(
            "interruptions after which the next run differs or finds leftovers", "inexact", stop, "<=", 0
        ),
        Threshold("full disks that lose or mix results", "lost", disk, "<=", 0),
        Threshold("full disks after which the next run differs or finds leftovers", "inexact", disk, "<=", 0),
        Threshold("solves in eight threads", "n", "endurance: threads", ">=", 800),
        Threshold("solves in threads with other bits", "different", "endurance: threads", "<=", 0),
        Threshold("solves of one process", "n", "endurance: memory", ">=", 10_000),
        Threshold("growth of its memory over them [MiB]", "mebibytes", "endurance: memory", "<=", 8.0),
    )


BENCH = Bench(
    title="Bad input, broken files, interruptions, full disks, threads and memory",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=_thresholds(),
)
