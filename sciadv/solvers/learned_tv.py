"""What a prior has learned of its images, and that images are piecewise smooth, in one objective.

For images too large for dense covariances. The total variation is minimised by iteratively reweighted least
squares (Wohlberg and Rodriguez, An iteratively reweighted norm algorithm for minimization of total variation
functionals, IEEE Signal Processing Letters 14 (2007) 948-951), the prior weighed by Morozov's discrepancy
principle.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import LinearForward
from sciadv.likelihood import as_data, real_view
from sciadv.moments import DENSE_PIXELS, factored
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.conjugate_gradients import conjugate_gradients
from sciadv.solvers.learned_law import (
    Law,
    data_diagonal,
    linear_image,
    linearised_law,
    require_linear_images,
)
from sciadv.solvers.leaving import finish
from sciadv.solvers.output import OutputActivation, output_activation
from sciadv.solvers.search import Monitor, Progress
from sciadv.solvers.tv import TV, divergence, gradient
from sciadv.solvers.whitening import is_linear_gaussian, require_residual
from sciadv.types import as_generator

#: Mean squared residual in units of the noise's variance with few and with many data.
_FEW_DATA, _MANY_DATA = 0.95, 0.5
#: The learned law is taken for wrong where the data need it weighed less: head CT slices have s of 1 to 10,
#: an abdomen under the prior of heads 0.02 to 0.06.
_STRANGE = 0.2
#: Variance of draws over that of MacKay's scale: coverage and squared error over variance are right for it on
#: head CT slices from 16 views, with statistics learned from other slices.
_SMOOTHER = 1.6
#: Length of a gradient below which the total variation is quadratic.
_FLAT = 0.01
#: Weight of a value outside the range: about that of a datum as precise as a grey value.
_OUTSIDE = 1e4
#: Draws that are solved for at once; bounds the memory.
_CHUNK = 64


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

    A small s says that the law does not know such an image: then the answer is that of `TV` alone, and
    ``settings["n_outside_law"]`` counts it.

    Each of `n_outer` rounds linearises G at z, which makes z a Gaussian part of x, does `n_inner` steps of
    reweighted least squares, and moves z to where x puts it. ``Solution.x_range`` is G(z).

    Parameters
    ----------
    weight
        Of the total variation [1 / unit of x].
    chi_square
        Mean squared residual in units of the noise's variance that s is set for. If None, 0.95, or 0.5 where
        the data are more than half as many as the pixels: even the best image then follows much of their
        noise, and one that leaves a residual of 1 is too smooth.
    n_samples
        Draws of the posterior; none if 0. They lie around the answer as the posterior of the learned law
        alone does, its variance scaled to this measurement by evidence; each by one solve with perturbed data
        and law (Papandreou and Yuille, Gaussian sampling by local perturbations, NIPS 2010).
    n_outer, n_inner, n_conjugate
        Rounds, reweightings in each, and steps of conjugate gradients in each of those.

    Notes
    -----
    Cost: ``n_outer n_inner n_conjugate`` calls of A and of its adjoint, and ``n_outer n_latent`` generator
    passes; ``2 n_conjugate`` calls more a draw.
    """

    weight: float = 10.0
    chi_square: float | None = None
    n_samples: int = 0
    n_outer: int = 3
    n_inner: int = 3
    n_conjugate: int = 20
    name: str = "learned-tv"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, candidates are no images, or
            the prior has no residual statistics, no moments or no encoder.
        """
        started = time.perf_counter()
        objective = _Objective.of(problem, self)
        with torch.no_grad(), problem.prior.frozen():
            x = linear_image(problem)
            at = _Point(x, problem.prior.encode(x), x.new_ones(len(x)), None)
            ended = Status.CONVERGED
            try:
                for reached in self._rounds(objective, at, started, monitor):
                    at = reached
            except KeyboardInterrupt:
                ended = Status.INTERRUPTED
            x, n_strange = _without_strangers(problem, objective, at)
            solution = _solution(problem, x, at.z, ended)
            if self.n_samples and ended is Status.CONVERGED and at.law is not None:
                solution = replace(solution, posterior=self._draw(objective, at.x, at.law, seed))
        told = {key: value for key, value in vars(self).items() if key != "name"}
        settings: dict[str, object] = {**told, "scale_median": float(at.scale.median()), "seed": seed}
        settings["n_outside_law"] = n_strange
        return replace(solution, seconds=time.perf_counter() - started, settings=settings)

    def _rounds(
        self, objective: _Objective, at: _Point, started: float, monitor: Monitor | None
    ) -> Iterator[_Point]:
        """Yield where each round ends."""
        for outer in range(self.n_outer):
            law = objective.law(at.z)
            x, scale = at.x, at.scale
            for _ in range(self.n_inner):
                x = objective.quadratic(x, law, scale).minimum(x, self.n_conjugate)
                scale = scale * (objective.target / objective.chi_square(x)).clamp(0.3, 3)
            at = _Point(x, law.latent(x.flatten(1)), scale, law)
            yield at
            if monitor is not None:
                misfit, seconds = objective.chi_square(x).median().sqrt(), time.perf_counter() - started
                monitor(Progress(outer + 1, self.n_outer, len(x), len(x), float(misfit), seconds))

    def _draw(self, objective: _Objective, x: Tensor, law: Law, seed: int) -> Posterior:
        """Draw around x as the learned law's posterior does, row by row."""
        parts = []
        for row in range(len(x)):
            one, own = slice(row, row + 1), replace(objective.row(row), weight=0.0)
            chosen = replace(law, mean=law.mean[one], columns=law.columns[one], whitened=law.whitened[one])
            form = own.quadratic(x[one], chosen, x.new_ones(1))
            moved = form.draws(self.n_samples, 2 * self.n_conjugate, as_generator(seed))
            moved = moved * _evidence_scale(chosen, x[one], moved).sqrt()
            parts.append(own.clipped(x[one] + moved)[None])
        samples = torch.cat(parts)
        latents = law.latent(samples.flatten(2))
        return Posterior(samples, latents)


def _evidence_scale(law: Law, x: Tensor, moved: Tensor) -> Tensor:
    """Return how much wider than the law the images around one answer are, a number.

    MacKay's fixed point ``E / gamma`` (Bayesian interpolation, Neural Computation 4 (1992) 415-447, eq. 4.8):
    the answer's energy under the law over the number of directions that the data determine, here from the
    draws; times what makes intervals hold what they say on training images, since the answer is smoother
    than the law's own.
    """
    distance, along = (x.flatten(1) - law.mean)[:, None], moved.flatten(1)[None]
    energy = (distance * law.precision(distance)).sum()
    left = (along * law.precision(along)).sum() / len(moved)
    scale: Tensor = _SMOOTHER * energy / (law.mean.shape[1] - left).clamp_min(1.0)
    return scale.clamp(0.1, 10.0)


@dataclass(frozen=True)
class _Point:
    """Where the rounds stand: images, latents, s, and the law of the last round."""

    x: Tensor
    z: Tensor
    scale: Tensor
    law: Law | None


def _without_strangers(problem: Problem, objective: _Objective, at: _Point) -> tuple[Tensor, int]:
    """Return the images within range, those of `TV` alone where s is so small that the law is wrong."""
    x, rows = objective.clipped(at.x), (at.scale < _STRANGE).nonzero().squeeze(1)
    if len(rows):
        output = objective.output
        bounds = None if output.name == "identity" else (output.low, output.high)
        x = x.index_copy(0, rows, TV(bounds=bounds).solve(problem.subset(rows)).x)
    return x, len(rows)


def _solution(problem: Problem, x: Tensor, z: Tensor, ended: Status) -> Solution:
    in_range = problem.prior(z)
    nothing = in_range.new_zeros(len(x))
    bare = Solution(in_range, z, problem.forward(in_range), nothing, [ended] * len(x), "learned-tv")
    return finish(problem, bare, x)


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
    weight: float
    target: float

    @staticmethod
    def of(problem: Problem, solver: LearnedTV) -> _Objective:
        """Check the problem and put the objective together."""
        forward = require_linear_images(problem, solver.name)
        residual, prior, y = require_residual(problem.prior, solver.name), problem.prior, problem.measurements
        if prior.encoder is None:
            raise InputError(f"{solver.name} needs a prior with an encoder; use representation-error")
        factor, diagonal = (part.to(y.device, prior.dtype) for part in factored(residual.image))
        mean = residual.image.mean.flatten().to(y.device, prior.dtype)
        around = data_diagonal(forward, problem.likelihood.curvature(y, y)[:1])
        output = output_activation(prior)
        many = problem.n_measurements > 0.5 * mean.numel()
        target = solver.chi_square or (_MANY_DATA if many else _FEW_DATA)
        return _Objective(problem, forward, output, factor, diagonal, mean, around, solver.weight, target)

    def row(self, row: int) -> _Objective:
        """Return the objective of one measurement."""
        return replace(self, problem=self.problem.subset([row]))

    def law(self, z: Tensor) -> Law:
        """Return the law of x with the generator linearised at z."""
        return linearised_law(self.problem.prior, z, self.mean, self.factor, self.diagonal)

    def quadratic(self, x: Tensor, law: Law, scale: Tensor) -> _Quadratic:
        """Return the objective with the total variation and the range as quadratic forms around x."""
        y = self.problem.measurements
        slope = gradient(x).square().sum(0)
        nearest = self.clipped(x)
        outside = _OUTSIDE * (nearest - x).abs().gt(1e-3).to(x.dtype)
        return _Quadratic(
            forward=self.forward,
            curvature=self.problem.likelihood.curvature(y, y)[:1],
            y=y,
            law=law,
            trust=scale.reshape(-1, 1, 1, 1),
            smooth=self.weight * scale.reshape(-1, 1, 1, 1) / (slope + _FLAT**2).sqrt(),
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


@dataclass(frozen=True)
class _Quadratic:
    """Half of ``|A x - y|^2_c + trust |x - mean|^2_C + smooth |grad x|^2 + outside |x - nearest|^2``."""

    forward: LinearForward
    curvature: Tensor
    y: Tensor
    law: Law
    trust: Tensor
    smooth: Tensor
    outside: Tensor
    nearest: Tensor
    around: Tensor

    def hessian(self, v: Tensor) -> Tensor:
        """Apply the matrix of the form to ``(rows, *in_shape)``, or to many images of one row."""
        data = self.forward.adjoint(self.curvature * self.forward(v))
        return data + self.trust * self._learned(v) - divergence(self.smooth * gradient(v)) + self.outside * v

    def minimum(self, x: Tensor, n_steps: int) -> Tensor:
        """Step to the minimum from x."""
        learned = self.trust * self.law.precision(self.law.mean).reshape(x.shape)
        right = self.forward.adjoint(self.curvature * self.y) + learned + self.outside * self.nearest
        return conjugate_gradients(self.hessian, right, n_steps=n_steps, start=x, diagonal=self._diagonal())

    def draws(self, n: int, n_steps: int, generator: torch.Generator) -> Tensor:
        """Draw deviations ``(n, *in_shape)`` whose inverse covariance is the matrix, of one row."""
        shape, like = self.forward.in_shape, self.nearest
        parts = []
        for size in [_CHUNK] * (n // _CHUNK) + [n % _CHUNK] * (n % _CHUNK > 0):
            data = _noise(size, self.y, generator) * self.curvature.sqrt()
            learned = self.law.precision(self.law.draw(size, generator))[0].reshape(size, *shape)
            edges = torch.randn(2, size, *shape, generator=generator).to(like) * self.smooth.sqrt()
            bound = torch.randn(size, *shape, generator=generator).to(like) * self.outside.sqrt()
            force = self.forward.adjoint(data) + self.trust.sqrt() * learned - divergence(edges) + bound
            parts.append(conjugate_gradients(self.hessian, force, n_steps=n_steps, diagonal=self._diagonal()))
        return torch.cat(parts)

    def _learned(self, v: Tensor) -> Tensor:
        """Apply the law's inverse covariance; where there is one law, to all images."""
        flat = v.flatten(1)
        many = flat[None] if len(self.law.mean) == 1 else flat[:, None]
        return self.law.precision(many).reshape(v.shape)

    def _diagonal(self) -> Tensor:
        learned = self.law.inverse_diagonal.reshape(1, *self.forward.in_shape)
        return self.around + self.trust * learned + 4 * self.smooth + self.outside


def _noise(n: int, y: Tensor, generator: torch.Generator) -> Tensor:
    """Draw ``(n, *out_shape)`` of unit variance, of each part where data are complex."""
    shape = (n, *real_view(y[:1]).shape[1:])
    return as_data(torch.randn(shape, generator=generator).to(y.real), y.shape[1:])
