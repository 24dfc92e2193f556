"""Trajectories of one reaction network at a time, error-controlled, stiff or not, by SciPy's integrators."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, SolveError
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.events import Condition, Occasions, Queue
from sciadv.physics.reactions.network import ReactionNetwork

Values = npt.NDArray[np.float64]
METHODS = ("LSODA", "BDF", "Radau")


@dataclass(frozen=True)
class Accuracy:
    """How exactly trajectories are integrated.

    Parameters
    ----------
    relative
        Error that a step may make, in parts of the level.
    absolute
        The same in parts of each state's level at the start; where that is 0, of its largest level, which a
        first, coarse integration finds, or of the largest of the others at the start if that is less.
    method
        LSODA, BDF or Radau of ``scipy.integrate``; where it stops short, the ones after it are tried.
    max_steps
        Steps after which an integration counts as stopped.
    """

    relative: float = 1e-10
    absolute: float = 1e-12
    method: str = "LSODA"
    max_steps: int = 200_000

    def __post_init__(self) -> None:
        """Check the settings."""
        if not (0 < self.relative < 1 and 0 < self.absolute < 1):
            raise InputError(f"accuracies lie between 0 and 1, but are {self.relative}, {self.absolute}")
        if self.method not in METHODS:
            raise InputError(f"method must be LSODA, BDF or Radau, but is {self.method!r}")


@dataclass(frozen=True)
class Trajectories:
    """Levels ``(times, names, batch)`` at times ``(times,)``, by name."""

    times: Tensor
    names: tuple[str, ...]
    levels: Float[Tensor, "times names batch"]

    def of(self, name: str) -> Float[Tensor, "times batch"]:
        """Return the levels of one quantity."""
        return self.levels[:, self.names.index(name)]


def trajectories(
    network: ReactionNetwork,
    times: Sequence[float] | Tensor | Values,
    *,
    names: Sequence[str] | None = None,
    values: Mapping[str, Tensor | float] | None = None,
    accuracy: Accuracy | None = None,
) -> Trajectories:
    """Integrate a network from time 0 and return quantities at given times.

    Events happen as the network says; at the time of an event the levels are those after it. No step is
    taken over a switch of a piecewise formula.

    Parameters
    ----------
    network
        What is integrated.
    times
        >= 0 and rising, in the network's unit of time.
    names
        Quantities to return; all species if None.
    values
        Other values of parameters and initial levels ``(batch,)`` by name, as `Equations.start` takes them.
    accuracy
        Of the integration.

    Raises
    ------
    InputError
        The network has parts that cannot be simulated, or the times are not rising numbers >= 0.
    SolveError
        The integration stops short.
    """
    equations = Equations(network)
    check_expressed(network)
    asked = _checked_times(times)
    shown = tuple(equations.network.species if names is None else names)
    levels = []
    with torch.no_grad():
        start, constants = equations.start(values)
        for y, held in zip(start.T.tolist(), constants.T.tolist(), strict=True):
            course = _integrate(equations, Condition(0.0, y, held), asked, accuracy or Accuracy())
            states, at_times = (torch.from_numpy(one) for one in course)
            levels.append(equations.quantities(shown, asked, states, at_times))
    return Trajectories(asked, shown, torch.stack(levels, -1).transpose(0, 1))


def check_expressed(network: ReactionNetwork) -> None:
    """Refuse a network with parts that would change its trajectories and are not expressed.

    Raises
    ------
    InputError
        There are such parts; they are named.
    """
    if network.unexpressed:
        raise InputError(f"{network.id or 'the model'} cannot be simulated: {'; '.join(network.unexpressed)}")


def _checked_times(times: Sequence[float] | Tensor | Values) -> Tensor:
    asked = torch.as_tensor(times, dtype=torch.float64).reshape(-1)
    is_rising = bool((asked.diff() > 0).all()) if len(asked) else False
    if not is_rising or float(asked[0]) < 0 or not bool(asked.isfinite().all()):
        raise InputError("times must be finite, >= 0 and rising, and there must be one at least")
    return asked


def _integrate(
    equations: Equations, start: Condition, times: Tensor, accuracy: Accuracy
) -> tuple[Values, Values]:
    """Return states ``(states, times)`` and constants ``(constants, times)`` of one model."""
    scale = np.abs(np.array(start.y))
    floor = 1e-9 * float(scale[scale > 0].min(initial=1.0))
    coarse = _Course(equations, times.tolist(), 1e-6, 1e-6 * scale + floor, accuracy)
    found = coarse.from_start(start)[0]
    reached = np.minimum(np.abs(found).max(1, initial=0.0), scale.max(initial=0.0) or 1.0)
    sizes = np.where(scale > 0, scale, reached) + 1e-6 * floor
    exact = _Course(equations, times.tolist(), accuracy.relative, accuracy.absolute * sizes, accuracy)
    return exact.from_start(start)


class _Course:
    """One integration: it goes on from event to event and keeps the states at the times asked for."""

    def __init__(
        self, equations: Equations, times: list[float], rtol: float, atol: Values, accuracy: Accuracy
    ) -> None:
        self.equations = equations
        self.times = times
        self.tolerances = {"rtol": rtol, "atol": atol}
        self.accuracy = accuracy
        self.occasions = Occasions(equations.laid_out, equations.rate_tape)
        self.kept: list[tuple[list[float], list[float]]] = []
        self.n_steps = 0
        self.n_still = 0

    def from_start(self, start: Condition) -> tuple[Values, Values]:
        """Integrate from a condition by the first method that comes to the end."""
        failures = []
        for method in METHODS[METHODS.index(self.accuracy.method) :]:
            found = self._tried(method, start)
            if isinstance(found, tuple):
                return found
            failures.append(found)
        raise failures[0]

    def _tried(self, method: str, start: Condition) -> tuple[Values, Values] | SolveError:
        try:
            return self._by(method, start)
        except SolveError as error:
            return error

    def _by(self, method: str, start: Condition) -> tuple[Values, Values]:
        now = Condition(start.t, [*start.y], [*start.constants])
        self.kept = []
        self.n_steps = 0
        self.n_still = 0
        queue = Queue()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            signs = self.occasions.first(now, queue)
            while True:
                self._keep_now(now)
                if len(self.kept) == len(self.times):
                    break
                signs = self._segment(method, now, signs, queue)
        states, constants = zip(*self.kept, strict=True)
        return np.array(states).T, np.array(constants).T

    def _keep_now(self, now: Condition) -> None:
        """Keep the condition for a time that is now."""
        while len(self.kept) < len(self.times) and self.times[len(self.kept)] <= now.t:
            self.kept.append(([*now.y], [*now.constants]))

    def _segment(
        self, method: str, now: Condition, signs: tuple[bool, ...], queue: Queue
    ) -> tuple[bool, ...]:
        """Go on to the next event, switch or end; change the condition, and return what is true then."""
        end = min(self.times[-1], queue.next_time)
        solver = self._solver(method, now, end)
        while solver.status == "running":
            self._advance(solver)
            stop = self._stop(solver, now, signs)
            self._keep_until(solver, solver.t if stop is None else stop, now)
            if stop is not None:
                break
        if now.y:
            now.y = (solver.y if stop is None else solver.dense_output()(stop)).tolist()
        now.t = solver.t if stop is None else stop
        return self.occasions.proceed(signs, now, queue)

    def _advance(self, solver: Any) -> None:
        """Make a step, or say why there is none."""
        message = solver.step()
        self.n_steps += 1
        step = solver.t - (solver.t if solver.t_old is None else solver.t_old)
        self.n_still = self.n_still + 1 if step <= 4 * np.finfo(float).eps * abs(solver.t) else 0
        if solver.status == "failed" or self.n_steps > self.accuracy.max_steps or self.n_still > 100:
            why = message or f"{self.n_steps} steps, the last one is {step:g} long"
            raise SolveError(f"the integration stops at time {solver.t:g}: {why}")
        if not np.isfinite(solver.y).all():
            raise SolveError(f"levels are no longer finite at time {solver.t:g}")

    def _solver(self, method: str, now: Condition, end: float) -> Any:
        import scipy.integrate

        rates = self.equations.float_rates(now.constants)
        start = now.y or [0.0]  # without states, time alone goes on

        def listed(t: float, y: Values) -> list[float]:
            return rates(t, y.tolist()) if now.y else [0.0]

        longest = self.times[-1] / 100 if self.occasions.is_watching else np.inf
        tolerances = {"rtol": self.tolerances["rtol"], "atol": self.tolerances["atol"] if now.y else 1.0}
        return getattr(scipy.integrate, method)(
            listed, now.t, np.array(start), end, max_step=longest, **tolerances
        )

    def _keep_until(self, solver: Any, t: float, now: Condition) -> None:
        """Keep the states at the times before the end of a step; the end itself is kept after its events."""
        if len(self.kept) == len(self.times) or self.times[len(self.kept)] >= t:
            return
        dense = solver.dense_output()
        while len(self.kept) < len(self.times) and self.times[len(self.kept)] < t:
            state = dense(self.times[len(self.kept)]).tolist() if now.y else []
            self.kept.append((state, [*now.constants]))

    def _stop(self, solver: Any, now: Condition, signs: tuple[bool, ...]) -> float | None:
        """Return the first time of a step at which something turns, to rounding; None where nothing does."""
        if not self.occasions.is_watching:
            return None
        dense = solver.dense_output()
        before = solver.t_old
        for part in (0.25, 0.5, 0.75, 1.0):
            after = solver.t_old + part * (solver.t - solver.t_old)
            if self._signs(dense, after, now) != signs:
                return self._turn(dense, before, after, now, signs)
            before = after
        return None

    def _turn(
        self, dense: Any, before: float, after: float, now: Condition, signs: tuple[bool, ...]
    ) -> float:
        while True:
            middle = 0.5 * (before + after)
            if not before < middle < after:
                return after
            if self._signs(dense, middle, now) == signs:
                before = middle
            else:
                after = middle

    def _signs(self, dense: Any, t: float, now: Condition) -> tuple[bool, ...]:
        state = dense(t).tolist() if now.y else []
        return self.occasions.signs(Condition(t, state, now.constants))
