"""Measurements as a function of latent and logit change, and its damped Gauss-Newton step in dual form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.prior import Prior
from sciadv.solvers.data_model import DataModel
from sciadv.solvers.kernels import Kernel, LearnedKernel
from sciadv.solvers.output import OutputActivation
from sciadv.solvers.search import SETTLED

#: Step lengths that are tried, each 0.4 of the one before.
_N_TRIALS, _SHORTER = 7, 0.4
#: Numbers that one matrix of a chunk of rows may hold; bounds the memory.
_MAX_NUMBERS = 2**23
#: A slope of the activation below this part of an image's largest counts as none.
_FLAT = 1e-3
#: Moving pixels per measurement up to which their system is the cheaper one.
_FEW = 1.3


@dataclass(frozen=True)
class LogitState:
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
    objective
        ``-log p(y | F(x)) + 1/2 |z|^2 + 1/2 nu' K^-1 nu`` ``(rows,)``.
    active
        Rows that have not ended.
    """

    z: Tensor
    nu: Tensor
    dual: Tensor
    misfit: Tensor
    objective: Tensor
    active: Tensor

    def put(self, rows: Tensor, other: LogitState) -> LogitState:
        """Return a copy with `rows` replaced by those of `other`, which has no others."""
        moved = {
            name: getattr(self, name).index_copy(0, rows, getattr(other, name))
            for name in ("z", "nu", "dual", "misfit", "objective")
        }
        return replace(self, **moved)

    def take(self, rows: Tensor) -> LogitState:
        """Return some rows, all of them active."""
        moved = {name: getattr(self, name)[rows] for name in ("z", "nu", "dual", "misfit", "objective")}
        return LogitState(**moved, active=torch.arange(len(rows), device=rows.device))


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
    """

    prior: Prior
    output: OutputActivation
    data: DataModel
    mean: Tensor
    kernel: Kernel

    def init(self, z: Tensor) -> LogitState:
        """Return the state at the generator's own candidates."""
        nu = z.new_zeros(len(z), len(self.mean))
        state = LogitState(z, nu, nu, z[:, 0], z[:, 0], torch.arange(len(z), device=z.device))
        return self._scored(state, state.active)

    def subset(self, rows: Tensor) -> LogitModel:
        """Return the model of some of the measurements."""
        return replace(self, data=self.data.subset(rows))

    def step(self, state: LogitState, tolerance: float) -> LogitState:
        """Do one damped step on every active row, and end those that have converged or are explained."""
        chunk = max(1, _MAX_NUMBERS // (self.data.n_pixels * self.data.problem.n_measurements))
        has_noise_level = self.data.problem.likelihood.has_noise_level
        ended = []
        for rows in torch.split(state.active, chunk):
            here = state.take(rows)
            there = self._line_search(here, *self._step(here, rows), rows)
            relative = (here.objective - there.objective) / here.objective.abs().clamp_min(1e-30)
            at_noise = (there.misfit <= 1) & has_noise_level
            ended.append((relative <= tolerance) | (at_noise & (relative < SETTLED)))
            state = state.put(rows, there)
        return replace(state, active=state.active[~torch.cat(ended)])

    def candidates(self, state: LogitState) -> Tensor:
        """Return the images ``(rows, pixels)``."""
        return self.output.apply(self.output.logits(self.prior, state.z) + self.mean + state.nu)

    def _scored(self, state: LogitState, rows: Tensor) -> LogitState:
        misfit, energy = self.data.score(self.candidates(state), rows)
        law = state.z.square().sum(1) + (state.dual * state.nu).sum(1)
        return replace(state, misfit=misfit, objective=energy + 0.5 * law)

    def _step(self, here: LogitState, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the latents, changes and duals that solve the linearised problem."""
        logits, jacobian = self.output.logits(self.prior, here.z), self.output.jacobian(self.prior, here.z)
        x = self.output.apply(logits + self.mean + here.nu)
        slope = self.output.slope(x)
        slope = slope.masked_fill(slope < _FLAT * slope.amax(1, keepdim=True), 0)  # saturated: does not move
        moved = (jacobian @ here.z[:, :, None]).squeeze(2) + here.nu
        index = slope.topk(int((slope > 0).sum(1).max()), dim=1).indices
        if self._has_few(index):
            dual = self._solve_moving(x, slope, moved, jacobian, index, rows)
        else:
            derivative, residual = self.data.linearise(x, rows)
            pushed = slope[:, :, None] * derivative  # D (rows, pixels, measurements)
            right = residual + (moved[:, None] @ pushed).squeeze(1)
            dual = self._solve(here.z, jacobian, pushed, right[:, :, None], index)
        z = (dual.transpose(1, 2) @ jacobian).squeeze(1)
        return z, self.kernel(here.z, dual).squeeze(2), dual.squeeze(2)

    def _has_few(self, index: Tensor) -> bool:
        """Whether a system of the moving pixels is cheaper than one of the measurements, and can be made."""
        is_known = self.data.normal is not None and isinstance(self.kernel, LearnedKernel)
        return is_known and index.shape[1] <= _FEW * self.data.problem.n_measurements

    def _solve_moving(
        self, x: Tensor, slope: Tensor, moved: Tensor, jacobian: Tensor, index: Tensor, rows: Tensor
    ) -> Tensor:
        """Return ``(I + S N S T)^-1 S (A' r + N S d)`` for the pixels that move.

        N is the normal matrix, S the slopes, r the data's residual, d what is to be moved back.
        """
        kernel, normal = self.kernel, self.data.normal
        assert isinstance(kernel, LearnedKernel)  # `_has_few`
        assert normal is not None
        steep = slope.gather(1, index)
        right = self.data.descent(x, rows) + (slope * moved) @ normal
        curvature = steep[:, :, None] * normal[index[:, :, None], index[:, None, :]] * steep[:, None, :]
        along = _rows_of(jacobian, index)
        system = curvature @ (kernel.block(index) + along @ along.transpose(1, 2))
        system.diagonal(dim1=1, dim2=2).add_(1)
        solved = torch.linalg.solve_ex(system, (steep * right.gather(1, index))[:, :, None])[0]
        return torch.zeros_like(x)[:, :, None].scatter(1, index[:, :, None], solved)

    def _solve(self, z: Tensor, jacobian: Tensor, pushed: Tensor, right: Tensor, index: Tensor) -> Tensor:
        """Return ``D (I + D' T D)^-1 r = (I + D D' T)^-1 D r``, ``T = J J' + K``, by the smaller system.

        Only the pixels of `index` ``(rows, n)`` have rows in D.
        """
        n_pixels, n_measurements = pushed.shape[1:]
        if n_measurements <= n_pixels:
            if isinstance(self.kernel, LearnedKernel):
                some, along = _rows_of(pushed, index), _rows_of(jacobian, index)
                spread = self.kernel.block(index) @ some
            else:
                some, along, spread = pushed, jacobian, self.kernel(z, pushed)
            system = some.transpose(1, 2) @ (spread + along @ (along.transpose(1, 2) @ some))
            system.diagonal(dim1=1, dim2=2).add_(1)
            factor = torch.linalg.cholesky_ex(0.5 * (system + system.transpose(1, 2)))[0]
            return pushed @ torch.cholesky_solve(right, factor)
        columns = pushed @ pushed.transpose(1, 2)
        system = (self.kernel(z, columns) + jacobian @ (jacobian.transpose(1, 2) @ columns)).transpose(1, 2)
        system.diagonal(dim1=1, dim2=2).add_(1)
        dual: Tensor = torch.linalg.solve_ex(system, pushed @ right)[0]
        return dual

    def _line_search(self, here: LogitState, z: Tensor, nu: Tensor, dual: Tensor, rows: Tensor) -> LogitState:
        """Go towards the linearised solution as far as lowers the objective; rows that cannot stay."""
        reached, length = here, 1.0
        pending = here.active
        for _ in range(_N_TRIALS):
            start = here.take(pending)
            trial = self._scored(
                replace(
                    start,
                    z=start.z + length * (z[pending] - start.z),
                    nu=start.nu + length * (nu[pending] - start.nu),
                    dual=start.dual + length * (dual[pending] - start.dual),
                ),
                rows[pending],
            )
            lower = trial.objective < start.objective  # False for NaN
            reached = reached.put(pending[lower], trial.take(lower.nonzero().squeeze(1)))
            pending, length = pending[~lower], length * _SHORTER
            if len(pending) == 0:
                break
        return reached


def _rows_of(matrices: Tensor, index: Tensor) -> Tensor:
    """Return some rows of each matrix: ``(batch, pixels, n), (batch, some) -> (batch, some, n)``."""
    return matrices.gather(1, index[:, :, None].expand(-1, -1, matrices.shape[2]))
