"""Full-waveform inversion between two wells: a search of latents beside plain inversion of every cell.

Plain full-waveform inversion minimises the same misfit with the same waves over the velocity of each cell,
between those of the two facies, by Adam or by L-BFGS, from a smooth start: the truth blurred by 8 cells,
which nobody has in practice, or a homogeneous section. Tarantola, Inversion of seismic reflection data in the
acoustic approximation, Geophysics 49 (1984) 1259-1266; Virieux and Operto, An overview of full-waveform
inversion in exploration geophysics, Geophysics 74 (2009) WCC1-WCC26.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.parts import PENDING, Part, measure_parts
from sciadv.catalogue import load_problem
from sciadv.forward import Forward, GaussianBlur
from sciadv.problem import Problem
from sciadv.solvers import Annealing, Auto, LevenbergMarquardt, Solver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "seismic-crosswell"
#: Models of the problem: draws from the prior first, then crops that it was not trained on.
GROUPS = {"draws": slice(0, 2), "held-out crops": slice(2, 4)}
#: Blur of the smooth start [cells].
_BLUR = 8.0
#: Change of the velocity from background to facies [m/s], as x goes from 0 to 1.
_CONTRAST = 500.0
#: Adam's step in the parameter whose sigmoid x is.
_RATE = 0.1


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    n_models
        Models of each of `GROUPS`.
    n_gradients
        Gradients per model of plain inversion.
    with_auto
        Whether `auto` is measured, whose codebook takes minutes.
    """

    n_models: int = 2
    n_gradients: int = 60
    with_auto: bool = True


FULL = Plan()
QUICK = Plan(1, 8, with_auto=False)


@final
class Counted(Forward):
    """An operator that counts propagations per candidate: a prediction 1, a tangent 2, a gradient 2."""

    is_linear = False

    def __init__(self, inner: Forward) -> None:
        super().__init__(inner.in_shape, inner.out_shape, dtype=inner.dtype, device=inner.device)
        self.inner, self.n_solves = inner, 0

    def forward(self, x: Tensor) -> Tensor:
        """Predict."""
        self.n_solves += len(x)
        y: Tensor = self.inner(x)
        return y

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        """Push a tangent."""
        self.n_solves += 2 * len(x)
        return self.inner.jvp(x, tangent)

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        """Pull a cotangent."""
        self.n_solves += 2 * len(x)
        return self.inner.vjp(x, cotangent)


def smooth_start(problem: Problem) -> Tensor:
    """Return the truth, blurred."""
    assert problem.truth is not None
    blur = GaussianBlur(problem.forward.in_shape, _BLUR, boundary="replicate")
    blurred: Tensor = blur(problem.truth)
    return blurred.clamp(0.02, 0.98)


def homogeneous_start(problem: Problem) -> Tensor:
    """Return sections whose velocity is the mean of many draws from the prior."""
    share = problem.prior.sample(64, seed=0).mean()
    return torch.full((problem.n_problems, *problem.forward.in_shape), float(share))


def misfit_and_gradient(problem: Problem, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``-log p(y | F(x))`` of each measurement and its gradient in v, ``x = sigmoid(v)``."""
    x = v.sigmoid()
    with torch.no_grad():
        prediction = problem.forward(x)
        energy = problem.likelihood.energy(prediction, problem.measurements)
        pulled = problem.forward.vjp(x, problem.likelihood.gradient(prediction, problem.measurements))
    return energy, pulled * x * (1 - x)


def adam(problem: Problem, start: Tensor, n_gradients: int) -> Tensor:
    """Invert every cell's velocity by Adam; each measurement keeps its best."""
    v = start.logit()
    best, least = start, torch.full((len(v),), torch.inf)
    optimiser = torch.optim.Adam([v], lr=_RATE)
    for _ in range(n_gradients):
        energy, v.grad = misfit_and_gradient(problem, v)
        lower = energy < least
        best = torch.where(lower[:, None, None, None], v.sigmoid(), best)
        least = torch.minimum(energy, least)
        optimiser.step()
    return best


def l_bfgs(problem: Problem, start: Tensor, n_gradients: int) -> Tensor:
    """Invert every cell's velocity by SciPy's L-BFGS-B, one measurement after the other."""
    from scipy.optimize import minimize

    def value(flat: npt.NDArray[np.float64], one: Problem) -> tuple[float, npt.NDArray[np.float64]]:
        v = torch.from_numpy(flat).to(start.dtype).reshape(1, *start.shape[1:])
        energy, gradient = misfit_and_gradient(one, v)
        return float(energy), gradient.double().flatten().numpy()

    found = []
    for row in range(problem.n_problems):
        ended = minimize(
            value,
            start[row].logit().double().flatten().numpy(),
            args=(problem.subset([row]),),
            jac=True,
            method="L-BFGS-B",
            options={"maxfun": n_gradients, "maxiter": n_gradients},
        )
        found.append(torch.from_numpy(ended.x).to(start.dtype).sigmoid().reshape(start.shape[1:]))
    return torch.stack(found)


def plain_row(
    problem: Problem,
    *,
    invert: Callable[[Problem, Tensor, int], Tensor],
    start: Callable[[Problem], Tensor],
    n_gradients: int,
) -> Row:
    """Measure plain inversion."""
    begun = start(problem)
    counted = replace(problem, forward=Counted(problem.forward))
    with one_thread(), cpu_seconds() as seconds:
        x = invert(counted, begun, n_gradients)
    return scored(problem, x, counted, seconds())


def latent_row(problem: Problem, *, solver: Solver, seed: int) -> Row:
    """Measure a search of the latents."""
    counted = replace(problem, forward=Counted(problem.forward))
    with one_thread(), cpu_seconds() as seconds:
        x = solver.solve(counted, seed=seed).x
    return scored(problem, x, counted, seconds())


def scored(problem: Problem, x: Tensor, counted: Problem, seconds: float) -> Row:
    """Return error of the model, misfit, propagations and CPU time, means over the models."""
    assert problem.truth is not None
    assert isinstance(counted.forward, Counted)
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(x), problem.measurements)
    error = _CONTRAST * (x - problem.truth).square().flatten(1).mean(1).sqrt()
    accuracy = ((x > 0.5) == (problem.truth > 0.5)).double().flatten(1).mean(1)
    n = problem.n_problems
    return {
        "n_runs": n,
        "velocity_error": float(error.mean()),
        "accuracy": float(accuracy.mean()),
        "misfit": float(misfit.mean()),
        "misfit_max": float(misfit.max()),
        "n_solves": counted.forward.n_solves / n,
        "cpu_seconds_per_run": seconds / n,
    }


def run(settings: Settings) -> list[Row]:
    """Measure plain inversion and the latent searches; finished rows are kept in the cache."""
    plan = QUICK if settings.quick else FULL
    return measure_parts(parts(load_problem(PROBLEM), plan, settings.seed), settings)


def parts(problem: Problem, plan: Plan, seed: int) -> list[Part]:
    """List the rows, each with what measures it; the longest last."""
    plain = {
        "plain, adam, from the blurred truth": (adam, smooth_start),
        "plain, l-bfgs, from the blurred truth": (l_bfgs, smooth_start),
        "plain, l-bfgs, from a homogeneous section": (l_bfgs, homogeneous_start),
    }
    latent: dict[str, Solver] = {
        "levenberg-marquardt, one random start": LevenbergMarquardt(1, starts="random", halve_at=()),
        "annealing, one random start": Annealing(),
    }
    groups = {
        group: problem.subset(slice(where.start, where.start + plan.n_models))
        for group, where in GROUPS.items()
    }
    measures: dict[str, Callable[[Problem], Row]] = {
        name: partial(latent_row, solver=solver, seed=seed) for name, solver in latent.items()
    }
    measures |= {
        name: partial(plain_row, invert=invert, start=start, n_gradients=plan.n_gradients)
        for name, (invert, start) in plain.items()
    }
    if plan.with_auto:
        measures["auto"] = partial(latent_row, solver=Auto(), seed=seed)
    depends = (vars(plan), seed, problem.prior.card.get("weights_sha256", ""))
    found = []
    for name, measure in measures.items():
        for group, part in groups.items():
            row, facts = f"{name}: {group}", {"method": name, "models": group}
            found.append(Part(row, facts, (row, *depends), partial(measure, part)))
    return found


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [
        [row["models"], row["method"], "not measured yet", "", "", "", ""]
        if row.get(PENDING)
        else [
            row["models"],
            row["method"],
            f"{row['velocity_error']:.0f}",
            f"{row['accuracy']:.3f}",
            f"{row['misfit']:.2f} ({row['misfit_max']:.2f})",
            f"{row['n_solves']:.0f}",
            f"{row['cpu_seconds_per_run']:.0f}",
        ]
        for row in sorted(rows, key=lambda row: list(GROUPS).index(row["models"]))
    ]
    header = [
        "models",
        "method",
        "velocity RMSE [m/s]",
        "facies accuracy",
        "misfit [sigma] (largest)",
        "propagations a model",
        "CPU s a model",
    ]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the error of the model against the propagations."""
    measured = [row for row in rows if not row.get(PENDING)]
    axes = figure.subplots(1, len(GROUPS), sharex=True, sharey=True)
    for group, axis in zip(GROUPS, axes, strict=True):
        for row in measured:
            if row["models"] == group:
                axis.plot(row["n_solves"], row["velocity_error"], "o", label=row["method"])
        axis.set_xscale("log")
        axis.set_title(group)
        axis.set_xlabel("propagations a model")
    axes[0].set_ylabel("velocity RMSE [m/s]")
    axes[0].legend(fontsize=6)


BENCH = Bench(
    title="Full-waveform inversion between two wells: latent searches beside plain inversion",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
