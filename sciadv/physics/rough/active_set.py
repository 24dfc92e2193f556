"""Where a rigid rough surface touches an elastic half space, and the gap elsewhere: an active-set method.

The gap g over a surface of heights h, under the mean pressure ``p0``, minimises

    ``1/2 <h + g, K (h + g)> + p0 <1, g>``  with  ``g >= 0``,

whose optimality is contact: ``p = K (h + g) + p0 >= 0``, ``g >= 0``, ``p g = 0``; the mean of p is p0, since
K gives no mean. The set of points in contact is found by the primal-dual active-set method, a semismooth
Newton method; K has no positive entries off its diagonal, for which the sets settle from any start in few
rounds. The gap of a round is solved for by conjugate gradients that are preconditioned by the half space's
compliance, so that their number of steps grows little with the grid.

References
----------
Hintermueller, Ito and Kunisch, The primal-dual active set strategy as a semismooth Newton method, SIAM J.
Optim. 13, 2002. Polonsky and Keer, A numerical method for solving rough contact problems based on the
multi-level multi-summation and conjugate gradient techniques, Wear 231, 1999: the same solution, by steps
that may go round in circles on profiles that are rough down to single points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.physics.rough.half_space import HalfSpace
from sciadv.types import Rows


@dataclass(frozen=True)
class Accuracy:
    """How exactly a contact is solved.

    Parameters
    ----------
    tolerance
        Residual of the conjugate gradients over their first one, once the contact set has settled.
    loose
        The same over that of each round, while the set still changes.
    n_loose
        Changes of the set after which each round is solved to `tolerance`.
    n_steps
        Steps of conjugate gradients at most, all rounds together.
    every
        Steps after which it is seen which surfaces have ended a round.
    """

    tolerance: float = 1e-12
    loose: float = 0.3
    n_loose: int = 30
    n_steps: int = 5000
    every: int = 3


@dataclass(frozen=True)
class Solved(Rows):
    """A contact: its pressures, which points are free (1, else 0) and the gap, ``(batch, *shape)`` each."""

    pressure: Tensor
    free: Tensor
    gap: Tensor


@dataclass(frozen=True)
class _Search(Rows):
    """Surfaces that are being solved: fields ``(batch, *shape)``, numbers ``(batch, 1, ...)``.

    `row` is the place in the batch, `load` the pressure at no gap, `pressure` that at the gap, `size` the
    squared residual on the free points and `enough` the one that ends a round, `first` that of no gap.
    """

    row: Tensor
    load: Tensor
    softening: Tensor | None
    free: Tensor
    gap: Tensor
    pressure: Tensor
    direction: Tensor
    size: Tensor
    enough: Tensor
    first: Tensor
    n_changes: Tensor


def solve_contact(
    half_space: HalfSpace,
    load: Tensor,
    accuracy: Accuracy,
    *,
    softening: Tensor | None = None,
    start: Solved | None = None,
) -> Solved:
    """Find ``g >= 0`` and ``p = load + (K - D) g >= 0`` with ``p g = 0``; units of the grid, no gradients.

    Every surface ends by itself; one with a NaN is NaN in the end, as is one whose ``K - D`` is not positive
    on the free points, or whose contact set has not settled within the steps.

    Parameters
    ----------
    half_space
        K, on the grid.
    load
        Pressure that closes every gap, ``K h + p0`` of heights h and a mean pressure p0 > 0;
        ``(batch, *shape)`` in float64.
    accuracy
        How exactly.
    softening
        The diagonal D, >= 0; none if left out.
    start
        A contact nearby.
    """
    scale = largest(load.abs())  # the problem is linear in it
    scale = torch.where(scale == 0, 1.0, scale)
    load = load / scale
    if start is None:
        search = _begin(half_space, load, (load < 0).to(load.dtype), softening)
    else:
        search = _from(half_space, _begin(half_space, load, start.free, softening), start.gap / scale)
    found = Solved(torch.zeros_like(load), torch.zeros_like(load), torch.zeros_like(load))
    for step in range(accuracy.n_steps):
        is_met = ~(search.size > search.enough).flatten()  # true for NaN
        if step % accuracy.every == 0 and bool(is_met.any()):
            met = is_met.nonzero().squeeze(1)
            turned, is_done = _turn(half_space, search.take(met), accuracy)
            search = search.put(met, turned)
            ended = turned.take(is_done.nonzero().squeeze(1))
            held = (ended.pressure * (1 - ended.free)).clamp_min(0)
            found = found.put(ended.row, Solved(held, ended.free, ended.gap))
            is_left = torch.ones_like(is_met).index_put((met[is_done],), is_met.new_zeros(()))
            search = search.take(is_left.nonzero().squeeze(1))
            if not len(search.row):
                return Solved(found.pressure * scale, found.free, found.gap * scale)
        search = _descend(half_space, search)
    unknown = torch.full_like(search.load, torch.nan)
    found = found.put(search.row, Solved(unknown, search.free, unknown))
    return Solved(found.pressure * scale, found.free, found.gap * scale)


def free_gap(
    half_space: HalfSpace,
    load: Tensor,
    free: Tensor,
    softening: Tensor | None = None,
    *,
    tolerance: float = 1e-13,
    n_steps: int = 1000,
) -> Tensor:
    """Return the gap x, 0 in contact, with ``(K - D) x = -load`` on the free points.

    Parameters
    ----------
    half_space
        K.
    load
        ``(batch, *shape)``.
    free
        Which points are free ``(batch, *shape)``.
    softening
        The diagonal D; none if left out.
    tolerance
        A row ends at this part of its first residual.
    n_steps
        Steps of conjugate gradients at most.
    """
    search = _begin(half_space, load, free, softening)
    enough = tolerance**2 * search.first
    for _ in range(n_steps):
        if not bool((search.size > enough).any()):
            break
        search = _descend(half_space, search)
    return search.gap


def _begin(half_space: HalfSpace, load: Tensor, free: Tensor, softening: Tensor | None) -> _Search:
    """Begin a search on given free points, with no gap."""
    direction = half_space.deflection(-load * free) * free
    size = dot(-load, direction)
    return _Search(
        row=torch.arange(len(load), device=load.device),
        load=load,
        softening=softening,
        free=free,
        gap=torch.zeros_like(load),
        pressure=load,
        direction=direction,
        size=size,
        enough=size,
        first=size,
        n_changes=torch.zeros_like(size),
    )


def _from(half_space: HalfSpace, search: _Search, gap: Tensor) -> _Search:
    """Begin at a gap instead."""
    gap = gap * search.free
    pressure = search.load + _stiff(half_space, search, gap)
    direction = half_space.deflection(-pressure * search.free) * search.free
    size = -dot(pressure, direction)
    return replace(search, gap=gap, pressure=pressure, direction=direction, size=size, enough=size)


def _stiff(half_space: HalfSpace, search: _Search, gap: Tensor) -> Tensor:
    """Return ``(K - D) g``."""
    pressure = half_space.pressure(gap)
    return pressure if search.softening is None else pressure - search.softening * gap


def _descend(half_space: HalfSpace, search: _Search) -> _Search:
    """Take one step of conjugate gradients on the free points of every row."""
    applied = _stiff(half_space, search, search.direction)
    tiny = torch.finfo(applied.dtype).tiny
    curvature = dot(search.direction, applied)
    length = search.size / curvature.clamp_min(tiny)
    if search.softening is not None:
        length = torch.where((curvature <= 0) & (search.size > 0), torch.nan, length)
    pressure = search.pressure + length * applied
    towards = half_space.deflection(-pressure * search.free) * search.free
    size = -dot(pressure, towards)
    return replace(
        search,
        gap=search.gap + length * search.direction,
        pressure=pressure,
        direction=towards + size / search.size.clamp_min(tiny) * search.direction,
        size=size,
    )


def _turn(half_space: HalfSpace, search: _Search, accuracy: Accuracy) -> tuple[_Search, Tensor]:
    """Begin the next round of rows that have ended one; say which rows are done ``(batch,)``."""
    exact = accuracy.tolerance**2 * search.first
    free = _next_free(search, 10 * accuracy.tolerance)
    is_same = as_field((free == search.free).flatten(1).all(1), free)
    is_done = is_same & ~(search.size > exact)
    gap = search.gap * free
    pressure = torch.where(is_same, search.pressure, search.load + _stiff(half_space, search, gap))
    direction = half_space.deflection(-pressure * free) * free
    size = -dot(pressure, direction)
    is_exact = is_same | (search.n_changes >= accuracy.n_loose)
    following = replace(
        search,
        free=free,
        gap=gap,
        pressure=pressure,
        direction=direction,
        size=size,
        enough=torch.where(is_exact, exact, accuracy.loose**2 * size),
        n_changes=search.n_changes + ~is_same,
    )
    return following, is_done.flatten()


def _next_free(search: _Search, slack: float) -> Tensor:
    """Return the free points of the next round: gaps that are open, and contacts that would be pulled.

    A slack of rounding keeps points on the verge where they are, and one point stays in contact.
    """
    is_open = search.gap >= -slack * largest(search.gap.abs())
    is_pulled = search.pressure < -slack * largest(search.pressure.abs())
    free = torch.where(search.free > 0, is_open, is_pulled)
    is_all = as_field(free.flatten(1).all(1), free)
    free &= ~(is_all & (search.pressure == largest(search.pressure)))
    return free.to(search.gap.dtype)


def as_field(values: Tensor, like: Tensor) -> Tensor:
    """Return values ``(batch,)`` so that they broadcast over fields ``(batch, *shape)``."""
    return values.reshape(-1, *([1] * (like.ndim - 1)))


def largest(field: Tensor) -> Tensor:
    """Return the largest value of each field, to broadcast over it."""
    return as_field(field.flatten(1).amax(1), field)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each pair of fields, to broadcast over them."""
    return as_field(torch.linalg.vecdot(a.flatten(1), b.flatten(1)), a)
