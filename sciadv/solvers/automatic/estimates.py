"""The estimates that `auto` combines: those of a latent search, past the range, and without a generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS
from sciadv.forward import Matrix
from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.automatic.in_range import InRange, in_range
from sciadv.solvers.automatic.stages import posterior_mean
from sciadv.solvers.beyond_range.learned_tv import LearnedTV, is_large
from sciadv.solvers.beyond_range.representation_error import RepresentationError
from sciadv.solvers.beyond_range.tangent_kernel import TangentKernel
from sciadv.solvers.beyond_range.whitening import (
    Whitened,
    is_linear_gaussian,
    require_residual,
    whiten,
)
from sciadv.solvers.classical.tv import TV
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.linear.gaussian_estimate import linear_estimate, noise_variance, operator_matrix

_TV = "tv"


@dataclass(frozen=True)
class EstimateSettings:
    """How the estimates are made.

    Parameters
    ----------
    n_draws
        Draws of the posterior for its mean.
    tv_factors
        Weights of the total variation that are tried, in units of the one under which the reference images'
        gradients have their mean length.
    tv_iterations
        Steps of the total variation's minimisation at most.
    near_noise
        Candidates of the generator's range whose misfit is larger [standard deviations of the noise] are not
        asked whether they are the answer.
    largest_matrix
        A linear operator whose matrix has more numbers is not made into one, and estimates that need it are
        left out.
    """

    n_draws: int = 400
    tv_factors: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    tv_iterations: int = 500
    near_noise: float = 2.0
    largest_matrix: int = 50_000_000


def can_be_combined(problem: Problem, *, fewest_images: int = 8) -> bool:
    """Whether there are estimates to combine: reference images, a linear operator, known Gaussian noise.

    Parameters
    ----------
    problem
        What is to be solved.
    fewest_images
        Fewer reference images say nothing of how good an estimate is.
    """
    residual = problem.prior.residual
    knows_images = residual is not None and len(residual.reference) >= fewest_images
    return knows_images and is_linear_gaussian(problem) and not problem.constraints


def has_matrix(problem: Problem, settings: EstimateSettings) -> bool:
    """Whether a linear operator is small enough to be made into a matrix."""
    return problem.n_measurements * prod(problem.forward.in_shape) <= settings.largest_matrix


def estimate_names(problem: Problem, settings: EstimateSettings) -> tuple[str, ...]:
    """Return the names of the estimates that can be made with a linear operator and known Gaussian noise."""
    n_pixels, has_residual = prod(problem.forward.in_shape), problem.prior.residual is not None
    names = []
    if has_matrix(problem, settings):
        names += ["lmmse"] if problem.prior.moments is not None else []
        names += ["range"] + ["representation-error"] * has_residual
        if n_pixels <= DENSE_PIXELS and has_residual:
            names += ["tangent-kernel", "posterior-mean"]
    if is_large(problem):
        names.append("learned-tv")
    if len(problem.forward.in_shape) == 3 and problem.forward.in_shape[-2] > 1:
        names += [f"{_TV}-{factor:g}" for factor in settings.tv_factors]
    return tuple(names)


@dataclass(frozen=True, eq=False)
class Estimation:
    """Estimates of one problem's measurements; what several of them need is made once.

    Parameters
    ----------
    problem
        What is estimated.
    settings
        How.
    restarts
        Starts of the latent search, as in `RepresentationError`.
    run
        The run that it belongs to.
    images
        Images of the kind ``(n, *in_shape)``, for the range of values and the length of gradients; the
        prior's reference images if None.
    starts
        Where the generator's range is searched from ``(batch, 1, n_latent)``, without statistics of the
        representation error; the search's own if None.
    """

    problem: Problem
    settings: EstimateSettings
    restarts: int | None
    run: Run
    images: Tensor | None = None
    starts: Tensor | None = None

    def make(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the estimates of these names, each ``(batch, *in_shape)`` within the generator's range."""
        return {name: self._within(self._one(name)) for name in names}

    def of(self, rows: Tensor) -> Estimation:
        """Return the estimation of some of the measurements ``(n,)``, from the beginning."""
        return replace(self, problem=self.problem.subset(rows))

    def of_data(self, kept: Tensor) -> Estimation:
        """Return the estimation from some of the data, a mask or numbers of them, from the beginning."""
        problem, dtype = self.problem, self.problem.prior.dtype
        rows = self.matrix[kept]
        sigma = noise_variance(problem, "auto").sqrt().expand(len(self.matrix))
        forward = Matrix(rows, problem.forward.in_shape, dtype=dtype, device=rows.device)
        y = real_view(problem.measurements)[:, kept].to(dtype)
        return replace(self, problem=Problem(problem.prior, forward, Gaussian(sigma[kept].to(dtype)), y))

    def with_measurements(self, measurements: Tensor) -> Estimation:
        """Return the estimation of other measurements, from the beginning."""
        return replace(self, problem=self.problem.with_measurements(measurements))

    @property
    def reference(self) -> Tensor:
        """Images of the kind ``(n, *in_shape)``."""
        return require_residual(self.problem.prior, "auto").reference if self.images is None else self.images

    @cached_property
    def matrix(self) -> Tensor:
        """The operator's matrix ``(measurements, pixels)``, for an operator that is small enough."""
        return operator_matrix(self.problem.forward)

    @cached_property
    def whitened(self) -> Whitened:
        """The problem with the representation error in its noise."""
        return whiten(self.problem, "auto")

    @cached_property
    def found(self) -> Solution:
        """The latent search of the whitened problem."""
        solver = RepresentationError(self.restarts)
        return solver.search(self.whitened, seed=self.run.seed, monitor=self.run)

    @property
    def has_matrix(self) -> bool:
        """Whether the operator is small enough to be made into a matrix."""
        return has_matrix(self.problem, self.settings)

    @cached_property
    def unexplained(self) -> Tensor:
        """Chi-square per datum of the whitened problem, at the latents found ``(batch,)``."""
        posed = self.whitened.problem
        with torch.no_grad():
            left = posed.measurements - posed.forward(self.found.x.double())
        unexplained: Tensor = left.square().mean(1)
        return unexplained

    @cached_property
    def ranged(self) -> InRange:
        """The candidates of the generator's range, and the evidence for them."""
        return in_range(
            self.problem,
            self.whitened,
            self.found,
            restarts=self.restarts,
            near_noise=self.settings.near_noise,
            run=self.run,
        )

    def _one(self, name: str) -> Tensor:
        if name.startswith(f"{_TV}-"):
            return self._total_variation(float(name.removeprefix(f"{_TV}-")))
        makers: dict[str, Callable[[], Tensor]] = {
            "lmmse": lambda: linear_estimate(self.problem),
            "range": self._range,
            "representation-error": lambda: self.whitened.complete(self.found.x),
            "tangent-kernel": self._past_range,
            "posterior-mean": self._posterior_mean,
            "learned-tv": self._learned_tv,
        }
        estimate: Tensor = makers[name]()
        return estimate

    def _range(self) -> Tensor:
        if self.problem.prior.residual is not None:
            return self.ranged.x
        search = LevenbergMarquardt(restarts=1, stop_at_noise=False)
        if self.starts is not None:
            search = replace(search, starts=self.starts)
        return search.solve(self.problem, seed=self.run.seed, monitor=self.run).x

    def _past_range(self) -> Tensor:
        return TangentKernel(self.restarts).leave_range(self.problem, self.found, monitor=self.run).x

    def _posterior_mean(self) -> Tensor:
        n_draws, seed = self.settings.n_draws, self.run.seed
        return posterior_mean(self.whitened, self.found, self.problem.prior, n_draws=n_draws, seed=seed)

    def _learned_tv(self) -> Tensor:
        return LearnedTV().solve(self.problem, seed=self.run.seed, monitor=self.run).x

    def _total_variation(self, factor: float) -> Tensor:
        solver = TV.of_images(self.reference, factor, n_iterations=self.settings.tv_iterations)
        return solver.solve(self.problem, seed=self.run.seed, monitor=self.run).x

    def _within(self, x: Tensor) -> Tensor:
        """Return an estimate clipped to the values of the reference images, in the prior's precision."""
        reference = self.reference
        shaped = x.reshape(-1, *self.problem.forward.in_shape).to(self.problem.prior.dtype)
        return shaped.clamp(float(reference.min()), float(reference.max()))
