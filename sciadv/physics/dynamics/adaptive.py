"""Error-controlled integration of many different systems at once, each with a step of its own.

The state is ``(states, batch)``. A batch is a row of slots: a system that is done leaves its slot to the
next one that waits, so that quick and slow systems do not wait for one another. Nothing is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.errors import InputError
from sciadv.physics.dynamics.integration import Integration, Span, Tolerances
from sciadv.physics.dynamics.runge_kutta import Pair, tsitouras

#: ``dx/dt`` of states ``(states, batch)`` at times ``(batch,)``.
TimedRate = Callable[[Tensor, Tensor], Tensor]
#: The rate of some of the systems, by their indices.
Rates = Callable[[Tensor], TimedRate]


@dataclass(frozen=True)
class _Slots:
    """The systems in work: which, and where they are; times are float64 whatever the states are.

    `slope` is the rate at x, `log_error` the logarithm of the last step's error as a part of what was
    allowed, `kept` how many states were kept.
    """

    index: Tensor
    x: Tensor
    slope: Tensor
    scale: Tensor
    t: Tensor
    h: Tensor
    log_error: Tensor
    kept: Tensor
    n_steps: Tensor

    def take(self, which: Tensor) -> _Slots:
        return _Slots(*(getattr(self, name)[..., which] for name in self.__dataclass_fields__))

    def join(self, other: _Slots) -> _Slots:
        names = self.__dataclass_fields__
        return _Slots(*(torch.cat([getattr(self, name), getattr(other, name)], -1) for name in names))


@dataclass
class Integrator:
    """The integration of a batch: slots that work, systems that wait, states that are kept.

    `integrate` runs it to the end. By hand: `attempt` and `refill` until `is_over`, then `result`.
    """

    rates: Rates
    initial: Tensor
    scale: Tensor
    span: Span
    tolerances: Tolerances
    pair: Pair
    n_slots: int
    tries_between_refills: int = 16
    limits: Tensor = field(init=False)
    levels: Tensor = field(init=False)
    reached: Tensor = field(init=False)
    n_steps: Tensor = field(init=False)
    slots: _Slots = field(init=False)
    n_started: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Fill the slots."""
        like, n = self.initial, self.initial.shape[1]
        self.levels = like.new_full((n, self.span.n_kept, len(like)), torch.nan)
        self.reached = torch.full((n,), self.span.start, dtype=torch.float64, device=like.device)
        self.n_steps = torch.zeros(n, dtype=torch.long, device=like.device)
        self.limits = self.span.limits(like.device)
        self.rows, self.weights, self.dense = self.pair.tensors(like)
        self.nodes = torch.tensor(self.pair.nodes[1:], dtype=torch.float64, device=like.device)[:, None]
        self._install(self._next(self.n_slots))

    @property
    def is_over(self) -> bool:
        """Whether no system is in work."""
        return len(self.slots.index) == 0

    def _next(self, n: int) -> _Slots:
        """Take the next systems that wait, at the beginning of their trajectories."""
        device = self.initial.device
        index = torch.arange(self.n_started, min(self.n_started + n, self.initial.shape[1]), device=device)
        self.n_started += len(index)
        t = torch.full((len(index),), self.span.start, dtype=torch.float64, device=device)
        x, scale = self.initial[:, index].contiguous(), self.scale[:, index].contiguous()
        slope = self.rates(index)(x, t)
        h = self._first_step(x, slope, scale)
        none = torch.zeros_like(index)
        return _Slots(index, x, slope, scale, t, h, torch.zeros_like(h), none, none)

    def _first_step(self, x: Tensor, slope: Tensor, scale: Tensor) -> Tensor:
        """Return a step along which no state changes by more than a hundredth of its size."""
        quickest = (slope.abs() / (x.abs() + scale)).amax(0).double().nan_to_num(torch.inf)
        length = self.span.length
        return (0.01 / quickest.clamp_min(1e-12)).clamp(1e-9 * length, length)

    def _install(self, slots: _Slots) -> None:
        """Put systems to work."""
        self.slots = slots
        self.rate = self.rates(slots.index)
        n, shape = len(self.weights), slots.x.shape
        stages = slots.x.new_empty(n, *shape)
        self.stages = stages.unbind()
        self.earlier = [stages[:i].flatten(1).T for i in range(1, n + 1)]

    def refill(self) -> None:
        """Give the slots of systems that are done to those that wait."""
        slots = self.slots
        has_step = slots.h > 1e-13 * self.span.length
        is_active = (slots.t < self.span.end) & has_step & (slots.n_steps < self.tolerances.max_steps)
        n_active = int(is_active.sum())
        n_done = len(slots.index) - n_active
        if n_done == 0 or (n_active > 0 and n_done < len(slots.index) // 8):
            return  # new rates cost more than a few idle slots
        kept = is_active.nonzero()[:, 0]
        done = (~is_active).nonzero()[:, 0]
        self.reached[slots.index[done]] = slots.t[done]
        self.n_steps[slots.index[done]] = slots.n_steps[done]
        slots = slots.take(kept)
        n_free = self.n_slots - n_active
        self._install(slots.join(self._next(n_free)) if self.n_started < self.initial.shape[1] else slots)

    def attempt(self) -> None:
        """Try a step of every slot, keep what lies in the steps that are exact enough."""
        slots = self.slots
        limit = self._limit(slots.t)
        left = limit - slots.t
        is_last = left <= slots.h
        h = torch.where(left < 2 * slots.h, left / 2, slots.h)  # never a last step of almost nothing
        h = torch.where(is_last, left, h)
        x, log_error = self._try(h, limit)
        is_exact = log_error <= 0
        t = torch.where(is_exact, torch.where(is_last, limit, slots.t + h), slots.t)
        kept = self.span.n_before(t)
        self._keep(h, kept)
        self.slots = replace(
            slots,
            x=torch.where(is_exact, x, slots.x),
            slope=torch.where(is_exact, self.stages[-1], slots.slope),
            t=t,
            h=h * self._factor(log_error, is_exact),
            log_error=torch.where(is_exact, log_error.clamp_min(-9.0), slots.log_error),
            kept=kept,
            n_steps=slots.n_steps + (h > 0),
        )
        self._pass_breaks(is_last & is_exact)

    def _limit(self, t: Tensor) -> Tensor:
        """Return the time that a step from t must not cross."""
        limits = self.limits
        if len(limits) == 1:
            return limits
        return limits[torch.searchsorted(limits, t, right=True).clamp_max(len(limits) - 1)]

    def _try(self, h: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states after steps h, and the logarithms of their errors as parts of what is allowed."""
        slots, rule = self.slots, self.tolerances
        h_x = h.to(slots.x.dtype)
        before = limit - 1e-12 * limit.abs()  # a rate that jumps at the limit is taken before it
        times = torch.minimum(torch.addcmul(slots.t, self.nodes, h), before)
        self.stages[0].copy_(slots.slope)
        x = slots.x
        for i, row in enumerate(self.rows):
            slope = torch.mv(self.earlier[i], row).view_as(x)
            x = torch.addcmul(slots.x, slope, h_x)
            self.stages[i + 1].copy_(self.rate(x, times[i]))
        error = torch.mv(self.earlier[-1], self.weights).view_as(x) * h_x
        allowed = torch.maximum(slots.x.abs(), x.abs()).mul_(rule.rtol).add_(slots.scale, alpha=rule.atol)
        largest = error.div_(allowed).abs_().amax(0)
        return x, largest.double().nan_to_num_(torch.inf).log_().clamp_min_(-18.0)

    def _factor(self, log_error: Tensor, is_exact: Tensor) -> Tensor:
        """Return by how much the next steps are longer than the last ones."""
        rule = self.tolerances
        power = -1 / self.pair.order
        smooth = (power + 0.75 * rule.smoothing) * log_error
        smooth += rule.smoothing * self.slots.log_error
        longest = torch.where(is_exact, math.log(rule.grow), 0.0)
        exponent = torch.where(is_exact, smooth, power * log_error) + math.log(rule.safety)
        return exponent.clamp_min(math.log(rule.shrink)).minimum(longest).exp()

    def _keep(self, h: Tensor, kept: Tensor) -> None:
        """Keep the states at even times within the accepted steps."""
        slots = self.slots
        n_new = kept - slots.kept
        slot = torch.repeat_interleave(n_new)
        if not len(slot):
            return
        after = n_new.cumsum(0)
        place = kept[slot] - after[slot] + torch.arange(len(slot), device=slot.device)
        at = self.span.first + (place + 1).double() * self.span.spacing
        h_kept = h[slot]
        theta = ((at - slots.t[slot]) / h_kept).to(slots.x.dtype)[:, None]
        parts = (self.dense @ self.earlier[-1].T).view(len(self.dense), *slots.x.shape)
        rows = parts.permute(2, 0, 1).contiguous().index_select(0, slot)  # rows of slots: close in memory
        change = rows[:, -1]
        for i in range(2, len(self.dense) + 1):
            change = torch.addcmul(rows[:, -i], change, theta)
        begin = slots.x.T.contiguous().index_select(0, slot)
        x = torch.addcmul(begin, change, theta * h_kept.to(theta.dtype)[:, None])
        self.levels[slots.index[slot], place] = x

    def _pass_breaks(self, is_there: Tensor) -> None:
        """Take the rates anew where they may have jumped."""
        if len(self.limits) > 1 and bool(is_there.any()):
            slope = self.rate(self.slots.x, self.slots.t)
            self.slots = replace(self.slots, slope=torch.where(is_there, slope, self.slots.slope))

    def result(self) -> Integration:
        """Return what was kept."""
        is_done = self.reached >= self.span.end
        levels = self.levels.transpose(0, 1)
        return Integration(levels, self.reached, self.n_steps, is_done, self.span.end)


def integrate(
    rates: Rates,
    initial: Float[Tensor, "states batch"],
    span: Span,
    *,
    scale: Tensor | float = 1.0,
    tolerances: Tolerances | None = None,
    n_slots: int = 4096,
    pair: Pair | None = None,
) -> Integration:
    """Integrate a batch of systems ``dx/dt = f(x, t)``, each with the steps that its error allows.

    Parameters
    ----------
    rates
        Of a tensor of indices: the rate of those systems, a function of states ``(states, batch)`` and times
        ``(batch,)``.
    initial
        States at the start; their dtype is that of the arithmetic. An `rtol` below 1e-6 needs float64.
    span
        Where trajectories begin and end, which states of them are kept, and where rates may jump.
    scale
        Size of each state that counts, ``(states, batch)`` or one number: `Tolerances.atol` is a part of it.
    tolerances
        `Tolerances()` if None.
    n_slots
        Systems that are integrated at once: as many as a processor's cache holds, more on an accelerator.
    pair
        Method; Tsitouras' if None.

    Raises
    ------
    InputError
        Initial states that are not finite, or more kept states than memory holds.

    Examples
    --------
    >>> decay = torch.tensor([1.0, 2.0], dtype=torch.float64)
    >>> found = integrate(lambda i: lambda x, t: -decay[i] * x, torch.ones(1, 2).double(), Span(1.0))
    >>> bool(((found.levels[-1, :, 0] - (-decay).exp()).abs() < 1e-6).all())
    True
    """
    _check(initial, span)
    scales = torch.as_tensor(scale).to(initial).expand_as(initial)
    rule = Tolerances() if tolerances is None else tolerances
    with torch.no_grad():
        work = Integrator(rates, initial, scales, span, rule, tsitouras() if pair is None else pair, n_slots)
        while not work.is_over:
            for _ in range(work.tries_between_refills):
                work.attempt()
            work.refill()
    return work.result()


def _check(initial: Tensor, span: Span) -> None:
    if not bool(initial.isfinite().all()):
        raise InputError("initial states hold NaN or Inf; look at where they come from")
    check_memory(
        span.n_kept * initial.numel() * initial.element_size(),
        f"{span.n_kept} states of {initial.shape[1]} systems",
        "keep fewer states, or integrate fewer systems at once",
        device=initial.device,
    )
