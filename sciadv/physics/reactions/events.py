"""Events of a reaction network, and the switches of its piecewise formulas, on Python's floats.

The order of things at one time is that of SBML Level 3 Version 1 Core, section 4.11.6: triggers that turn
true enter a queue, the event of the highest priority goes first, and what it changes may trigger others.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sciadv.errors import SolveError
from sciadv.physics.reactions.elementary import OF_FLOATS
from sciadv.physics.reactions.layout import Layout
from sciadv.physics.reactions.network import Event
from sciadv.physics.reactions.symbols import Running
from sciadv.physics.reactions.tape import Tape

_SWITCHES = ("lt", "leq", "gt", "geq")
Run = Callable[[Sequence[Any]], list[Any]]


@dataclass
class Condition:
    """The state of a model at one time: time, states, constants; constants change at events only."""

    t: float
    y: list[float]
    constants: list[float]

    @property
    def inputs(self) -> list[float]:
        """What tapes are run on."""
        return [self.t, *self.y, *self.constants]


@dataclass(frozen=True)
class CompiledEvent:
    """An event as functions of a condition; assignments are in the order of `targets`."""

    event: Event
    targets: tuple[str, ...]
    delay_and_priority: Run
    values: Run


class Occasions:
    """What is watched while a network is integrated, and what is done where it happens.

    Parameters
    ----------
    layout
        Of the network.
    rates
        Its equations, whose comparisons are switches: no step is taken over one.
    most_at_once
        Events that may follow each other at one time.
    """

    def __init__(self, layout: Layout, rates: Tape, *, most_at_once: int = 1000) -> None:
        self.most_at_once = most_at_once
        self.layout = layout
        self.events = [
            _compiled(layout, one)
            for one in layout.network.events.values()
            if one.trigger is not None and one.assignments
        ]
        self._triggers = _run(layout, [one.event.trigger for one in self.events])
        self._switches = switches(rates).function(OF_FLOATS)
        self.has_switches = any(head in _SWITCHES for head, _ in rates.steps)
        self.ignores_switches = False
        self._volumes = {
            key: _run_names(layout, [species.compartment])
            for key, species in layout.network.species.items()
            if key in layout.by_amount and not species.is_amount
        }

    @property
    def is_watching(self) -> bool:
        """Whether there is anything to watch."""
        return bool(self.events) or (self.has_switches and not self.ignores_switches)

    def signs(self, now: Condition) -> tuple[bool, ...]:
        """Return which triggers, then which comparisons, are true."""
        triggers = [bool(one) for one in self._triggers(now.inputs)]
        if self.ignores_switches:
            return tuple(triggers)
        return (*triggers, *(bool(one) for one in self._switches(now.inputs)))

    def first(self, now: Condition, queue: Queue) -> tuple[bool, ...]:
        """Do what happens at time 0, and return what is true then."""
        signs = self.signs(now)
        assumed = [one.event.starts_true for one in self.events]
        before = (*assumed, *signs[len(assumed) :])
        return self.proceed(before, now, queue)

    def proceed(self, before: Sequence[bool], now: Condition, queue: Queue) -> tuple[bool, ...]:
        """Do all that happens at one time; change the condition, and return what is true afterwards."""
        for _ in range(self.most_at_once):
            after = self.signs(now)
            self._enter(before, after, now, queue)
            before = after
            due = queue.due(now.t, [one.event for one in self.events], after)
            if due is None:
                return after
            self._carry_out(due, now)
        raise SolveError(f"more than {self.most_at_once} events follow each other at time {now.t:g}")

    def _enter(self, before: Sequence[bool], after: Sequence[bool], now: Condition, queue: Queue) -> None:
        """Put events whose triggers turn true into the queue."""
        for k, one in enumerate(self.events):
            if after[k] and not before[k]:
                delay, priority = one.delay_and_priority(now.inputs)
                held = one.values(now.inputs) if one.event.uses_trigger_time else None
                queue.add(now.t + max(float(delay), 0.0), float(priority), k, held)

    def _carry_out(self, due: Waiting, now: Condition) -> None:
        """Assign an event's values: volumes and parameters first, so that species' amounts are right."""
        one = self.events[due.event]
        values = one.values(now.inputs) if due.values is None else due.values
        given = sorted(zip(one.targets, values, strict=True), key=lambda item: item[0] in self._volumes)
        for key, value in given:
            place = self.layout.places[key] - 1
            volume = float(self._volumes[key](now.inputs)[0]) if key in self._volumes else 1.0
            held = now.y if place < len(now.y) else now.constants
            held[place if held is now.y else place - len(now.y)] = float(value) * volume


@dataclass(order=True)
class Waiting:
    """An event in the queue."""

    time: float
    priority: float
    order: int
    event: int = field(compare=False)
    values: list[float] | None = field(compare=False)


class Queue:
    """Events that wait for their time."""

    def __init__(self) -> None:
        self._heap: list[Waiting] = []
        self._order = count()

    @property
    def next_time(self) -> float:
        """When the next event is due; infinity where none waits."""
        return self._heap[0].time if self._heap else math.inf

    def add(self, time: float, priority: float, event: int, values: list[float] | None) -> None:
        """Let an event wait; of two at one time the one of higher priority goes first."""
        heapq.heappush(self._heap, Waiting(time, -priority, next(self._order), event, values))

    def due(self, time: float, events: Sequence[Event], signs: Sequence[bool]) -> Waiting | None:
        """Return the next event that is due; one that does not persist is dropped if its trigger is false."""
        kept = [one for one in self._heap if events[one.event].is_persistent or signs[one.event]]
        if len(kept) < len(self._heap):
            self._heap = kept
            heapq.heapify(self._heap)
        return heapq.heappop(self._heap) if self._heap and self.next_time <= time else None


def _compiled(layout: Layout, event: Event) -> CompiledEvent:
    """Return an event as functions."""
    delay = "0" if event.delay is None else event.delay
    priority = "-inf" if event.priority is None else event.priority
    return CompiledEvent(
        event,
        tuple(event.assignments),
        _run(layout, [delay, priority]),
        _run(layout, [*event.assignments.values()]),
    )


def _run(layout: Layout, formulas: Sequence[Any]) -> Run:
    """Return formulas as one function of floats; a text is a number."""
    running = Running(layout)
    slots = [
        running.builder.constant(float(one))
        if isinstance(one, str)
        else running.builder.add(one, running.resolve)
        for one in formulas
    ]
    return running.builder.tape(slots, n_inputs=layout.n_inputs).function(OF_FLOATS)


def _run_names(layout: Layout, names: Sequence[str]) -> Run:
    running = Running(layout)
    slots = [running.resolve(one) for one in names]
    return running.builder.tape(slots, n_inputs=layout.n_inputs).function(OF_FLOATS)


def switches(rates: Tape) -> Tape:
    """Return the comparisons of some equations as outputs."""
    first = rates.n_inputs + len(rates.constants)
    slots = tuple(first + k for k, (head, _) in enumerate(rates.steps) if head in _SWITCHES)
    last = max(slots, default=first - 1)
    return Tape(rates.n_inputs, rates.constants, rates.steps[: last - first + 1], slots)
