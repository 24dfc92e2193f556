"""How a conformance suite says that a promise is broken."""

from __future__ import annotations


def require(is_kept: bool, message: str) -> None:  # noqa: FBT001  # reads as a statement
    """Raise `AssertionError` with the message unless the promise is kept."""
    if not is_kept:
        raise AssertionError(message)
