"""Boolean functions as text, and the signs of what they are of: by all their values, or by their form.

A variable activates if raising it never lowers the function and once raises it, represses the other way
round, is dual if it does both, and no regulator if it does neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError

_TOKEN = re.compile(r"\s*(<=>|=>|&&|\|\||[!~&|^()]|[^\s!~&|^()<=>]+)")
_WORDS = {"&&": "&", "and": "&", "||": "|", "or": "|", "not": "!", "~": "!", "xor": "^"}
#: Operators from the loosest to the tightest, as in the format of aeon.
_ORDER = ("<=>", "=>", "|", "^", "&", "!")
_CONSTANTS = {"0": False, "1": True, "false": False, "true": True}
Table = npt.NDArray[np.bool_]
Standing = frozenset[tuple[str, bool]]


@dataclass(frozen=True)
class Rule:
    """A Boolean formula in postfix order: names, constants, and operators behind what they are of."""

    postfix: tuple[str, ...]

    def names(self) -> list[str]:
        """Return the variables, each once, in the order in which they stand."""
        words = dict.fromkeys(self.postfix)
        return [word for word in words if word not in _ORDER and word.lower() not in _CONSTANTS]

    def table(self, axes: dict[str, Table]) -> Table:
        """Return the values, broadcast over those of the variables."""
        stack: list[Table] = []
        for word in self.postfix:
            if word == "!":
                stack.append(~stack.pop())
            elif word in _ORDER:
                second = stack.pop()
                stack.append(_OPERATIONS[word](stack.pop(), second))
            else:
                stack.append(axes[word] if word in axes else np.array(_CONSTANTS[word.lower()]))
        return stack[0]

    def standing(self) -> Standing:
        """Return each variable with whether it stands plainly or negated; both under exclusive or."""
        stack: list[Standing] = []
        for word in self.postfix:
            if word == "!":
                stack.append(_negated(stack.pop()))
            elif word in _ORDER:
                second = stack.pop()
                first = _negated(stack.pop()) if word == "=>" else stack.pop()
                both = first | second
                stack.append(both | _negated(both) if word in ("^", "<=>") else both)
            else:
                stack.append(frozenset() if word.lower() in _CONSTANTS else frozenset({(word, True)}))
        return stack[0]


def _negated(standing: Standing) -> Standing:
    return frozenset((name, not is_plain) for name, is_plain in standing)


_OPERATIONS: dict[str, Callable[[Table, Table], Table]] = {
    "&": np.logical_and,
    "|": np.logical_or,
    "^": np.logical_xor,
    "=>": lambda a, b: ~a | b,
    "<=>": np.equal,
}


def parse_rule(text: str, *, place: str = "the rule") -> Rule:
    """Return a Boolean formula of ``! & | ^ => <=>``, of words such as ``and``, of names, 0 and 1.

    Raises
    ------
    InputError
        It is no formula; what was expected is said.

    Examples
    --------
    >>> parse_rule("(A | B) & !C").postfix
    ('A', 'B', '|', 'C', '!', '&')
    """
    found: list[str] = []
    waiting: list[str] = []
    before = ""
    for word in _tokens(text, place):
        _check_order(before, word, place)
        if word in ("(", "!"):
            waiting.append(word)
        elif word == ")":
            _close(waiting, found, place)
        elif word in _ORDER:
            while waiting and waiting[-1] != "(" and _ORDER.index(waiting[-1]) >= _ORDER.index(word):
                found.append(waiting.pop())
            waiting.append(word)
        else:
            found.append(word)
        before = word
    _check_order(before, "", place)
    if "(" in waiting:
        raise InputError(f"{place} has a bracket that is not closed")
    return Rule((*found, *reversed(waiting)))


def _close(waiting: list[str], found: list[str], place: str) -> None:
    """Take what waits since the last bracket."""
    while waiting and waiting[-1] != "(":
        found.append(waiting.pop())
    if not waiting:
        raise InputError(f"{place} closes a bracket that is not open")
    waiting.pop()


def _check_order(before: str, word: str, place: str) -> None:
    """Refuse two names or two operators in a row, and a formula that ends too early."""
    is_value_due = before in ("", "(", *_ORDER)
    begins_value = word in ("(", "!") or (word not in ("", ")", *_ORDER))
    if is_value_due and not begins_value:
        where = f"has {word!r}" if word else "ends"
        raise InputError(f"{place} {where} where a name or a bracket was expected")
    if not is_value_due and begins_value:
        raise InputError(f"{place} has {word!r} where & or | was expected")


def _tokens(text: str, place: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InputError(f"{place} cannot be read from {text[position : position + 60].strip()!r} on")
        tokens.append(_WORDS.get(match[1].lower(), match[1]))
        position = match.end()
    return tokens


def rule_signs(rule: Rule, *, most: int = 20) -> dict[str, int | None]:
    """Return the sign of each variable that matters: -1, 1, or None where it is dual.

    Parameters
    ----------
    rule
        The formula.
    most
        Variables of which all combinations are looked at; of more, a variable that stands under one sign
        only has that sign, and one under both counts as dual.

    Examples
    --------
    >>> rule_signs(parse_rule("(A & B) | (A & !B) | C ^ D"))
    {'A': 1, 'C': None, 'D': None}
    """
    names = rule.names()
    if len(names) <= most:
        return table_signs(_full_table(rule, names), names)
    standing = rule.standing()
    plain = {one for one, is_plain in standing if is_plain}
    negated = {one for one, is_plain in standing if not is_plain}
    return {one: None if one in plain & negated else (1 if one in plain else -1) for one in names}


def _full_table(rule: Rule, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    values = np.array([False, True])
    axes = {
        name: values.reshape([2 if axis == k else 1 for axis in range(len(names))])
        for k, name in enumerate(names)
    }
    return np.broadcast_to(rule.table(axes), (2,) * len(names))


def table_signs(table: npt.NDArray[np.generic], names: Sequence[str]) -> dict[str, int | None]:
    """Return the sign of each variable by the values of a function, one axis a variable, levels in order."""
    found: dict[str, int | None] = {}
    for axis, name in enumerate(names):
        change = np.diff(table.astype(np.int16), axis=axis)
        raises = bool((change > 0).any())
        lowers = bool((change < 0).any())
        if raises or lowers:
            found[name] = None if raises and lowers else (1 if raises else -1)
    return found
