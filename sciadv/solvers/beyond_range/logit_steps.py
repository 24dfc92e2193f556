"""Regularised Gauss-Newton steps in latent and logits without any matrix of the operator.

`sciadv.solvers.beyond_range.logit_model` solves the same model by systems as large as the measurements or
the pixels; here conjugate gradients need the operator's derivative and its adjoint alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS, Moments, factored
from sciadv.likelihood import Gaussian, as_data, real_view
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.output_activation import OutputActivation, output_activation
from sciadv.solvers.beyond_range.whitening import require_residual
from sciadv.solvers.latent.iterate import every_row
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.linear.line_search import shorten
from sciadv.types import Rows, as_generator


@dataclass(frozen=True)
class InnerSolve:
    """How the linearised problem of each step is solved.

    Parameters
    ----------
    n_conjugate
        Conjugate gradients at most for a step.
    n_conjugate_draw
        The same for a draw from the posterior.
    n_draw_steps
        Steps of the model itself that each draw is taken on by at most.
    draw_tolerance
        A draw has ended when a step changes its misfit by less than this part of it.
    n_trial_draws
        Draws that tell whether they fit the data as noise does.
    n_draws_at_once
        Draws whose Jacobians are held at once; bounds the memory.
    conjugate_tolerance
        Part of the gradient's norm at which they end.
    n_lengths
        Step lengths that are tried.
    shortening
        Each length is this part of the one before.
    n_range_draws
        Prior draws from which the noise of a search within the range is estimated.
    """

    n_conjugate: int = 40
    n_conjugate_draw: int = 80
    n_draw_steps: int = 8
    draw_tolerance: float = 0.01
    n_trial_draws: int = 10
    n_draws_at_once: int = 25
    conjugate_tolerance: float = 0.02
    n_lengths: int = 6
    shortening: float = 0.4
    n_range_draws: int = 64


@dataclass(frozen=True)
class LogitPoint(Rows):
    """Where the steps stand, one row per measurement.

    Parameters
    ----------
    z
        Latents ``(rows, n_latent)``.
    w
        Whitened changes of the logits ``(rows, width)``.
    misfit
        As the likelihood gives it ``(rows,)``.
    level
        Noise level of the next step, in units of the noise's own ``(rows,)``.
    """

    z: Tensor
    w: Tensor
    misfit: Tensor
    level: Tensor
    objective: None = None

    @property
    def squared_norm(self) -> Tensor:
        """Return ``|z|^2 + |w|^2`` ``(rows,)``."""
        return self.z.square().sum(1) + self.w.square().sum(1)


@dataclass(frozen=True, eq=False)
class Root:
    """L with ``L L'`` a covariance: a Cholesky factor, or factor and diagonal of a large one.

    Parameters
    ----------
    factor
        ``(pixels, rank)``.
    spread
        Square root of the diagonal ``(pixels,)``, whose changes stand last in w; None where there is none.
    """

    factor: Tensor
    spread: Tensor | None

    @staticmethod
    def of(moments: Moments, device: torch.device, dtype: torch.dtype) -> Root:
        """Take the root of a covariance."""
        if moments.factor is None and moments.mean.numel() <= DENSE_PIXELS:
            return Root(torch.linalg.cholesky(moments.covariance.double()).to(device, dtype), None)
        factor, diagonal = factored(moments)
        return Root(factor.to(device, dtype), diagonal.sqrt().to(device, dtype))

    @property
    def width(self) -> int:
        """Length of w."""
        n_pixels, rank = self.factor.shape
        return rank if self.spread is None else rank + n_pixels

    def push(self, w: Tensor) -> Tensor:
        """Return ``L w`` ``(rows, pixels)`` of ``(rows, width)``."""
        rank = self.factor.shape[1]
        low = w[:, :rank] @ self.factor.T
        return low if self.spread is None else low + w[:, rank:] * self.spread

    def pull(self, v: Tensor) -> Tensor:
        """Return ``L' v`` ``(rows, width)`` of ``(rows, pixels)``."""
        low = v @ self.factor
        return low if self.spread is None else torch.cat([low, v * self.spread], 1)


@dataclass(frozen=True)
class Perturbation(Rows):
    """By what data are moved ``(rows, measurements)`` [noise], and the prior's mean ``(rows, width)``."""

    data: Tensor
    centre: Tensor

    @staticmethod
    def none(here: LogitPoint, n_data: int) -> Perturbation:
        """Return that of the problem as it is."""
        return Perturbation(
            here.z.new_zeros(len(here.z), n_data),
            here.z.new_zeros(len(here.z), here.z.shape[1] + here.w.shape[1]),
        )


@dataclass(frozen=True, eq=False)
class LogitSteps:
    """``x = act(l(z) + mean + L w)`` for a problem with Gaussian noise, and the steps on it.

    Parameters
    ----------
    problem
        What is solved.
    output
        The activation at the generator's output.
    mean
        Mean of the change of the logits ``(pixels,)``.
    root
        L.
    sigma
        Standard deviation of each real datum ``(measurements,)``.
    inner
        How each step is solved.
    """

    problem: Problem
    output: OutputActivation
    mean: Tensor
    root: Root
    sigma: Tensor
    inner: InnerSolve

    def images(self, point: LogitPoint) -> Tensor:
        """Return the images ``(rows, *in_shape)``."""
        return self._images(point.z, point.w)[0]

    def point(self, z: Tensor, rows: Tensor) -> LogitPoint:
        """Return the point at latents without any change, for the measurements `rows`."""
        w = z.new_zeros(len(z), self.root.width)
        misfit = self._misfit(self._residual(self._images(z, w)[0], rows))
        return LogitPoint(z, w, misfit, torch.ones_like(misfit))

    def noise_in_range(self) -> Gaussian:
        """Return the noise that a search in the range has to assume: with what it leaves out, by draws."""
        draw = as_generator(0)
        z = self.problem.prior.sample_latent(self.inner.n_range_draws, seed=draw)
        w = torch.randn(self.inner.n_range_draws, self.root.width, generator=draw).to(z)
        with torch.no_grad():
            forward = self.problem.forward
            change = real_view(forward(self._images(z, w)[0])) - real_view(forward(self.problem.prior(z)))
        variance = self.sigma.square().mean() + change.square().mean()
        return Gaussian(float(variance.sqrt()))

    def step(self, here: LogitPoint, rows: Tensor) -> LogitPoint:
        """Do one step on every row, under its noise level."""
        return self._step(here, rows, Perturbation.none(here, len(self.sigma)))

    def _step(self, here: LogitPoint, rows: Tensor, moved: Perturbation) -> LogitPoint:
        """Do one step on data and prior that are moved."""
        scale, sizes = here.level[:, None], [here.z.shape[1], here.w.shape[1]]
        around = self._around(here)
        residual = (self._residual(around.images, rows) + moved.data) / scale
        at = torch.cat([here.z, here.w], 1) - moved.centre
        step = conjugate_gradients(
            lambda v: around.curvature(v, scale),
            around.pull(residual / scale) - at,
            n_steps=self.inner.n_conjugate,
            tolerance=self.inner.conjugate_tolerance,
        )
        before = residual.square().sum(1) + at.square().sum(1)

        def trial(pending: Tensor, length: float) -> tuple[LogitPoint, Tensor]:
            reached = at[pending] + length * step[pending]
            new_z, new_w = torch.split(reached + moved.centre[pending], sizes, 1)
            left = self._residual(self._images(new_z, new_w)[0], rows[pending])
            wanted = (left + moved.data[pending]) / scale[pending]
            objective = wanted.square().sum(1) + reached.square().sum(1)
            there = LogitPoint(new_z, new_w, self._misfit(left), here.level[pending])
            return there, objective < before[pending]

        inner = self.inner
        return shorten(here, trial, like=rows, n_trials=inner.n_lengths, factor=inner.shortening)

    def draw(self, here: LogitPoint, rows: Tensor, n: int, *, seed: int) -> list[LogitPoint]:
        """Draw from the posterior around the points of the measurements `rows`, `n` for each.

        Perturb data and prior, and minimise: at the point linearised (Papandreou and Yuille, Gaussian
        sampling by local perturbations, NIPS 2010), then by steps of the model itself, since draws of the
        linearised one leave more of the data than noise does (Bardsley, Solonen, Haario and Laine,
        Randomize-then-optimize, SIAM J. Scientific Computing 36 (2014) A1895-A1910, without its weights).
        Below a noise level of 1 it is the prior that is as much wider. The random numbers are the same for
        every row.
        """
        generator, n_latent, n_data = as_generator(seed), here.z.shape[1], len(self.sigma)
        data = torch.randn(n, n_data, generator=generator).to(here.z)
        noise = torch.randn(n, n_latent + self.root.width, generator=generator).to(here.z)
        draws = torch.arange(n, device=here.z.device)
        drawn = []
        # One after the other: a row's draws are a batch, and Jacobians of all rows would not fit.
        for i, row in enumerate(rows.tolist()):
            point = here.take(draws.new_tensor([i]))
            moved = Perturbation(data, noise / point.level)
            begun = self._linear_draws(point, moved)
            parts = [
                self._settled(begun.take(some), row, moved.take(some))
                for some in torch.split(draws, self.inner.n_draws_at_once)
            ]
            drawn.append(LogitPoint.join(parts))
        return drawn

    def _linear_draws(self, point: LogitPoint, moved: Perturbation) -> LogitPoint:
        """Return minima of the model linearised at one point, for each way that data and prior are moved."""
        around, level = self._around(point), point.level
        step = conjugate_gradients(
            lambda v: around.curvature(v, level),
            around.pull(moved.data) / level**2 + moved.centre,
            n_steps=self.inner.n_conjugate_draw,
            tolerance=self.inner.conjugate_tolerance,
        )
        dz, dw = torch.split(step, [point.z.shape[1], self.root.width], 1)
        begun = point.take(every_row(step) * 0)
        return replace(begun, z=begun.z + dz, w=begun.w + dw)

    def _settled(self, drawn: LogitPoint, row: int, moved: Perturbation) -> LogitPoint:
        """Take draws around the answer to one measurement to the minimum of their moved data and prior."""
        rows = torch.full((len(drawn.z),), row, device=drawn.z.device)
        moving = every_row(drawn.z)
        for _ in range(self.inner.n_draw_steps):
            here = drawn.take(moving)
            there = self._step(here, rows[moving], moved.take(moving))
            drawn = drawn.put(moving, there)
            change = (there.misfit - here.misfit).abs()
            moving = moving[change > self.inner.draw_tolerance * here.misfit]
            if len(moving) == 0:
                break
        return drawn

    def _around(self, here: LogitPoint) -> _Around:
        images, slope = self._images(here.z, here.w)
        return _Around(self, images, slope, self.output.jacobian(self.problem.prior, here.z))

    def _images(self, z: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and the activation's slope at each pixel ``(rows, pixels)``."""
        x = self.output.apply(self.output.logits(self.problem.prior, z) + self.mean + self.root.push(w))
        return x.reshape(-1, *self.problem.forward.in_shape), self.output.slope(x)

    def _residual(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return ``(y - F(x)) / sigma`` ``(rows, measurements)``."""
        return real_view(self.problem.measurements[rows] - self.problem.forward(images)) / self.sigma

    def _misfit(self, residual: Tensor) -> Tensor:
        return residual.square().mean(1).sqrt()


@dataclass(frozen=True, eq=False)
class _Around:
    """The model linearised at points: images, the activation's slope and ``dl/dz`` at each.

    Steps and data may have more rows than there are points, if there is one of these.
    """

    steps: LogitSteps
    images: Tensor
    slope: Tensor
    along: Tensor

    def push(self, step: Tensor) -> Tensor:
        """Return what steps ``(rows, n_latent + width)`` do to the data, in units of the noise."""
        n_latent = self.along.shape[2]
        along = (self.along @ step[:, :n_latent, None]).squeeze(2)
        moved = self.slope * (along + self.steps.root.push(step[:, n_latent:]))
        images = self._images(len(step))
        pushed = self.steps.problem.forward.jvp(images, moved.reshape(images.shape))
        return real_view(pushed) / self.steps.sigma

    def pull(self, data: Tensor) -> Tensor:
        """Return the adjoint of `push`."""
        forward = self.steps.problem.forward
        cotangent = as_data(data / self.steps.sigma, forward.out_shape)
        pulled = self.slope * forward.vjp(self._images(len(data)), cotangent).flatten(1)
        return torch.cat([(pulled[:, None] @ self.along).squeeze(1), self.steps.root.pull(pulled)], 1)

    def curvature(self, step: Tensor, level: Tensor | float) -> Tensor:
        """Return ``J' J step / level^2 + step``: the data's curvature at a noise level, and the prior's."""
        return self.pull(self.push(step) / level**2) + step

    def _images(self, n: int) -> Tensor:
        return self.images if len(self.images) == n else self.images.repeat_interleave(n, 0)


def logit_steps(problem: Problem, method: str, inner: InnerSolve) -> LogitSteps:
    """Return the steps for a problem, each solved as `inner` says.

    Raises
    ------
    InputError
        The noise is not Gaussian of known sigma, or the prior has no statistics of its residual.
    """
    logits = require_residual(problem.prior, method).logits
    device, dtype = problem.measurements.device, problem.prior.dtype
    root = Root.of(logits, device, dtype)
    sigma = noise_variance(problem, method).sqrt().to(device, dtype)
    mean = logits.mean.flatten().to(device, dtype)
    return LogitSteps(problem, output_activation(problem.prior), mean, root, sigma, inner)
