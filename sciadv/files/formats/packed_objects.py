"""Dataclasses of tensors and plain values as arrays and one text, and back: equal to the bit, without code.

Tensors become arrays with a name each, everything else one JSON text in which lists, tables and numbers stand
for themselves, and other values are tables with one key that says what they are. The classes that may be made
again are given by the reader, so that a file names them but brings none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import as_scalar

Array = npt.NDArray[Any]
#: Types of tensors that NumPy lacks are written as whole numbers of the same bits.
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def packed(value: object, name: str = "") -> tuple[dict[str, Array], str]:
    """Return the arrays in a value, by name, and the JSON text of all the rest.

    Parameters
    ----------
    value
        Nested dataclasses, tables, lists, tuples, enumerations, tensors, arrays, numbers and texts. Of
        anything else its text is kept.
    name
        What the arrays' names begin with.
    """
    arrays: dict[str, Array] = {}
    return arrays, json.dumps(_pack(value, name, arrays), separators=(",", ":"))


def unpacked(arrays: Mapping[str, Array], structure: object, classes: Collection[type]) -> Any:
    """Return the value that `packed` took apart.

    Parameters
    ----------
    arrays
        By name.
    structure
        The parsed text.
    classes
        Dataclasses and enumerations that may be made.

    Raises
    ------
    LookupError
        An array is missing, or a class is not among those that may be made.
    TypeError, ValueError
        The structure is none that `packed` makes.
    """
    return _Unpacking(arrays, {kind.__name__: kind for kind in classes}).value(structure)


def in_words(value: object) -> object:
    """Return nested values as JSON has them: what it lacks becomes its text."""
    value = as_scalar(value)
    if isinstance(value, Mapping):
        return {str(key): in_words(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_words(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _pack(value: object, name: str, arrays: dict[str, Array]) -> object:
    if isinstance(value, Tensor):
        return _pack_tensor(value, name, arrays)
    if isinstance(value, list | tuple | Mapping):
        return _pack_many(value, name, arrays)
    if is_dataclass(value) and not isinstance(value, type):
        each = {field.name: getattr(value, field.name) for field in fields(value)}
        held = {key: _pack(item, _joined(name, key), arrays) for key, item in each.items()}
        return {"class": type(value).__name__, "fields": held}
    if isinstance(value, np.ndarray) and value.ndim:
        arrays[name] = value
        return {"array": name}
    return _pack_single(value)


def _pack_many(
    values: list[Any] | tuple[Any, ...] | Mapping[Any, Any], name: str, arrays: dict[str, Array]
) -> object:
    if isinstance(values, Mapping):
        items = values.items()
        return {"table": [[_pack_single(key), _pack(one, _joined(name, key), arrays)] for key, one in items]}
    held = [_pack(item, _joined(name, i), arrays) for i, item in enumerate(values)]
    return held if isinstance(values, list) else {"tuple": held}


def _pack_single(value: object) -> object:
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    plain = as_scalar(value)
    return plain if plain is None or isinstance(plain, bool | int | float | str) else {"text": str(plain)}


def _joined(name: str, part: object) -> str:
    return f"{name}_{part}" if name else str(part)


def _pack_tensor(tensor: Tensor, name: str, arrays: dict[str, Array]) -> object:
    held = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    dtype = str(held.dtype).removeprefix("torch.")
    if _is_known(dtype):
        arrays[name] = held.numpy()
    else:
        arrays[name] = held.view(_BITS[held.itemsize]).numpy()
    return {"tensor": name, "dtype": dtype}


def _is_known(dtype: str) -> bool:
    """Whether NumPy has a type of that name."""
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True


class _Unpacking:
    """Makes values again."""

    def __init__(self, arrays: Mapping[str, Array], classes: Mapping[str, type]) -> None:
        self.arrays = arrays
        self.classes = classes

    def value(self, packed: Any) -> Any:
        if isinstance(packed, list):
            return [self.value(item) for item in packed]
        if not isinstance(packed, dict):
            return packed
        kind = next(iter(packed))
        makers: dict[str, Callable[[Any], Any]] = {
            "tensor": self._tensor,
            "array": lambda one: self.arrays[one["array"]],
            "enum": lambda one: self.classes[one["enum"]][one["name"]],  # type: ignore[index]  # an Enum
            "class": self._object,
            "tuple": lambda one: tuple(self.value(item) for item in one["tuple"]),
            "table": lambda one: {self.value(key): self.value(item) for key, item in one["table"]},
            "text": lambda one: one["text"],
        }
        return makers[kind](packed)

    def _tensor(self, packed: Any) -> Tensor:
        tensor = torch.from_numpy(self.arrays[packed["tensor"]])
        dtype = getattr(torch, packed["dtype"])
        if not isinstance(dtype, torch.dtype):
            raise TypeError(f"{packed['dtype']} is no type of a tensor")
        return tensor.to(dtype) if _is_known(packed["dtype"]) else tensor.view(dtype)

    def _object(self, packed: Any) -> Any:
        held = {name: self.value(item) for name, item in packed["fields"].items()}
        return self.classes[packed["class"]](**held)
