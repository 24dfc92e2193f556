"""Whether the game pays in a solve: a prior by the ELBO alone beside the ELBO and a game, in as much time.

Both have the same networks, data, seed and CPU seconds. Measured are draws of the posterior of held-out
images behind operators that leave much open: the error of their mean, and whether they look like the images.
The trivial rivals are made of the ELBO's prior: a fixed filter that sharpens its draws, a threshold where
images are binary, and draws of what the generator cannot represent, with the covariance of the training
residuals.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.adversary.realism import measured, sharpened
from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table, one_thread
from benchmarks.own.image_sets import pores
from benchmarks.parts import PENDING, Part, measure_parts
from benchmarks.priors.prior_recipes import Elbo, Trained, load_split
from sciadv.files.folders import find_entry
from sciadv.forward import BlockSum, GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.metrics import load_classifier
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import Laplace
from sciadv.solvers.beyond_range.residual_statistics import with_residual
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Pictures:
    """An image set: sizes of its networks, CPU seconds of a training, the prior whose classifier is used.

    That prior is a shipped one, trained with the light game, which is compared where there is one.
    """

    sizes: dict[str, int]
    budget: float
    judge: str | None = None

    @property
    def schedules(self) -> tuple[str, ...]:
        """Names of the schedules that are compared."""
        return ("elbo", "game") if self.judge is None else ("elbo", "game", "light game")


@dataclass(frozen=True)
class Case:
    """A problem: image set, operator (``m 25`` random projections, blocks of 7: ``x 7``), stated metric."""

    pictures: str
    operator: str
    metric: str

    @property
    def name(self) -> str:
        """Words for tables."""
        kind, number = self.operator.split()
        return f"{self.pictures}, " + (f"m = {number}" if kind == "m" else f"super-resolution x {number}")


SETS = {
    "fashion-mnist": Pictures({"channels": 32}, 100.0, "fashion"),
    "mnist": Pictures({"channels": 32}, 100.0, "mnist"),
    "pores": Pictures({"channels": 16}, 100.0),
    "head-ct": Pictures({"channels": 16, "halvings": 3}, 200.0, "ct-head"),
}
#: Their metrics were stated before the bench's seeds were looked at: grey of binary images, else spectrum.
CASES = (
    Case("fashion-mnist", "m 25", "spectrum"),
    Case("fashion-mnist", "x 7", "spectrum"),
    Case("mnist", "m 25", "spectrum"),
    Case("pores", "m 25", "grey"),
    Case("pores", "x 8", "grey"),
    Case("head-ct", "m 50", "spectrum"),
    Case("head-ct", "x 8", "spectrum"),
)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Image sets, seeds, images of each, draws of each image, training images of which the rivals know the
    statistics, and a factor of the trainings' times.
    """

    sets: tuple[str, ...] = tuple(SETS)
    n_seeds: int = 3
    n_images: int = 32
    n_draws: int = 20
    n_known: int = 1200
    share: float = 1.0


FULL, QUICK = Plan(), Plan(("mnist",), 2, 4, 4, 60, 0.01)
#: Noise of the measurements: of projections whose rows have unit variance, and of a block's mean.
_NOISE = {"m": 0.1, "x": 0.02}


def schedules() -> dict[str, PriorSchedule]:
    """Return what is compared; all fields but these are of `PriorSchedule`.

    ``elbo``: no game. ``game``: the last third of the steps are a game, the ELBO kept at weight 0.003.
    ``light game``: an eighth, at the weights of the shipped priors of digits.
    """
    common = PriorSchedule(estimate_steps=0)
    return {
        "elbo": replace(common, game_steps=0),
        "game": replace(common, elbo_steps=8000, game_steps=4000, game_weight=1.0, elbo_weight=0.003),
        "light game": replace(common, elbo_weight=0.03, game_divergence=1.5, smoothness=1e-4),
    }


def train(pictures: Pictures, images: Tensor, schedule: PriorSchedule, budget: float, seed: int) -> Trained:
    """Train a prior in so many CPU seconds."""
    decoder, encoder, discriminator = (
        {"kind": f"conv-{part}", **pictures.sizes} for part in ("decoder", "encoder", "discriminator")
    )
    recipe = Elbo(decoder, encoder, schedule, discriminator if schedule.game_steps else None)
    return recipe.train(images, budget, seed)


def posed(prior: Prior, case: Case, images: Tensor, seed: int) -> Problem:
    """Return the problem of a case on some images ``(n, 1, height, width)``."""
    kind, number = case.operator.split()
    n = int(number)
    if kind == "m":
        forward = GaussianSensing(prior.out_shape, n, seed=seed, scale=n**-0.5)
        likelihood = Gaussian(_NOISE[kind])
    else:
        forward = BlockSum(prior.out_shape, n)  # type: ignore[assignment]  # both are operators
        likelihood = Gaussian(_NOISE[kind] * n**2)
    y = likelihood.sample(forward(images), generator=torch.Generator().manual_seed(seed))
    return Problem(prior, forward, likelihood, y, name=case.name, truth=images)


def images_of(name: str, split: str) -> Tensor:
    """Return the images of a split ``(n, 1, height, width)`` uint8."""
    return torch.from_numpy(pores(split))[:, None] if name == "pores" else load_split(name, split)


def measure(name: str, schedule: str, seed: int, plan: Plan) -> Row:
    """Train one prior and measure its draws, and those of the rivals that are made of it, image by image."""
    pictures = SETS[name]
    images, held_out = images_of(name, "train"), images_of(name, "test")
    judge = None if pictures.judge is None else load_classifier(find_entry("priors", pictures.judge))
    with one_thread():
        trained = train(pictures, images, schedules()[schedule], pictures.budget * plan.share, seed)
        order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(seed))
        truth = held_out[order[: plan.n_images]].float() / 255
        known = images[: plan.n_known].float() / 255
        values = {
            f"{case.name} | {method} | {metric}": numbers.double().tolist()
            for case in CASES
            if case.pictures == name
            for method, draws in _draws(case, schedule, trained.prior, truth, known, seed, plan).items()
            for metric, numbers in measured(draws, truth, judge).items()
        }
    return {"n_steps": trained.n_steps, "cpu_seconds": trained.cpu_seconds, "values": values}


def _draws(  # what a row is made of
    case: Case, schedule: str, prior: Prior, truth: Tensor, images: Tensor, seed: int, plan: Plan
) -> dict[str, Tensor]:
    """Return draws ``(images, draws, 1, height, width)`` of the posterior by each method."""
    sampler = Laplace(n_samples=plan.n_draws)
    found = sampler.solve(posed(prior, case, truth, seed), seed=seed).posterior
    assert found is not None  # what this sampler is for
    if schedule != "elbo":
        return {schedule: found.samples}
    whole = sampler.solve(posed(with_residual(prior, images), case, truth, seed), seed=seed).posterior
    assert whole is not None
    rivals = {
        "elbo": found.samples,
        "elbo, sharpened": sharpened(found.samples, prior.sample(500, seed=seed), images),
        "elbo, residual drawn": whole.samples,
    }
    binary = {"elbo, threshold": (found.samples > 0.5).to(found.samples.dtype)}
    return rivals | (binary if case.metric == "grey" else {})


def run(settings: Settings) -> list[Row]:
    """Return a row for each problem, method and metric: means, and paired differences from the ELBO alone."""
    return compared(measure_parts(parts(settings), settings))


def parts(settings: Settings) -> list[Part]:
    """Return the trainings of a run, seed by seed."""
    plan = QUICK if settings.quick else FULL
    seeds = range(settings.seed, settings.seed + plan.n_seeds)
    return [
        Part(
            f"{name}, {schedule}, seed {seed}",
            {"pictures": name, "schedule": schedule, "seed": seed},
            (name, schedule, seed, repr(SETS[name]), repr(schedules()[schedule]), repr(CASES), asdict(plan)),
            partial(measure, name, schedule, seed, plan),
        )
        for seed, name in itertools.product(seeds, plan.sets)
        for schedule in SETS[name].schedules
    ]


def compared(measurements: Sequence[Row]) -> list[Row]:
    """Return the table's rows of what each training gave, and the summary that the bars are of."""
    done = [row for row in measurements if not row.get(PENDING)]
    pending = [row | {"row": row["row"]} for row in measurements if row.get(PENDING)]
    by_seed: dict[str, dict[int, list[float]]] = {}
    for row in done:
        for key, numbers in row["values"].items():
            by_seed.setdefault(key, {})[row["seed"]] = numbers
    rows = []
    for key, seeds in by_seed.items():
        case, method, metric = key.split(" | ")
        base = by_seed.get(f"{case} | elbo | {metric}", {})
        rows.append(_row(case, method, metric, seeds, base))
    return [*rows, *pending, _summary(rows)]


def _row(
    case: str, method: str, metric: str, seeds: dict[int, list[float]], base: dict[int, list[float]]
) -> Row:
    """Return the mean of a metric, and the paired difference from the ELBO with its `standard_error`."""
    shared = [seed for seed in seeds if seed in base]
    differences = [[a - b for a, b in zip(seeds[s], base[s], strict=True)] for s in shared]
    row: Row = {
        "row": f"{case} | {method} | {metric}",
        "case": case,
        "method": method,
        "metric": metric,
        "mean": fmean(fmean(one) for one in seeds.values()),
        "n_seeds": len(seeds),
    }
    if method == "elbo" or not differences:
        return row
    flat = list(itertools.chain(*differences))
    error = max(standard_error(differences), 1e-12)
    return row | {"difference": fmean(flat), "standard_error": error, "in_errors": fmean(flat) / error}


def standard_error(differences: Sequence[Sequence[float]]) -> float:
    """Return the standard error of the mean of paired differences, a list a training; 0 of a single one.

    It counts each training's own mean as one where the trainings scatter more than the images.
    """
    parts = list(itertools.chain(*differences)), [fmean(one) for one in differences]
    return max((stdev(part) / sqrt(len(part)) for part in parts if len(part) > 1), default=0.0)


def _summary(rows: Sequence[Row]) -> Row:
    """Return in how many problems the game is better, and where it costs error."""
    known = {row["row"]: row for row in rows}
    stated = {case.name: known.get(f"{case.name} | game | {case.metric}", {}) for case in CASES}

    def n_worse(method: str) -> int:
        rows = (known.get(f"{case.name} | {method} | error", {}) for case in CASES)
        return sum(row.get("in_errors", 0.0) > 1 for row in rows)

    return {
        "row": "all problems",
        "n_better": sum(row.get("in_errors", 0.0) < -2 for row in stated.values()),
        "n_worse_in_error": n_worse("game"),
        "n_shipped_worse_in_error": n_worse("light game"),
        "n_above_all_rivals": sum(_beats_rivals(case, known) for case in CASES),
    }


def _beats_rivals(case: Case, known: dict[str, Row]) -> bool:
    """Whether the game's stated metric is below that of every rival."""
    rows = [row for row in known.values() if row["case"] == case.name and row["metric"] == case.metric]
    ours = [row["mean"] for row in rows if row["method"] == "game"]
    others = [row["mean"] for row in rows if row["method"].startswith("elbo")]
    return bool(ours) and bool(others) and ours[0] < min(others)


def table(rows: list[Row]) -> str:
    """Write each problem's means by method, with the difference from the ELBO in standard errors."""
    known = {row["row"]: row for row in rows}
    lines = []
    for case in CASES:
        methods = dict.fromkeys(r["method"] for r in known.values() if r.get("case") == case.name)
        for method in methods:
            names = ("error", "energy", "spectrum", "grey", "class")
            cells = [
                _cell(known.get(f"{case.name} | {method} | {name}"), is_stated=name == case.metric)
                for name in names
            ]
            lines.append([case.name, method, *cells])
    head = ["problem", "draws of", "squared error", "energy score", "spectrum", "grey", "other class"]
    summary = known.get("all problems", {})
    words = (
        f"The game is better than the ELBO alone by more than two standard errors in the stated metric (in "
        f"bold) in {summary.get('n_better')} of {len(CASES)} problems, lowest of all rows in it in "
        f"{summary.get('n_above_all_rivals')}, and worse by more than one in the squared error in "
        f"{summary.get('n_worse_in_error')}. The light game of the shipped priors is worse in it in "
        f"{summary.get('n_shipped_worse_in_error')}."
    )
    return f"{markdown_table(head, lines)}\n\n{words}"


def _cell(row: Row | None, *, is_stated: bool) -> str:
    if row is None:
        return "-"
    number = f"{row['mean']:.4f}" if row["metric"] == "error" else f"{row['mean']:.3f}"
    number = f"**{number}**" if is_stated else number
    return f"{number} ({row['in_errors']:+.1f})" if "in_errors" in row else number


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the game's differences from the ELBO alone in standard errors: the stated metric and the error."""
    axes = figure.subplots()
    known = {row["row"]: row for row in rows}
    places = range(len(CASES))

    def height(case: Case, metric: str) -> float:
        return float(known.get(f"{case.name} | game | {metric}", {}).get("in_errors", 0.0))

    for shift, metric, label in ((-0.2, "", "stated metric"), (0.2, "error", "squared error of the mean")):
        heights = [height(case, metric or case.metric) for case in CASES]
        axes.barh([place + shift for place in places], heights, 0.4, label=label)
    for bound in (-2, 1):
        axes.axvline(bound, color="0.5", linestyle=":")
    axes.axvline(0, color="0.2", linewidth=0.8)
    axes.set_yticks(list(places), [f"{case.name} ({case.metric})" for case in CASES])
    axes.invert_yaxis()
    axes.set_xlabel("game + ELBO minus ELBO alone [standard errors]; negative: the game is better")
    axes.legend(frameon=False)


BENCH = Bench(
    "what the game adds to the ELBO in a solve, at equal CPU time: error of the mean and realism of draws",
    None,
    run,
    draw,
    table,
    thresholds=(
        Threshold("problems where the game wins by > 2 s.e.", "n_better", "all problems", ">=", 4),
        Threshold(
            "problems where the shipped schedule costs error by > 1 s.e.",
            "n_shipped_worse_in_error",
            "all problems",
            "<=",
            0,
        ),
    ),
)
