"""Formulas as a list of elementary steps, each thing computed once: run on floats or on tensors of a batch.

This is how a model of any number of reactions becomes one function: quantities that several formulas use are
steps of their own, numbers are folded, and nothing is ever turned into text that a language would run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sciadv.errors import InputError
from sciadv.physics.reactions.elementary import OF_FLOATS, Operation
from sciadv.physics.reactions.expressions import CONSTANTS, Expression, constant_value

#: What another function is by elementary ones: a name, and how its one argument enters and its value leaves.
_INVERTED = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
_OF_INVERSE = {
    "arcsec": "acos",
    "arccsc": "asin",
    "arccot": "atan",
    "arcsech": "acosh",
    "arccsch": "asinh",
    "arccoth": "atanh",
}
_ARC = {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_RELATIONS = ("eq", "neq", "gt", "lt", "geq", "leq")
_FOLDED = ("plus", "times", "and", "or", "xor", "max", "min")
_PLAIN = ("divide", "power", "exp", "ln", "abs", "floor", "factorial", "sin", "cos", "tan", "sinh", "cosh")
Resolve = Callable[[str], int]


@dataclass(frozen=True)
class Tape:
    """Steps in order: slots 0, 1, ... are inputs, then constants, then steps; outputs are slots."""

    n_inputs: int
    constants: tuple[float, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[int, ...]

    def used(self) -> set[int]:
        """Return the slots that outputs or steps are of."""
        return {slot for _, slots in self.steps for slot in slots} | {*self.outputs}

    def function(self, operations: Mapping[str, Operation]) -> Callable[[Sequence[Any]], list[Any]]:
        """Return the outputs as a function of the inputs, with operations of one kind of numbers."""
        program = [(operations[head], (*slots, -1, -1)[:3]) for head, slots in self.steps]
        constants = [*self.constants]
        outputs = self.outputs

        def run(inputs: Sequence[Any]) -> list[Any]:
            values = [*inputs, *constants]
            keep = values.append
            for operation, (i, j, k) in program:
                if j < 0:
                    keep(operation(values[i]))
                elif k < 0:
                    keep(operation(values[i], values[j]))
                else:
                    keep(operation(values[i], values[j], values[k]))
            return [values[slot] for slot in outputs]

        return run


@dataclass
class TapeBuilder:
    """Collects steps; `resolve` gives the slot of a quantity by its name.

    Parameters
    ----------
    functions
        Arguments and formula of what a ``call`` names.
    """

    functions: Mapping[str, tuple[Sequence[str], Expression | None]] = field(default_factory=dict)
    steps: list[tuple[str, tuple[int, ...], float]] = field(default_factory=list)
    known: dict[tuple[str, tuple[int, ...], float], int] = field(default_factory=dict)

    def emit(self, head: str, *slots: int, value: float = 0.0) -> int:
        """Return the slot of a step, a new one only where there is no such step."""
        args = [self.steps[slot] for slot in slots]
        if slots and all(kind == "constant" for kind, _, _ in args):
            return self.constant(float(OF_FLOATS[head](*(number for _, _, number in args))))
        key = (head, slots, value)
        if key not in self.known:
            self.known[key] = len(self.steps)
            self.steps.append(key)
        return self.known[key]

    def constant(self, value: float) -> int:
        """Return the slot of a number."""
        if math.isnan(value):  # which is no key
            self.steps.append(("constant", (), value))
            return len(self.steps) - 1
        return self.emit("constant", value=value)

    def input(self, place: int) -> int:
        """Return the slot of an input by its place."""
        return self.emit("input", value=float(place))

    def add(self, expression: Expression, resolve: Resolve) -> int:
        """Return the slot of a formula.

        Raises
        ------
        InputError
            A function is not known, or has another number of arguments.
        """
        head = expression.head
        if head == "number":
            return self.constant(expression.value)
        if head in CONSTANTS:
            return self.constant(constant_value(head))
        if head in ("name", "time"):
            return resolve(expression.name if head == "name" else "time")
        if head == "rateOf":
            return resolve(f"rate of {expression.args[0].name}")
        if head in ("unexpressed", "delay"):
            raise InputError(f"{expression.name or head} cannot be simulated: it is not expressed here")
        slots = [self.add(arg, resolve) for arg in expression.args]
        if head == "call":
            return self._call(expression.name, slots, resolve)
        return self._apply(head, slots)

    def _call(self, name: str, slots: list[int], resolve: Resolve) -> int:
        arguments, body = self.functions.get(name, ((), None))
        if body is None:
            raise InputError(f"function {name} is not defined in the model, or has no formula")
        if len(arguments) != len(slots):
            raise InputError(
                f"function {name} is of {len(arguments)} arguments, but it is called with {len(slots)}"
            )
        given = dict(zip(arguments, slots, strict=True))
        return self.add(body, lambda one: given[one] if one in given else resolve(one))

    def _apply(self, head: str, slots: list[int]) -> int:
        """Return the slot of a function of slots, by elementary ones."""
        if head in _FOLDED:
            return self._fold(head, slots)
        if head in _RELATIONS:
            return self._chain(head, slots)
        if head == "piecewise":
            return self._piecewise(slots)
        make = _MAKERS.get((head, len(slots)))
        if make is None:
            raise InputError(f"{head} of {len(slots)} arguments is no function of SBML's formulas")
        return make(self, *slots)

    def _fold(self, head: str, slots: list[int]) -> int:
        if not slots:
            return self.constant(math.nan if head in ("max", "min") else float(head in ("times", "and")))
        found = slots[0]
        for slot in slots[1:]:
            found = self.emit(head, found, slot)
        return found

    def _chain(self, head: str, slots: list[int]) -> int:
        pairs = [self.emit(head, a, b) for a, b in pairwise(slots)]
        return self._fold("and", pairs)

    def _piecewise(self, slots: list[int]) -> int:
        found = slots[-1] if len(slots) % 2 else self.constant(float("nan"))
        for k in reversed(range(len(slots) // 2)):
            found = self.emit("where", slots[2 * k + 1], slots[2 * k], found)
        return found

    def tape(self, outputs: Sequence[int], *, n_inputs: int) -> Tape:
        """Return the steps that outputs need, in order."""
        needed = set(outputs)
        for slot in reversed(range(len(self.steps))):
            if slot in needed:
                needed.update(self.steps[slot][1])
        constants = [s for s in sorted(needed) if self.steps[s][0] == "constant"]
        place = {s: n_inputs + k for k, s in enumerate(constants)}
        computed: list[tuple[str, tuple[int, ...]]] = []
        for slot in sorted(needed):
            head, args, value = self.steps[slot]
            if head == "input":
                place[slot] = int(value)
            elif head != "constant":
                place[slot] = n_inputs + len(constants) + len(computed)
                computed.append((head, tuple(place[arg] for arg in args)))
        return Tape(
            n_inputs,
            tuple(self.steps[s][2] for s in constants),
            tuple(computed),
            tuple(place[slot] for slot in outputs),
        )


Make = Callable[..., int]


def _inverse(tape: TapeBuilder, x: int) -> int:
    return tape.emit("divide", tape.constant(1.0), x)


def _either(
    tape: TapeBuilder, slot: int, number: float, special: tuple[Any, ...], general: tuple[Any, ...]
) -> int:
    """Return a step that a degree or base of a given number makes simpler."""
    return tape.emit(*(special if tape.steps[slot] == ("constant", (), number) else general))


def _quotient(tape: TapeBuilder, a: int, b: int) -> int:
    whole = tape.emit("divide", a, b)
    is_negative = tape.emit("lt", whole, tape.constant(0.0))
    return tape.emit("where", is_negative, tape.emit("ceil", whole), tape.emit("floor", whole))


def _plain(name: str) -> Make:
    return lambda tape, *slots: tape.emit(name, *slots)


def _around(name: str, after: Make | None = None) -> Make:
    """Return a function of the inverse of its argument, or the inverse of a function."""
    if after is None:
        return lambda tape, x: tape.emit(name, _inverse(tape, x))
    return lambda tape, x: after(tape, tape.emit(name, x))


#: What builds each function of so many arguments.
_MAKERS: dict[tuple[str, int], Make] = {
    **{(head, 1): _plain(head) for head in (*_PLAIN[2:], "tanh", "not", "sqrt")},
    **{(head, 1): _plain(name) for head, name in (_ARC | {"ceiling": "ceil"}).items()},
    **{(head, 1): _around(inner, _inverse) for head, inner in _INVERTED.items()},
    **{(head, 1): _around(outer) for head, outer in _OF_INVERSE.items()},
    **{(head, 2): _plain(head) for head in (*_PLAIN[:2], "minus")},
    ("minus", 1): _plain("negative"),
    ("root", 2): lambda tape, degree, x: _either(
        tape, degree, 2.0, ("sqrt", x), ("power", x, _inverse(tape, degree))
    ),
    ("log", 2): lambda tape, base, x: _either(
        tape, base, 10.0, ("log10", x), ("divide", tape.emit("ln", x), tape.emit("ln", base))
    ),
    ("quotient", 2): _quotient,
    ("rem", 2): lambda tape, a, b: tape.emit("minus", a, tape.emit("times", b, _quotient(tape, a, b))),
    ("implies", 2): lambda tape, a, b: tape.emit("or", tape.emit("not", a), b),
}
