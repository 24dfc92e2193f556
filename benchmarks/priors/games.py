"""Every objective, penalty and update on mixtures in the plane: how many of ten runs find all modes.

Ten runs are one stacked game. A table that says which combination does not cover all modes is the purpose;
no row is left out, and none has settings of its own but those that stand in it. Beside it, what a step costs
over a loop written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from benchmarks.contract import (
    Bench,
    Row,
    Settings,
    Threshold,
    cpu_seconds,
    markdown_table,
    one_thread,
)
from benchmarks.parts import PENDING, Part, measure_parts
from benchmarks.priors.overhead import Timed, measure_overhead, overhead_table
from sciadv.games.objectives import OBJECTIVES, Objective
from sciadv.games.penalties import (
    R1,
    R2,
    Consistency,
    Dragan,
    HistoricalAveraging,
    InstanceNoise,
    LabelSmoothing,
    Penalty,
    WassersteinGradientPenalty,
    WeightClipping,
    WeightPenalty,
    ZeroCentred,
    strength_for,
)
from sciadv.games.updates import (
    UPDATES,
    Alternating,
    Consensus,
    SymplecticAdjustment,
    TrustRegion,
    Unrolled,
    Update,
)
from sciadv.trainings import DivergedError
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.trainings.stacked import Mixture, StackedModule, grid, ring, stack_games
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_LATENT, HIDDEN, BATCH, LEARNING_RATE = 2, 128, 96, 1e-3
#: Samples a run that are judged, and features where an objective reads them.
N_JUDGED, N_FEATURES = 2500, 16
MIXTURES: dict[str, Mixture] = {"ring": ring(), "grid": grid()}
#: Samples with a smaller part of the data's spread lie together in one place.
_SPREAD = 0.25
#: R1 and R2 of this strength are the default regulariser of `sciadv.trainings.game.game.Game`.
GAMMA = strength_for(torch.zeros(1, 2))


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    n_runs
        Runs, that is seeds, of each combination.
    n_steps
        Steps by section and mixture; mixtures that are left out are not measured.
    left_out
        Names of combinations that are not measured.
    timed
        Games whose steps are timed beside a loop written by hand.
    """

    n_runs: int
    n_steps: dict[str, dict[str, int]]
    left_out: tuple[str, ...] = ()
    timed: tuple[Timed, ...] = ()


FULL = Plan(
    10,
    {
        "objective": {"ring": 600, "grid": 3000},
        "update": {"ring": 600, "grid": 1500},
        "penalty": {"ring": 600, "grid": 1500},
    },
    timed=(Timed(64), Timed(128, batch=8, n_steps=2)),
)
QUICK = Plan(
    2,
    {"objective": {"ring": 100}, "update": {"ring": 100}, "penalty": {"ring": 100}},
    ("mmd", "jensen-shannon", "past-extragradient", "consensus", "symplectic", "unrolled", "wgan-gp, 5 : 1"),
    (Timed(64, batch=4, channels=4, n_steps=1, n_repeats=3),),
)


@dataclass(frozen=True)
class Cell:
    """One combination: its section of the table, its name there, and its parts."""

    section: str
    name: str
    data: str
    objective: str | Objective = "relativistic"
    penalties: tuple[Penalty | WeightPenalty, ...] = (R1(GAMMA), R2(GAMMA))
    update: str | Update = "alternating"
    options: GameOptions = field(default_factory=GameOptions)

    @property
    def row(self) -> str:
        """Name of the row."""
        return f"{self.section}: {self.name}, {self.data}"


@dataclass(frozen=True)
class Jitter:
    """Move points a little: what keeps a sample of a mixture a sample of it."""

    std: float = 0.02

    def __call__(self, images: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return ``(batch, 2)`` points moved."""
        return images + self.std * torch.randn(images.shape, generator=generator, dtype=images.dtype)


#: Penalties beside the default: objective, penalties, what else belongs to the technique. The 10 of WGAN-GP
#: and DRAGAN is for images; for mixtures in the plane WGAN-GP's authors take 0.1 (their code, gan_toy.py).
PENALTY_CELLS: dict[str, Cell] = {
    name: Cell("penalty", name, "", objective, penalties, update, options)
    for name, objective, penalties, update, options in (
        ("none", "non-saturating", (), "alternating", GameOptions()),
        ("r1", "non-saturating", (R1(GAMMA),), "alternating", GameOptions()),
        ("r2", "non-saturating", (R2(GAMMA),), "alternating", GameOptions()),
        ("r1 + r2", "non-saturating", (R1(GAMMA), R2(GAMMA)), "alternating", GameOptions()),
        ("r1 + r2, every 4", "non-saturating", (R1(GAMMA, 4), R2(GAMMA, 4)), "alternating", GameOptions()),
        ("dragan", "non-saturating", (Dragan(),), "alternating", GameOptions()),
        ("zero-centred", "non-saturating", (ZeroCentred(GAMMA),), "alternating", GameOptions()),
        ("consistency", "non-saturating", (Consistency(Jitter()),), "alternating", GameOptions()),
        ("label smoothing", "non-saturating", (LabelSmoothing(),), "alternating", GameOptions()),
        ("instance noise", "non-saturating", (), "alternating", GameOptions(noise=InstanceNoise(0.3, 400))),
        ("historical averaging", "non-saturating", (HistoricalAveraging(),), "alternating", GameOptions()),
        ("wgan-gp", "wasserstein", (WassersteinGradientPenalty(),), "alternating", GameOptions()),
        ("wgan-gp, 5 : 1", "wasserstein", (WassersteinGradientPenalty(),), Alternating(5), GameOptions()),
        (
            "wgan-gp, lam 0.1, 5 : 1",
            "wasserstein",
            (WassersteinGradientPenalty(0.1),),
            Alternating(5),
            GameOptions(),
        ),
        ("dragan, lam 0.1", "non-saturating", (Dragan(0.1),), "alternating", GameOptions()),
        ("weight clipping", "wasserstein", (), "alternating", GameOptions(clip=WeightClipping(0.1))),
        ("weight clipping, 5 : 1", "wasserstein", (), Alternating(5), GameOptions(clip=WeightClipping(0.1))),
    )
}
#: Updates with settings other than the defaults of their names, for Adam's displacements.
UPDATE_SETTINGS: dict[str, Update] = {
    "consensus": Consensus(0.1),
    "symplectic": SymplecticAdjustment(0.1),
    "trust-region": TrustRegion(1e-2, Alternating(), relative=True),
    "unrolled": Unrolled(k=3, rate=0.1),
}


def plan_cells(plan: Plan) -> list[Cell]:
    """List the combinations, section by section."""
    sections = {
        "objective": [Cell("objective", name, "", objective=name) for name in OBJECTIVES],
        "update": [
            Cell("update", name, "", update=UPDATE_SETTINGS.get(name, name))
            for name in UPDATES
            if name != "one-pass"  # simultaneous, for losses with a gradient reversal layer
        ],
        "penalty": list(PENALTY_CELLS.values()),
    }
    cells = [
        replace(cell, data=data)
        for section, n_steps in plan.n_steps.items()
        for data in n_steps
        for cell in sections[section]
    ]
    return [cell for cell in cells if cell.name not in plan.left_out]


def perceptron(n_in: int, n_out: int, activation: nn.Module) -> nn.Sequential:
    """Build two hidden layers of `HIDDEN` units."""
    return nn.Sequential(
        nn.Linear(n_in, HIDDEN), activation, nn.Linear(HIDDEN, HIDDEN), activation, nn.Linear(HIDDEN, n_out)
    )


def train(cell: Cell, n_runs: int, n_steps: int, seed: int) -> tuple[Tensor, int]:
    """Train the runs of a combination; return their samples ``(runs, n, 2)`` and the steps made.

    The steps end before one in which a run diverges.
    """
    objective = OBJECTIVES[cell.objective]() if isinstance(cell.objective, str) else cell.objective
    n_out = N_FEATURES if objective.reads_features else 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # forked: the only way to seed torch's initialisers
        generators = [perceptron(N_LATENT, 2, nn.ReLU()) for _ in range(n_runs)]
        discriminators = [perceptron(2, n_out, nn.LeakyReLU(0.2)) for _ in range(n_runs)]
    mixture = MIXTURES[cell.data]
    game = stack_games(
        generators,
        discriminators,
        objective=objective,
        penalties=cell.penalties,
        update=cell.update,
        learning_rate=LEARNING_RATE,
        batch=BATCH,
        n_latent=N_LATENT,
        seed=seed,
        options=cell.options,
    )
    try:
        for _ in range(n_steps):
            game.step(mixture)
    except DivergedError:
        pass  # the table says at which step; the averaged generator is that of the step before
    assert isinstance(game.averaged, StackedModule)
    z = torch.randn(n_runs * N_JUDGED, N_LATENT, generator=torch.Generator().manual_seed(seed + 1))
    with torch.no_grad():
        return game.averaged(z).reshape(n_runs, N_JUDGED, 2), game.n_done


def measure(cell: Cell, plan: Plan, seed: int) -> Row:
    """Train a combination on one thread and judge it."""
    n_steps, mixture = plan.n_steps[cell.section][cell.data], MIXTURES[cell.data]
    with one_thread(), cpu_seconds() as seconds:
        samples, n_done = train(cell, plan.n_runs, n_steps, seed)
    coverage, n_modes = mixture.cover(samples), len(mixture.centres)
    data = mixture(N_JUDGED, as_generator(seed))
    row: Row = {
        "n_runs": plan.n_runs,
        "n_steps": n_done,
        "n_full": int((coverage.n_modes == n_modes).sum()),
        "n_modes": n_modes,
        "modes_mean": float(coverage.n_modes.double().mean()),
        "modes_least": int(coverage.n_modes.min()),
        "quality": float(coverage.quality.mean()),
        "spread": float(samples.var(1).sum(1).sqrt().mean() / data.var(0).sum().sqrt()),
        "cpu_seconds": seconds(),
    }
    return row | {"verdict": verdict(row, n_steps)}


def verdict(row: Row, n_steps: int) -> str:
    """Say in words whether all runs cover all modes, and what is missing where they do not."""
    if row["n_steps"] < n_steps:
        return f"diverged at step {row['n_steps'] + 1}"
    if row["n_full"] == row["n_runs"]:
        return "covers"
    missing = f"{row['n_runs'] - row['n_full']} of {row['n_runs']} runs lack modes"
    if row["spread"] < _SPREAD:
        return f"{missing}: together in one place, {row['spread']:.0%} of the data's spread"
    if row["quality"] < 0.2:
        return f"{missing}: between the modes, {row['quality']:.0%} within 3 sigma"
    return f"{missing}: {row['n_modes'] - row['modes_least']} of {row['n_modes']} in the worst"


def run(settings: Settings) -> list[Row]:
    """Measure every combination, those of earlier runs from the cache; a summary row for each section.

    Interrupted, it ends with the rows that are there; the same call goes on from them.
    """
    plan = QUICK if settings.quick else FULL
    parts = [_part(cell, plan, settings) for cell in plan_cells(plan)]
    parts += [_timed_part(timed, settings.seed) for timed in plan.timed]
    rows = measure_parts(parts, settings)
    return rows + summaries(rows)


def _timed_part(timed: Timed, seed: int) -> Part:
    facts = {"section": "overhead"}
    return Part(timed.row, facts, (repr(timed), seed), partial(measure_overhead, timed, seed))


def _part(cell: Cell, plan: Plan, settings: Settings) -> Part:
    parts = [repr(cell.penalties), repr(cell.update), repr(cell.options.noise), repr(cell.options.clip)]
    n_steps = plan.n_steps[cell.section][cell.data]
    constants = [plan.n_runs, n_steps, settings.seed, HIDDEN, BATCH, LEARNING_RATE, GAMMA]
    facts = {"section": cell.section, "name": cell.name, "data": cell.data}
    depends = (cell.row, *parts, *constants)
    return Part(cell.row, facts, depends, partial(measure, cell, plan, settings.seed))


def summaries(rows: Sequence[Row]) -> list[Row]:
    """Count, for each section and mixture, the combinations all of whose runs cover all modes."""
    rows = [row for row in rows if not row.get(PENDING) and row["section"] != "overhead"]
    plural = {"objective": "objectives", "update": "updates", "penalty": "penalties"}
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"{plural[row['section']]}, {row['data']}", []).append(row)
    return [
        {
            "row": name,
            "section": "summary",
            "n_covering": sum(row["verdict"] == "covers" for row in group),
            "n_combinations": len(group),
            "cpu_seconds": math.fsum(row["cpu_seconds"] for row in group),
        }
        for name, group in groups.items()
    ]


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, a table a section."""
    header = ["", "data", "full cover", "modes, mean", "least", "within 3 sigma", "steps", "CPU s", "verdict"]
    parts = []
    for section in ("objective", "update", "penalty"):
        lines = [_line(row) for row in rows if row["section"] == section]
        if lines:
            parts.append(markdown_table([section, *header[1:]], lines))
    counts = [
        f"- {row['row']}: {row['n_covering']} of {row['n_combinations']} combinations cover all modes in "
        f"every run, {row['cpu_seconds']:.0f} CPU s"
        for row in rows
        if row["section"] == "summary"
    ]
    timed = [row for row in rows if row["section"] == "overhead" and not row.get(PENDING)]
    return "\n\n".join([*parts, "\n".join(counts), *([overhead_table(timed)] if timed else [])])


def _line(row: Row) -> list[object]:
    if row.get(PENDING):
        return [row["name"], row["data"], *["-"] * 6, "not measured yet"]
    return [
        row["name"],
        row["data"],
        f"{row['n_full']}/{row['n_runs']}",
        f"{row['modes_mean']:.1f}/{row['n_modes']}",
        row["modes_least"],
        f"{row['quality']:.3f}",
        row["n_steps"],
        f"{row['cpu_seconds']:.1f}",
        row["verdict"],
    ]


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the mean share of modes as bars, a panel a section; full cover in blue."""
    sections = ("objective", "update", "penalty")
    for axes, section in zip(figure.subplots(1, 3), sections, strict=True):
        shown = [row for row in rows if row["section"] == section and not row.get(PENDING)][::-1]
        colours = ["C0" if row["verdict"] == "covers" else "C1" for row in shown]
        labels = [f"{row['name']}, {row['data']}" for row in shown]
        axes.barh(labels, [row["modes_mean"] / row["n_modes"] for row in shown], color=colours)
        axes.set_xlim(0, 1)
        axes.set_title(section)
        axes.set_xlabel("modes found, share")
        axes.tick_params(labelsize=6)


BENCH = Bench(
    title="Every objective, penalty and update on the 8-Gaussian ring and the 25-Gaussian grid",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=tuple(
        Threshold(
            f"a step of Game, in loops by hand, {timed.row.split(': ')[1]}", "ratio", timed.row, "<=", 1.1
        )
        for timed in FULL.timed
    ),
)
