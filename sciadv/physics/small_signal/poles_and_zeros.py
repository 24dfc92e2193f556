"""Poles and zeros of circuits by generalised eigenvalues, stability, and phase that knows its turns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.physics.small_signal.elements import System


@dataclass(frozen=True, eq=False)
class PolesAndZeros:
    """Of transfer functions from the sources to one output; NaN where a circuit has fewer.

    Parameters
    ----------
    poles, zeros
        [rad/s], ``(batch, unknowns)`` and ``(batch, unknowns + 1)``, complex.
    """

    poles: Tensor
    zeros: Tensor


def poles_and_zeros(system: System, output: Tensor) -> PolesAndZeros:
    """Return the finite poles and zeros of circuits.

    Poles are the s where ``G + s C`` is singular, zeros those where the equations are with the output held at
    zero and the source unknown.

    Parameters
    ----------
    system
        The equations, with an output at which the transfer function is not 0 everywhere.
    output
        Weights of the unknowns of which the output is the sum ``(batch, unknowns)`` or ``(unknowns,)``.

    Notes
    -----
    Not differentiable here. Poles and zeros that cancel are all reported. A pole or zero that is more than
    1e12 times as fast as the slowest counts as infinite.

    References
    ----------
    Haley, The generalized eigenproblem: pole-zero computation, Proc. IEEE 76, 1988, 103-120.

    Examples
    --------
    A resistor of 1 ohm into a capacitor of 0.5 F has its pole at -2 rad/s:

    >>> G = torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]], dtype=torch.float64)
    >>> C = torch.tensor([[[0.0, 0.0], [0.0, 0.5]]], dtype=torch.float64)
    >>> none = torch.zeros(1, 2, dtype=torch.float64)
    >>> low_pass = System(G, C, none, none).driven(1)
    >>> poles_and_zeros(low_pass, torch.ones(1, dtype=torch.float64)).poles.real.tolist()
    [[-2.0]]
    """
    G, C = (part.detach() for part in (system.conductance, system.susceptance))
    weights = output.to(G).expand(len(G), -1)
    column = torch.stack([system.source, system.source_rate]).detach()
    corner = G.new_zeros(len(G), 1, 1)
    held = weights[:, None]
    bordered = torch.cat([torch.cat([G, -column[0][:, :, None]], 2), torch.cat([held, corner], 2)], 1)
    rates = torch.cat([C, -column[1][:, :, None]], 2)
    rates = torch.cat([rates, torch.zeros_like(rates[:, :1])], 1)
    return PolesAndZeros(finite_eigenvalues(G, C), finite_eigenvalues(bordered, rates))


def finite_eigenvalues(
    G: Tensor,
    C: Tensor,
    *,
    fastest: float = 1e12,
) -> Tensor:
    """Return the s at which ``G + s C`` is singular ``(batch, n)``, NaN for the infinite ones.

    Parameters
    ----------
    G, C
        Real matrices ``(batch, n, n)``.
    fastest
        How many times as fast as the slowest a finite one may be.
    """
    rate = _typical_rate(G, C)
    inverse, failed = torch.linalg.inv_ex(G + rate[:, None, None] * C)
    periods = torch.linalg.eigvals(-inverse.nan_to_num() @ C)
    size = periods.abs()
    is_finite = size > size.amax(1, keepdim=True) / fastest
    is_finite &= (failed == 0)[:, None] & (size > 0)
    s = rate[:, None] + 1 / torch.where(is_finite, periods, 1.0)
    return torch.where(is_finite, s, torch.nan)


def _typical_rate(G: Tensor, C: Tensor) -> Tensor:
    """Return a small rate around which the pencil is inverted; at 0, where zeros may be, it is singular."""
    size_G, size_C = (part.abs().amax((1, 2)).clamp_min(1e-300) for part in (G, C))
    return 1e-9 * size_G / size_C


def damping(roots: Tensor) -> Tensor:
    """Return the smallest ``-Re s / |s|`` of poles ``(batch, n)``: positive where the circuit is stable.

    The damping ratio of the least damped oscillation; -1 for one that grows without oscillating, 1 where no
    pole is complex, or there is none.
    """
    ratio = -roots.real / roots.abs().clamp_min(1e-300)
    return torch.where(ratio.isnan(), 1.0, ratio).amin(1)


def closed(system: System, output: Tensor, gain: Tensor) -> System:
    """Return circuits whose source is ``1 - gain v``, with v the output: feedback around them.

    Parameters
    ----------
    system
        The equations; their sources are of 1.
    output
        Weights of the unknowns ``(batch, unknowns)`` or ``(unknowns,)``.
    gain
        Of the feedback ``(batch,)``; negative feedback where it has the sign of the transfer function.
    """
    weights = gain[:, None] * output.to(gain)
    G = system.conductance + system.source[:, :, None] * weights[:, None]
    C = system.susceptance + system.source_rate[:, :, None] * weights[:, None]
    return System(G, C, system.source, system.source_rate)


def turned_phase(found: PolesAndZeros, omega: Tensor) -> Tensor:
    """Return how far the phase at ``omega`` is from that at 0, all turns counted [rad] ``(batch,)``.

    Each factor ``j omega - root`` turns by less than pi, so that the sum needs no unwrapping.
    """
    turns = [_turned(roots, omega[:, None]) for roots in (found.zeros, found.poles)]
    return turns[0] - turns[1]


def _turned(roots: Tensor, omega: Tensor) -> Tensor:
    x, y = -roots.real, -roots.imag
    turn = torch.atan((omega + y) / x) - torch.atan(y / x)
    return torch.where(turn.isfinite(), turn, 0.0).sum(1)
