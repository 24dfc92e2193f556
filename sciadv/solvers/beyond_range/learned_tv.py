"""What a prior has learned of its images, and that images are piecewise smooth, in one objective.

For images too large for dense covariances. The total variation is minimised by iteratively reweighted least
squares (Wohlberg and Rodriguez, An iteratively reweighted norm algorithm for minimization of total variation
functionals, IEEE Signal Processing Letters 14 (2007) 948-951), both weighed by Morozov's discrepancy
principle, one against the other by data left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS, factored
from sciadv.errors import InputError, require_at_least
from sciadv.forward.base import LinearForward
from sciadv.likelihood import Gaussian
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.image_quadratic import ImageQuadratic
from sciadv.solvers.beyond_range.output_activation import OutputActivation, output_activation
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian, require_residual
from sciadv.solvers.classical.tv import gradient
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.factored_gaussian import (
    FactoredGaussian,
    data_diagonal,
    linear_image,
    linearised_gaussian,
    require_linear_images,
    shrunk,
)
from sciadv.types import Count, NotNegative, Positive, PositiveOrInfinite, Rows, Whole, as_generator


def is_large(problem: Problem) -> bool:
    """Whether `LearnedTV` can solve it and dense covariances are too large for it."""
    prior = problem.prior
    return (
        prior.residual is not None
        and prior.encoder is not None
        and prior.moments is not None
        and is_linear_gaussian(problem)
        and not problem.constraints
        and len(problem.forward.in_shape) == 3
        and prior.moments.mean.numel() > DENSE_PIXELS
    )


@checked
@dataclass(frozen=True)
class LearnedTV:
    """Minimise ``|A x - y|^2 / (2 sigma^2) + s R(x)``, R from what the prior knows and the total variation.

    ``R = 1/2 |x - G(z) - mu|^2_C + 1/2 |z|^2 + weight TV(x)`` over x and z, with mean mu and covariance C of
    the prior's representation error. s is found for each measurement such that ``|A x - y|^2`` per datum is
    `chi_square`: the data are explained, and their noise is not fitted.

    The weight of the total variation is that of `weights` under which the rest of a measurement predicts a
    part of it best (Wahba, Spline Models for Observational Data, 1990, chapter 4): patients differ in how
    well the learned covariances describe them. An infinite one is the total variation alone, for images that
    the prior does not know; ``settings["n_total_variation_alone"]`` counts it.

    Each of `n_outer` rounds linearises G at z, which makes z a Gaussian part of x, does `n_inner` steps of
    reweighted least squares, and moves z to where x puts it. ``Solution.x_range`` is G(z).

    Parameters
    ----------
    weight
        Of the total variation [1 / unit of x], infinite for it alone. If None, chosen for each measurement.
    chi_square
        Mean squared residual in units of the noise's variance that s is set for. If None, by `residuals`.
    n_samples
        Draws of the posterior; none if 0. They lie around the answer as the posterior under the learned
        covariances does, their variance scaled to this measurement by evidence; each by a solve of
        ``3 n_conjugate`` steps with perturbed data and prior (Papandreou and Yuille, Gaussian sampling by
        local perturbations, NIPS 2010), and three shorter ones that keep it within the range of values.
        Stopped so early, the solves leave out a part of what the data say least of; the number of steps is
        that under which intervals held reference images of heads behind 16 views as often as they say.
    n_outer, n_inner, n_conjugate
        Rounds, reweightings in each, and steps of conjugate gradients in each of those.
    slack
        Rounds go on, to twice as many at most, while the mean squared residual of some image is above what s
        is set for by more than this part.
    weights
        Weights of the total variation that are tried.
    first_weight
        Weight of the total variation alone where s begins; s then finds what it should be.
    left_out
        One datum of so many is left out to choose the weight by.
    residuals
        Pairs of data a pixel and the mean squared residual that s is set for, linear in between: with many
        data even the best image follows much of their noise, and one that leaves a residual of 1 is too
        smooth.
    flat
        Length of a gradient below which the total variation is quadratic [unit of x].
    range_weight
        Weight of a value outside the range: about that of a datum as precise as a grey value.

    Raises
    ------
    InputError
        A weight or a chi-square that is not above 0, less than no draws, or less than one step.

    Notes
    -----
    Cost: ``n_outer n_inner n_conjugate`` calls of A and of its adjoint, and ``n_outer n_latent`` generator
    passes; the choice of the weight as much again, or twice; ``6 n_conjugate`` calls more a draw.
    """

    weight: PositiveOrInfinite | None = None
    chi_square: NotNegative | None = None
    n_samples: Whole = 0
    n_outer: Count = 3
    n_inner: Count = 3
    n_conjugate: Count = 20
    slack: NotNegative = 0.2
    weights: tuple[Positive, ...] = (5.0, 20.0, 80.0, float("inf"))
    first_weight: NotNegative = 10.0
    left_out: Count = 8
    residuals: tuple[tuple[float, float], ...] = ((0.4, 0.95), (0.7, 0.5))
    flat: NotNegative = 0.003
    range_weight: NotNegative = 1e4
    name: str = "learned-tv"

    def __post_init__(self) -> None:
        """Check the settings."""
        for what in ("weight", "chi_square"):
            value = getattr(self, what)
            if value is not None and not value > 0:
                raise InputError(
                    f"{what} of learned-tv must be > 0, or None to have it chosen, but it is {value}"
                )
        require_at_least(self, {"n_samples": 0, "n_outer": 1, "n_inner": 1, "n_conjugate": 1})

    def residual(self, n_data: float) -> float:
        """Return the mean squared residual that s is set for, with so many real data a pixel.

        Examples
        --------
        >>> [round(LearnedTV().residual(n), 3) for n in (0.25, 0.5, 1.0)]
        [0.95, 0.8, 0.5]
        """
        data, residuals = zip(*self.residuals, strict=True)
        return float(np.interp(n_data, data, residuals))

    def init(self, problem: Problem, run: Run) -> RoundState:
        """Start from the linear estimate."""
        objective = _Objective.of(problem, self)
        with torch.no_grad():
            first = _Point.first(problem, objective)
        return State(objective, run, first, every_row(first.x), None, 2 * self.n_outer)

    def step(self, state: RoundState) -> RoundState:
        """Do one round; before the first, the weight is chosen."""
        with torch.no_grad():
            weight = state.memory
            if self.weight is None and weight is None:
                weight = self._chosen(state.search.problem)
            objective = state.search.with_weight(weight)
            reached = self._round(objective, objective.distribution(state.best.z), state.best)
        unsettled = reached.misfit.square() > (1 + self.slack) * objective.target
        is_early = state.iteration + 1 < self.n_outer
        going = every_row(unsettled) if is_early else unsettled.nonzero().flatten()
        return state.after(reached, weight, going)

    def result(self, state: RoundState) -> Solution:
        """Score the images; the posterior is drawn around them."""
        problem, at, run = state.search.problem, state.best, state.run
        objective = state.search.with_weight(state.memory)
        with torch.no_grad():
            in_range = problem.prior(at.z)
        images = objective.clipped(at.x)
        solution = score(problem, images, z=at.z, x_range=in_range, ended=state.ended)
        posterior = None
        if self.n_samples and not state.is_running:
            posterior = run.attempt(lambda: self._draw(objective, at, run.seed))
        settings: dict[str, object] = {
            "scale_median": float(at.scale.median()),
            "n_total_variation_alone": int(objective.weight.isinf().sum()),
        }
        return replace(solution, objective=None, posterior=posterior, settings=settings)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, candidates are no images, or
            the prior has no residual statistics, no moments or no encoder.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

    def _round(self, objective: _Objective, distribution: FactoredGaussian, at: _Point) -> _Point:
        """Reweight a few times under one distribution, setting s after each."""
        x, scale, chi_square = at.x, at.scale, at.misfit.square()
        for _ in range(self.n_inner):
            x = objective.quadratic(x, distribution, scale).minimum(x, self.n_conjugate)
            chi_square = objective.chi_square(x)
            scale = scale * (objective.target / chi_square).clamp(0.3, 3)
        return _Point(x, distribution.latent(x.flatten(1)), scale, chi_square.sqrt())

    def _chosen(self, problem: Problem) -> Tensor:
        """Return the weights ``(rows,)`` under which data left out are predicted best."""
        left_out, part = without_some(problem, self.left_out)
        objective = _Objective.of(part, self)
        objective = replace(objective, target=objective.target * float((~left_out).float().mean()))
        at = _Point.first(part, objective)
        distribution, precision, found = objective.distribution(at.z), left_out * _precision(problem), []
        for weight in self.weights:
            tried = replace(objective, weight=torch.full_like(at.scale, weight))
            x = self._round(tried, distribution, self._round(tried, distribution, at)).x
            away = (problem.forward(objective.clipped(x)) - problem.measurements).abs()
            found.append((precision * away.square()).flatten(1).sum(1))
        return torch.tensor(self.weights).to(at.scale)[torch.stack(found).argmin(0)]

    def _draw(self, objective: _Objective, at: _Point, seed: int) -> Posterior:
        """Draw around x as the posterior under the learned covariances does, row by row."""
        parts, x = [], at.x
        with torch.no_grad():
            distribution = objective.learned_distribution(at.z)
            for row in range(len(x)):
                one, own = slice(row, row + 1), replace(objective.row(row), weight=x.new_zeros(1))
                learned = replace(
                    distribution,
                    mean=distribution.mean[one],
                    columns=distribution.columns[one],
                    whitened=distribution.whitened[one],
                )
                form = own.quadratic(x[one], learned, x.new_ones(1))
                parts.append(
                    form.draws_around(x[one], self.n_samples, 3 * self.n_conjugate, own.clipped, seed=seed)
                )
            samples = torch.stack(parts)
            latents = distribution.latent(samples.flatten(2))
        return Posterior(samples, latents)


def without_some(problem: Problem, one_of: int, *, inflation: float = 1e6) -> tuple[Tensor, Problem]:
    """Leave one datum of so many out, of all measurements the same ones.

    Parameters
    ----------
    problem
        What is solved.
    one_of
        Of how many one is left out.
    inflation
        Factor of the noise of those left out.

    Returns
    -------
    left_out
        Which, bool ``(1, *out_shape)``.
    problem
        The problem with noise so large on these that they do not count.
    """
    y = problem.measurements[:1]
    order = torch.randperm(y.numel(), generator=as_generator(0)).to(y.device)
    left_out = (order < max(1, len(order) // one_of)).reshape(y.shape)
    sigma = _precision(problem).rsqrt() * torch.where(left_out, inflation, 1.0)
    return left_out, replace(problem, likelihood=Gaussian(sigma[0]))


def _precision(problem: Problem) -> Tensor:
    """Return ``1 / sigma^2`` of each datum ``(1, *out_shape)``."""
    y = problem.measurements[:1]
    return problem.likelihood.curvature(y, y)


@dataclass(frozen=True)
class _Point(Rows):
    """Where the rounds stand: images, latents, s and misfit."""

    x: Tensor
    z: Tensor
    scale: Tensor
    misfit: Tensor
    objective: None = None

    @staticmethod
    def first(problem: Problem, objective: _Objective) -> _Point:
        """Return the linear estimate, its code, and s of 1."""
        x = linear_image(problem)
        return _Point(x, problem.prior.encode(x), x.new_ones(len(x)), objective.chi_square(x).sqrt())


@dataclass(frozen=True)
class _Objective:
    """The parts of the objective; images are ``(rows, *in_shape)``."""

    problem: Problem
    forward: LinearForward
    output: OutputActivation
    factor: Tensor
    diagonal: Tensor
    mean: Tensor
    around: Tensor
    weight: Tensor
    target: float
    settings: LearnedTV

    @staticmethod
    def of(problem: Problem, solver: LearnedTV) -> _Objective:
        """Check the problem and put the objective together."""
        forward = require_linear_images(problem, solver.name)
        residual, prior, y = require_residual(problem.prior, solver.name), problem.prior, problem.measurements
        if prior.encoder is None:
            raise InputError(f"{solver.name} needs a prior with an encoder; use representation-error")
        mean = residual.image.mean.flatten().to(y.device, prior.dtype)
        factor, diagonal = (part.to(mean) for part in factored(residual.image))
        return _Objective(
            problem,
            forward,
            output_activation(prior),
            factor,
            diagonal,
            mean,
            around=data_diagonal(forward, _precision(problem)),
            weight=mean.new_full((len(y),), solver.weight or 0.0),
            target=solver.chi_square or solver.residual(problem.n_measurements / mean.numel()),
            settings=solver,
        )

    def with_weight(self, weight: Tensor | None) -> _Objective:
        """Return the objective with another weight of the total variation, where there is one."""
        return self if weight is None else replace(self, weight=weight)

    def row(self, row: int) -> _Objective:
        """Return the objective of one measurement."""
        return replace(self, problem=self.problem.subset([row]))

    def distribution(self, z: Tensor) -> FactoredGaussian:
        """Return the distribution of x with the generator linearised at z, its covariances shrunk."""
        return linearised_gaussian(self.problem.prior, z, self.mean, *shrunk(self.factor, self.diagonal))

    def learned_distribution(self, z: Tensor) -> FactoredGaussian:
        """Return the distribution with the covariances as they were learned: its draws resemble errors."""
        return linearised_gaussian(self.problem.prior, z, self.mean, self.factor, self.diagonal)

    def quadratic(self, x: Tensor, distribution: FactoredGaussian, scale: Tensor) -> ImageQuadratic:
        """Return the objective with the total variation and the range as quadratic forms around x."""
        y = self.problem.measurements
        slope = gradient(x).square().sum(0)
        nearest = self.clipped(x)
        scale, has_law = scale.reshape(-1, 1, 1, 1), self.weight.isfinite().reshape(-1, 1, 1, 1)
        weight = self.weight.nan_to_num(posinf=self.settings.first_weight).reshape(-1, 1, 1, 1)
        outside = self.settings.range_weight * (nearest - x).abs().gt(1e-3).to(x.dtype)
        return ImageQuadratic(
            forward=self.forward,
            curvature=_precision(self.problem),
            y=y,
            distribution=distribution,
            trust=scale * has_law,
            smooth=weight * scale / (slope + self.settings.flat**2).sqrt(),
            outside=outside,
            nearest=nearest,
            around=self.around,
        )

    def chi_square(self, x: Tensor) -> Tensor:
        """Return the mean squared residual of the clipped images in units of the noise ``(rows,)``."""
        prediction = self.forward(self.clipped(x))
        return self.problem.likelihood.misfit(prediction, self.problem.measurements).square()

    def clipped(self, x: Tensor) -> Tensor:
        """Return the images within the output's range."""
        return self.output.clamp(x)


#: The memory is the weight of the total variation that was chosen for each row.
RoundState = State[_Objective, _Point, Tensor | None]
