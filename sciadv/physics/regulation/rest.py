"""Where trajectories come to rest: integrated until Newton's iteration from their ends finds a stable state.

A steady state that Newton's iteration finds from the end of a trajectory counts only if it is stable and near
that end; else the trajectory is integrated on. So slow passages of saddles are not taken for rest, and most
trajectories need a tenth of the time that it takes to see them stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.physics.regulation.kinetics import Kinetics
from sciadv.physics.regulation.steady import Relative, jacobians
from sciadv.physics.regulation.trajectories import simulate


@dataclass(frozen=True)
class Settling:
    """How trajectories are followed until they rest.

    Parameters
    ----------
    times
        Lengths of the integrations, one after the other [time]; the later ones of those not at rest only. 0
        first asks for a stable state near the start.
    rtol
        Largest error of a step of a trajectory, as a part of each level.
    near
        Largest distance of an end from the stable state that it is taken for [decades].
    n_newton
        Newton steps from an end.
    chunk
        Trajectories integrated at once.
    """

    times: tuple[float, ...] = (40.0, 120.0, 240.0)
    rtol: float = 1e-5
    near: float = 0.1
    n_newton: int = 8
    chunk: int = 8192


def largest_levels(kinetics: Kinetics) -> Float[Tensor, "batch genes"]:
    """Return the largest level of each gene; 0 for an absent one."""
    return kinetics.presence * kinetics.largest


def relative_levels(kinetics: Kinetics, x: Tensor, *, least: float = 1e-6) -> Tensor:
    """Return levels as parts of each gene's largest, 1 for absent genes, not below `least`."""
    parts = x / kinetics.largest
    return torch.where(kinetics.presence > 0, parts.clamp_min(least), 1.0)


def newton(
    equations: Relative, y: Float[Tensor, "batch genes"], *, n_steps: int = 8, least: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """Iterate by Newton in relative levels, each step at most a factor of three.

    Returns
    -------
    Relative levels ``(batch, genes)``, and whether they are steady states ``(batch,)``.
    """
    identity = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
    for _ in range(n_steps):
        f, slope = equations.parts(y)
        step, _ = torch.linalg.solve_ex((identity - slope).transpose(-1, -2), (f - y)[..., None])
        moved = y + step[..., 0].nan_to_num(0.0, 0.0, 0.0)
        y = torch.minimum(torch.maximum(moved, y / 3), 3 * y).clamp(least, 2.0)
    f, _ = equations.parts(y)
    tolerance = torch.finfo(y.dtype).eps ** 0.7
    return y, ((f - y).abs() <= tolerance * (y + 1e-3)).all(-1)


def is_stable(
    equations: Relative,
    y: Float[Tensor, "batch genes"],
) -> Bool[Tensor, " batch"]:
    """Whether every eigenvalue of the Jacobian at a steady state has a negative real part."""
    matrix = jacobians(equations, y).nan_to_num(0.0, 0.0, 0.0)
    stable: Tensor = (torch.linalg.eigvals(matrix).real < 0).all(-1)
    return stable


@torch.no_grad()
def stable_state_near(
    kinetics: Kinetics, x: Float[Tensor, "batch genes"], settling: Settling
) -> tuple[Tensor, Tensor]:
    """Return the stable steady states next to levels, and whether there is one within `settling.near`."""
    equations = Relative.of(kinetics)
    start = relative_levels(kinetics, x)
    y, solved = newton(equations, start, n_steps=settling.n_newton)
    close = ((y / start).log10().abs() <= settling.near).all(-1)
    found = solved & close
    rows = found.nonzero()[:, 0]
    found[rows] = is_stable(Relative.of(kinetics.rows(rows)), y[rows])
    return y * largest_levels(kinetics), found


@torch.no_grad()
def settle(
    kinetics: Kinetics,
    initial: Float[Tensor, "batch genes"],
    settling: Settling = Settling(),  # frozen
) -> tuple[Float[Tensor, "batch genes"], Bool[Tensor, " batch"]]:
    """Follow circuits to their stable steady states; oscillating ones never come to rest.

    Returns
    -------
    Levels in the end, and whether they are a stable steady state.
    """
    x = initial.clone()
    at_rest = torch.zeros_like(x[:, 0], dtype=torch.bool)
    rows = torch.arange(len(x), device=x.device)
    for time in settling.times:
        if len(rows) == 0:
            break
        for part in torch.split(rows, settling.chunk):
            some = kinetics.rows(part)
            start = x[part]
            ends = simulate(some, start, t_end=time, rtol=settling.rtol)[-1] if time else start
            state, found = stable_state_near(some, ends, settling)
            x[part] = torch.where(found[:, None], state, ends)
            at_rest[part] = found
        rows = rows[~at_rest[rows]]
    return x, at_rest
