"""Error-controlled implicit integration of a batch of stiff systems, each with a step of its own.

A step of an explicit method is bounded by the quickest decay of a system, however smooth its trajectory; an
L-stable Rosenbrock method solves a few linear systems with the exact Jacobian instead. Its steps are slower:
it is for systems that `sciadv.physics.dynamics.adaptive` gives up. Rates do not depend on time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.physics.dynamics.integration import Integration, Span, Tolerances
from sciadv.types import Rows

#: ``dx/dt`` of states ``(states, batch)``.
Rate = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class RosenbrockMethod:
    """Coefficients: ``(I / (gamma h) - J) U_i = f(x + sum_j a_ij U_j) + sum_j c_ij U_j / h``.

    The new state is the argument of the last stage's f plus its U, which is the error's estimate.

    Parameters
    ----------
    gamma
        See above.
    a, c
        Rows of the stages.
    order
        Of the error's estimate in h.
    """

    gamma: float
    a: tuple[tuple[float, ...], ...]
    c: tuple[tuple[float, ...], ...]
    order: int


def rodas() -> RosenbrockMethod:
    """Return RODAS, of order 4(3) with six stages, stiffly accurate and L-stable.

    References
    ----------
    E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed. 1996, section IV.7; the numbers
    are those of the authors' program rodas.f.
    """
    last = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)
    return RosenbrockMethod(
        gamma=0.25,
        a=(
            (),
            (1.544,),
            (0.9466785280815826, 0.2557011698983284),
            (3.314825187068521, 2.896124015972201, 0.9986419139977817),
            last,
            (*last, 1.0),
        ),
        c=(
            (),
            (-5.6688,),
            (-2.430093356833875, -0.2063599157091915),
            (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
            (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
            (
                8.083246795921522,
                -7.981132988064893,
                -31.52159432874371,
                16.31930543123136,
                -6.058818238834054,
            ),
        ),
        order=4,
    )


@dataclass(frozen=True, eq=False)
class _Places(Rows):
    """Where systems are: states ``(batch, states)``, times, next steps, kept states and steps so far."""

    index: Tensor
    x: Tensor
    scale: Tensor
    t: Tensor
    h: Tensor
    kept: Tensor
    n_steps: Tensor


def integrate_stiff(
    rates: Callable[[Tensor], Rate],
    initial: Float[Tensor, "states batch"],
    span: Span,
    *,
    scale: Tensor | float = 1.0,
    tolerances: Tolerances | None = None,
    method: RosenbrockMethod | None = None,
) -> Integration:
    """Integrate a batch of systems ``dx/dt = f(x)`` implicitly; steps end at the times of kept states.

    Parameters
    ----------
    rates
        Of a tensor of indices: the rate of those systems, differentiable.
    initial, span, scale, tolerances
        As for `sciadv.physics.dynamics.adaptive.integrate`; float64 for an `rtol` below 1e-5.
    method
        RODAS if None.

    Examples
    --------
    >>> decay = torch.tensor([1.0, 1e6], dtype=torch.float64)
    >>> start = torch.ones(1, 2).double()
    >>> found = integrate_stiff(lambda i: lambda x: -decay[i] * (x - 1) - x, start, Span(2.0))
    >>> bool(found.is_done.all()), int(found.n_steps.max()) < 100
    (True, True)
    """
    rule = Tolerances() if tolerances is None else tolerances
    scheme = rodas() if method is None else method
    n, like = initial.shape[1], initial.new_zeros(initial.shape[1], dtype=torch.float64)
    levels = initial.new_full((span.n_kept, n, len(initial)), torch.nan)
    scales = torch.as_tensor(scale).to(initial).expand_as(initial)
    count = torch.zeros(n, dtype=torch.long, device=initial.device)
    index = torch.arange(n, device=initial.device)
    start = like + span.start
    now = _Places(index, initial.T, scales.T, start, like + 1e-6 * span.length, count, count)
    ends = now
    is_active = torch.ones_like(index, dtype=torch.bool)
    times = torch.cat([span.times().to(like.device), like.new_tensor([torch.inf])])
    while bool(is_active.any()):
        now = now.take(is_active.nonzero()[:, 0])
        now = _attempt(now, rates(now.index), times[now.kept], rule, scheme)
        is_there = now.t >= times[now.kept]
        rows = is_there.nonzero()[:, 0]
        levels[now.kept[rows], now.index[rows]] = now.x[rows]
        now = replace(now, kept=now.kept + is_there)
        ends = ends.put(now.index, now)
        has_step = now.h > 1e-13 * span.length
        is_active = (now.kept < span.n_kept) & has_step & (now.n_steps < rule.max_steps)
    return Integration(levels, ends.t, ends.n_steps, ends.kept == span.n_kept, span.end)


def _attempt(now: _Places, rate: Rate, limit: Tensor, rule: Tolerances, method: RosenbrockMethod) -> _Places:
    """Try a step of every system, not beyond its limit."""
    is_last = limit - now.t <= now.h
    h = torch.where(is_last, limit - now.t, now.h)
    x, error = _stages(now.x, rate, h.to(now.x.dtype), method)
    allowed = rule.rtol * torch.maximum(now.x.abs(), x.abs()) + rule.atol * now.scale
    size = (error / allowed).abs().amax(1).double().nan_to_num(torch.inf)
    is_exact = size <= 1
    factor = (rule.safety * size.clamp_min(1e-9) ** (-1 / method.order)).clamp(rule.shrink, rule.grow)
    longer = torch.where(is_exact & is_last, torch.maximum(now.h, h * factor), h * factor)
    return replace(
        now,
        x=torch.where(is_exact[:, None], x, now.x),
        t=torch.where(is_exact, torch.where(is_last, limit, now.t + h), now.t),
        h=longer,
        n_steps=now.n_steps + 1,
    )


def _stages(x: Tensor, rate: Rate, h: Tensor, method: RosenbrockMethod) -> tuple[Tensor, Tensor]:
    """Return states ``(batch, states)`` after steps h, and the estimates of their errors."""
    identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    matrix = identity / (method.gamma * h)[:, None, None] - _jacobian(x, rate)
    factors, pivots, _ = torch.linalg.lu_factor_ex(matrix)
    stages: list[Tensor] = []
    place = x
    for a, c in zip(method.a, method.c, strict=True):
        place = x + sum(weight * stage for weight, stage in zip(a, stages, strict=True))
        right = rate(place.T).T
        for weight, stage in zip(c, stages, strict=True):
            right = right + (weight / h)[:, None] * stage
        stages.append(torch.linalg.lu_solve(factors, pivots, right[..., None])[..., 0])
    return place + stages[-1], stages[-1]


def _jacobian(x: Float[Tensor, "batch states"], rate: Rate) -> Float[Tensor, "batch states states"]:
    """Return ``df_i/dx_j``, row by row of f; the systems of a batch do not depend on one another."""
    with torch.enable_grad():
        point = x.detach().T.requires_grad_()
        rows = [torch.autograd.grad(row.sum(), point, retain_graph=True)[0].T for row in rate(point).unbind()]
    return torch.stack(rows, 1)
