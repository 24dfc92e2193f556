"""Compressed sensing of MNIST digits: our solvers beside CSGM, tuned Adam, Lasso, LMMSE and deepinv.

The setting of Bora, Jalal, Price and Dimakis, Compressed Sensing using Generative Models, ICML 2017: a
Gaussian matrix with entries N(0, 1), noise N(0, 0.1^2) on each of m measurements. All searches minimise the
authors' objective, ``mean (y - A G(z))^2 + 0.1 |z|^2``. Each seed has its own matrix, noise and digits, the
same ones for every method.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, one_thread
from benchmarks.held_out import held_out
from benchmarks.parts import keep_part, read_part
from benchmarks.reconstruct.compressed_sensing_tables import (
    NO_PRIOR,
    Cell,
    Score,
    draw,
    summary_rows,
    table,
    table_rows,
)
from benchmarks.scans import peer_deepinv
from sciadv.data.datasets import load_images
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.metrics import mse
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import CSGM, LMMSE, Adam, Lasso, LevenbergMarquardt, Solver

SIGMA, LAM = 0.1, 0.1


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    measurements
        The numbers of measurements m.
    n_seeds
        Matrices, noises and sets of digits.
    n_images
        Digits per seed.
    n_slow
        Digits per seed, the first of them, for the gradient searches on each prior.
    n_peer
        Digits of the first seed for a peer that takes one at a time.
    """

    measurements: tuple[int, ...] = (10, 25, 50, 100, 200, 300, 400, 500, 750)
    n_seeds: int = 3
    n_images: int = 100
    n_slow: tuple[tuple[str, int], ...] = (("mnist-vae", 100), ("mnist", 8))
    n_peer: int = 10


FULL = Plan()
QUICK = Plan((25, 100), 1, 12, (("mnist-vae", 3), ("mnist", 1)), 1)


#: Searches of a prior's latents, by name, and whether they are slow. None stops at the noise level, which is
#: not part of CSGM's objective.
SEARCHES: dict[str, tuple[Solver, bool]] = {
    "levenberg-marquardt": (LevenbergMarquardt(stop_at_noise=False), False),
    "adam": (Adam(restarts=10, stop_at_noise=False), True),
    "adam, 3 starts": (Adam(restarts=3, stop_at_noise=False), True),
    "csgm": (CSGM(), True),
}
#: Methods without a generator; LMMSE has the moments of the training set.
BASELINES: dict[str, Solver] = {
    "lasso, pixels": Lasso("pixel"),
    "lasso, cosines": Lasso("dct"),
    "lmmse": LMMSE(clip=(0.0, 1.0)),
}
#: None stands for the peer.
METHODS: dict[str, Solver | None] = {
    **{name: solver for name, (solver, _) in SEARCHES.items()},
    **BASELINES,
    "deepinv": None,
}


def make_problem(prior: Prior, images: Tensor, *, m: int, seed: int) -> Problem:
    """Measure images ``(n, *out_shape)`` and pose the problem whose objective is CSGM's, up to a factor.

    ``|y - A x|^2 / (2 sigma^2) + w / 2 |z|^2`` with ``w = 0.1 m / sigma^2`` is ``m / (2 sigma^2)`` times
    CSGM's.
    """
    forward = GaussianSensing(prior.out_shape, m, seed=1000 * seed + m)
    draws = torch.Generator().manual_seed(1_000_003 * (seed + 1) + m)
    with torch.no_grad():
        clean = forward(images)
    y = clean + SIGMA * torch.randn(clean.shape, generator=draws)
    return Problem(prior, forward, Gaussian(SIGMA), y, latent_weight=LAM * m / SIGMA**2, truth=images)


def csgm_objective(problem: Problem, x: Tensor, z: Tensor) -> Tensor:
    """Return ``mean (y - A x)^2 + 0.1 |z|^2`` of each digit ``(batch,)``."""
    with torch.no_grad():
        residual = problem.measurements - problem.forward(x)
    objective: Tensor = residual.square().mean(1) + LAM * z.square().sum(1)
    return objective


def score(solver: Solver | None, problem: Problem) -> Score:
    """Run a solver, or the peer if None, on one thread and score it against the truth."""
    assert problem.truth is not None
    with one_thread(), cpu_seconds() as seconds:
        x, z = _reconstruct(solver, problem)
    objective = None if z is None else csgm_objective(problem, x, z).tolist()
    return Score(mse(x, problem.truth).tolist(), objective, seconds() / len(x))


def _reconstruct(solver: Solver | None, problem: Problem) -> tuple[Tensor, Tensor | None]:
    if solver is not None:
        solution = solver.solve(problem)
        return solution.x, solution.z
    assert isinstance(problem.forward, GaussianSensing)
    factor = problem.n_measurements**-0.5
    return peer_deepinv.solve(problem.prior, problem.forward, problem.measurements, factor=factor), None


def plan_cells(plan: Plan, peers: Iterable[str], seed: int = 0) -> list[Cell]:
    """List what is to be measured; methods take turns, so that a busy machine slows them all alike."""
    seeds = range(seed, seed + plan.n_seeds)
    turns = [(m, s) for m in plan.measurements for s in seeds]
    cells = []
    for prior, n_slow in plan.n_slow:
        for m, s in turns:
            cells += [
                Cell(prior, method, m, s, n_slow if is_slow else plan.n_images)
                for method, (_, is_slow) in SEARCHES.items()
            ]
    cells += [Cell(NO_PRIOR, method, m, s, plan.n_images) for m, s in turns for method in BASELINES]
    if "deepinv" in peers:
        cells += [Cell(plan.n_slow[0][0], "deepinv", m, seed, plan.n_peer) for m in plan.measurements]
    return cells


def measure(
    cells: list[Cell],
    priors: dict[str, Prior],
    images: Callable[[int], Tensor],
    settings: Settings,
    methods: dict[str, Solver | None] = METHODS,
) -> dict[Cell, Score]:
    """Score all cells, taking from the cache what is there.

    Parameters
    ----------
    cells
        What to measure.
    priors
        The priors by name; the last one's training moments serve LMMSE.
    images
        Gives the digits ``(n, *out_shape)`` of a seed.
    settings
        Cache and report.
    methods
        The solver of each method that cells name; None stands for the peer.
    """
    scores = {}
    warm_up(priors, images(settings.seed), has_deepinv="deepinv" in settings.peers)
    for i, cell in enumerate(cells):
        prior = priors.get(cell.prior) or list(priors.values())[-1]
        name = f"{_fingerprint(cell, prior, methods)}.json"
        kept = read_part(settings.cache, name)
        if kept is not None:
            scores[cell] = Score(**kept)
            continue
        settings.report(
            f"{i + 1} of {len(cells)}: {cell.method} on {cell.prior}, m = {cell.m}, seed {cell.seed}"
        )
        problem = make_problem(prior, images(cell.seed), m=cell.m, seed=cell.seed)
        scores[cell] = score(methods[cell.method], problem.subset(slice(cell.n_images)))
        keep_part(settings.cache, name, vars(scores[cell]))
    return scores


def warm_up(priors: dict[str, Prior], images: Tensor, *, has_deepinv: bool) -> None:
    """Pay once for what is imported and compiled at first use, so that no row's time has it."""
    for prior in priors.values():
        problem = make_problem(prior, images[:1], m=10, seed=0)
        short = LevenbergMarquardt(restarts=1, n_iterations=2, starts="random")
        for solver in (short, *BASELINES.values()):
            solver.solve(problem)
    if has_deepinv:
        peer_deepinv.load()


def _fingerprint(cell: Cell, prior: Prior, methods: dict[str, Solver | None]) -> str:
    """Name a cell's result by all it depends on but the code: cell, weights, the solver's settings."""
    text = json.dumps([cell.__dict__, prior.card.get("weights_sha256", ""), repr(methods[cell.method])])
    name = f"{cell.prior}-{cell.method}-m{cell.m}-seed{cell.seed}".replace(", ", "-").replace(" ", "-")
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def held_out_digits(plan: Plan) -> Callable[[int], Tensor]:
    """Return the function that gives a seed's own test digits."""
    test = load_images("mnist", "test")
    return lambda seed: held_out(test, plan.n_images, seed=seed)


def run(settings: Settings) -> list[Row]:
    """Measure all methods and return the table's rows, then a summary row for each prior."""
    plan = QUICK if settings.quick else FULL
    priors = {name: Prior.load(name) for name, _ in plan.n_slow}
    cells = plan_cells(plan, settings.peers, settings.seed)
    scores = measure(cells, priors, held_out_digits(plan), settings)
    return table_rows(scores) + summary_rows(scores)


BENCH = Bench(
    title="Compressed sensing of MNIST digits beside CSGM, Adam, Lasso, LMMSE and deepinv",
    problem="compressed-sensing",
    run=run,
    draw=draw,
    table=table,
    peers=("deepinv",),
)
