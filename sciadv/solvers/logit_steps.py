"""Regularised Gauss-Newton steps in latent and logits without any matrix of the operator.

`sciadv.solvers.logit_model` solves the same model by systems as large as the measurements or the pixels;
here conjugate gradients need the operator's derivative and its adjoint alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian, as_data, real_view
from sciadv.problem import Problem
from sciadv.solvers.conjugate_gradients import conjugate_gradients
from sciadv.solvers.linear import noise_variance
from sciadv.solvers.output import OutputActivation, output_activation
from sciadv.solvers.whitening import require_residual
from sciadv.types import as_generator

#: Conjugate gradients at most, and the part of the gradient's norm at which they end.
_N_INNER, _INNER_TOLERANCE = 40, 0.02
#: Step lengths that are tried, each 0.4 of the one before.
_N_TRIALS, _SHORTER = 6, 0.4
#: Draws by which it is seen what leaving the range does to the data.
_N_DRAWS = 64


@dataclass(frozen=True)
class LogitPoint:
    """Latents `z` ``(rows, n_latent)``, whitened changes `w` ``(rows, pixels)``, their misfit ``(rows,)``."""

    z: Tensor
    w: Tensor
    misfit: Tensor

    @property
    def law(self) -> Tensor:
        """Return ``|z|^2 + |w|^2`` ``(rows,)``."""
        return self.z.square().sum(1) + self.w.square().sum(1)

    def take(self, rows: Tensor) -> LogitPoint:
        """Return some rows."""
        return LogitPoint(*(getattr(self, field.name)[rows] for field in fields(self)))

    def put(self, rows: Tensor, other: LogitPoint) -> LogitPoint:
        """Return a copy with `rows` replaced by those of `other`."""
        names = [field.name for field in fields(self)]
        return LogitPoint(*(getattr(self, n).index_copy(0, rows, getattr(other, n)) for n in names))


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
    factor
        L ``(pixels, pixels)``.
    sigma
        Standard deviation of each real datum ``(measurements,)``.
    """

    problem: Problem
    output: OutputActivation
    mean: Tensor
    factor: Tensor
    sigma: Tensor

    def images(self, point: LogitPoint) -> Tensor:
        """Return the images ``(rows, *in_shape)``."""
        return self._images(point.z, point.w)[0]

    def point(self, z: Tensor, rows: Tensor) -> LogitPoint:
        """Return the point at latents without any change, for the measurements `rows`."""
        w = z.new_zeros(len(z), len(self.mean))
        return LogitPoint(z, w, self._misfit(self._residual(self._images(z, w)[0], rows)))

    def noise_in_range(self) -> Gaussian:
        """Return the noise that a search in the range has to assume: with what it leaves out, by draws."""
        draw = as_generator(0)
        z = self.problem.prior.sample_latent(_N_DRAWS, seed=draw)
        w = torch.randn(_N_DRAWS, len(self.mean), generator=draw).to(z)
        with torch.no_grad(), self.problem.prior.frozen():
            forward = self.problem.forward
            change = real_view(forward(self._images(z, w)[0])) - real_view(forward(self.problem.prior(z)))
        variance = self.sigma.square().mean() + change.square().mean()
        return Gaussian(float(variance.sqrt()))

    def step(self, here: LogitPoint, rows: Tensor, level: Tensor) -> LogitPoint:
        """Do one step on every row under the noise level ``(rows,)``, in units of the noise's own."""
        z, w, scale, sizes = here.z, here.w, level[:, None], [here.z.shape[1], here.w.shape[1]]
        images, slope = self._images(z, w)
        along = self.output.jacobian(self.problem.prior, z)
        residual = self._residual(images, rows) / scale

        def push(step: Tensor) -> Tensor:
            dz, dw = torch.split(step, sizes, 1)
            moved = slope * ((along @ dz[:, :, None]).squeeze(2) + dw @ self.factor.T)
            return (
                real_view(self.problem.forward.jvp(images, moved.reshape(images.shape))) / self.sigma / scale
            )

        def pull(data: Tensor) -> Tensor:
            cotangent = as_data(data / self.sigma / scale, self.problem.forward.out_shape)
            pulled = slope * self.problem.forward.vjp(images, cotangent).flatten(1)
            return torch.cat([(pulled[:, None] @ along).squeeze(1), pulled @ self.factor], 1)

        at = torch.cat([z, w], 1)
        step = conjugate_gradients(
            lambda v: pull(push(v)) + v, pull(residual) - at, n_steps=_N_INNER, tolerance=_INNER_TOLERANCE
        )
        before = residual.square().sum(1) + at.square().sum(1)
        reached, length, pending = here, 1.0, torch.arange(len(z), device=z.device)
        for _ in range(_N_TRIALS):
            trial = at[pending] + length * step[pending]
            new_z, new_w = torch.split(trial, sizes, 1)
            left = self._residual(self._images(new_z, new_w)[0], rows[pending])
            objective = (left / scale[pending]).square().sum(1) + trial.square().sum(1)
            fell = (objective < before[pending]).nonzero().squeeze(1)
            some = LogitPoint(new_z[fell], new_w[fell], self._misfit(left[fell]))
            reached = reached.put(pending[fell], some)
            pending, length = pending[~(objective < before[pending])], length * _SHORTER
            if len(pending) == 0:
                break
        return reached

    def _images(self, z: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and the activation's slope at each pixel ``(rows, pixels)``."""
        x = self.output.apply(self.output.logits(self.problem.prior, z) + self.mean + w @ self.factor.T)
        return x.reshape(-1, *self.problem.forward.in_shape), self.output.slope(x)

    def _residual(self, images: Tensor, rows: Tensor) -> Tensor:
        """Return ``(y - F(x)) / sigma`` ``(rows, measurements)``."""
        return real_view(self.problem.measurements[rows] - self.problem.forward(images)) / self.sigma

    def _misfit(self, residual: Tensor) -> Tensor:
        return residual.square().mean(1).sqrt()


def logit_steps(problem: Problem, method: str) -> LogitSteps:
    """Return the steps for a problem.

    Raises
    ------
    InputError
        The noise is not Gaussian of known sigma, or the prior has no statistics of its residual.
    """
    logits = require_residual(problem.prior, method).logits
    device, dtype = problem.measurements.device, problem.prior.dtype
    factor = torch.linalg.cholesky(logits.covariance.double()).to(device, dtype)
    sigma = noise_variance(problem, method).sqrt().to(device, dtype)
    return LogitSteps(
        problem, output_activation(problem.prior), logits.mean.flatten().to(device, dtype), factor, sigma
    )
