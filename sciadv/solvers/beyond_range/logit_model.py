"""Measurements as a function of latent and logit change, and its damped Gauss-Newton step in dual form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.prior import Prior
from sciadv.solvers.beyond_range.logit_kernels import Kernel, LearnedKernel
from sciadv.solvers.beyond_range.output_activation import OutputActivation
from sciadv.solvers.latent.iterate import every_row
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.linear.line_search import shorten
from sciadv.solvers.linear.linearised_data import DataModel
from sciadv.types import Rows

#: Numbers that the Jacobians of a chunk of rows, or one matrix of a group, may hold; bounds the memory.
MAX_NUMBERS = 2**22
#: Rows whose systems are solved together, all as wide as the widest: few, so that little is padded.
_GROUP_CHUNK = 12
#: Moving pixels per measurement up to which the system of the pixels is the cheaper of two equal ones.
_CHEAPER_WIDTH = 1.3


@dataclass(frozen=True)
class DampedSteps:
    """How Gauss-Newton steps in latent and logits are damped, and when they end.

    Parameters
    ----------
    level_fall
        The noise level of the first step, in misfits of the start; that of the next, in the least so far.
    settled
        A row that counts as explained ends when a step decreases its objective by less than this part of it.
    insensitive
        Pixels stay whose priors all together change the data by no more than this, in variances of the noise.
    n_lengths
        Step lengths that are tried.
    shortening
        Each length is this part of the one before.
    """

    level_fall: float = 0.7
    settled: float = 0.1
    insensitive: float = 0.1
    n_lengths: int = 7
    shortening: float = 0.4


@dataclass(frozen=True)
class LogitState(Rows):
    """Where the steps stand, one row per measurement.

    Parameters
    ----------
    z
        Latents ``(rows, n_latent)``.
    nu
        Changes of the logits ``(rows, pixels)``, always ``K dual``.
    dual
        ``(rows, pixels)``.
    misfit
        As the likelihood gives it ``(rows,)``.
    energy
        ``-log p(y | F(x))`` ``(rows,)``.
    level
        Noise level of the next step, in units of the noise's own ``(rows,)``.
    """

    z: Tensor
    nu: Tensor
    dual: Tensor
    misfit: Tensor
    energy: Tensor
    level: Tensor

    @property
    def objective(self) -> Tensor:
        """Return ``-log p(y | F(x)) + 1/2 |z|^2 + 1/2 nu' K^-1 nu`` ``(rows,)``."""
        return self.energy + self._half_norm

    @property
    def tempered(self) -> Tensor:
        """Return the objective under the noise level of each row ``(rows,)``."""
        return self.energy / self.level.square() + self._half_norm

    @property
    def _half_norm(self) -> Tensor:
        return 0.5 * (self.z.square().sum(1) + (self.dual * self.nu).sum(1))


@dataclass(frozen=True)
class _Around(Rows):
    """The model linearised at a few rows: images, slopes over the noise level, what is to be moved back.

    Parameters
    ----------
    rows
        Measurements ``(rows,)``.
    z, x
        Latents ``(rows, n_latent)`` and images ``(rows, pixels)``.
    steep
        The activation's slope at each pixel, over the noise level ``(rows, pixels)``.
    moved
        ``J z + nu`` ``(rows, pixels)``.
    jacobian
        J ``(rows, pixels, n_latent)``.
    level
        Noise level ``(rows,)``.
    """

    rows: Tensor
    z: Tensor
    x: Tensor
    steep: Tensor
    moved: Tensor
    jacobian: Tensor
    level: Tensor


@dataclass(frozen=True)
class LogitModel:
    """``F(act(l(z) + mean + nu))``, ``z ~ N(0, I)``, ``nu ~ N(0, K)``, in float64.

    Parameters
    ----------
    prior
        The generator.
    output
        The activation at its output.
    data
        The measurements as a function of images.
    mean
        Mean of the change of the logits ``(pixels,)``.
    kernel
        K.
    damping
        How its steps are damped.
    """

    prior: Prior
    output: OutputActivation
    data: DataModel
    mean: Tensor
    kernel: Kernel
    damping: DampedSteps

    def start(self, z: Tensor, rows: Tensor) -> LogitState:
        """Return the generator's own candidates of latents, for the measurements `rows`."""
        nu, none = z.new_zeros(len(z), len(self.mean)), z.new_zeros(len(z))
        first = self._scored(LogitState(z, nu, nu, none, none, none), rows)
        return replace(first, level=self._level(first.misfit))

    def step(
        self, here: LogitState, rows: Tensor, tolerance: float, *, stop_at_noise: bool = False
    ) -> tuple[LogitState, Tensor]:
        """Do one damped step on every row of the measurements `rows`; return them and which have converged.

        Where `stop_at_noise` is set, a row also ends at the noise level, or a little above it when its steps
        have become small: Morozov's discrepancy principle.
        """
        reached, ended = [], []
        chunk = max(1, MAX_NUMBERS // (self.data.n_pixels * here.z.shape[1]))
        for some in torch.split(every_row(rows), chunk):
            part = here.take(some)
            there = self._line_search(part, *self._step(part, rows[some]), rows[some])
            ended.append(self._has_ended(part, there, tolerance, stop_at_noise=stop_at_noise))
            level = self._level(torch.minimum(part.level, there.misfit))
            reached.append(replace(there, level=level))
        return LogitState.join(reached), torch.cat(ended)

    def _has_ended(
        self, here: LogitState, there: LogitState, tolerance: float, *, stop_at_noise: bool
    ) -> Tensor:
        """Return the mask of rows that a step has ended."""
        stops = stop_at_noise and self.data.problem.likelihood.has_noise_level
        explained = noise_threshold(self.data.problem) if stops else -1.0
        relative = (here.objective - there.objective) / here.objective.abs().clamp_min(1e-30)
        is_done = (relative <= tolerance) | (stops & (there.misfit <= 1))
        settled = (there.misfit <= explained) & (relative < self.damping.settled)
        return settled | (is_done & (here.level <= 1))

    def candidates(self, state: LogitState) -> Tensor:
        """Return the images ``(rows, pixels)``."""
        return self.output.apply(self.output.logits(self.prior, state.z) + self.mean + state.nu)

    def _level(self, misfit: Tensor) -> Tensor:
        """Return the noise level of the next step: the data are trusted as far as the last one came."""
        if not self.data.problem.likelihood.has_noise_level:
            return torch.ones_like(misfit)
        return (self.damping.level_fall * misfit).clamp_min(1)

    def _scored(self, state: LogitState, rows: Tensor) -> LogitState:
        misfit, energy = self.data.score(self.candidates(state), rows)
        return replace(state, misfit=misfit, energy=energy)

    def _step(self, here: LogitState, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the latents, changes and duals that solve the linearised problem."""
        logits, jacobian = self.output.logits(self.prior, here.z), self.output.jacobian(self.prior, here.z)
        x = self.output.apply(logits + self.mean + here.nu)
        steep = self._felt_slope(self.output.slope(x) / here.level[:, None], jacobian)
        moved = (jacobian @ here.z[:, :, None]).squeeze(2) + here.nu
        around = _Around(rows, here.z, x, steep, moved, jacobian, here.level)
        size = max(
            1, min(_GROUP_CHUNK, MAX_NUMBERS // (self.data.n_pixels * self.data.problem.n_measurements))
        )
        dual = torch.zeros_like(x)
        for some in torch.split((steep > 0).sum(1).argsort(stable=True), size):
            dual[some] = self._dual(around.take(some))
        z = (dual[:, None] @ jacobian).squeeze(1)
        return z, self.kernel(here.z, dual[:, :, None]).squeeze(2), dual

    def _felt_slope(self, steep: Tensor, jacobian: Tensor) -> Tensor:
        """Return the slopes, 0 where the data hardly depend on a pixel, if that can be known."""
        if self.data.whitened is None or not isinstance(self.kernel, LearnedKernel):
            return steep
        spread = self.kernel.variance + jacobian.square().sum(2)
        felt, order = (steep.square() * spread * self.data.whitened.square().sum(1)).sort(1)
        is_insensitive = felt.cumsum(1) <= self.damping.insensitive
        return steep.masked_fill(torch.zeros_like(is_insensitive).scatter(1, order, is_insensitive), 0)

    def _dual(self, around: _Around) -> Tensor:
        """Return ``D (I + D' T D)^-1 r = (I + D D' T)^-1 D r`` ``(rows, pixels)``, by the smaller system.

        ``D = slope A'`` over the noise, ``T = J J' + K``, r the data's residual with `moved` moved back.
        """
        if self.data.whitened is not None and isinstance(self.kernel, LearnedKernel):
            return self._of_moving_pixels(around, self.data.whitened, self.kernel)
        derivative, residual = self.data.linearise(around.x, around.rows)
        pushed = around.steep[:, :, None] * derivative
        right = (residual / around.level[:, None] + (around.moved[:, None] @ pushed).squeeze(1))[:, :, None]
        if pushed.shape[2] <= pushed.shape[1]:
            return _by_measurements(pushed, self._spread(around, pushed), right).squeeze(2)
        columns = pushed @ pushed.transpose(1, 2)
        return _by_pixels(self._spread(around, columns).transpose(1, 2), pushed @ right).squeeze(2)

    def _spread(self, around: _Around, columns: Tensor) -> Tensor:
        """Return ``T V`` of columns V ``(rows, pixels, n)``."""
        jacobian = around.jacobian
        return self.kernel(around.z, columns) + jacobian @ (jacobian.transpose(1, 2) @ columns)

    def _of_moving_pixels(self, around: _Around, whitened: Tensor, kernel: LearnedKernel) -> Tensor:
        """Solve for the pixels of a slope alone: nothing else has a row in D."""
        n_moving = max(1, int((around.steep > 0).sum(1).max()))
        index = around.steep.topk(n_moving, dim=1).indices.sort(dim=1).values  # in order: a faster gather
        steep, along = around.steep.gather(1, index), _rows_of(around.jacobian, index)
        covariance = kernel.block(index).baddbmm_(along, along.transpose(1, 2))
        residual = self.data.residual(around.x, around.rows) / around.level[:, None]
        right = residual + (around.steep * around.moved) @ whitened
        if index.shape[1] <= _CHEAPER_WIDTH * whitened.shape[1]:
            normal = self.data.normal[index[:, :, None], index[:, None, :]]
            curvature = normal.mul_(steep[:, :, None]).mul_(steep[:, None, :])
            pulled = steep * (right @ whitened.T).gather(1, index)
            dual = _by_pixels(curvature @ covariance, pulled[:, :, None])
        else:
            pushed = steep[:, :, None] * whitened[index]
            dual = _by_measurements(pushed, covariance @ pushed, right[:, :, None])
        return torch.zeros_like(around.x).scatter(1, index, dual.squeeze(2))

    def _line_search(self, here: LogitState, z: Tensor, nu: Tensor, dual: Tensor, rows: Tensor) -> LogitState:
        """Go towards the linearised solution as far as lowers the objective; rows that cannot stay."""

        def trial(pending: Tensor, length: float) -> tuple[LogitState, Tensor]:
            start = here.take(pending)
            there = self._scored(
                replace(
                    start,
                    z=start.z + length * (z[pending] - start.z),
                    nu=start.nu + length * (nu[pending] - start.nu),
                    dual=start.dual + length * (dual[pending] - start.dual),
                ),
                rows[pending],
            )
            return there, there.tempered < start.tempered  # False for NaN

        damping = self.damping
        return shorten(here, trial, like=rows, n_trials=damping.n_lengths, factor=damping.shortening)


def _by_measurements(pushed: Tensor, spread: Tensor, right: Tensor) -> Tensor:
    """Return ``D (I + D' T D)^-1 r`` of D, T D and r ``(rows, measurements, 1)``."""
    system = pushed.transpose(1, 2) @ spread
    system.diagonal(dim1=1, dim2=2).add_(1)
    factor = torch.linalg.cholesky_ex(0.5 * (system + system.transpose(1, 2)))[0]
    return pushed @ torch.cholesky_solve(right, factor)


def _by_pixels(system: Tensor, pulled: Tensor) -> Tensor:
    """Return ``(I + D D' T)^-1 D r`` of ``D D' T`` and D r ``(rows, pixels, 1)``."""
    system.diagonal(dim1=1, dim2=2).add_(1)
    solved: Tensor = torch.linalg.solve_ex(system, pulled)[0]
    return solved


def _rows_of(matrices: Tensor, index: Tensor) -> Tensor:
    """Return some rows of each matrix: ``(batch, pixels, n), (batch, some) -> (batch, some, n)``."""
    return matrices.gather(1, index[:, :, None].expand(-1, -1, matrices.shape[2]))
