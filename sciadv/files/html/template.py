"""Render a page from a template of this package; whatever a user wrote is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, facts: Mapping[str, object]) -> str:
    """Return a page.

    Parameters
    ----------
    template
        Name of a file in ``templates``, such as ``"solution.html.j2"``.
    facts
        What the template names; plain text is escaped, `markupsafe.Markup` is not.

    Examples
    --------
    >>> page = render("plain.html.j2", {"title": "1 < 2", "sentences": ["a <b>"]})
    >>> "<h1>1 &lt; 2</h1>" in page, "<b>" in page
    (True, False)
    """
    return _environment().get_template(template).render(facts)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sciadv.files.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown_value
    environment.tests["numeric"] = is_number
    return environment


def is_number(value: object) -> bool:
    """Whether a value of a table is a number, and no truth value.

    Examples
    --------
    >>> is_number(1.5), is_number(True), is_number("1.5")
    (True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown_value(value: object) -> str:
    """Write a plain value as a table shows it: numbers to four digits, "yes" and "no", names with commas.

    Examples
    --------
    >>> [shown_value(value) for value in (0.123456, 12345.0, True, [1, 2.5], {"a": 1}, None, "")]
    ['0.1235', '12345', 'yes', '1, 2.5', 'a: 1', 'none', 'none']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e6:
            return str(int(value))
        return f"{value:.4g}" if isfinite(value) else "not finite"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {shown_value(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(shown_value(item) for item in value) or "none"
    return "none" if value is None or value == "" else str(value)
