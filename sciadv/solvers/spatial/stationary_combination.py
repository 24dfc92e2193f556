"""`auto` for priors of any size: estimates of stationary images, combined as is best on reference images.

The best linear estimate, total variations of several weights, and the generator's range with its stationary
error. Their weights are those of the least squared error on the prior's reference images, cut or mirrored to
the problem's size and measured as the problem is (`sciadv.solvers.linear.stacking`); so the answer is no
worse, on images like those, than the best linear estimate or any of the total variations. Nothing of a user's
measurements enters the weights: they are found once and kept in the cache folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from sciadv.data.splits import evenly
from sciadv.data.stationary import StationaryField, StationaryStatistics, mirrored
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution, Status
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian
from sciadv.solvers.classical.tv import TV
from sciadv.solvers.diagnosis.reference import kept_tensors, measured_images
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import noise_threshold, score
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.linear.stacking import cheaper_weights, combined, error_products, with_weight
from sciadv.solvers.spatial.stationary_completion import completed
from sciadv.solvers.spatial.stationary_error import StationaryError
from sciadv.solvers.spatial.stationary_lmmse import StationaryLMMSE
from sciadv.solvers.spatial.stationary_prior import require_stationary
from sciadv.types import Count, NotNegative, Positive

_LINEAR, _RANGE, _TV = "stationary-lmmse", "stationary-error", "tv"
#: Changes with what the numbers mean: older files are then made again.
VERSION = "calibration of spatial estimates, version 2"


@checked
@dataclass(frozen=True)
class SpatialSettings:
    """The numbers of the combination.

    Parameters
    ----------
    n_iterations
        Of `StationaryError`.
    n_products, tolerance
        Of the conjugate gradients of both stationary estimates.
    tv_factors
        Weights of the total variation, in units of the one under which the reference images' gradients have
        their mean length.
    tv_start
        The one of them that the latent search starts from, beside the linear estimate.
    tv_iterations
        Steps of each total variation at most.
    reference_pixels
        So many pixels of reference images are measured and solved for the weights, one image at least.
    least_weight
        Estimates of less weight are left out of the combination.
    slack
        An estimate is left out if the error stays within this part of that of the full combination.
    seed
        Seed of the noise on the reference images.
    """

    n_iterations: Count = 150
    n_products: Count = 60
    tolerance: NotNegative = 1e-3
    tv_factors: tuple[Positive, ...] = (0.03, 0.15, 1.0)
    tv_start: Positive = 0.15
    tv_iterations: Count = 300
    reference_pixels: Count = 2**17
    least_weight: NotNegative = 0.02
    slack: NotNegative = 0.01
    seed: int = 0

    @property
    def start(self) -> str:
        """Name of the total variation that the latent search starts from."""
        return f"{_TV}-{self.tv_start:g}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the estimates."""
        return (_LINEAR, _RANGE, *(f"{_TV}-{factor:g}" for factor in self.tv_factors))


@dataclass(frozen=True, eq=False)
class SpatialEstimates:
    """Estimates of one problem's measurements; what several of them need is made once.

    `starts` names the estimates from which the generator's range is searched; the linear one and a total
    variation if None.
    """

    problem: Problem
    settings: SpatialSettings
    run: Run
    starts: tuple[str, ...] | None = None

    def make(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the estimates of these names ``(batch, *in_shape)``, within the reference images' range."""
        low, high = float(self.reference.min()), float(self.reference.max())
        return {name: self._one(name).clamp(low, high) for name in names}

    @property
    def reference(self) -> Tensor:
        """The prior's reference images, as large as they are kept."""
        reference = require_stationary(self.problem.prior, "auto").reference
        assert reference is not None  # checked by `has_spatial_estimates`
        return reference

    @cached_property
    def linear(self) -> Tensor:
        """The best linear estimate."""
        how = self.settings
        return StationaryLMMSE(how.n_products, how.tolerance).solve(self.problem, monitor=self.run).x

    @cached_property
    def ranged(self) -> Solution:
        """The generator's range with its error, from the starts."""
        how = self.settings
        names = (_LINEAR, how.start) if self.starts is None else self.starts
        starts = torch.stack([self._one(name) for name in names], 1)
        solver = StationaryError(
            how.n_iterations, n_products=how.n_products, tolerance=how.tolerance, starts=starts
        )
        return solver.solve(self.problem, seed=self.run.seed, monitor=self.run)

    @cached_property
    def _varied(self) -> dict[float, Tensor]:
        return {}

    def total_variation(self, factor: float) -> Tensor:
        """Return the estimate of a factor."""
        if factor not in self._varied:
            solver = TV.of_images(self.reference, factor, n_iterations=self.settings.tv_iterations)
            self._varied[factor] = solver.solve(self.problem, seed=self.run.seed, monitor=self.run).x
        return self._varied[factor]

    def _one(self, name: str) -> Tensor:
        if name.startswith(f"{_TV}-"):
            return self.total_variation(float(name.removeprefix(f"{_TV}-")))
        return self.linear if name == _LINEAR else self.ranged.x


def has_spatial_estimates(problem: Problem) -> bool:
    """Whether a problem can be answered by `combine_spatial`.

    Its prior has an encoder, stationary statistics and reference images; the operator is linear, the noise
    Gaussian of known sigma, and there are no constraints.
    """
    statistics: StationaryStatistics | None = problem.prior.stationary
    knows_images = statistics is not None and statistics.reference is not None
    has_encoder = problem.prior.encoder is not None
    return knows_images and has_encoder and is_linear_gaussian(problem) and not problem.constraints


def combine_spatial(problem: Problem, settings: SpatialSettings, run: Run) -> Solution:
    """Solve a problem for which `has_spatial_estimates` holds.

    Parameters
    ----------
    problem
        What to solve.
    settings
        The numbers.
    run
        The run that it belongs to. Interrupted, it gives the best linear estimate.
    """
    made = SpatialEstimates(problem, settings, run)
    linear = made.make([_LINEAR])[_LINEAR]
    products = run.attempt(lambda: reference_products(problem, settings, run))
    solution = None if products is None else run.attempt(lambda: _combined(made, products))
    return solution or score(problem, linear, ended=Status.INTERRUPTED)


def reference_products(problem: Problem, settings: SpatialSettings, run: Run) -> Tensor:
    """Return the mean products of the estimates' errors on reference images, from the cache if there.

    Raises
    ------
    KeyboardInterrupt
        The user stopped it; nothing is kept.
    """
    reference = SpatialEstimates(problem, settings, run).reference
    n = max(1, min(len(reference), settings.reference_pixels // prod(problem.forward.in_shape)))
    truth = mirrored(evenly(reference, n), problem.forward.in_shape[1:])
    posed = measured_images(problem, truth, seed=settings.seed)

    def make() -> dict[str, Tensor]:
        inner = Run(settings.seed, run)
        made = SpatialEstimates(posed, settings, inner).make(settings.names)
        products = error_products(made, truth)
        if inner.was_interrupted:
            raise KeyboardInterrupt
        return {"products": products}

    def is_whole(known: Mapping[str, Tensor]) -> bool:
        return "products" in known and known["products"].shape == (len(settings.names),) * 2

    header = {"version": VERSION, "settings": json.dumps(asdict(settings))}
    return kept_tensors(posed, header, make, is_whole)["products"].cpu()


def _combined(made: SpatialEstimates, products: Tensor) -> Solution:
    problem, how, names = made.problem, made.settings, made.settings.names
    costly = [names.index(_RANGE), *range(2, len(names)), names.index(_LINEAR)]
    weights = cheaper_weights(products, costly, slack=how.slack, least=how.least_weight)
    each = weights.expand(problem.n_problems, -1)
    taken = with_weight(names, each)
    errors = dict(zip(names, products.diagonal().tolist(), strict=True))
    if how.start in errors:  # the search starts from the one that was better on the reference images
        better = min((_LINEAR, how.start), key=lambda name: errors[name])
        made = replace(made, starts=(better,))
    x = _explaining(made, combined(made.make(taken), names, each))
    ranged = made.ranged if _RANGE in taken else None
    solution = score(
        problem,
        x,
        ended=Status.CONVERGED,
        z=None if ranged is None else ranged.z,
        x_range=None if ranged is None else ranged.x_range,
    )
    kept = {name: round(float(weights[names.index(name)]), 3) for name in taken}
    least = float(weights @ products @ weights)
    return replace(
        solution,
        method=taken[0] if len(taken) == 1 else "combination",
        settings={
            "picked_by_auto": _reason(kept, errors, least),
            "weights": kept,
            "reference_errors": errors,
            "reference_error": least,
            "seed": made.run.seed,
        },
    )


def _explaining(made: SpatialEstimates, x: Tensor) -> Tensor:
    """Move the images whose misfit is above the noise level to their data, under the error's covariance."""
    problem, how = made.problem, made.settings
    with torch.no_grad():
        misfit = problem.likelihood.misfit(problem.forward(x), problem.measurements)
    rows = (misfit > noise_threshold(problem)).nonzero().squeeze(1)
    if len(rows) == 0:
        return x
    forward, error = problem.forward, require_stationary(problem.prior, "auto").error
    field = StationaryField(error, forward.in_shape, dtype=forward.dtype, device=forward.device)
    centred = x[rows] - field.mean
    moved = completed(
        problem.subset(rows),
        field,
        centred,
        1 / noise_variance(problem, "auto"),
        n_products=how.n_products,
        tolerance=how.tolerance,
    )
    return x.index_copy(0, rows, moved)


def _reason(weights: dict[str, float], errors: dict[str, float], least: float) -> str:
    """Say what is combined, and why."""
    parts = " + ".join(f"{weights[name]:.2f} {name}" for name in sorted(weights, key=lambda n: -weights[n]))
    best = min(errors, key=lambda name: errors[name])
    return (
        f"{parts}: mean squared error {least:.3g} on the prior's reference images; {errors[best]:.3g} of "
        f"{best}, the best alone, and {errors[_LINEAR]:.3g} of the best linear estimate"
    )
