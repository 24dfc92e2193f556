"""The generator's range plus a stationary error, for images of any size: a variational search of the latents.

Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, whose q(z) is here of one measurement; the
starts are encoded estimates, as in Shah and Hegde, Solving linear inverse problems using GAN priors: an
algorithm with provable guarantees, ICASSP 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.data.stationary import StationaryField
from sciadv.errors import InputError
from sciadv.likelihood import as_data, real_view
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.adam import adam_move
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.gaussian_estimate import noise_variance, require_linear
from sciadv.solvers.size import rows_at_once
from sciadv.solvers.spatial.stationary_completion import completed
from sciadv.solvers.spatial.stationary_lmmse import StationaryLMMSE
from sciadv.solvers.spatial.stationary_prior import require_stationary
from sciadv.types import Count, NotNegative, Positive, Rows, Share, as_generator


@dataclass(frozen=True, eq=False)
class Posed:
    """A problem with the field of its error, the variance of each datum without and with it, and a chunk."""

    problem: Problem
    field: StationaryField
    noise: Tensor
    variance: Tensor
    n_at_once: int


@dataclass(frozen=True)
class Found(Rows):
    """Means `z` of the latents, and misfit and objective at the last draw."""

    z: Tensor
    misfit: Tensor
    objective: Tensor


@dataclass(frozen=True)
class Belief(Rows):
    """Means and log deviations of the latents ``(rows, 2, n_latent)``, Adam's moments, the images' sum."""

    q: Tensor
    first: Tensor
    second: Tensor
    total: Tensor


VariationalState = State[Posed, Found, Belief]


@checked
@dataclass(frozen=True)
class StationaryError:
    """Return the mean of ``G(z) + E[nu | y - A G(z)]`` over a Gaussian q(z) near the posterior.

    nu is the generator's representation error, with its stationary covariance C. q is fitted by Adam to

        ``E_q |y - A G(z)|^2 / (2 v) + KL(q | N(0, I))``,

    one draw a step, v being the noise's variance and the mean one of A nu. The answer averages the draws of
    the last steps, then adds the likeliest nu by conjugate gradients and FFT. No matrix of pixels or of
    measurements is made.

    Parameters
    ----------
    n_iterations
        Steps; each costs a pass of the generator and its reverse, A and its adjoint.
    learning_rate
        Adam's first step, falling to a tenth along a cosine.
    averaged
        Share of the steps, at the end, whose draws are averaged.
    n_products, tolerance
        Of the conjugate gradients, as of `StationaryLMMSE`.
    n_probes
        Draws of nu that v is measured by.
    least_deviation
        Log of the least deviation of a latent at the start.
    bytes_at_once
        Measurements are searched so many at once as take about this memory.
    starts
        Images that are encoded for starts ``(batch, starts, *in_shape)``, of which the better one is taken
        for each measurement; those of `StationaryLMMSE` if left out.
    """

    n_iterations: Count = 150
    learning_rate: Positive = 0.1
    averaged: Share = 0.5
    n_products: Count = 60
    tolerance: NotNegative = 1e-3
    n_probes: Count = 8
    least_deviation: float = -3.0
    bytes_at_once: Count = 2**29
    starts: Tensor | None = None
    name: str = "stationary-error"

    def init(self, problem: Problem, run: Run) -> VariationalState:
        """Encode the starts and take the better one of each measurement."""
        search = self._posed(problem)
        images = self._start_images(problem)
        beliefs = torch.stack([self._encoded(problem, image) for image in images.unbind(1)])
        founds = [self._scored(search, q) for q in beliefs]
        best = torch.stack([found.objective for found in founds]).argmin(0)
        rows = every_row(best)
        q = beliefs[best, rows]
        found = Found.join(founds).take(best * len(rows) + rows)
        belief = Belief(q, torch.zeros_like(q), torch.zeros_like(q), torch.zeros_like(images[:, 0]))
        return State(search, run, found, rows, belief, self.n_iterations)

    def step(self, state: VariationalState) -> VariationalState:
        """Do one step of Adam on every active row."""
        best, belief = state.best, state.memory
        problem, done = state.search.problem, state.iteration
        draw = as_generator(1_000_003 * (state.run.seed + 1) + done)
        noise = problem.prior.sample_latent(1, seed=draw)  # the same for every measurement
        rate = self.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * done / self.n_iterations)))
        is_averaged = done >= self._first_averaged
        for rows in torch.split(state.active, state.search.n_at_once):
            mine = belief.take(rows)
            found, gradient, x = _gradient(state.search, mine.q, noise, rows)
            move, (first, second) = adam_move(gradient, (mine.first, mine.second), done + 1, rate)
            total = mine.total + x if is_averaged else mine.total
            belief = belief.put(rows, Belief(mine.q + move, first, second, total))
            best = best.put(rows, found)
        is_last = done + 1 == self.n_iterations
        return state.after(best, belief, state.active[:0] if is_last else None)

    def result(self, state: VariationalState) -> Solution:
        """Average the draws, add the error and score."""
        search, n = state.search, state.iteration - self._first_averaged
        z = state.memory.q[:, 0]
        with torch.no_grad():
            x_range = torch.cat([search.problem.prior(part) for part in torch.split(z, search.n_at_once)])
        mean = state.memory.total / n if n > 0 else x_range
        x = completed(
            search.problem,
            search.field,
            mean,
            1 / search.noise,
            n_products=self.n_products,
            tolerance=self.tolerance,
        )
        solution = score(search.problem, x, z=z, x_range=x_range, ended=state.ended)
        return replace(solution, objective=state.best.objective)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search for every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the noise is not Gaussian of known sigma, or the prior has no
            stationary statistics or no encoder.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

    @property
    def _first_averaged(self) -> int:
        return min(self.n_iterations - 1, round((1 - self.averaged) * self.n_iterations))

    def _posed(self, problem: Problem) -> Posed:
        require_linear(problem.forward, self.name)
        noise = noise_variance(problem, self.name)
        error = require_stationary(problem.prior, self.name).error
        forward = problem.forward
        field = StationaryField(error, forward.in_shape, dtype=forward.dtype, device=forward.device)
        draw = as_generator(0)
        seen = torch.zeros((), dtype=torch.float64)
        with torch.no_grad():
            for _ in range(self.n_probes):
                white = torch.randn(1, *field.noise_shape, generator=draw).to(field.mean)
                seen += real_view(forward(field.root(white))).double().square().mean().cpu()
        n_at_once = rows_at_once(problem, self.bytes_at_once)
        return Posed(problem, field, noise, noise + float(seen) / self.n_probes, n_at_once)

    def _start_images(self, problem: Problem) -> Tensor:
        if self.starts is None:
            solver = StationaryLMMSE(self.n_products, self.tolerance)
            return solver.solve(problem).x[:, None]
        expected = (problem.n_problems, *problem.forward.in_shape)
        if self.starts.ndim < 3 or (len(self.starts), *self.starts.shape[2:]) != expected:
            raise InputError(
                f"starts have shape {tuple(self.starts.shape)}, but (batch, starts, *in_shape) is "
                f"({expected[0]}, starts, {', '.join(map(str, expected[1:]))})"
            )
        return self.starts.to(problem.prior.device, problem.prior.dtype)

    def _scored(self, search: Posed, q: Tensor) -> Found:
        """Return misfit and objective at the means."""
        still = torch.zeros_like(q[:1, 0])
        parts = torch.split(every_row(q), search.n_at_once)
        return Found.join([_gradient(search, q[part], still, part)[0] for part in parts])

    def _encoded(self, problem: Problem, images: Tensor) -> Tensor:
        """Return means and log deviations ``(batch, 2, n_latent)`` of the encoder's q(z | image).

        Raises
        ------
        InputError
            The prior has no encoder.
        """
        prior = problem.prior
        means = [prior.encode(image[None].clamp(0, 1)) for image in images]
        posterior = getattr(prior.encoder, "posterior", None)
        if posterior is None:
            mean = torch.cat(means)
            return torch.stack([mean, torch.zeros_like(mean)], 1)
        with torch.no_grad():
            spreads = [0.5 * posterior(image[None].clamp(0, 1))[1] for image in images]
        return torch.stack([torch.cat(means), torch.cat(spreads).clamp(self.least_deviation, 0.0)], 1)


def _gradient(search: Posed, q: Tensor, noise: Tensor, rows: Tensor) -> tuple[Found, Tensor, Tensor]:
    """Return the objective of a draw, its gradient in q ``(rows, 2, n_latent)``, and the draw's image."""
    problem, forward = search.problem, search.problem.forward
    q = q.detach().requires_grad_(True)
    with torch.enable_grad():
        mean, spread = q.unbind(1)
        x = problem.prior(mean + spread.exp() * noise)
        divergence = 0.5 * (mean.square() + (2 * spread).exp() - 1 - 2 * spread).sum(1)
    y = problem.measurements[rows]
    with torch.no_grad():
        predicted = forward(x)
        left = real_view(predicted) - real_view(y)
        weighted = left / search.variance.to(left)
        pulled = forward.vjp(x, as_data(weighted, forward.out_shape)).to(x.dtype)
        energy = 0.5 * (left * weighted).sum(1)
        misfit = problem.likelihood.misfit(predicted, y)
    (gradient,) = torch.autograd.grad([x, divergence], q, [pulled, torch.ones_like(divergence)])
    objective = energy + divergence.detach()
    return Found(mean.detach(), misfit, objective), gradient, x.detach()
