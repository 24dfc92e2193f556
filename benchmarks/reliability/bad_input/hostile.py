"""Tables of values that an argument of each kind may come with."""

from __future__ import annotations

import datetime
import decimal
import fractions
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.reliability.bad_input.cases import Value, named

NAN, INF = float("nan"), float("inf")


def _taken(words: str, make: Any, plain: Any) -> Value:
    """Give a value that is a number of another library: taken as the plain number."""
    return Value(words, make, accepts=f"taken as the number {plain}", like=lambda: plain)


NOT_NUMBERS = named(
    ("text", lambda: "0.1"),
    ("empty-text", lambda: ""),
    ("bytes", lambda: b"1"),
    ("list", lambda: [1.0, 2.0]),
    ("dict", lambda: {"a": 1}),
    ("set", lambda: {1}),
    ("object", object),
    ("complex", lambda: 1 + 1j),
    ("function", lambda: len),
    ("type", lambda: float),
    ("date", lambda: datetime.date(2020, 1, 1)),
    ("ellipsis", lambda: ...),
    ("nan", lambda: NAN),
    ("inf", lambda: INF),
    ("minus-inf", lambda: -INF),
    ("numpy-nan", lambda: np.float32("nan")),
    ("torch-nan", lambda: torch.tensor(NAN)),
    ("numpy-complex", lambda: np.complex64(1j)),
    ("torch-complex", lambda: torch.tensor(1j)),
    ("numpy-text", lambda: np.array("a")),
    ("empty-array", lambda: np.array([])),
    ("empty-tensor", lambda: torch.empty(0)),
    ("object-array", lambda: np.array([None], dtype=object)),
    ("datetime64", lambda: np.datetime64("2020-01-01")),
    ("decimal-nan", lambda: decimal.Decimal("nan")),
    ("meta-tensor", lambda: torch.empty((), device="meta")),
    ("huge-integer", lambda: 10**400),
)
#: A finite number > 0.
POSITIVE = [
    *NOT_NUMBERS,
    *named(
        ("zero", lambda: 0),
        ("minus-one", lambda: -1.0),
        ("minus-zero", lambda: -0.0),
        ("true", lambda: True),
        ("false", lambda: False),
        ("numpy-true", lambda: np.True_),
        ("torch-true", lambda: torch.tensor(True)),
        ("numpy-minus", lambda: np.float64(-0.5)),
        ("torch-minus", lambda: torch.tensor(-0.5)),
    ),
    _taken("numpy-double", lambda: np.float64(0.5), 0.5),
    _taken("numpy-single", lambda: np.float32(0.5), 0.5),
    _taken("numpy-integer", lambda: np.int64(1), 1.0),
    _taken("numpy-0d", lambda: np.array(0.5), 0.5),
    _taken("torch-0d", lambda: torch.tensor(0.5), 0.5),
    _taken("torch-double", lambda: torch.tensor(0.5, dtype=torch.float64), 0.5),
    _taken("integer", lambda: 1, 1.0),
    _taken("fraction", lambda: fractions.Fraction(1, 2), 0.5),
]
#: A finite number >= 0.
NOT_NEGATIVE = [value for value in POSITIVE if value.words not in {"zero", "minus-zero"}]
#: Any finite number.
FINITE = [
    value
    for value in NOT_NEGATIVE
    if value.words not in {"minus-one", "numpy-minus", "torch-minus"} and not value.words.startswith("taken")
]
#: A whole number >= 1.
COUNT = [
    *NOT_NUMBERS,
    *named(
        ("zero", lambda: 0),
        ("minus-one", lambda: -1),
        ("half", lambda: 1.5),
        ("true", lambda: True),
        ("numpy-half", lambda: np.float64(1.5)),
        ("torch-half", lambda: torch.tensor(1.5)),
        ("numpy-minus", lambda: np.int64(-3)),
        ("least-64-bit", lambda: -(2**63)),
        ("10^30", lambda: 10**30),
    ),
    _taken("numpy-integer", lambda: np.int64(2), 2),
    _taken("numpy-byte", lambda: np.uint8(2), 2),
    _taken("numpy-0d", lambda: np.array(2), 2),
    _taken("torch-0d", lambda: torch.tensor(2), 2),
    _taken("whole-float", lambda: 2.0, 2),
]
#: A whole number that memory or time do not allow.
TOO_LARGE = named(("10^9", lambda: 10**9), ("2^63", lambda: 2**63), ("2^31", lambda: 2**31))
SEED = [
    *NOT_NUMBERS,
    *named(
        ("minus-one", lambda: -1),
        ("2^64", lambda: 2**64),
        ("2^63", lambda: 2**63),
        ("half", lambda: 0.5),
        ("true", lambda: True),
        ("none", lambda: None),
    ),
    Value("largest", lambda: 2**63 - 1, accepts="the largest seed"),
    _taken("numpy-integer", lambda: np.int64(3), 3),
    _taken("numpy-unsigned", lambda: np.uint32(3), 3),
    _taken("torch-0d", lambda: torch.tensor(3), 3),
]
#: A name out of a list.
NAME = named(
    ("empty", lambda: ""),
    ("unknown", lambda: "no-such-name"),
    ("none", lambda: None),
    ("number", lambda: 3),
    ("bytes", lambda: b"auto"),
    ("list", lambda: ["auto"]),
    ("long", lambda: "a" * 100_000),
    ("nul", lambda: "\0"),
    ("newline", lambda: "auto\n"),
    ("parent", lambda: "../../etc"),
    ("nan", lambda: NAN),
    ("dict", dict),
    ("surrogate", lambda: "\ud800"),
    ("type", lambda: int),
)
DEVICE = named(
    ("empty", lambda: ""),
    ("unknown", lambda: "gpu"),
    ("far", lambda: "cuda:99"),
    ("negative", lambda: "cuda:-1"),
    ("number", lambda: 3.5),
    ("bytes", lambda: b"cpu"),
    ("list", lambda: ["cpu"]),
    ("nul", lambda: "cpu\0"),
    ("meta", lambda: "meta"),
    ("meta-device", lambda: torch.device("meta")),
    ("object", object),
    ("xla", lambda: "xla"),
    ("long", lambda: "c" * 10_000),
)
#: A path of something to read.
PATH = named(
    ("number", lambda: 3),
    ("none", lambda: None),
    ("bytes", lambda: b"folder"),
    ("empty", lambda: ""),
    ("nul", lambda: "./a\0b"),
    ("long", lambda: "./" + "a" * 5000),
    ("deep", lambda: "./" + "a/" * 3000),
    ("missing", lambda: "./missing"),
    ("null-device", lambda: Path("/dev/null")),
    ("endless-device", lambda: Path("/dev/zero")),
    ("process-memory", lambda: Path("/proc/self/mem")),
    ("root", lambda: Path("/")),
    ("list", lambda: ["a"]),
    ("surrogate", lambda: "./\ud800"),
    ("unknown-user", lambda: "~no-such-user/a"),
    ("toml-missing", lambda: "missing.toml"),
)
SHAPE = named(
    ("empty", lambda: ()),
    ("zero", lambda: (0,)),
    ("negative", lambda: (-1, 4, 4)),
    ("half", lambda: (1, 4.5, 4)),
    ("text", lambda: "abc"),
    ("texts", lambda: ("1", "4", "4")),
    ("huge", lambda: (10**9, 10**9)),
    ("true", lambda: True),
    ("nan", lambda: (NAN,)),
    ("nested", lambda: ((1, 4), 4)),
    ("dict", dict),
    ("object", object),
    ("float", lambda: 16.5),
    ("minus", lambda: -16),
    ("many", lambda: (1,) * 100),
)
#: Anything but a string, a callable, a module.
THINGS = named(
    ("none", lambda: None),
    ("number", lambda: 3),
    ("text", lambda: "thing"),
    ("list", list),
    ("dict", dict),
    ("object", object),
    ("type", lambda: dict),
    ("nan", lambda: NAN),
    ("module", lambda: np),
)


def arrays(shape: tuple[int, ...]) -> list[Value]:
    """Return data of a shape, as they should not come, and as they may."""
    zeros = np.zeros(shape, np.float32)

    def with_value(value: float, dtype: Any = np.float32) -> Any:
        array = zeros.astype(dtype)
        array.flat[-1] = value
        return array

    tensor = torch.from_numpy(zeros)
    bad = named(
        ("none", lambda: None),
        ("number", lambda: 3.0),
        ("text", lambda: "measurements"),
        ("bytes", lambda: b"12345678"),
        ("dict", lambda: {"y": zeros}),
        ("set", lambda: {1.0}),
        ("object", object),
        ("generator", lambda: (row for row in zeros)),
        ("type", lambda: np.ndarray),
        ("empty-list", list),
        ("ragged", lambda: [[1.0], [1.0, 2.0]]),
        ("no-rows", lambda: zeros[:0]),
        ("no-columns", lambda: zeros[..., :0]),
        ("no-batch", lambda: zeros[0]),
        ("wider", lambda: np.zeros((*shape[:-1], shape[-1] + 1), np.float32)),
        ("more-axes", lambda: zeros[None]),
        ("scalar", lambda: np.float32(1)),
        ("nan", lambda: with_value(NAN)),
        ("inf", lambda: with_value(INF)),
        ("minus-inf", lambda: with_value(-INF)),
        ("nan-half", lambda: with_value(NAN, np.float16)),
        ("too-large-for-single", lambda: with_value(1e300, np.float64)),
        ("texts", lambda: np.full(shape, "a")),
        ("objects", lambda: np.full(shape, None, dtype=object)),
        ("object-text", lambda: np.full(shape, "a", dtype=object)),
        ("dates", lambda: np.zeros(shape, "datetime64[s]")),
        ("durations", lambda: np.zeros(shape, "timedelta64[s]")),
        ("records", lambda: np.zeros(shape, [("a", "f4"), ("b", "i4")])),
        ("voids", lambda: np.zeros(shape, "V8")),
        ("complex", lambda: np.zeros(shape, np.complex64)),
        ("complex-tensor", lambda: torch.zeros(shape, dtype=torch.complex64)),
        ("meta-tensor", lambda: torch.zeros(shape, device="meta")),
        ("sparse-tensor", tensor.to_sparse),
        ("quantised", lambda: torch.quantize_per_tensor(tensor, 0.1, 0, torch.quint8)),
        ("masked", lambda: np.ma.masked_array(zeros, mask=np.ones(shape, bool))),
        ("nan-tensor", lambda: torch.full(shape, NAN)),
        ("tensors-ragged", lambda: [torch.zeros(2), torch.zeros(3)]),
    )

    def taken(words: str, make: Any) -> Value:
        return Value(words, make, accepts="taken as the same numbers in single precision", like=lambda: zeros)

    return [
        *bad,
        taken("double", lambda: zeros.astype(np.float64)),
        taken("half", lambda: zeros.astype(np.float16)),
        taken("bfloat16", lambda: tensor.to(torch.bfloat16)),
        taken("integers", lambda: zeros.astype(np.int64)),
        taken("bytes-unsigned", lambda: zeros.astype(np.uint8)),
        taken("unsigned-16", lambda: zeros.astype(np.uint16)),
        taken("unsigned-64", lambda: zeros.astype(np.uint64)),
        taken("booleans", lambda: zeros.astype(bool)),
        taken("big-endian", lambda: zeros.astype(">f4")),
        taken("read-only", lambda: _read_only(zeros)),
        taken("flipped", lambda: zeros[..., ::-1]),
        taken("column-major", lambda: np.asfortranarray(zeros)),
        taken("with-gradient", lambda: torch.zeros(shape, requires_grad=True)),
        taken("strided", lambda: torch.zeros((*shape, 2))[..., 0]),
        taken("lists", zeros.tolist),
        taken("long-double", lambda: zeros.astype(np.longdouble)),
        taken("subclass", lambda: torch.nn.Parameter(torch.zeros(shape))),
    ]


def _read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
