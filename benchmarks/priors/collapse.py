"""Mode collapse: how often a test of samples sees it, and how often it fires where nothing is wrong.

Beside it what is usual: the Frechet distance above three times its floor, the same with a threshold from the
same splits of real data, and the spread of pixels, which was the alarm here before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.contract import (
    PENDING,
    Bench,
    Row,
    Settings,
    Threshold,
    cpu_seconds,
    markdown_table,
    one_thread,
)
from benchmarks.parts import Part, measure_parts
from benchmarks.priors.collapse_kinds import DATA, KINDS, NEAR_MISSES, TUNED_ON, Labelled, Making
from sciadv.games.diagnostics import mode_collapse
from sciadv.metrics import CollapseTest, frechet_distance
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Detectors: ours, and the usual ones.
DETECTORS = ("ours", "Frechet, splits", "Frechet, 3 x floor", "spread")


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    sizes
        Fakes, real samples, and seeds of each.
    n_null
        Sets of real samples in the place of fakes, each seed.
    data
        Which data.
    """

    sizes: tuple[tuple[int, int, int], ...]
    n_null: int
    data: tuple[str, ...] = tuple(DATA)


FULL = Plan(((250, 1500, 3), (1000, 4000, 1)), 6)
QUICK = Plan(((250, 1500, 1),), 4, ("ring", "vectors"))


def detectors(
    real: Tensor, n_fake: int, seed: int, *, n_splits: int = 50
) -> dict[str, Callable[[Tensor], bool]]:
    """Return each detector as a function of fakes: whether it fires."""
    test = CollapseTest(real, n_fake=n_fake, seed=seed)
    features = test.known.features
    pairs = [
        (features[s[: test.n_real]], features[s[test.n_real :][:n_fake]]) for s in test.splits[:n_splits]
    ]
    floors = sorted(frechet_distance(a, b) for a, b in pairs)
    limit = floors[-2]  # as seldom as the level of ours

    def frechet(fake: Tensor) -> float:
        return frechet_distance(pairs[0][0], test.features(fake))

    return {
        "ours": lambda fake: test(fake).fired,
        "Frechet, splits": lambda fake: frechet(fake) > limit,
        "Frechet, 3 x floor": lambda fake: frechet(fake) > 3 * floors[len(floors) // 2],
        "spread": lambda fake: mode_collapse(fake, real[:n_fake]).fired,
    }


def measure(name: str, size: tuple[int, int, int], n_null: int, seed: int) -> Row:
    """Count the alarms of every detector over all kinds, on one kind of data, for one number of samples."""
    n_fake, n_real, n_seeds = size
    data = DATA[name]()
    counts: dict[str, int] = {}
    with one_thread(), cpu_seconds() as seconds:
        for k in range(n_seeds):
            draws = as_generator(1000 * seed + k)
            order = torch.randperm(len(data.samples), generator=draws)
            fresh = data.take(order[n_real : n_real + max(4000, 4 * n_fake)])
            _count(counts, fresh, data.samples[order[:n_real]], n_fake, n_null, draws)
    rates = {key: n / n_seeds / (n_null if key.startswith("null") else 1) for key, n in counts.items()}
    return {**rates, "n_seeds": n_seeds, "n_null": n_null * n_seeds, "cpu_seconds": seconds()}


def _count(  # what is compared, with what
    counts: dict[str, int], fresh: Labelled, real: Tensor, n_fake: int, n_null: int, draws: torch.Generator
) -> None:
    """Add the alarms of one set of real samples."""
    found = detectors(real, n_fake, int(torch.randint(0, 2**31, (1,), generator=draws)))
    making = Making(fresh, real, n_fake, draws)
    kinds = {**KINDS, **NEAR_MISSES, **{f"null {i}": Making.real for i in range(n_null)}}
    for kind, make in kinds.items():
        fake = make(making)
        for detector, fires in found.items():
            key = f"{kind.split(' ')[0] if kind.startswith('null') else kind}: {detector}"
            counts[key] = counts.get(key, 0) + int(fires(fake))


def run(settings: Settings) -> list[Row]:
    """Measure all data and sizes, those of earlier runs from the cache; then the summaries."""
    plan = QUICK if settings.quick else FULL
    parts = []
    for name in plan.data:
        for size in plan.sizes:
            row = f"{name}, {size[0]} of {size[1]}"
            facts = {"data": name, "n_fake": size[0], "n_real": size[1]}
            depends = (row, *size, plan.n_null, settings.seed)
            parts.append(Part(row, facts, depends, partial(measure, name, size, plan.n_null, settings.seed)))
    rows = measure_parts(parts, settings)
    return rows + summaries(rows)


def summaries(rows: Sequence[Row]) -> list[Row]:
    """Average over data and sizes: all, those that nothing was tuned on, and each detector."""
    done = [row for row in rows if not row.get(PENDING)]
    held_out = [row for row in done if row["data"] not in TUNED_ON]
    named = {f"all data: {name}": (done, name) for name in DETECTORS}
    named |= {f"held-out data: {name}": (held_out, name) for name in DETECTORS}
    return [_summary(title, part, name) for title, (part, name) in named.items() if part]


def _summary(title: str, rows: Sequence[Row], detector: str) -> Row:
    def rate(kind: str, weight: str) -> float:
        total = sum(float(row[weight]) for row in rows)
        return sum(float(row[f"{kind}: {detector}"] * row[weight]) for row in rows) / total

    rates = {kind: rate(kind, "n_seeds") for kind in KINDS}
    least = min(rates, key=lambda kind: rates[kind])
    return {
        "row": title,
        "section": "summary",
        "detection": sum(rates.values()) / len(rates),
        "least_detection": rates[least],
        "least_detected": least,
        "false_alarms": rate("null", "n_null"),
        "n_null": sum(row["n_null"] for row in rows),
        "n_fakes": sum(row["n_seeds"] for row in rows) * len(KINDS),
    }


def table(rows: list[Row]) -> str:
    """Write detection by detector, then by kind and data."""
    done = [row for row in rows if not row.get(PENDING)]
    header = ["", "detected", "least detected kind", "false alarms", "sets with a fault", "without"]
    lines = [
        [
            row["row"],
            f"{row['detection']:.3f}",
            f"{row['least_detected']} ({row['least_detection']:.2f})",
            f"{row['false_alarms']:.3f}",
            row["n_fakes"],
            row["n_null"],
        ]
        for row in done
        if row.get("section") == "summary"
    ]
    parts = [row for row in done if row.get("section") != "summary"]
    by_kind = [
        [kind, *(f"{row[f'{kind}: ours']:.2f}" for row in parts)] for kind in (*KINDS, *NEAR_MISSES, "null")
    ]
    return "\n\n".join(
        [
            markdown_table(header, lines),
            markdown_table(["share of alarms", *(r["row"] for r in parts)], by_kind),
        ]
    )


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw detection against false alarms."""
    axes = figure.subplots()
    for row in rows:
        if row.get("section") == "summary" and row["row"].startswith("held-out"):
            axes.plot(row["false_alarms"], row["detection"], "o", label=row["row"].split(": ")[1])
    axes.axvline(0.05, color="0.7")
    axes.axhline(0.95, color="0.7")
    axes.set_xlabel("false alarms")
    axes.set_ylabel("detected, mean over kinds")
    axes.legend()


_OURS = "held-out data: ours"
BENCH = Bench(
    title="Eleven kinds of mode collapse on five kinds of data: detected, and false alarms",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=(
        Threshold("detection over the kinds, data that nothing was tuned on", "detection", _OURS, ">=", 0.95),
        Threshold("false alarms, data that nothing was tuned on", "false_alarms", _OURS, "<=", 0.05),
        Threshold("detection over the kinds, all data", "detection", "all data: ours", ">=", 0.95),
        Threshold("false alarms, all data", "false_alarms", "all data: ours", "<=", 0.05),
    ),
)
