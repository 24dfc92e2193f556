"""Numbers as SPICE writes them: engineering suffixes, and units that are not read."""

from __future__ import annotations

import re

from sciadv.errors import InputError

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)([a-z]*)")
#: Powers of ten by suffix, the longest first; "m" is a thousandth and "meg" a million, as in SPICE.
_EXPONENTS = {
    "meg": "6",
    "t": "12",
    "g": "9",
    "k": "3",
    "m": "-3",
    "u": "-6",
    "n": "-9",
    "p": "-12",
    "f": "-15",
    "a": "-18",
}


def spice_number(text: str) -> float:
    """Return the number that SPICE reads: ``4.7k``, ``10pF``, ``1meg``, ``2.2e-6``.

    Raises
    ------
    InputError
        It is none.

    Examples
    --------
    >>> spice_number("10pF"), spice_number("1Meg"), spice_number("5m")
    (1e-11, 1000000.0, 0.005)
    """
    found = _NUMBER.fullmatch(text.strip().lower().replace("\u00b5", "u").replace("\u03bc", "u"))
    if found is None:
        raise InputError(
            f"{text!r} is no number of SPICE, such as 4.7k, 10pF, 1meg or 2.2e-6",
        )
    if found[2].startswith("mil"):  # thousandths of an inch
        return 25.4e-6 * float(found[1])
    digits, _, power = found[1].partition("e")
    suffix = next((one for one in _EXPONENTS if found[2].startswith(one)), "")
    return float(f"{digits}e{int(power or 0) + int(_EXPONENTS.get(suffix, 0))}")
