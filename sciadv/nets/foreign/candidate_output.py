"""Which of a network's outputs are the candidates."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sciadv.arguments.values import shown
from sciadv.errors import InputError

#: Names that outputs of generators go by, the likeliest first.
_NAMES = (
    "image",
    "images",
    "img",
    "sample",
    "samples",
    "x",
    "rgb",
    "out",
    "output",
    "recon",
    "reconstruction",
)


def find_output(
    made: Any, n_rows: int, wanted: int | str | None, who: str
) -> tuple[tuple[int | str, ...], str]:
    """Return the way to the candidates in what a network gives: indices and keys, one after the other.

    Parameters
    ----------
    made
        What it gave for `n_rows` latents.
    n_rows
        Rows that candidates have.
    wanted
        Index, key or attribute that the user named; None to look for one.
    who
        Its name in messages.

    Returns
    -------
    tuple
        The way, empty where the output is the candidates, and the output in words.

    Raises
    ------
    InputError
        There is no such output, or none that could be candidates.

    Examples
    --------
    >>> import torch
    >>> find_output((torch.zeros(2, 3, 4), None), 2, None, "G")
    ((0,), 'the first of 2 outputs')
    """
    if wanted is not None:
        if not isinstance(follow(made, (wanted,)), Tensor):
            raise InputError(f"{who} has no output {wanted!r} that is a tensor; it gives {_listed(made)}")
        return (wanted,), f"output {wanted!r}"
    if isinstance(made, Tensor):
        return (), ""
    if isinstance(made, tuple | list):
        return _in_sequence(made, n_rows, who)
    for name in _NAMES:
        if _is_candidates(follow(made, (name,)), n_rows):
            return (name,), f"output {name!r}"
    keys = (
        [key for key, value in made.items() if _is_candidates(value, n_rows)]
        if isinstance(made, dict)
        else []
    )
    if len(keys) == 1:
        return (keys[0],), f"output {keys[0]!r}"
    raise InputError(
        f"{who} gives {_listed(made)}, of which none is plainly the candidates; name one by output="
    )


def _in_sequence(made: Any, n_rows: int, who: str) -> tuple[tuple[int | str, ...], str]:
    """Find the candidates among several outputs: the first that could be, in them or in a list of them."""
    for i, value in enumerate(made):
        if _is_candidates(value, n_rows):
            ordinal = "first" if i == 0 else f"{i + 1}th"
            return (i,), f"the {ordinal} of {len(made)} outputs"
        if isinstance(value, tuple | list) and value and _is_candidates(value[-1], n_rows):
            return (i, -1), f"the last of the {len(value)} tensors in output {i}"
    raise InputError(
        f"{who} gives {_listed(made)}, of which none has a row of candidates for each latent; "
        f"name one by output="
    )


def _is_candidates(value: Any, n_rows: int) -> bool:
    is_tensor = isinstance(value, Tensor)
    return is_tensor and value.ndim > 1 and len(value) == n_rows and not value.dtype.is_complex


def _listed(made: Any) -> str:
    """Say what a network gave."""
    if isinstance(made, dict):
        return "a dict of " + ", ".join(f"{key!r}: {shown(value)}" for key, value in made.items())
    if isinstance(made, tuple | list):
        return f"a {type(made).__name__} of " + ", ".join(shown(value) for value in made)
    return shown(made)


def follow(made: Any, way: tuple[int | str, ...]) -> Any:
    """Return what lies at the end of a way; None where the way does not lead on."""
    for step in way:
        if isinstance(step, str) and hasattr(made, step) and not isinstance(made, dict):
            made = getattr(made, step)
            continue
        try:
            made = made[step]
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    return made
