"""What a file may say of a part: its constructor's arguments, as the types that a TOML file can hold."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field
from torch import Tensor


def _numbers_or_path(value: object) -> object:
    """Pass a number, a nested array of numbers, or the path of an array file; refuse the rest."""
    if isinstance(value, str):
        if not value.endswith((".npy", ".npz")):
            raise ValueError(f"expected finite numbers or the path of a .npy or .npz file, got {value!r}")
        return value
    flat = _flatten(value)
    numbers = [item for item in flat if isinstance(item, int | float) and not isinstance(item, bool)]
    if not flat or len(numbers) < len(flat) or not all(map(math.isfinite, numbers)):
        raise ValueError(f"expected finite numbers or the path of a .npy or .npz file, got {value!r}")
    return value


def _array_or_path(value: object) -> object:
    """Pass a nested array of numbers, or the path of an array file; refuse the rest, a single number too."""
    if not isinstance(value, str | list):
        raise ValueError(f"expected an array of numbers or the path of a .npy or .npz file, got {value!r}")
    flat = _flatten(value)
    is_mask = bool(flat) and all(isinstance(item, bool) for item in flat)
    return value if is_mask else _numbers_or_path(value)


def _flatten(value: object) -> list[object]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, list) else [value]


#: Numbers as the file has them (one, an array, a nested array) or the path of a ``.npy`` or ``.npz`` file.
Numbers = Annotated[object, AfterValidator(_numbers_or_path)]
#: The same without a single number.
Array = Annotated[object, AfterValidator(_array_or_path)]


@dataclass(frozen=True)
class Setting:
    """One key of a part's table.

    Parameters
    ----------
    annotation
        The type of its value in a file, with its bounds.
    is_required
        Whether the file must have it.
    """

    annotation: Any
    is_required: bool


def file_settings(part: Callable[..., object], given: Collection[str] = ()) -> dict[str, Setting]:
    """Return the keys that a file may give for a part, from its constructor's signature.

    An argument that allows an array is given as numbers or the path of an array file. One that allows None
    may be left out, since TOML has no null. One with a default of a type that no file can hold, such as a
    function, is no key.

    Parameters
    ----------
    part
        A class, or a function that makes one.
    given
        Arguments that do not come from the file.

    Examples
    --------
    >>> from sciadv.forward import BlockSum
    >>> settings = file_settings(BlockSum, given=["in_shape", "device"])
    >>> {key: setting.is_required for key, setting in settings.items()}
    {'block': True, 'reduce': False}
    """
    settings = {}
    for name, parameter in parameters_of(part).items():
        if name in given or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        has_default = parameter.default is not parameter.empty
        annotation = file_type(parameter.annotation)
        if annotation is None and has_default:
            continue
        is_required = not has_default and not allows_none(parameter.annotation)
        settings[name] = Setting(Any if annotation is None else annotation, is_required)
    return settings


def parameters_of(part: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Return a part's arguments, with annotations evaluated where all their names are known at run time."""
    try:
        signature = inspect.signature(part, eval_str=True)
    except NameError:
        signature = inspect.signature(part)
    return dict(signature.parameters)


def takes_anything(part: Callable[..., object]) -> bool:
    """Say whether a part takes settings of any name, as a ``**settings`` of a plug-in does."""
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters_of(part).values())


def none_arguments(part: Callable[..., object]) -> list[str]:
    """List the arguments that are None where a file leaves them out, since they have no default.

    Examples
    --------
    >>> from sciadv import Gaussian
    >>> none_arguments(Gaussian)
    ['sigma']
    """
    parameters = parameters_of(part).items()
    return [name for name, one in parameters if one.default is one.empty and allows_none(one.annotation)]


def allows_none(annotation: Any) -> bool:
    """Say whether None is one of the values of a type."""
    return type(None) in _members(annotation)


def file_type(annotation: Any) -> Any:
    """Return the type of an argument's value as a file holds it, without None; None where no file can.

    Examples
    --------
    >>> file_type(Sequence[int])
    list[int]
    >>> file_type(Tensor | float) == Numbers, file_type(Callable[[], None]) is None
    (True, True)
    """
    if annotation in (inspect.Parameter.empty, Any, object) or isinstance(annotation, str):
        return Any
    origin = get_origin(annotation)
    if annotation in (int, float, str, bool) or origin is Literal:
        return annotation
    if origin is Annotated:
        return _annotated_type(*get_args(annotation))
    if origin in (list, tuple, dict, Sequence):
        return _container_type(origin, get_args(annotation))
    return _union_type(annotation)


def _annotated_type(inner: Any, *bounds: Any) -> Any:
    """Return a bounded type; one with choices is any text in Python, and one of the choices in a file."""
    choices = [bound for bound in bounds if get_origin(bound) is Literal]
    if choices:
        return choices[0]
    found = file_type(inner)
    arguments = (found, *bounds)
    return None if found is None else Annotated[arguments]


def _union_type(annotation: Any) -> Any:
    """Return the type of a union without None, of numbers for one with arrays; None for any other class."""
    members = [member for member in _members(annotation) if member is not type(None)]
    if _is_array(annotation, members):
        return Numbers if _allows_number(annotation, members) else Array
    if len(members) == 1 and members[0] is annotation:
        return None
    found = [file_type(member) for member in members]
    return None if None in found else Union[tuple(found)]  # noqa: UP007  # built at run time


def _container_type(origin: Any, arguments: tuple[Any, ...]) -> Any:
    """Return the type of an array or table; a file's arrays are lists, of which tuples are made."""
    inner = [argument if argument is ... else file_type(argument) for argument in arguments]
    if None in inner:
        return None
    if origin is tuple:
        return Annotated[tuple[tuple(inner)], Field(strict=False)]  # type: ignore[misc]  # built at run time
    if origin is dict:
        return dict[tuple(inner)]  # type: ignore[misc]  # built at run time
    return list[inner[0]]  # type: ignore[valid-type]  # built at run time


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type alone."""
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _allows_number(annotation: Any, members: Sequence[Any]) -> bool:
    """Say whether a type that allows an array allows a single number, too."""
    return annotation == npt.ArrayLike or any(member in (int, float) for member in members)


def _is_array(annotation: Any, members: Sequence[Any]) -> bool:
    """Say whether a type allows a tensor or an array."""
    if annotation == npt.ArrayLike or set(_members(npt.ArrayLike)) <= set(members):
        return True
    kinds = [get_origin(member) or member for member in members]
    return any(isinstance(kind, type) and issubclass(kind, Tensor | np.ndarray) for kind in kinds)
