"""Reactions of few molecules, batched: exact events, tau-leaping, and the chemical Langevin equation.

All three simulate the same Markov chain or an approximation of it; levels are copy numbers. Trajectories of
one batch may have different parameters and initial states, and each is an independent draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.errors import InputError
from sciadv.physics.dynamics.integration import Span
from sciadv.types import as_generator


@dataclass(frozen=True)
class Reactions:
    """What happens to molecules: how often, and by how much each event changes the copy numbers.

    Parameters
    ----------
    propensities
        Events per time of each reaction, ``(reactions, batch)``, for copy numbers ``(states, batch)``.
    stoichiometry
        Change of each copy number by one event, ``(states, reactions)``.
    """

    propensities: Callable[[Tensor], Tensor]
    stoichiometry: Float[Tensor, "states reactions"]

    def drift(self, x: Float[Tensor, "states batch"]) -> Float[Tensor, "states batch"]:
        """Return the mean change per time."""
        return self.stoichiometry @ self.propensities(x)


#: What one step makes of copy numbers, given the time to the next kept state: new ones, and the time it took.
_Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def simulate_exactly(
    reactions: Reactions,
    initial: Float[Tensor, "states batch"],
    span: Span,
    *,
    seed: int | torch.Generator,
    max_events: int = 10_000_000,
) -> Float[Tensor, "kept batch states"]:
    """Draw trajectories event by event: Gillespie's direct method, the reference for the other two.

    The cost is that of the busiest trajectory's number of events; one event of a batch takes about 20 tensor
    operations.

    Parameters
    ----------
    reactions
        Propensities must not be negative.
    initial
        Copy numbers at the start, whole and >= 0.
    span
        Which states are kept.
    seed
        Of the draws.
    max_events
        Events of one trajectory, at most.

    Raises
    ------
    InputError
        Copy numbers that are negative or not whole, or more than `max_events`.

    References
    ----------
    D. T. Gillespie, Exact stochastic simulation of coupled chemical reactions, Journal of Physical Chemistry
    81, 1977, pages 2340-2361.
    """
    generator = as_generator(seed, initial.device)

    def step(x: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        upto = reactions.propensities(x).cumsum(0)
        wait = torch.empty_like(left).exponential_(generator=generator) / upto[-1]
        happens = wait < left
        change = reactions.stoichiometry.T[_chosen(upto, generator)].T * happens
        return x + change, torch.where(happens, wait, left)

    _check(initial, span)
    return _follow(step, initial, span, max_events)


def simulate_leaping(
    reactions: Reactions,
    initial: Float[Tensor, "states batch"],
    span: Span,
    *,
    seed: int | torch.Generator,
    epsilon: float = 0.03,
    n_critical: int = 10,
    max_leaps: int = 1_000_000,
) -> Float[Tensor, "kept batch states"]:
    """Draw trajectories by leaps in which propensities change little: explicit tau-leaping.

    Every trajectory has leaps of its own. Of reactions that use up scarce molecules one event happens in a
    leap at most, so that copy numbers stay non-negative; the rare leap that would make one negative is
    halved. Where a leap would hold fewer than `n_critical` events, one exact event is drawn instead.
    A leap is also shorter than ``2 epsilon`` of a molecule's lifetime, since longer explicit steps of a
    linear decay raise the variance by more than epsilon.

    Parameters
    ----------
    reactions, initial, span, seed
        As for `simulate_exactly`.
    epsilon
        Largest relative change of a copy number in a leap, in mean and in standard deviation; the moments are
        off by about so much.
    n_critical
        Molecules are scarce if so many events, or fewer, would use them up.
    max_leaps
        Leaps of one trajectory, at most.

    Raises
    ------
    InputError
        As for `simulate_exactly`, or an epsilon that is not between 0 and 1.

    References
    ----------
    Y. Cao, D. T. Gillespie, L. R. Petzold, Efficient step size selection for the tau-leaping simulation
    method, Journal of Chemical Physics 124, 2006, 044109, section IV.
    """
    if not 0 < epsilon < 1:
        raise InputError(f"expected 0 < epsilon < 1, but got {epsilon:g}")
    leap = _Leap(reactions, epsilon, n_critical, as_generator(seed, initial.device))
    _check(initial, span)
    return _follow(leap, initial, span, max_leaps)


@dataclass(frozen=True)
class _Leap:
    """One leap of each trajectory; `_Step`."""

    reactions: Reactions
    epsilon: float
    n_critical: int
    generator: torch.Generator

    def __call__(self, x: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        change, rates = self.reactions.stoichiometry, self.reactions.propensities(x)
        critical = rates * self._is_critical(x)
        longest = self._longest(x, change, rates - critical)
        is_short = longest * rates.sum(0) < self.n_critical
        critical = torch.where(is_short, rates, critical)
        many = rates - critical
        upto = critical.cumsum(0)
        wait = torch.empty_like(left).exponential_(generator=self.generator) / upto[-1]
        which = _chosen(upto, self.generator)
        tau = torch.where(is_short, torch.inf, longest).minimum(left).minimum(wait)
        while True:
            one = change.T[which].T * (wait <= tau)
            after = x + one + change @ torch.poisson(many * tau, generator=self.generator)
            is_negative = (after < 0).any(0)
            if not bool(is_negative.any()):
                return after, tau
            tau = torch.where(is_negative, tau / 2, tau)

    def _is_critical(self, x: Tensor) -> Tensor:
        """Return which reactions use up copies of which there are few; ``(reactions, batch)``."""
        used = (-self.reactions.stoichiometry.T).clamp_min(0)[:, :, None]
        return (torch.where(used > 0, x / used, torch.inf) < self.n_critical).any(1)

    def _longest(self, x: Tensor, change: Tensor, rates: Tensor) -> Tensor:
        """Return the leap in which no copy number changes by more than allowed."""
        allowed = (self.epsilon * x).clamp_min(1)
        by_mean = allowed / (change @ rates).abs()
        by_spread = allowed.square() / (change.square() @ rates)
        by_turnover = (4 * self.epsilon * x).clamp_min(1) / (change.abs() @ rates)
        return by_mean.minimum(by_spread).minimum(by_turnover).amin(0)


def _chosen(upto: Tensor, generator: torch.Generator) -> Tensor:
    """Return a reaction for each trajectory, by the cumulative propensities ``(reactions, batch)``."""
    place = torch.rand(upto.shape[1:], generator=generator, dtype=upto.dtype, device=upto.device)
    return (upto <= place * upto[-1]).sum(0).clamp_max(len(upto) - 1)


def simulate_langevin(
    reactions: Reactions,
    initial: Float[Tensor, "states batch"],
    span: Span,
    *,
    seed: int | torch.Generator,
    dt: float,
) -> Float[Tensor, "kept batch states"]:
    """Draw trajectories of the chemical Langevin equation, one noise for each reaction.

    ``dx = sum_r nu_r (a_r dt + sqrt(a_r) dW_r)``, the drift by Heun's method and the noise by Euler and
    Maruyama's: at a rest state the variance is off by order ``dt^2``. Copy numbers stay >= 0 by truncation;
    the equation itself is right where they are large.

    Parameters
    ----------
    reactions, initial, span, seed
        As for `simulate_exactly`; copy numbers need not be whole.
    dt
        Longest step, well below the quickest time scale of the reactions [time].

    Raises
    ------
    InputError
        As for `simulate_exactly`, or a step that is not positive.

    References
    ----------
    D. T. Gillespie, The chemical Langevin equation, Journal of Chemical Physics 113, 2000, pages 297-306.
    """
    if not dt > 0:
        raise InputError(f"expected dt > 0, but got {dt:g}")
    generator, change = as_generator(seed, initial.device), reactions.stoichiometry

    def step(x: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        h = left / (left / dt).ceil().clamp_min(1)
        rates = reactions.propensities(x)
        noise = torch.randn(rates.shape, generator=generator, dtype=x.dtype, device=x.device)
        kick = change @ (noise * (rates * h).sqrt())
        ahead = (x + change @ rates * h + kick).clamp_min(0)
        mean = change @ (rates + reactions.propensities(ahead)) / 2
        return (x + mean * h + kick).clamp_min(0), h

    _check(initial, span, is_whole=False)
    return _follow(step, initial, span, max_steps=10 + int(2 * span.length / dt) + 2 * span.n_kept)


def _check(initial: Tensor, span: Span, *, is_whole: bool = True) -> None:
    """Check copy numbers, and that the kept ones fit into memory."""
    if not bool(((initial >= 0) & initial.isfinite()).all()):
        raise InputError("copy numbers must be finite and >= 0")
    if is_whole and not bool((initial == initial.round()).all()):
        raise InputError("copy numbers must be whole; round levels times the system size")
    if span.breaks:
        raise InputError("stochastic trajectories know no breaks; draw them one after the other")
    check_memory(
        span.n_kept * initial.numel() * initial.element_size(),
        f"{span.n_kept} states of {initial.shape[1]} trajectories",
        "keep fewer states, or draw fewer trajectories at once",
        device=initial.device,
    )


def _follow(step: _Step, initial: Tensor, span: Span, max_steps: int) -> Float[Tensor, "kept batch states"]:
    """Take steps, none across the time of a kept state, until all are kept."""
    x, n = initial.clone(), initial.shape[1]
    times = torch.cat([span.times(), span.times()[-1:]]).to(x)
    levels = x.new_full((n, span.n_kept, len(x)), torch.nan)
    t, place = torch.full_like(x[0], span.start), torch.zeros(n, dtype=torch.long, device=x.device)
    for _ in range(max_steps):
        left = times[place] - t
        x, taken = step(x, left)
        is_there = taken >= left
        t = torch.where(is_there, times[place], t + taken)
        there = (is_there & (place < span.n_kept)).nonzero()[:, 0]
        if len(there):
            levels[there, place[there]] = x[:, there].T
            place[there] += 1
            if bool((place == span.n_kept).all()):
                return levels.transpose(0, 1)
    raise InputError(
        f"after {max_steps} steps trajectories had come to t = {float(t.min()):g}, not to {span.end:g}; "
        "allow more, or take a smaller system"
    )
