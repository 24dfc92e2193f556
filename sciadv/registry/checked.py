"""Constructors whose arguments are checked by their annotations, once, at the boundary.

A setting says its bounds in its type, as in `sciadv.types`; files are checked by the same types.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch

from sciadv.arguments.values import (
    as_count,
    as_dtype,
    as_flag,
    as_function,
    as_number,
    as_one_of,
    as_scalar,
    as_seed,
    as_shape,
    as_tensor,
    as_text,
    shown,
)
from sciadv.errors import InputError
from sciadv.types import Shape, as_device

Part = TypeVar("Part", bound=Callable[..., Any])
#: Whole numbers of settings are below this: no list or layer is as long.
LARGEST = 2**31 - 1
#: What torch says where it has no memory for a tensor, or none could be that large.
_NO_MEMORY = ("can't allocate memory", "out of memory", "overflow", "size is too", "not enough memory")


def checked(part: Part) -> Part:
    """Check the arguments of a constructor, or of the dataclass that it decorates, by their annotations.

    Scalars of NumPy and torch become plain numbers. Whole numbers, numbers, booleans, texts, shapes, tuples
    of numbers, dtypes and devices are checked; a default is always right; values of other types are left to
    the constructor. Memory that cannot be had is an `InputError`, too.

    Examples
    --------
    >>> from sciadv.types import Count
    >>> @checked
    ... def ones(n: Count, is_real: bool = True) -> list[int]:
    ...     return [1] * n
    >>> ones(torch.tensor(2))
    [1, 1]
    >>> ones(0)
    Traceback (most recent call last):
    ...
    sciadv.errors.InputError: n must be a whole number, at least 1, but it is 0
    """
    if inspect.isclass(part):
        setattr(part, "__init__", checked(part.__init__))  # noqa: B010  # a method, which mypy keeps from assignment
        return part
    signature = inspect.signature(part)
    hints: dict[str, Any] = {}

    @functools.wraps(part)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not hints:  # annotations may name what is defined later in the module
            hints.update(get_type_hints(part, include_extras=True))
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            default = signature.parameters[name].default
            if name in hints and value is not default:
                bound.arguments[name] = conform(value, name, hints[name])
        try:
            return part(*bound.args, **bound.kwargs)
        except (MemoryError, OverflowError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not any(words in str(error) for words in _NO_MEMORY):
                raise
            raise InputError(
                f"this takes more memory than there is; make its sizes smaller: {_sizes(bound)}"
            ) from error

    return call  # type: ignore[return-value]  # of the same signature


def _sizes(bound: inspect.BoundArguments) -> str:
    """Show the arguments that are sizes."""
    return ", ".join(
        f"{name} {shown(value)}"
        for name, value in bound.arguments.items()
        if isinstance(value, int | tuple | list) and not isinstance(value, bool)
    )


def conform(value: Any, name: str, annotation: Any) -> Any:
    """Return a value as its annotation has it, with scalars of other libraries as plain ones.

    Raises
    ------
    InputError
        It is not what the annotation says.
    """
    inner, bounds = _taken_apart(annotation)
    members = get_args(inner) if get_origin(inner) in (Union, types.UnionType) else (inner,)
    if value is None and type(None) in members:
        return None
    kinds = [member for member in members if member is not type(None)]
    if torch.device in kinds:
        return value if str(value) == "meta" else as_device(value)
    if any(_is_array(kind) for kind in kinds):
        is_text_too = str in kinds and bytes not in kinds  # both are among what NumPy takes for an array
        is_sparse_too = any(hasattr(kind, "tocsr") for kind in kinds)
        return _as_given(value, name, is_text_too=is_text_too, is_sparse_too=is_sparse_too)
    if len(kinds) > 1:
        return value
    kind, more = _taken_apart(kinds[0])
    return _conform_one(value, name, kind, bounds | more)


def _is_array(kind: Any) -> bool:
    """Say whether a type is one of arrays: of torch, of NumPy, or what NumPy takes for one."""
    return kind is torch.Tensor or get_origin(kind) is np.ndarray or "_SupportsArray" in repr(kind)


def _as_given(value: Any, name: str, *, is_text_too: bool, is_sparse_too: bool) -> Any:
    """Check that a value is an array of numbers, or a sparse matrix or text where that is allowed."""
    is_sparse = hasattr(value, "tocsr") or (isinstance(value, torch.Tensor) and value.layout != torch.strided)
    is_text = is_text_too and isinstance(value, str) and not value.isspace()
    if not (is_sparse and is_sparse_too) and not is_text:
        as_tensor(value, name)
    return value


def _taken_apart(annotation: Any) -> tuple[Any, dict[str, float]]:
    """Return a type without its bounds, and the bounds: ge, gt, le, lt, and whether infinity is allowed."""
    if get_origin(annotation) is not Annotated:
        return annotation, {}
    inner, *metadata = get_args(annotation)
    bounds: dict[str, float] = {}
    for one in metadata:
        for bound in (one, *getattr(one, "metadata", ())):
            bounds |= {key: getattr(bound, key) for key in ("ge", "gt", "le", "lt") if hasattr(bound, key)}
            if getattr(bound, "allow_inf_nan", False):
                bounds["infinite"] = 1.0
    return inner, {key: float(bound) for key, bound in bounds.items() if bound is not None}


def _conform_one(value: Any, name: str, kind: Any, bounds: dict[str, float]) -> Any:
    """Conform a value to one type."""
    if kind in (int, float):
        return (_whole if kind is int else _number)(value, name, bounds)
    if kind == Shape and name.endswith("shape"):
        return as_shape(value, name)
    if get_origin(kind) is not None:
        return _conform_generic(value, name, kind)
    if isinstance(kind, type) and (is_dataclass(kind) or kind.__module__.partition(".")[0] == "sciadv"):
        return _conform_object(value, name, kind)
    check = _CHECKS.get(kind)
    return value if check is None else check(value, name)


def _conform_generic(value: Any, name: str, kind: Any) -> Any:
    """Conform a value to a type with arguments: a container, a function, a choice."""
    origin = get_origin(kind)
    if origin in (tuple, list, Sequence):
        return _conform_items(value, name, kind)
    if origin is Callable:
        return as_function(value, name)
    return _conform_choice(value, name, get_args(kind)) if origin is Literal else value


def _conform_choice(value: Any, name: str, choices: tuple[Any, ...]) -> Any:
    """Conform a choice; of texts only that it is one, since the constructor says what each does."""
    if all(isinstance(choice, str) for choice in choices):
        return as_text(value, name)
    plain = as_scalar(value)
    if not any(type(plain) is type(choice) and plain == choice for choice in choices):
        raise InputError(f"{name} must be one of {', '.join(map(repr, choices))}, but it is {shown(value)}")
    return plain


def _conform_object(value: Any, name: str, kind: type) -> Any:
    """Conform an object of one of our classes; of a protocol only that it can be called, where it must."""
    if getattr(kind, "_is_protocol", False):
        return as_function(value, name) if "__call__" in vars(kind) else value
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    what = f"{kind.__name__}(...)" if is_dataclass(kind) else f"{article} {kind.__name__}"
    return as_one_of(value, name, kind, what)


def _number(value: Any, name: str, bounds: dict[str, float]) -> float:
    if "infinite" in bounds and as_scalar(value) == math.inf:
        return math.inf
    return as_number(
        value,
        name,
        least=bounds.get("ge", -math.inf),
        above=bounds.get("gt", -math.inf),
        most=bounds.get("le", math.inf),
        below=bounds.get("lt", math.inf),
    )


def _whole(value: Any, name: str, bounds: dict[str, float]) -> int:
    if name == "seed":
        return as_seed(value)
    least = int(bounds.get("ge", -LARGEST))
    return as_count(value, name, least=least, most=min(LARGEST, int(bounds.get("le", LARGEST))))


_CHECKS: dict[Any, Callable[[Any, str], Any]] = {bool: as_flag, str: as_text, torch.dtype: as_dtype}


def _conform_items(value: Any, name: str, kind: Any) -> Any:
    """Conform the items of a tuple, list or sequence; arrays and others are left as they are."""
    if isinstance(value, str | bytes | dict) or not isinstance(value, Iterable):
        raise InputError(f"{name} must be a list of values, but it is {shown(value)}")
    items = list(value) if isinstance(value, list | tuple) else None
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    if items is None or not arguments:
        return value
    if get_origin(kind) is tuple and Ellipsis not in get_args(kind) and len(items) != len(arguments):
        raise InputError(f"{name} must be {len(arguments)} values, but it is {shown(value)}")
    of = arguments if len(arguments) == len(items) else arguments * len(items)
    made = [conform(item, f"each value in {name}", one) for item, one in zip(items, of, strict=False)]
    return tuple(made) if isinstance(value, tuple) else made
