"""Trajectories of many different circuits at once, by the classical Runge-Kutta method."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics

Rate = Callable[[Tensor], Tensor]


def rk4(rate: Rate, x: Tensor, *, dt: float, n_steps: int, every: int = 0) -> tuple[Tensor, Tensor]:
    """Integrate by the classical fourth-order Runge-Kutta method.

    Parameters
    ----------
    rate
        ``dx/dt`` of a state.
    x
        Initial state, any shape.
    dt, n_steps
        Length and number of steps [time].
    every
        Steps between two states that are kept; 0 keeps none.

    Returns
    -------
    The last state, and the kept ones ``(kept, *state)``.

    References
    ----------
    Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, 2nd ed. 1993, Table II.1.2.
    """
    kept = []
    for step in range(1, n_steps + 1):
        k1 = rate(x)
        k2 = rate(torch.add(x, k1, alpha=dt / 2))
        k3 = rate(torch.add(x, k2, alpha=dt / 2))
        k4 = rate(torch.add(x, k3, alpha=dt))
        x = torch.add(x, torch.add(k1 + k4, k2 + k3, alpha=2), alpha=dt / 6)
        if every and step % every == 0:
            kept.append(x)
    return x, torch.stack(kept) if kept else x.new_zeros(0, *x.shape)


def simulate(
    kinetics: Kinetics,
    initial: Float[Tensor, "batch genes"],
    *,
    t_end: float = 50.0,
    dt: float = 0.2,
    n_kept: int = 0,
    chunk: int = 8192,
) -> Float[Tensor, "kept batch genes"]:
    """Integrate circuits from their initial levels; the last kept state is that at `t_end`.

    Parameters
    ----------
    kinetics
        The circuits, all different if need be.
    initial
        Levels at time 0, >= 0.
    t_end, dt
        Time to integrate and step [time]; a gene's own time scale is 1 to 10.
    n_kept
        States kept at even times after 0; 0 keeps the last one only.
    chunk
        Circuits integrated at once; more do not fit a processor's cache.

    Raises
    ------
    InputError
        Initial levels of another shape, negative or not finite, or a time or step that is not positive.
    """
    expected = tuple(kinetics.presence.shape)
    if tuple(initial.shape) != expected:
        raise InputError(
            f"initial levels have shape {tuple(initial.shape)}, but (batch, genes) is {expected}"
        )
    if not bool(((initial >= 0) & initial.isfinite()).all()):
        raise InputError("initial levels must be finite and >= 0; concentrations are not negative")
    if not (t_end > 0 and 0 < dt <= t_end):
        raise InputError(f"expected t_end > 0 and 0 < dt <= t_end, but got {t_end} and {dt}")
    n_steps = max(1, round(t_end / dt))
    every = n_steps if n_kept == 0 else max(1, n_steps // n_kept)
    n_steps = n_steps if n_kept == 0 else every * n_kept
    parts = []
    with torch.no_grad():
        for first in range(0, len(initial), chunk):
            rows = slice(first, first + chunk)
            equations = HillEquations.of(kinetics.rows(rows))
            kept = rk4(
                equations, initial[rows].T.contiguous(), dt=t_end / n_steps, n_steps=n_steps, every=every
            )
            parts.append(kept[1].transpose(1, 2))
    return torch.cat(parts, 1)
