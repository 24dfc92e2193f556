"""Measurements as a function of latent and logit change, and its damped Gauss-Newton step in dual form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.prior import Prior
from sciadv.solvers.kernels import Kernel
from sciadv.solvers.output import OutputActivation
from sciadv.solvers.search import SETTLED

#: Step lengths that are tried, each 0.4 of the one before.
_N_TRIALS, _SHORTER = 7, 0.4
#: Numbers that one matrix of a chunk of rows may hold; bounds the memory.
_MAX_NUMBERS = 2**23


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
        ``|A x - y|^2 / m`` in units of the noise's variance ``(rows,)``.
    objective
        ``1/2 |A x - y|^2 + 1/2 |z|^2 + 1/2 nu' K^-1 nu`` ``(rows,)``.
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
    """``A act(l(z) + mean + nu)``, ``z ~ N(0, I)``, ``nu ~ N(0, K)``, in units of the noise and in float64.

    Parameters
    ----------
    prior
        The generator.
    output
        The activation at its output.
    matrix
        A over the noise's sigma ``(measurements, pixels)``.
    data
        y over sigma ``(rows, measurements)``.
    mean
        Mean of the change of the logits ``(pixels,)``.
    kernel
        K.
    """

    prior: Prior
    output: OutputActivation
    matrix: Tensor
    data: Tensor
    mean: Tensor
    kernel: Kernel

    def init(self, z: Tensor) -> LogitState:
        """Return the state at the generator's own candidates."""
        nu = z.new_zeros(len(z), len(self.mean))
        state = LogitState(z, nu, nu, z[:, 0], z[:, 0], torch.arange(len(z), device=z.device))
        return self._scored(state, self.data)

    def step(self, state: LogitState, tolerance: float) -> LogitState:
        """Do one damped step on every active row, and end those that have converged or are explained."""
        chunk = max(1, _MAX_NUMBERS // self.matrix.numel())
        ended = []
        for rows in torch.split(state.active, chunk):
            here = state.take(rows)
            there = self._line_search(here, *self._step(here, self.data[rows]), self.data[rows])
            relative = (here.objective - there.objective) / here.objective
            ended.append((relative <= tolerance) | ((there.misfit <= 1) & (relative < SETTLED)))
            state = state.put(rows, there)
        return replace(state, active=state.active[~torch.cat(ended)])

    def candidates(self, state: LogitState) -> Tensor:
        """Return the images ``(rows, pixels)``."""
        return self.output.apply(self.output.logits(self.prior, state.z) + self.mean + state.nu)

    def _scored(self, state: LogitState, data: Tensor) -> LogitState:
        residual = self.candidates(state) @ self.matrix.T - data
        misfit = residual.square().mean(1)
        law = state.z.square().sum(1) + (state.dual * state.nu).sum(1)
        return replace(state, misfit=misfit, objective=0.5 * (residual.square().sum(1) + law))

    def _step(self, here: LogitState, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the latents, changes and duals that solve the linearised problem."""
        logits, jacobian = self._logits_and_jacobian(here.z)
        x = self.output.apply(logits + self.mean + here.nu)
        pushed = self.output.slope(x)[:, :, None] * self.matrix.T  # D' (rows, pixels, measurements)
        spread, along = self.kernel(here.z, pushed), jacobian.transpose(1, 2) @ pushed
        system = pushed.transpose(1, 2) @ spread + along.transpose(1, 2) @ along
        system.diagonal(dim1=1, dim2=2).add_(1)
        moved = (jacobian @ here.z[:, :, None]).squeeze(2) + here.nu
        right = data - x @ self.matrix.T + (moved[:, None] @ pushed).squeeze(1)
        factor = torch.linalg.cholesky_ex(0.5 * (system + system.transpose(1, 2)))[0]
        c = torch.cholesky_solve(right[:, :, None], factor)
        return (along @ c).squeeze(2), (spread @ c).squeeze(2), (pushed @ c).squeeze(2)

    def _line_search(self, here: LogitState, z: Tensor, nu: Tensor, dual: Tensor, data: Tensor) -> LogitState:
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
                data[pending],
            )
            lower = trial.objective < start.objective  # False for NaN
            reached = reached.put(pending[lower], trial.take(lower.nonzero().squeeze(1)))
            pending, length = pending[~lower], length * _SHORTER
            if len(pending) == 0:
                break
        return reached

    def _logits_and_jacobian(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``l(z)`` ``(rows, pixels)`` and ``dl/dz`` ``(rows, pixels, n_latent)``, by forward mode."""

        def push(direction: Tensor) -> tuple[Tensor, Tensor]:
            logits, tangent = torch.func.jvp(
                lambda at: self.output.logits(self.prior, at), (z,), (direction.expand_as(z),)
            )[:2]
            return logits, tangent

        unit = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
        logits, tangents = torch.func.vmap(push, out_dims=(None, 0))(unit)  # type: ignore[arg-type]  # torch's hint lacks None
        return logits, tangents.permute(1, 2, 0)
