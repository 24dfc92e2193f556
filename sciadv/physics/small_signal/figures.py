"""Figures of amplifiers: gain, bandwidth, unity-gain frequency and phase margin, exact and differentiable.

A frequency is found on a grid, refined by Newton's method on the circuit's own equations between the grid's
neighbours, and gets its derivatives from one Newton step that the implicit function theorem makes exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.physics.small_signal.adjoint_solution import chunks
from sciadv.physics.small_signal.elements import System
from sciadv.physics.small_signal.poles_and_zeros import poles_and_zeros, turned_phase


@dataclass(frozen=True)
class Sweep:
    """Frequencies at which crossings are looked for, evenly in the logarithm.

    Parameters
    ----------
    lowest, highest
        [Hz].
    per_decade
        Frequencies a decade; a resonance that is narrower than their distance may be missed.
    n_steps
        Newton steps of each crossing at most; most are at rounding after four.
    """

    lowest: float = 1.0
    highest: float = 1e11
    per_decade: int = 16
    n_steps: int = 40

    def omega(self, like: Tensor) -> Tensor:
        """Return the angular frequencies [rad/s]."""
        first, last = math.log10(self.lowest), math.log10(self.highest)
        n = 1 + math.ceil((last - first) * self.per_decade)
        line = torch.linspace(
            first,
            last,
            n,
            dtype=torch.float64,
            device=like.device,
        )
        return 2 * math.pi * 10**line


@dataclass(frozen=True, eq=False)
class Figures:
    """Of transfer functions, ``(batch,)`` each; NaN where there is none.

    Parameters
    ----------
    gain
        At the lowest frequency of the sweep, with the sign of its real part.
    bandwidth
        Where the gain is first below ``1 / sqrt(2)`` of that [Hz].
    unity_gain_frequency
        Where the gain first falls below 1 [Hz].
    phase_margin
        180 degrees and how far the phase has turned from the lowest frequency to there [rad].
    """

    gain: Tensor
    bandwidth: Tensor
    unity_gain_frequency: Tensor
    phase_margin: Tensor


def transfer(system: System, output: Tensor, s: Tensor) -> Tensor:
    """Return the transfer functions at s ``(batch, frequencies)``, differentiable any number of times.

    Parameters
    ----------
    system
        The equations.
    output
        Weights of the unknowns ``(batch, unknowns)`` or ``(unknowns,)``.
    s
        ``(batch, frequencies)`` [rad/s].
    """
    A = system.conductance[:, None] + s[:, :, None, None] * system.susceptance[:, None]
    b = system.source[:, None] + s[:, :, None] * system.source_rate[:, None]
    x: Tensor = torch.linalg.solve_ex(A, b[..., None])[0][..., 0]
    return (x * output.to(x).expand(len(A), -1)[:, None]).sum(2)


def figures(
    system: System,
    output: Tensor,
    sweep: Sweep | None = None,
) -> Figures:
    """Return the figures of circuits, differentiable in their matrices.

    Parameters
    ----------
    system
        The equations, stable or not.
    output
        Weights of the unknowns ``(batch, unknowns)`` or ``(unknowns,)``.
    sweep
        Where crossings are looked for.

    Examples
    --------
    A transconductance of 1 mS into 1 Mohm and 1 pF: its bandwidth is ``1 / (2 pi R C)``.

    >>> G = torch.tensor([[[0.0, 0.0], [1e-3, 1e-6]]], dtype=torch.float64)
    >>> C = torch.tensor([[[0.0, 0.0], [0.0, 1e-12]]], dtype=torch.float64)
    >>> none = torch.zeros(1, 2, dtype=torch.float64)
    >>> found = figures(System(G, C, none, none).driven(1), torch.ones(1, dtype=torch.float64))
    >>> round(float(found.gain)), round(float(found.bandwidth)), round(float(found.phase_margin), 3)
    (-1000, 159155, 1.572)
    """
    search = Sweep() if sweep is None else sweep
    still = System(*(part.detach() for part in _parts(system)))
    omega = search.omega(system.source)
    line = 1j * omega[None]
    with torch.no_grad():
        rows = chunks(len(system.source), len(omega) * system.source.shape[1] ** 2)
        size = torch.cat([transfer(still.take(i), _rows_of(output, i), line).abs() for i in rows])
    low = transfer(system, output, line[:, :1].expand(len(size), -1))[:, 0]
    level = low.abs() / 2**0.5
    first = _crossing(system, output, size, level, search)
    unity = _crossing(system, output, size, torch.ones_like(level), search)
    margin = math.pi + _phase(system, output, low, (omega[0], unity))
    gain = low.abs() * torch.where(low.real < 0, -1.0, 1.0)
    return Figures(gain, first / (2 * math.pi), unity / (2 * math.pi), margin)


def _parts(system: System) -> tuple[Tensor, ...]:
    return (
        system.conductance,
        system.susceptance,
        system.source,
        system.source_rate,
    )


def _crossing(
    system: System,
    output: Tensor,
    size: Tensor,
    level: Tensor,
    sweep: Sweep,
) -> Tensor:
    """Return the first frequencies where a transfer function falls below a level [rad/s] ``(batch,)``."""
    still = System(*(part.detach() for part in _parts(system)))
    omega = sweep.omega(size)
    falls = (size[:, :-1] >= level.detach()[:, None]) & (size[:, 1:] < level.detach()[:, None])
    index = falls.long().argmax(1)
    low, high = omega[index].log(), omega[index + 1].log()
    ends = torch.stack([index, index + 1], 1)
    above, below = (size.gather(1, ends).log() - level.detach().log()[:, None]).unbind(1)
    at = low + (high - low) * (above / (above - below)).nan_to_num(0.5).clamp(0, 1)
    bracket = _Bracket(low.clone(), at, high.clone())
    rows = falls.any(1).nonzero().squeeze(1)
    for _ in range(sweep.n_steps):
        if not len(rows):
            break
        part = _excess(still.take(rows), _rows_of(output, rows), bracket.at[rows], level.detach()[rows])
        rows = rows[bracket.narrow(rows, *part)]
    at = bracket.at
    at = torch.where(falls.any(1), at, torch.nan)
    return _with_derivative(system, output, at, level).exp()


@dataclass(frozen=True, eq=False)
class _Bracket:
    """Log frequencies where values fall below 0 between, and the best guess ``(batch,)``; they change."""

    low: Tensor
    at: Tensor
    high: Tensor

    def narrow(
        self,
        rows: Tensor,
        excess: Tensor,
        slope: Tensor,
        *,
        near: float = 1e-13,
    ) -> Tensor:
        """Take a Newton step in some rows, or halve; return in which the guess still moves ``(rows,)``."""
        at = self.at[rows]
        low = torch.where(excess >= 0, at, self.low[rows])
        high = torch.where(excess < 0, at, self.high[rows])
        newton = at - excess / slope
        inside = (newton > low) & (newton < high)
        moved = torch.where(inside, newton, 0.5 * (low + high))
        self.low[rows] = low
        self.high[rows] = high
        self.at[rows] = moved
        return (moved - at).abs() > near * at.abs()


def _rows_of(output: Tensor, rows: Tensor | slice) -> Tensor:
    return output if output.ndim == 1 else output[rows]


def _excess(
    system: System,
    output: Tensor,
    at: Tensor,
    level: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return ``log |H| - log level`` at log frequencies ``(batch,)``, and its slope there."""
    h = 1e-5
    around = torch.stack([at, at + h], 1)
    size = transfer(system, output, 1j * around.exp()).abs().log()
    return size[:, 0] - level.log(), (size[:, 1] - size[:, 0]) / h


def _with_derivative(
    system: System,
    output: Tensor,
    at: Tensor,
    level: Tensor,
) -> Tensor:
    """Return log frequencies of crossings, moved by a Newton step whose derivatives are those of the root."""
    still = System(*(part.detach() for part in _parts(system)))
    _, slope = _excess(still, output, at, level.detach())
    size = transfer(system, output, 1j * at.detach().exp()[:, None]).abs().log()[:, 0]
    return at.detach() - (size - level.log()) / slope.detach()


def _phase(
    system: System,
    output: Tensor,
    low: Tensor,
    omega: tuple[Tensor, Tensor],
) -> Tensor:
    """Return how far the phase has turned between two frequencies ``(batch,)``, from the value `low`.

    Its exact value by one solution, the number of turns by the poles and zeros.
    """
    first, last = omega
    ratio = transfer(system, output, 1j * last[:, None])[:, 0] / low
    principal = torch.atan2(ratio.imag, ratio.real)
    roots = poles_and_zeros(system, output)
    rough = turned_phase(roots, last.detach()) - turned_phase(roots, first.expand(len(low)))
    turns = ((rough - principal.detach()) / (2 * math.pi)).round()
    return principal + 2 * math.pi * turns
