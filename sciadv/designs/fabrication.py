"""Designs as they are made: how many parts still do what was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import torch
from torch import Tensor

from sciadv.designs.aim import Aim, searched
from sciadv.designs.evaluated import Evaluated
from sciadv.designs.wishes import Wish
from sciadv.types import Rows, as_generator


@dataclass(frozen=True, eq=False)
class Parts(Rows):
    """What becomes of designs as they are made.

    Parameters
    ----------
    yields
        Share of parts that do what was asked and keep every constraint ``(n,)``; NaN where the model states
        no scatter.
    kept
        Share of parts that keep every constraint and the design's regime ``(n,)``.
    linear
        The yields by the properties' first derivatives and independent normal errors ``(n,)``; NaN for
        designs without variables.
    worst_margin
        Smallest margin to a limit over the parts, in parts of the limit ``(n,)``; NaN without constraints.
    leapt
        Share of parts in another regime than the design ``(n,)``.
    spread
        Standard deviation over the parts of each of the aim's `names` ``(n, properties)``.
    n_parts
        Parts of each design.
    """

    yields: Tensor
    kept: Tensor
    linear: Tensor
    worst_margin: Tensor
    leapt: Tensor
    spread: Tensor
    n_parts: int

    def bear(self, least_yield: float) -> Tensor:
        """Return of which designs at least a share of the parts do what was asked ``(n,)``."""
        return (
            self.yields >= least_yield if least_yield > 0 else torch.ones_like(self.leapt, dtype=torch.bool)
        )

    def columns(self) -> dict[str, Tensor]:
        """Return the columns of a table by name; none where no scatter is stated."""
        if self.n_parts == 0:
            return {}
        columns = {"yield": self.yields, "kept as made": self.kept}
        return columns if bool(self.linear.isnan().all()) else columns | {"yield (linearised)": self.linear}

    def words(self, leap: str) -> list[str]:
        """Say what becomes of the parts, and where some change their regime, by which `leap`."""
        if self.n_parts == 0:
            return []
        line = (
            f"as made, {float(self.yields.mean()):.0%} of the parts do what is asked (the best design "
            f"{float(self.yields.max()):.0%}), and {float(self.kept.mean()):.0%} keep every constraint and "
            f"the design's regime"
        )
        return [line + (f" ({leap})" if leap and float(self.leapt.max()) > 0 else "")]

    def facts(self) -> dict[str, object]:
        """Return what the report states, as plain values."""
        if self.n_parts == 0:
            return {"n_parts": 0}
        facts = {"yield": self.yields, "kept": self.kept}
        if not bool(self.linear.isnan().all()):
            facts["linearised_yield"] = self.linear
        means: dict[str, object] = {f"mean_{name}": float(value.mean()) for name, value in facts.items()}
        worst = float(self.worst_margin.min())
        return means | {"n_parts": self.n_parts} | ({} if worst != worst else {"worst_margin": worst})  # noqa: PLR0124  # NaN without limits


def parts_as_made(aim: Aim, designs: Evaluated, n_parts: int, *, seed: int) -> Parts:
    """Evaluate parts of each design with its variables' scatter, normally distributed.

    Designs without variables are made as their model says by ``as_made``.

    Parameters
    ----------
    aim
        What the parts are for.
    designs
        The designs.
    n_parts
        Parts of each; 0 for none.
    seed
        Seed of the scatter.
    """
    n = len(designs.x)
    x = _made(aim, designs.x, n_parts, seed=seed) if n_parts > 0 else None
    if x is None:
        unknown = torch.full((n,), torch.nan, dtype=torch.float64)
        spread = unknown[:, None].expand(-1, len(aim.names))
        return Parts(unknown, unknown, unknown, unknown, unknown, spread, 0)
    made = aim.at(x)
    does = made.hits(aim.wishes).reshape(n, n_parts)
    regime = made.regime.reshape(n, n_parts)
    leapt = regime != designs.regime[:, None]
    same = made.feasible.reshape(n, n_parts) & ~leapt
    margins = made.margins.nan_to_num(torch.inf).reshape(n, n_parts, -1)
    worst = margins.flatten(1).amin(1) if margins.shape[2] else torch.full((n,), torch.nan).double()
    values = made.properties.reshape(n, n_parts, -1)
    squares = (values - values.nanmean(1, keepdim=True)).square().nanmean(1)  # some parts may have no value
    spread = (squares * n_parts / max(1, n_parts - 1)).sqrt()
    linear = linearised_yield(aim, designs, scatter_of(aim, designs.x))
    return Parts(
        yields=does.double().mean(1),
        kept=same.double().mean(1),
        linear=linear,
        worst_margin=worst,
        leapt=leapt.double().mean(1),
        spread=spread,
        n_parts=n_parts,
    )


def _made(aim: Aim, x: Tensor, n_parts: int, *, seed: int) -> Tensor | None:
    """Return parts ``(n * n_parts, *shape)`` of designs; None where the model states no scatter."""
    variables = aim.model.variables
    if not variables:
        make: Callable[..., Tensor | None] | None = getattr(aim.model, "as_made", None)
        return None if make is None else make(x, n_parts, seed=seed)
    if not any(one.scatter for one in variables):
        return None
    noise = torch.randn(len(x), n_parts, x.shape[1], generator=as_generator(seed), dtype=torch.float64)
    return (x[:, None] + scatter_of(aim, x)[:, None] * noise).flatten(0, 1)


def drawn_in_aim(aim: Aim, parts: Parts, *, factor: float = 1.0) -> Aim:
    """Return the aim with each demand and limit drawn in by what the parts scatter.

    By as many of the median standard deviation as a normal property needs for the yield on one side, and at
    most to the middle of a demand.

    Parameters
    ----------
    aim
        With the yield that is asked for.
    parts
        Of designs that do what is asked.
    factor
        Of the distance by which ends are drawn in: above 1 where several of them are near.
    """
    share = 0.5 + 0.5 * min(aim.least_yield, 0.999)
    n_sigma = factor * NormalDist().inv_cdf(share)
    room = dict(zip(aim.names, (n_sigma * parts.spread.nanmedian(0).values).tolist(), strict=True))
    wishes = tuple(drawn_in(wish, room[wish.name]) for wish in aim.wishes)
    limits = tuple(
        replace(limit, at_most=limit.at_most - room[limit.on], scale=limit.size) if limit.on else limit
        for limit in aim.problem.constraints
    )
    narrow = replace(aim.problem, constraints=limits)
    search = searched(narrow, wishes or aim.objectives[:1], aim.tolerance)
    return replace(
        aim,
        problem=narrow,
        wishes=wishes,
        search=search,
    )


def drawn_in(wish: Wish, room: float) -> Wish:
    """Return a demand whose ends are drawn in, at most to a hundredth of its width around the middle."""
    low, high = wish.low + room, wish.high - room
    if low < high:
        return replace(wish, low=low, high=high, value=None)
    half = 0.005 * (wish.high - wish.low)
    return replace(wish, low=wish.goal - half, high=wish.goal + half, value=None)


def scatter_of(aim: Aim, x: Tensor) -> Tensor:
    """Return the standard deviation of each variable of designs ``(n, variables)``, in its unit."""
    if not aim.model.variables:
        return torch.zeros_like(x)
    parts = torch.tensor([one.scatter for one in aim.model.variables], dtype=x.dtype)
    is_part = torch.tensor([one.is_log for one in aim.model.variables])
    return torch.where(is_part, x.abs() * parts, parts)


def linearised_yield(aim: Aim, designs: Evaluated, width: Tensor) -> Tensor:
    """Return the product of the shares that each demand and limit keeps, by the properties' derivatives.

    Parameters
    ----------
    aim
        What the parts are for.
    designs
        The designs.
    width
        Standard deviation of each variable ``(n, variables)``.
    """
    if not aim.model.variables:
        return torch.full((len(designs.x),), torch.nan, dtype=torch.float64)
    ends = [(wish.name, wish.low, wish.high) for wish in aim.wishes]
    ends += [(limit.on, -torch.inf, limit.at_most) for limit in aim.problem.constraints if limit.on]
    total = torch.ones(len(designs.x), dtype=torch.float64)
    for name, low, high in ends:
        value = designs.value(name)
        slope = derivative(aim, designs.x, name)
        spread = (slope * width).square().sum(1).sqrt().clamp_min(1e-300)
        below = torch.special.ndtr((low - value) / spread)
        total = total * (torch.special.ndtr((high - value) / spread) - below)
    return total


def derivative(aim: Aim, x: Tensor, name: str) -> Tensor:
    """Return the derivative of a property in the variables of designs ``(n, variables)``."""
    model = aim.model.with_properties((name,)).to("cpu", torch.float64)
    return model.vjp(x, torch.ones(len(x), 1, dtype=x.dtype))
