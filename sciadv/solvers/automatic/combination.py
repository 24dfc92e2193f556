"""`auto` where a prior has reference images: the combination of estimates that is best on them.

1. The estimates of the measurements, and their weights from the reference images (`reference_errors`).
2. Data farther from what all others predict than those of reference images are left out (`outliers`).
3. A measurement that is unlike all reference images is combined as its own left-out data say (`held_out`).
4. The evidence for an image of the generator's own draws the answer to it (`in_range`).

So the answer is no worse on average than the best of its estimates, the linear one and the total variation
among them, for images like the reference images; and where a measurement is not of such an image, its own
data choose.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.automatic.estimates import EstimateSettings, Estimation
from sciadv.solvers.automatic.held_out import HeldOut, held_out_weights
from sciadv.solvers.automatic.outliers import OutlierSettings, without_outliers
from sciadv.solvers.automatic.reference_errors import Calibration, CalibrationSettings, calibrate
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import finish, score
from sciadv.solvers.linear.stacking import combined, with_weight

_COMBINED = "combination"


@dataclass(frozen=True)
class CombinationSettings:
    """The numbers of the combination.

    Parameters
    ----------
    estimates
        How the estimates are made.
    calibration
        How much is calibrated on the reference images.
    held_out
        How data are left out of measurements that are unlike the reference images.
    outliers
        When data are left out as outliers.
    range_margin
        By how much the evidence for an image of the generator's own must exceed that of typical reference
        images [nats] for even odds.
    """

    estimates: EstimateSettings = field(default_factory=EstimateSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    held_out: HeldOut = field(default_factory=HeldOut)
    outliers: OutlierSettings = field(default_factory=OutlierSettings)
    range_margin: float = 5.0


def combine(problem: Problem, settings: CombinationSettings, *, restarts: int | None, run: Run) -> Solution:
    """Solve a problem for which `estimates.can_be_combined` holds.

    Parameters
    ----------
    problem
        What to solve.
    settings
        The numbers of the combination.
    restarts
        Starts of the latent search, as in `RepresentationError`.
    run
        The run that it belongs to. Interrupted before the weights are known, it gives the likeliest image of
        the latent search alone, or raises where there is none yet.

    Raises
    ------
    KeyboardInterrupt
        The user stopped it before anything was found.
    """
    made = Estimation(problem, settings.estimates, restarts, run)
    begun = _begin(made)
    calibration = run.attempt(
        lambda: calibrate(
            problem,
            settings.calibration,
            settings.estimates,
            settings.outliers,
            restarts=restarts,
            monitor=run,
        )
    )
    if calibration is None:
        return begun
    return run.attempt(lambda: _combined(made, calibration, settings)) or begun


def _begin(made: Estimation) -> Solution:
    """Give the likeliest image of a latent search; without a matrix of the operator, the mean image."""
    problem = made.problem
    if made.has_matrix:
        likeliest = made.make(["representation-error"])["representation-error"]
        return finish(problem, made.found, likeliest)
    mean = (
        made.reference.mean(0)
        .to(problem.measurements.device)
        .expand(problem.n_problems, *problem.forward.in_shape)
    )
    return score(problem, mean, ended=Status.MAX_ITERATIONS)


def _combined(made: Estimation, calibration: Calibration, settings: CombinationSettings) -> Solution:
    posed, names = made.problem, calibration.names
    usual = replace(settings.outliers, far=calibration.far, unexplained=calibration.unexplained)
    made, left_out = without_outliers(made, usual)
    problem = made.problem
    weights = calibration.weights.expand(problem.n_problems, -1).clone()
    where = ["reference"] * problem.n_problems
    if made.has_matrix:
        is_unlike = made.unexplained > calibration.unexplained
        rows = is_unlike.nonzero().squeeze(1).cpu()
        if len(rows):
            least = settings.calibration.least_weight
            own = made.of(rows)
            own_weights = held_out_weights(own, names, settings.held_out, least=least)
            weights[rows] = own_weights
            where = ["own data" if row in set(rows.tolist()) else one for row, one in enumerate(where)]
    x = combined(made.make(with_weight(names, weights)), names, weights)
    if not made.has_matrix:
        return _reported(score(posed, x, ended=Status.CONVERGED), calibration, where)
    ranged = made.ranged
    share = torch.sigmoid(ranged.gain - calibration.gain - settings.range_margin)
    x += share.to(x).reshape(-1, *[1] * (x.ndim - 1)) * (ranged.x.to(x) - x)
    where = ["range" if p > 0.5 else one for p, one in zip(share.tolist(), where, strict=True)]
    x = _explaining(made, x)
    found = replace(made.found, x=ranged.x, z=ranged.z)
    solution = _reported(finish(posed, found, x), calibration, where)
    n_outliers = int(left_out.sum())
    return (
        solution
        if n_outliers == 0
        else replace(solution, settings={**solution.settings, "n_outliers": n_outliers})
    )


def _explaining(made: Estimation, x: Tensor) -> Tensor:
    """Move images that clipping has taken from their data back to the noise level.

    Along ``C A' S^-1 (y - A x)``, the likeliest change under the representation error's covariance.
    """
    problem, whitened = made.problem, made.whitened
    with torch.no_grad():
        predicted = problem.forward(x.to(problem.prior.dtype))
        misfit = problem.likelihood.misfit(predicted, problem.measurements).double()
    left = real_view(problem.measurements - predicted).double()
    white = torch.linalg.solve_triangular(whitened.factor, left.T, upper=False)
    share = (1 - 1 / misfit.clamp_min(1)).reshape(-1, 1)
    change: Tensor = (share * (whitened.gain @ white).T).reshape(x.shape).to(x)
    return x + change


def _reported(solution: Solution, calibration: Calibration, where: list[str]) -> Solution:
    """Return the solution with the combination, its reason and the errors behind it in its settings."""
    taken = calibration.taken
    method = next(iter(taken)) if len(taken) == 1 else _COMBINED
    settings = {
        "picked_by_auto": reason(calibration),
        "weights": {name: round(weight, 3) for name, weight in taken.items()},
        "reference_errors": calibration.errors,
        "reference_error": calibration.combined_error,
        "chosen_by": {kind: where.count(kind) for kind in sorted(set(where))},
    }
    return replace(solution, method=method, settings={**solution.settings, **settings})


def reason(calibration: Calibration) -> str:
    """Say what is combined, and why."""
    taken, errors = calibration.taken, calibration.errors
    ranked = sorted(taken, key=lambda name: -taken[name])
    parts = " + ".join(f"{taken[name]:.2f} {name}" for name in ranked)
    best = min(errors, key=lambda name: errors[name])
    words = f"{parts}: mean squared error {calibration.combined_error:.3g} on the prior's reference images"
    others = [f"{errors[best]:.3g} of {best}, the best alone"]
    if "lmmse" in errors and best != "lmmse":
        others.append(f"{errors['lmmse']:.3g} of the best linear estimate")
    return f"{words}; {' and '.join(others)}"
