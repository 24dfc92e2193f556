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
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.image_quadratic import ImageQuadratic
from sciadv.solvers.beyond_range.output_activation import OutputActivation, output_activation
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian, require_residual
from sciadv.solvers.classical.tv import gradient
from sciadv.solvers.latent.iterate import Run, State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.factored_gaussian import (
    FactoredGaussian,
    data_diagonal,
    linear_image,
    linearised_gaussian,
    require_linear_images,
    shrunk,
)
from sciadv.types import Rows, as_generator

#: Data a pixel, real ones, and the mean squared residual in units of the noise's variance that images then
#: leave which are neither too smooth nor follow the noise: with more data even the best one follows it.
_DATA, _RESIDUAL = (0.4, 0.7), (0.95, 0.5)
#: Weights of the total variation that are tried; the last is the total variation alone.
WEIGHTS = (5.0, 20.0, 80.0, float("inf"))
#: Weight of the total variation alone, where s begins: s then finds what it should be.
_ALONE = 10.0
#: One datum of so many is left out to choose by.
_LEFT_OUT = 8
#: How much larger the noise of such a datum is then said to be.
_UNSEEN = 1e6
#: Length of a gradient below which the total variation is quadratic.
_FLAT = 0.003
#: Weight of a value outside the range: about that of a datum as precise as a grey value.
_OUTSIDE = 1e4


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


@dataclass(frozen=True)
class LearnedTV:
    """Minimise ``|A x - y|^2 / (2 sigma^2) + s R(x)``, R from what the prior knows and the total variation.

    ``R = 1/2 |x - G(z) - mu|^2_C + 1/2 |z|^2 + weight TV(x)`` over x and z, with mean mu and covariance C of
    the prior's representation error. s is found for each measurement such that ``|A x - y|^2`` per datum is
    `chi_square`: the data are explained, and their noise is not fitted.

    The weight of the total variation is that of `WEIGHTS` under which the rest of a measurement predicts an
    eighth of it best (Wahba, Spline Models for Observational Data, 1990, chapter 4): patients differ in how
    far the law knows them. The last one is infinite, total variation alone: the law does not know such an
    image, or smoothness says more. ``settings["n_without_law"]`` counts it.

    Each of `n_outer` rounds linearises G at z, which makes z a Gaussian part of x, does `n_inner` steps of
    reweighted least squares, and moves z to where x puts it. ``Solution.x_range`` is G(z).

    Parameters
    ----------
    weight
        Of the total variation [1 / unit of x], infinite for it alone. If None, chosen for each measurement.
    chi_square
        Mean squared residual in units of the noise's variance that s is set for. If None, 0.95 up to 0.4 data
        a pixel, and falling to 0.5 at 0.7: even the best image then follows much of their noise, and one that
        leaves a residual of 1 is too smooth.
    n_samples
        Draws of the posterior; none if 0. They lie around the answer as the posterior of the learned law
        alone does, its variance scaled to this measurement by evidence; each by one solve with perturbed data
        and law (Papandreou and Yuille, Gaussian sampling by local perturbations, NIPS 2010).
    n_outer, n_inner, n_conjugate
        Rounds, reweightings in each, and steps of conjugate gradients in each of those.

    Raises
    ------
    InputError
        A weight or a chi-square that is not above 0, less than no draws, or less than one step.

    Notes
    -----
    Cost: ``n_outer n_inner n_conjugate`` calls of A and of its adjoint, and ``n_outer n_latent`` generator
    passes; the choice of the weight as much again, or twice; ``2 n_conjugate`` calls more a draw.
    """

    weight: float | None = None
    chi_square: float | None = None
    n_samples: int = 0
    n_outer: int = 3
    n_inner: int = 3
    n_conjugate: int = 20
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

    def init(self, problem: Problem, run: Run) -> RoundState:
        """Start from the linear estimate."""
        objective = _Objective.of(problem, self)
        with torch.no_grad():
            first = _Point.first(problem, objective)
        return State(objective, run, first, every_row(first.x), None, self.n_outer)

    def step(self, state: RoundState) -> RoundState:
        """Do one round; before the first, the weight is chosen."""
        with torch.no_grad():
            weight = state.memory
            if self.weight is None and weight is None:
                weight = self._chosen(state.search.problem)
            objective = state.search.with_weight(weight)
            reached = self._round(objective, objective.law(state.best.z), state.best)
        is_last = state.iteration + 1 == self.n_outer
        return state.after(reached, weight, state.active[:0] if is_last else None)

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
            "n_without_law": int(objective.weight.isinf().sum()),
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

    def _round(self, objective: _Objective, law: FactoredGaussian, at: _Point) -> _Point:
        """Reweight a few times under one law, setting s after each."""
        x, scale, chi_square = at.x, at.scale, at.misfit.square()
        for _ in range(self.n_inner):
            x = objective.quadratic(x, law, scale).minimum(x, self.n_conjugate)
            chi_square = objective.chi_square(x)
            scale = scale * (objective.target / chi_square).clamp(0.3, 3)
        return _Point(x, law.latent(x.flatten(1)), scale, chi_square.sqrt())

    def _chosen(self, problem: Problem) -> Tensor:
        """Return the weights ``(rows,)`` under which data left out are predicted best."""
        left_out, part = without_some(problem)
        objective = _Objective.of(part, self)
        objective = replace(objective, target=objective.target * float((~left_out).float().mean()))
        at = _Point.first(part, objective)
        law, precision, found = objective.law(at.z), left_out * _precision(problem), []
        for weight in WEIGHTS:
            tried = replace(objective, weight=torch.full_like(at.scale, weight))
            x = self._round(tried, law, self._round(tried, law, at)).x
            away = (problem.forward(objective.clipped(x)) - problem.measurements).abs()
            found.append((precision * away.square()).flatten(1).sum(1))
        return torch.tensor(WEIGHTS).to(at.scale)[torch.stack(found).argmin(0)]

    def _draw(self, objective: _Objective, at: _Point, seed: int) -> Posterior:
        """Draw around x as the posterior under the learned covariances does, row by row."""
        parts, x = [], at.x
        with torch.no_grad():
            law = objective.learned_law(at.z)
            for row in range(len(x)):
                one, own = slice(row, row + 1), replace(objective.row(row), weight=x.new_zeros(1))
                chosen = replace(
                    law, mean=law.mean[one], columns=law.columns[one], whitened=law.whitened[one]
                )
                form = own.quadratic(x[one], chosen, x.new_ones(1))
                moved = form.draws(self.n_samples, 2 * self.n_conjugate, as_generator(seed))
                moved = moved * _evidence_scale(chosen, x[one], moved).sqrt()
                parts.append(own.clipped(x[one] + moved)[None])
            samples = torch.cat(parts)
            latents = law.latent(samples.flatten(2))
        return Posterior(samples, latents)


def _evidence_scale(law: FactoredGaussian, x: Tensor, moved: Tensor) -> Tensor:
    """Return how much wider than the law the images around one answer are, a number.

    MacKay's fixed point ``E / gamma`` (Bayesian interpolation, Neural Computation 4 (1992) 415-447, eq. 4.8):
    the answer's energy under the law over the number of directions that the data determine, here from the
    draws.
    """
    distance, along = (x.flatten(1) - law.mean)[:, None], moved.flatten(1)[None]
    energy = (distance * law.precision(distance)).sum()
    left = (along * law.precision(along)).sum() / len(moved)
    scale: Tensor = energy / (law.mean.shape[1] - left).clamp_min(1.0)
    return scale.clamp(0.1, 10.0)


def residual_left(n_data: float) -> float:
    """Return the mean squared residual, in units of the noise's variance, for so many data a pixel.

    Examples
    --------
    >>> [round(residual_left(n), 3) for n in (0.25, 0.5, 1.0)]
    [0.95, 0.8, 0.5]
    """
    return float(np.interp(n_data, _DATA, _RESIDUAL))


def without_some(problem: Problem) -> tuple[Tensor, Problem]:
    """Leave an eighth of the data of each measurement out, of all the same.

    Returns
    -------
    left_out
        Which, bool ``(1, *out_shape)``.
    problem
        The problem with noise so large on these that they do not count.
    """
    y = problem.measurements[:1]
    order = torch.randperm(y.numel(), generator=as_generator(0)).to(y.device)
    left_out = (order < max(1, len(order) // _LEFT_OUT)).reshape(y.shape)
    sigma = _precision(problem).rsqrt() * torch.where(left_out, _UNSEEN, 1.0)
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
            target=solver.chi_square or residual_left(problem.n_measurements / mean.numel()),
        )

    def with_weight(self, weight: Tensor | None) -> _Objective:
        """Return the objective with another weight of the total variation, where there is one."""
        return self if weight is None else replace(self, weight=weight)

    def row(self, row: int) -> _Objective:
        """Return the objective of one measurement."""
        return replace(self, problem=self.problem.subset([row]))

    def law(self, z: Tensor) -> FactoredGaussian:
        """Return the law of x with the generator linearised at z, its learned covariances shrunk."""
        return linearised_gaussian(self.problem.prior, z, self.mean, *shrunk(self.factor, self.diagonal))

    def learned_law(self, z: Tensor) -> FactoredGaussian:
        """Return the law with the covariances as they were learned: its draws look like errors."""
        return linearised_gaussian(self.problem.prior, z, self.mean, self.factor, self.diagonal)

    def quadratic(self, x: Tensor, law: FactoredGaussian, scale: Tensor) -> ImageQuadratic:
        """Return the objective with the total variation and the range as quadratic forms around x."""
        y = self.problem.measurements
        slope = gradient(x).square().sum(0)
        nearest = self.clipped(x)
        scale, has_law = scale.reshape(-1, 1, 1, 1), self.weight.isfinite().reshape(-1, 1, 1, 1)
        weight = self.weight.nan_to_num(posinf=_ALONE).reshape(-1, 1, 1, 1)
        outside = _OUTSIDE * (nearest - x).abs().gt(1e-3).to(x.dtype)
        return ImageQuadratic(
            forward=self.forward,
            curvature=_precision(self.problem),
            y=y,
            law=law,
            trust=scale * has_law,
            smooth=weight * scale / (slope + _FLAT**2).sqrt(),
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
        return x.clamp(self.output.low, self.output.high)


#: The memory is the weight of the total variation that was chosen for each row.
RoundState = State[_Objective, _Point, Tensor | None]
