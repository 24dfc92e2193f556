"""The shape words used in annotations, docstrings and errors, and how seeds and devices are given.

==============  =======================================================================
batch           independent problems; always the first dimension
restarts        starts of one problem; the second dimension, flattened into the batch inside solvers
rows            batch x restarts, flattened
latent          length of z
channels        channels of an image
height, width   pixels of an image
measurements    data of one problem, flattened
==============  =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from sciadv.arguments.values import as_seed, shown
from sciadv.errors import InputError

Shape = tuple[int, ...]

# Types of settings with the bounds that a file's value is checked by; nothing is converted.
Positive = Annotated[float, Field(gt=0, strict=True)]
NotNegative = Annotated[float, Field(ge=0, strict=True)]
#: Above 0, and infinity stands for a limit.
PositiveOrInfinite = Annotated[float, Field(gt=0, allow_inf_nan=True, strict=True)]
#: A part of a whole.
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
#: A decay, or an optimizer's momentum.
Decay = Annotated[float, Field(ge=0, lt=1, strict=True)]
#: No list, layer or image is longer than the largest index of 32 bits.
Count = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
#: A whole number from 0.
Whole = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]
#: Those that torch's generators take without wrapping around.
Seed = Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)]
#: How many classes; a default below 2 means none.
Classes = Annotated[int, Field(ge=2)]


@dataclass(frozen=True, eq=False)
class Rows:
    """Base of frozen dataclasses whose tensors have one row per problem, or per restart, in dimension 0.

    Fields that are tensors, other `Rows`, or None are taken and put by rows; all other fields stay as they
    are.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Points(Rows):
    ...     z: Tensor
    ...     name: str
    >>> points = Points(torch.arange(4), "start")
    >>> points.take(torch.tensor([3, 0]))
    Points(z=tensor([3, 0]), name='start')
    >>> points.put(torch.tensor([1]), Points(torch.tensor([9]), "end"))
    Points(z=tensor([0, 9, 2, 3]), name='start')
    """

    def take(self: SomeRows, index: Tensor) -> SomeRows:
        """Return the rows at `index`, in its order."""

        def taken(mine: Tensor | Rows) -> Tensor | Rows:
            return mine.take(index) if isinstance(mine, Rows) else mine[index]

        return self.map_rows(taken)

    def put(self: SomeRows, index: Tensor, other: SomeRows) -> SomeRows:
        """Return a copy whose rows at `index` are those of `other`, in its order.

        A field that is None in one of both stays as it is here; values keep the dtype that they have here.
        """
        theirs = {field.name: getattr(other, field.name) for field in fields(other)}
        changed: dict[str, Any] = {}
        for name, mine in self.by_rows().items():
            if theirs[name] is None:
                continue
            if isinstance(mine, Rows):
                changed[name] = mine.put(index, theirs[name])
            else:
                changed[name] = mine.index_copy(0, index, theirs[name].to(mine.dtype))
        return replace(self, **changed)

    @staticmethod
    def join(parts: Sequence[SomeRows]) -> SomeRows:
        """Return the rows of all parts, one part after the other; other fields are those of the first."""
        first = parts[0]
        joined: dict[str, Any] = {}
        for name, mine in first.by_rows().items():
            values = [getattr(part, name) for part in parts]
            joined[name] = Rows.join(values) if isinstance(mine, Rows) else torch.cat(values)
        return replace(first, **joined)

    def map_rows(self: SomeRows, function: Callable[[Tensor | Rows], Tensor | Rows]) -> SomeRows:
        """Return a copy with every field that has rows replaced by what the function makes of it."""
        return replace(self, **{name: function(mine) for name, mine in self.by_rows().items()})

    def to(self: SomeRows, device: torch.device | str) -> SomeRows:
        """Return a copy whose tensors are on a device, those of the rows within included."""
        return self.map_rows(lambda one: one.to(device))

    def by_rows(self) -> dict[str, Any]:
        """Return the fields that have rows, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, (Tensor, Rows))}


SomeRows = TypeVar("SomeRows", bound=Rows)


def as_random_state(seed: int) -> int:
    """Return a seed as scikit-learn takes it, below 2^32: itself, or one that is made of it.

    Examples
    --------
    >>> as_random_state(3), as_random_state(2**63 - 1) < 2**32
    (3, True)
    """
    return seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1)[0])


def as_generator(seed: int | torch.Generator, device: torch.device | str = "cpu") -> torch.Generator:
    """Turn a seed into a `torch.Generator` on `device`; a generator is passed through unchanged.

    Raises
    ------
    InputError
        It is neither a generator nor a whole number from 0 to 2^63 - 1.

    Examples
    --------
    >>> import torch
    >>> bool(torch.rand(1, generator=as_generator(0)) == torch.rand(1, generator=as_generator(0)))
    True
    """
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator(device=device).manual_seed(as_seed(seed))


def as_device(name: str | torch.device) -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` into a device that is there.

    Raises
    ------
    InputError
        The name is no device, or the device is not on this machine.
    """
    if not isinstance(name, str | torch.device):
        raise InputError(f'device must be a name such as "cpu" or "auto", but it is {shown(name)}')
    if isinstance(name, str) and name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # a device without memory or values is none
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append("mps")
        raise InputError(
            f"device {shown(str(name))} is not on this machine; there are: {', '.join(there)}. "
            f'Give one of them, or "auto".'
        ) from error
    return device
