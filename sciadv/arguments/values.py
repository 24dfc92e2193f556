"""Arguments as callers give them, checked at the boundary: numbers, counts, seeds, flags, texts, arrays.

Scalars of NumPy and torch are numbers; booleans, texts and NaN are none. Every check either returns a plain
Python value (or a tensor) or raises `InputError` with the argument's name, what was expected and what came.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from sciadv.errors import InputError

#: Seeds run from 0 to this.
LARGEST_SEED = 2**63 - 1

#: What a sentence shows as it is, where it is short.
_SHOWN = (str, bytes, bool, numbers.Number, list, tuple, dict, torch.dtype)

Kind = TypeVar("Kind")


def shown(value: object) -> str:
    """Return a value for a sentence: its repr where that is short and one line, else its type.

    Examples
    --------
    >>> shown(0.5), shown([0] * 1000)
    ('0.5', 'a list')
    """
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and {value.dtype}"
    plain = value is None or isinstance(value, _SHOWN)
    if plain and not (isinstance(value, int) and abs(value) > 10**40):
        text = ascii(value)
        if len(text) <= 60:
            return text
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def as_scalar(value: object) -> object:
    """Return what a NumPy or torch scalar holds as a plain Python number; anything else unchanged."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value.item()
    if isinstance(value, Tensor) and value.ndim == 0 and value.device.type != "meta":
        return value.item()
    return value


def as_number(
    value: object,
    name: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    advice: str = "",
) -> float:
    """Return a finite real number within bounds as a `float`.

    Parameters
    ----------
    value
        What the caller gave.
    name
        The argument's name, for the message.
    least, most
        Bounds that it may have.
    above, below
        Bounds that it may not have.
    advice
        What to do, for the end of the message.

    Raises
    ------
    InputError
        It is no number, NaN or infinite, or out of the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> as_number(np.float64(0.5), "sigma", above=0)
    0.5
    >>> as_number(-1, "sigma", above=0)
    Traceback (most recent call last):
    ...
    sciadv.errors.InputError: sigma must be a finite number > 0, but it is -1
    """
    number = _real(value)
    if number is None or not (least <= number <= most and above < number < below):
        raise InputError(
            f"{name} must be a finite number{_bounds(least, most, above, below)}, but it is {shown(value)}"
            f"{advice}"
        )
    return number


def _real(value: object) -> float | None:
    """Return a finite real number as a float; None for anything else."""
    plain = as_scalar(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        return None
    try:
        number = float(plain)
    except OverflowError:  # an integer or fraction that no float can hold
        return None
    return number if math.isfinite(number) else None


def _bounds(least: float, most: float, above: float, below: float) -> str:
    words = [
        f"{symbol} {bound:g}"
        for symbol, bound in ((">=", least), (">", above), ("<=", most), ("<", below))
        if math.isfinite(bound)
    ]
    return " " + " and ".join(words) if words else ""


def as_count(value: object, name: str, *, least: int = 1, most: int = LARGEST_SEED) -> int:
    """Return a whole number within bounds as an `int`; a float without fraction is one.

    Raises
    ------
    InputError
        It is no whole number, or out of the bounds.

    Examples
    --------
    >>> as_count(3.0, "restarts")
    3
    """
    number = _whole(value)
    if number is None or not least <= number <= most:
        limit = f" and at most {most}" if most < 2**31 - 1 else ""
        raise InputError(f"{name} must be a whole number, at least {least}{limit}, but it is {shown(value)}")
    return number


def as_seed(value: object, name: str = "seed") -> int:
    """Return a seed, a whole number from 0 to 2^63 - 1, as an `int`.

    Raises
    ------
    InputError
        It is none.
    """
    number = _whole(value)
    if number is None or not 0 <= number <= LARGEST_SEED:
        raise InputError(f"{name} must be a whole number from 0 to 2^63 - 1, but it is {shown(value)}")
    return number


def _whole(value: object) -> int | None:
    """Return a whole number as an int; None for anything else."""
    plain = as_scalar(value)
    if isinstance(plain, bool):
        return None
    if isinstance(plain, numbers.Integral):
        return int(plain)
    number = _real(plain)
    return int(number) if number is not None and number.is_integer() else None


def as_flag(value: object, name: str) -> bool:
    """Return a boolean; one of NumPy or torch too.

    Raises
    ------
    InputError
        It is none.
    """
    plain = as_scalar(value)
    if not isinstance(plain, bool):
        raise InputError(f"{name} must be True or False, but it is {shown(value)}")
    return plain


def as_text(value: object, name: str) -> str:
    """Return a text.

    Raises
    ------
    InputError
        It is none.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} must be text, but it is {shown(value)}")
    return value


def as_shape(value: object, name: str) -> tuple[int, ...]:
    """Return a shape, one or more whole numbers >= 1, as a tuple.

    Raises
    ------
    InputError
        It is none.
    """
    plain = as_scalar(value)
    sizes = [plain] if isinstance(plain, numbers.Number) else plain
    if isinstance(sizes, str | bytes | dict) or not isinstance(sizes, Iterable):
        raise InputError(f"{name} must be a shape, such as (1, 28, 28), but it is {shown(value)}")
    shape = tuple(as_count(size, f"each size in {name}") for size in sizes)
    if not shape:
        raise InputError(f"{name} must be a shape of at least one size, but it is {shown(value)}")
    return shape


def as_dtype(value: object, name: str = "dtype", *, is_complex_too: bool = True) -> torch.dtype:
    """Return a floating-point dtype of torch; a complex one where that is allowed.

    Raises
    ------
    InputError
        It is none.

    Examples
    --------
    >>> as_dtype(torch.float64)
    torch.float64
    """
    kinds = "floating-point or complex" if is_complex_too else "floating-point"
    is_one = isinstance(value, torch.dtype) and (
        value.is_floating_point or (is_complex_too and value.is_complex)
    )
    if not is_one:
        raise InputError(
            f"{name} must be a {kinds} dtype of torch, such as torch.float32, but it is {shown(value)}"
        )
    assert isinstance(value, torch.dtype)  # for the type checker
    return value


def as_one_of(value: object, name: str, kind: type[Kind], what: str) -> Kind:
    """Return an object of a class; `what` says in words what it must be.

    Raises
    ------
    InputError
        It is of another class.
    """
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {what}, but it is {shown(value)}")
    return value


def as_function(value: Any, name: str) -> Any:
    """Return what can be called.

    Raises
    ------
    InputError
        It cannot.
    """
    if not callable(value):
        raise InputError(f"{name} must be a function, but it is {shown(value)}")
    return value


def as_tensor(value: Any, name: str, *, device: torch.device | str = "cpu") -> Tensor:
    """Return numbers as a dense tensor: from a tensor, an array of any byte order, or nested lists.

    Raises
    ------
    InputError
        It is no rectangular array of numbers: text, objects, dates, records, masked, sparse or quantised
        values, or a tensor without values.

    Examples
    --------
    >>> import numpy as np
    >>> as_tensor(np.array([1, 2], ">i4"), "y")
    tensor([1, 2], dtype=torch.int32)
    """
    if isinstance(value, Tensor):
        return _dense(value, name).to(device)
    return torch.from_numpy(_array(value, name)).to(device)


def in_precision(values: Tensor, dtype: torch.dtype, what: str) -> Tensor:
    """Return finite numbers in another precision, if it holds them.

    Raises
    ------
    InputError
        One is too large for it.

    Examples
    --------
    >>> in_precision(torch.tensor([0.5], dtype=torch.float64), torch.float32, "measurements")
    tensor([0.5000])
    """
    cast = values.to(dtype)
    if not bool(cast.isfinite().all()):
        largest = float(values.abs().max())
        raise InputError(
            f"{what} reach {largest:.3g}, more than {dtype} holds; give them in a larger unit, or make prior "
            f"and operator float64"
        )
    return cast


def as_reals(value: Any, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return finite real numbers as an array of doubles; one number is an array without axes.

    Raises
    ------
    InputError
        As `as_tensor`; or they are complex, truth values, NaN or infinite.

    Examples
    --------
    >>> as_reals([0, 45], "angles").tolist()
    [0.0, 45.0]
    """
    tensor = as_tensor(value, name)
    if tensor.is_complex() or tensor.dtype == torch.bool or not bool(tensor.isfinite().all()):
        raise InputError(f"{name} must be finite real numbers, but they are {shown(value)}")
    return tensor.double().cpu().numpy()


def _dense(value: Tensor, name: str) -> Tensor:
    if value.layout != torch.strided or value.is_quantized or value.device.type == "meta":
        kind = "sparse" if value.layout != torch.strided else ("quantised" if value.is_quantized else "meta")
        raise InputError(f"{name} must be a dense tensor of numbers, but it is a {kind} one")
    return value.detach()


def _array(value: Any, name: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Return a contiguous, writable array of a type that torch takes."""
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name} must be an array of numbers, but it is masked; fill the masked values")
    if isinstance(value, Sequence) and any(isinstance(item, Tensor) for item in value):
        value = [item.detach().cpu().numpy() if isinstance(item, Tensor) else item for item in value]
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} is not a rectangular array of numbers: {error}") from error
    if array.dtype.kind not in "biufc":
        raise InputError(
            f"{name} must be an array of numbers, but it is {shown(value)}"
            + ("" if isinstance(value, np.ndarray) else f", which holds {array.dtype}")
        )
    kind: np.dtype[Any] = _TORCH_KINDS.get(array.dtype.name, array.dtype.newbyteorder("="))
    native = array.astype(kind, copy=False)
    return np.require(native, requirements=["C", "W"])


#: Types of arrays that torch does not take, and those that hold the same numbers.
_TORCH_KINDS: dict[str, np.dtype[Any]] = {
    "uint16": np.dtype(np.int32),
    "uint32": np.dtype(np.int64),
    "uint64": np.dtype(np.float64),
    "longdouble": np.dtype(np.float64),
    "float128": np.dtype(np.float64),
    "clongdouble": np.dtype(np.complex128),
    "complex256": np.dtype(np.complex128),
}
