"""Crosshole radar of channels in an aquifer: from single random starts to the posterior, beside DREAM(ZS).

The published case: Laloy, Linde, Ruffino, Herault, Gasso, Jacques, Gradient-based deterministic inversion of
geophysical data with generative adversarial networks: is it feasible? Computers & Geosciences 133 (2019)
104333. There 10,000 Adam steps reach the noise level in 13 % of the trials, Gauss-Newton in none, and a
global Markov chain always, at tens of thousands of forward runs. A run succeeds when the RMSE of its travel
times is at most 1.05 ns, with noise of 1 ns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from benchmarks.parts import Part, measure_parts
from benchmarks.scans.peer_dream import run_dream
from sciadv.catalogue import load_problem
from sciadv.data.datasets import is_available, load_images
from sciadv.data.media import cut_patches, has_medium, read_medium
from sciadv.likelihood import Gaussian
from sciadv.metrics import calibration, calibration_error
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import Annealing, Auto, BinaryCells, Laplace, LevenbergMarquardt
from sciadv.types import as_generator
from sciadv.verbs.solve import solve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "gpr-crosshole"
#: RMSE of the travel times that counts as the noise level [ns].
NOISE_LEVEL = 1.05
#: A training image of which the prior knows nothing.
OTHER_GEOLOGY = "braided-river"
ONE_START = "annealing, one random start"
PEER = "dream-zs, case 1"
PLAIN_START = "levenberg-marquardt, one random start"


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    n_draws
        Models drawn from the prior, a single random start and a run of auto for each.
    n_starts
        Single random starts on case 1.
    n_seeds
        Runs of auto on case 1.
    n_posterior
        Models drawn from the prior whose posterior is sampled.
    n_crops
        Held-out crops of the training image, models that the generator has not made.
    n_generations
        Of DREAM(ZS), at most.
    """

    n_draws: int = 100
    n_starts: int = 100
    n_seeds: int = 10
    n_posterior: int = 40
    n_crops: int = 24
    n_generations: int = 6000


FULL = Plan()
QUICK = Plan(8, 8, 1, 4, 2, 100)
#: Draws of a model's facies.
N_DRAWS = 100
#: First test crop of the training image that the bench uses; solvers were developed on those before it.
FIRST_CROP = 500


def rmse(problem: Problem, x: Tensor) -> Tensor:
    """Return the RMSE of the travel times of candidates [ns], ``(batch,)``."""
    with torch.no_grad():
        residual: Tensor = problem.forward(x) - problem.measurements
    return residual.square().mean(1).sqrt()


def draw_models(case: Problem, n: int, *, seed: int) -> Problem:
    """Return the problem of `n` models of latents of N(0, I), with their travel times and noise."""
    generator = as_generator(seed)
    with torch.no_grad():
        truth = case.prior(case.prior.sample_latent(n, seed=generator))
    return measured(case, truth, generator)


def sampled_models(case: Problem, n: int, *, seed: int) -> Problem:
    """Return the same of models that the prior samples: those of latents where those of images lie."""
    generator = as_generator(seed)
    return measured(case, case.prior.sample(n, seed=generator), generator)


def held_out_models(case: Problem, n: int, *, seed: int) -> Problem:
    """Return the problem of `n` crops of the part of the training image that no prior was trained on."""
    crops = load_images("channels", "test").grey(slice(FIRST_CROP, FIRST_CROP + n))
    return measured(case, crops.to(case.prior.dtype), as_generator(seed))


def other_geology(case: Problem, n: int, *, seed: int) -> Problem:
    """Return the problem of `n` crops of a braided river, which is no geology of the prior's."""
    _, height, width = case.forward.in_shape
    crops = cut_patches(read_medium(OTHER_GEOLOGY, "train"), (height, width), n, seed=seed)
    truth = torch.from_numpy(crops)[:, None].to(case.prior.dtype) / 255
    return measured(case, truth, as_generator(seed))


def measured(case: Problem, truth: Tensor, generator: torch.Generator) -> Problem:
    """Return the problem of models ``(n, 1, height, width)``, with their travel times and noise."""
    with torch.no_grad():
        y = case.likelihood.sample(case.forward(truth), generator=generator)
    return replace(case, measurements=y, truth=truth)


def repeated(case: Problem, n: int) -> Problem:
    """Return the problem with its one measurement `n` times."""
    return case.subset([0] * n)


def boundary_cells(facies: Tensor) -> Tensor:
    """Return the mask of cells with a neighbour above, below, left or right of the other facies.

    Examples
    --------
    >>> boundary_cells(torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])).int()
    tensor([[[[0, 1, 1, 0]]]], dtype=torch.int32)
    """
    is_facies = facies > 0.5
    edge = torch.zeros_like(is_facies)
    for axis in (2, 3):
        n = facies.shape[axis]
        differs = is_facies.narrow(axis, 1, n - 1) != is_facies.narrow(axis, 0, n - 1)
        edge.narrow(axis, 1, n - 1).logical_or_(differs)
        edge.narrow(axis, 0, n - 1).logical_or_(differs)
    return edge


def single_starts(name: str, problem: Problem, *, seed: int) -> tuple[Solution, int]:
    """Search from one start each, drawn from the prior; also give the gradients that were taken, in all."""
    starts = problem.prior.sample_latent(problem.n_problems, seed=seed)[:, None]
    alive: list[int] = []
    plain = LevenbergMarquardt(restarts=1, n_iterations=200, starts=starts, halve_at=())
    solver = plain if name.startswith(PLAIN_START) else Annealing(starts=starts)
    return solver.solve(problem, monitor=lambda progress: alive.append(progress.n_alive)), sum(alive)


def start_row(name: str, problem: Problem, *, seed: int) -> Row:
    """Measure single random starts."""
    with one_thread(), cpu_seconds() as seconds:
        solution, n_gradients = single_starts(name, problem, seed=seed)
    errors, n = rmse(problem, solution.x), problem.n_problems
    return {
        "n_runs": n,
        "success": float((errors <= NOISE_LEVEL).double().mean()),
        "rmse_median": float(errors.median()),
        "gradients_per_run": n_gradients / n,
        "cpu_seconds_per_run": seconds() / n,
    }


def auto_row(problem: Problem, *, seed: int) -> Row:
    """Measure `auto` on many models, one run each."""
    alive: list[int] = []
    with one_thread(), cpu_seconds() as seconds:
        solution = Auto().solve(problem, seed=seed, monitor=lambda progress: alive.append(progress.n_alive))
    return {
        **scores(problem, solution.x),
        "gradients_per_run": sum(alive) / problem.n_problems,
        "law_loosened_for": solution.settings.get("law_loosened_for", 0),
        "cpu_seconds_per_run": seconds() / problem.n_problems,
    }


def seeds_row(problem: Problem, *, seed: int, within: float = 0.02) -> Row:
    """Measure `auto` with two seeds: whether each explains the data, about as accurately as the better one.

    Where it does not, the solution should say that there are other answers, or that the data are not
    explained: `said`.
    """
    assert problem.truth is not None
    with one_thread(), cpu_seconds() as seconds:
        found = [solve(problem, "auto", seed=seed + i) for i in range(2)]
    accuracy = torch.stack([_accuracies(s.x, problem.truth) for s in found])
    explained = torch.stack([rmse(problem, s.x) <= NOISE_LEVEL for s in found])
    is_good = explained & (accuracy >= accuracy.amax(0) - within)
    says_so = torch.stack([_says_so(s) for s in found])
    return {
        **scores(problem.subset([*range(problem.n_problems)] * 2), torch.cat([s.x for s in found])),
        "good": float(is_good.double().mean()),
        "good_or_said": float((is_good | says_so).double().mean()),
        "cpu_seconds_per_run": seconds() / (2 * problem.n_problems),
    }


def _says_so(solution: Solution) -> Tensor:
    """Return whether a solution says that other answers are as good, or that the data are unexplained."""
    diagnosis = solution.diagnosis
    assert diagnosis is not None
    assert diagnosis.is_explained is not None
    others = diagnosis.is_multimodal
    return ~diagnosis.is_explained | (torch.zeros_like(diagnosis.is_explained) if others is None else others)


def binary_row(problem: Problem, *, seed: int) -> Row:
    """Measure `binary-cells` on many models, one run each."""
    with one_thread(), cpu_seconds() as seconds:
        x = BinaryCells().solve(problem, seed=seed).x
    return {**scores(problem, x), "cpu_seconds_per_run": seconds() / problem.n_problems}


def scores(problem: Problem, x: Tensor) -> Row:
    """Return what every row of many models has."""
    assert problem.truth is not None
    errors, accuracy = rmse(problem, x), _accuracies(x, problem.truth)
    return {
        "n_runs": len(x),
        "success": float((errors <= NOISE_LEVEL).double().mean()),
        "rmse_median": float(errors.median()),
        "rmse_max": float(errors.max()),
        "accuracy_mean": float(accuracy.mean()),
        "accuracy_min": float(accuracy.min()),
    }


def case_row(case: Problem, plan: Plan, *, seed: int) -> Row:
    """Measure `auto` and the binary model on case 1, one run per seed."""
    assert case.truth is not None
    alive: list[int] = []
    with one_thread(), cpu_seconds() as seconds:
        found = [
            Auto().solve(case, seed=seed + i, monitor=lambda progress: alive.append(progress.n_alive))
            for i in range(plan.n_seeds)
        ]
    with one_thread(), cpu_seconds() as more_seconds:
        binary = [BinaryCells().turn(case, solution) for solution in found]
    errors = torch.cat([rmse(case, solution.x) for solution in found])
    accuracy = [_accuracy(solution.x, case.truth) for solution in found]
    return {
        "n_runs": plan.n_seeds,
        "success": float((errors <= NOISE_LEVEL).double().mean()),
        "rmse_median": float(errors.median()),
        "rmse_max": float(errors.max()),
        "accuracy_min": min(accuracy),
        "accuracy_mean": sum(accuracy) / len(accuracy),
        "gradients_per_run": sum(alive) / plan.n_seeds,
        "law_loosened_for": sum(int(bool(s.settings.get("law_loosened_for"))) for s in found),
        "rounded_rmse_max": max(float(rmse(case, (s.x > 0.5).to(s.x))) for s in found),
        "binary_rmse_max": max(float(rmse(case, s.x)) for s in binary),
        "binary_accuracy_min": min(_accuracy(s.x, case.truth) for s in binary),
        "cpu_seconds_per_run": seconds() / plan.n_seeds,
        "binary_cpu_seconds_per_run": more_seconds() / plan.n_seeds,
    }


def _accuracy(x: Tensor, truth: Tensor) -> float:
    return float(_accuracies(x, truth).mean())


def _accuracies(x: Tensor, truth: Tensor) -> Tensor:
    """Return the share of cells of the right facies ``(batch,)``."""
    return ((x > 0.5) == (truth > 0.5)).double().flatten(1).mean(1)


def posterior_row(problem: Problem, *, seed: int) -> Row:
    """Measure how often the 90 % intervals of cells at the facies' boundaries hold models of the prior."""
    assert problem.truth is not None
    in_range = replace(problem, prior=replace(problem.prior, residual=None))  # as the truth is
    with one_thread(), cpu_seconds() as seconds:
        posterior = Laplace(restarts=3).solve(in_range, seed=seed).posterior
    assert posterior is not None
    found = calibration(posterior.samples, problem.truth, mask=boundary_cells(problem.truth))
    return {
        "n_runs": problem.n_problems,
        "coverage": found.coverage,
        "coverage_gap": abs(found.coverage - found.level),
        "variance_ratio": found.variance_ratio,
        "n_boundary_cells": found.n_values,
        "cpu_seconds_per_run": seconds() / problem.n_problems,
    }


def facies_row(problem: Problem, *, seed: int) -> Row:
    """Measure how often 90 % sets of facies hold the truth, at its boundaries and everywhere.

    The set of a cell is the equal-tailed 90 % interval of its facies over the draws: one facies, or both
    where each has at least 5 % of the draws. What the sets say is the share of the draws in them.
    """
    assert problem.truth is not None
    with one_thread(), cpu_seconds() as seconds:
        posterior = Laplace(n_samples=N_DRAWS).solve(problem, seed=seed).posterior
    assert posterior is not None
    said, holds, is_open = facies_sets(posterior.samples, problem.truth)
    edge = boundary_cells(problem.truth)
    return {
        "n_runs": problem.n_problems,
        "coverage": float(holds[edge].double().mean()),
        "coverage_said": float(said[edge].mean()),
        "coverage_gap": abs(float(holds[edge].double().mean() - said[edge].mean())),
        "coverage_everywhere": float(holds.double().mean()),
        "predictive_chi_square": predictive_chi_square(problem, posterior.samples),
        "calibration_error": calibration_error(
            (posterior.samples > 0.5).double().mean(1).flatten(), (problem.truth > 0.5).flatten()
        ),
        "open_everywhere": float(is_open.double().mean()),
        "n_boundary_cells": int(edge.sum()),
        "cpu_seconds_per_run": seconds() / problem.n_problems,
    }


def predictive_chi_square(problem: Problem, samples: Tensor) -> float:
    """Return the mean square of the data less draws ``(batch, n, *in_shape)`` [noise]; 1 where right."""
    assert isinstance(problem.likelihood, Gaussian)
    assert problem.likelihood.sigma is not None
    with torch.no_grad():
        predicted = problem.forward(samples.flatten(0, 1).to(problem.prior.dtype))
    left = predicted.reshape(*samples.shape[:2], -1) - problem.measurements[:, None]
    return float((left / problem.likelihood.sigma).square().mean())


def facies_sets(samples: Tensor, truth: Tensor, level: float = 0.9) -> tuple[Tensor, Tensor, Tensor]:
    """Return the draws' share in each cell's set of facies, whether it holds the truth, and if it has both.

    Examples
    --------
    >>> draws = torch.tensor([0.1, 0.2, 0.7, 0.1]).expand(1, 1, 4).transpose(1, 2).expand(1, 4, 2)
    >>> [t.tolist() for t in facies_sets(draws, torch.tensor([[0.0, 1.0]]))]
    [[[1.0, 1.0]], [[True, True]], [[True, True]]]
    """
    share, tail = (samples > 0.5).double().mean(1), (1 - level) / 2
    is_open = (share >= tail) & (share <= 1 - tail)
    said = torch.where(is_open, 1.0, torch.maximum(share, 1 - share))
    return said, is_open | ((share > 0.5) == (truth > 0.5)), is_open


def dream_row(case: Problem, plan: Plan, *, seed: int) -> Row:
    """Run DREAM(ZS) on case 1 until half of its chains are at the noise level, or to the end."""
    n_runs, best = 0, float("inf")
    with one_thread(), cpu_seconds() as seconds:
        for state in run_dream(case, n_generations=plan.n_generations, seed=seed):
            n_runs, best = state.n_runs, min(best, float(state.misfit.min()))
            if float(state.misfit.median()) <= NOISE_LEVEL:
                break
    return {
        "n_runs": 1,
        "success": float(float(state.misfit.median()) <= NOISE_LEVEL),
        "rmse_median": float(state.misfit.median()),
        "rmse_best": best,
        "forward_runs": n_runs,
        "cpu_seconds_per_run": seconds(),
    }


def run(settings: Settings) -> list[Row]:
    """Measure single starts, auto, the posterior and the peer; finished rows are kept in the cache."""
    return measure_parts(
        parts(load_problem(PROBLEM), QUICK if settings.quick else FULL, settings.seed), settings
    )


def parts(case: Problem, plan: Plan, seed: int) -> list[Part]:
    """List the rows, each with what measures it."""
    drawn = draw_models(case, plan.n_draws, seed=1000 + seed)
    sampled = sampled_models(case, plan.n_draws, seed=1000 + seed)
    many, few = repeated(case, plan.n_starts), drawn.subset(slice(plan.n_posterior))
    found: list[tuple[str, Callable[[], Row]]] = [
        (ONE_START, partial(start_row, ONE_START, drawn, seed=2000 + seed)),
        ("auto, case 1", partial(case_row, case, plan, seed=seed)),
        ("auto", partial(auto_row, drawn, seed=seed)),
        ("auto, samples", partial(auto_row, sampled, seed=seed)),
        ("posterior", partial(posterior_row, few, seed=seed)),
        ("posterior, case 1", partial(facies_row, case, seed=seed)),
        (PEER, partial(dream_row, case, plan, seed=seed)),
    ]
    if is_available("channels"):
        crops = held_out_models(case, plan.n_crops, seed=4000 + seed)
        found += [
            (name, partial(measure, crops, seed=seed))
            for name, measure in (
                ("auto, held-out crops", auto_row),
                ("binary-cells, held-out crops", binary_row),
                ("posterior, held-out crops", facies_row),
            )
        ]
    if plan.n_crops and has_medium(OTHER_GEOLOGY):
        strange = other_geology(case, plan.n_crops, seed=5000 + seed)
        found += [
            ("auto, other geology", partial(seeds_row, strange, seed=seed)),
            ("posterior, other geology", partial(facies_row, strange, seed=seed)),
        ]
    found += [
        (name, partial(start_row, name, problem, seed=draws + seed))
        for name, problem, draws in (
            (f"{ONE_START}, case 1", many, 3000),
            (f"{ONE_START}, samples", sampled, 2000),
            (PLAIN_START, drawn, 2000),
            (f"{PLAIN_START}, case 1", many, 3000),
        )
    ]
    depends = (vars(plan), seed, case.latent_weight, case.prior.card.get("weights_sha256", ""))
    return [Part(name, {}, (name, *depends), measure) for name, measure in found]


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""

    def cell(row: Row, key: str, digits: int) -> str:
        return f"{row[key]:.{digits}f}" if key in row else "-"

    lines = [
        [
            row["row"],
            cell(row, "n_runs", 0),
            cell(row, "success", 2),
            cell(row, "rmse_median", 3),
            cell(row, "rmse_max", 3),
            cell(row, "accuracy_mean", 3),
            cell(row, "gradients_per_run", 0),
            cell(row, "forward_runs", 0),
            cell(row, "coverage", 3),
            cell(row, "coverage_said", 3),
            cell(row, "cpu_seconds_per_run", 2),
        ]
        for row in rows
    ]
    header = [
        "what",
        "runs",
        "RMSE <= 1.05 ns",
        "median RMSE [ns]",
        "largest",
        "facies accuracy",
        "gradients a run",
        "forward runs",
        "boundary cells held by 90 % sets",
        "as they say",
        "CPU s a run",
    ]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the share of successes and the CPU time of each way to search."""
    left, right = figure.subplots(1, 2, sharey=True)
    shown = [row for row in rows if "success" in row][::-1]
    names = [row["row"] for row in shown]
    left.barh(names, [row["success"] for row in shown])
    left.set_xlabel("share of runs with RMSE <= 1.05 ns")
    right.barh(names, [row["cpu_seconds_per_run"] for row in shown])
    right.set_xscale("log")
    right.set_xlabel("CPU time of a run [s]")


BENCH = Bench(
    title="Crosshole radar of channels: single starts, auto and the posterior beside DREAM(ZS)",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
    thresholds=(
        Threshold(
            "other geology: explained, and within .02 of the better seed",
            "good",
            "auto, other geology",
            ">=",
            0.95,
        ),
        Threshold("the same, or said", "good_or_said", "auto, other geology", ">=", 0.95),
        *(
            Threshold(f"{row}: {name}", metric, f"posterior, {row}", op, bound)
            for row in ("held-out crops", "other geology")
            for name, metric, op, bound in (
                ("predictive chi-square", "predictive_chi_square", ">=", 0.9),
                ("predictive chi-square", "predictive_chi_square", "<=", 1.1),
                ("calibration error of the channels' probability", "calibration_error", "<=", 0.05),
            )
        ),
    ),
)
