"""Files of arrays that are broken: headers that lie, archives, sparse matrices whose parts do not agree."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.bad_input.broken_files import Break, given, write


def header_of(shape: str, descr: str = "'<f4'", order: str = "False", version: bytes = b"\x01\x00") -> bytes:
    """Return the header of a ``.npy`` file that says this, whatever follows it."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


def broken_npy() -> Iterator[tuple[str, Break]]:
    """Give ``.npy`` files whose header and content do not agree, or are no numbers."""
    headers = {
        "terabyte": header_of("(1000000, 1000000)"),
        "overflowing": header_of(f"({2**62}, {2**62})"),
        "negative": header_of("(-1, 8)"),
        "huge-number": header_of(f"({10**40},)"),
        "shape-number": header_of("8"),
        "shape-text": header_of("'8'"),
        "shape-call": header_of("__import__('os').mkdir('code-was-run')"),
        "shape-float": header_of("(2.0, 8)"),
        "shape-true": header_of("(True, 8)"),
        "descr-object": header_of("(2, 8)", "'|O'"),
        "descr-nested": header_of("(2, 8)", "[('a', '<f4'), ('b', [('c', '<f4')])]"),
        "descr-text": header_of("(2, 8)", "'<U1000000000'"),
        "descr-unknown": header_of("(2, 8)", "'<q9'"),
        "descr-number": header_of("(2, 8)", "7"),
        "order-text": header_of("(2, 8)", order="'no'"),
        "version-9": header_of("(2, 8)", version=b"\x09\x00"),
        "deep-header": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60000) + b"(" * 60000,
        "long-header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{",
        "nul-header": b"\x93NUMPY\x01\x00" + struct.pack("<H", 100) + bytes(100),
    }
    for words, header in headers.items():
        yield f"header-{words}", given(write, header + bytes(64))
    arrays: dict[str, Any] = {
        "objects": np.array([{}], dtype=object),
        "text": np.array(["a", "b"]),
        "bytes": np.array([b"a", b"b"]),
        "dates": np.zeros((2, 8), "datetime64[s]"),
        "records": np.zeros(3, [("a", "f4"), ("b", "i4")]),
        "voids": np.zeros((2, 8), "V4"),
        "nan": np.full((2, 8), np.nan, np.float32),
        "inf": np.full((2, 8), np.inf),
        "too-large-for-single": np.full((2, 8), 1e300),
        "scalar": np.float32(3),
        "no-rows": np.zeros((0, 8), np.float32),
        "one-axis": np.zeros(8, np.float32),
        "many-axes": np.zeros((1,) * 30 + (2, 8), np.float32),
        "other-shape": np.zeros((2, 9), np.float32),
        "complex": np.zeros((2, 8), np.complex64),
    }
    for words, array in arrays.items():
        yield words, given(_save, array)


def _save(path: Path, array: Any) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=True)


def broken_npz() -> Iterator[tuple[str, Break]]:
    """Give ``.npz`` files: bombs, lies in the archive, members that are no arrays."""
    yield "bomb", lambda path: _zip(path, {"y.npy": header_of("(2, 500000000)") + bytes(2**28)})
    yield "many-members", lambda path: _zip(path, {f"a{i}.npy": b"" for i in range(20_000)})
    yield "no-members", lambda path: _zip(path, {})
    yield "not-an-array", lambda path: _zip(path, {"y.npy": b"text"})
    yield "not-npy", lambda path: _zip(path, {"y.txt": b"text"})
    yield "folder-member", lambda path: _zip(path, {"y/": b""})
    yield "pickled-member", lambda path: _zip(path, {"y.npy": _bytes(np.array([{}], dtype=object))})
    yield "terabyte-member", lambda path: _zip(path, {"y.npy": header_of("(1000000, 1000000)")})
    yield "bad-checksum", _bad_checksum
    yield "encrypted", _encrypted
    yield "unknown-compression", _unknown_compression
    yield "wrong-names", lambda path: _zip(path, {"a.npy": _bytes(np.zeros(3)), "b.npy": _bytes(np.zeros(3))})
    yield "text-member", lambda path: _zip(path, {"y.npy": _bytes(np.array(["a"]))})
    yield "nan-member", lambda path: _zip(path, {"y.npy": _bytes(np.full((2, 8), np.nan))})
    yield "truth-other-shape", lambda path: _zip(path, _with("truth", np.zeros((3, 1, 4, 4))))
    yield "truth-text", lambda path: _zip(path, _with("truth", np.array(["a", "b"])))
    yield "truth-nan", lambda path: _zip(path, _with("truth", np.full((2, 1, 4, 4), np.nan)))
    yield "labels-text", lambda path: _zip(path, _with("labels", np.array(["a", "b"])))
    yield "labels-other-length", lambda path: _zip(path, _with("labels", np.zeros(5)))
    yield "central-directory-lost", lambda path: write(path, path.read_bytes()[:-60])
    yield "offset-outside", _offset_outside


def _with(name: str, array: Any) -> dict[str, bytes]:
    return {"y.npy": _bytes(np.zeros((2, 8), np.float32)), f"{name}.npy": _bytes(array)}


def _bytes(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _zip(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _patched(path: Path, change: Callable[[bytearray], None]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("y.npy", _bytes(np.zeros((2, 8), np.float32)))
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(bytes(content))


def _bad_checksum(path: Path) -> None:
    def change(content: bytearray) -> None:
        content[150] ^= 0xFF

    _patched(path, change)


def _encrypted(path: Path) -> None:
    def change(content: bytearray) -> None:
        content[6] |= 1
        content[content.find(b"PK\x01\x02") + 8] |= 1

    _patched(path, change)


def _unknown_compression(path: Path) -> None:
    def change(content: bytearray) -> None:
        content[8] = 97
        content[content.find(b"PK\x01\x02") + 10] = 97

    _patched(path, change)


def _offset_outside(path: Path) -> None:
    def change(content: bytearray) -> None:
        place = content.find(b"PK\x01\x02") + 42
        content[place : place + 4] = struct.pack("<I", 2**31)

    _patched(path, change)


def broken_sparse() -> Iterator[tuple[str, Break]]:
    """Give sparse matrices ``(8, 16)`` of `scipy.sparse.save_npz` whose parts do not agree."""
    index = np.array([0, 5, 15], np.int32)
    good: dict[str, Any] = {
        "format": np.array(b"csr"),
        "shape": np.array([8, 16]),
        "data": np.ones(3, np.float32),
        "indices": index,
        "indptr": np.array([0, 1, 2, 3, 3, 3, 3, 3, 3], np.int32),
    }
    changes: dict[str, dict[str, Any]] = {
        "index-outside": {"indices": np.array([0, 5, 16], np.int32)},
        "index-far-outside": {"indices": np.array([0, 5, 2**31 - 1], np.int32)},
        "index-negative": {"indices": np.array([0, -1, 15], np.int32)},
        "index-floats": {"indices": np.array([0.0, 0.5, 1.0])},
        "index-nan": {"indices": np.array([0.0, np.nan, 1.0])},
        "index-two-axes": {"indices": np.zeros((3, 1), np.int32)},
        "index-short": {"indices": np.zeros(2, np.int32)},
        "index-64-bit": {"indices": np.array([0, 5, 2**62])},
        "pointer-decreasing": {"indptr": np.array([0, 3, 2, 3, 3, 3, 3, 3, 3], np.int32)},
        "pointer-negative": {"indptr": np.array([0, -1, 2, 3, 3, 3, 3, 3, 3], np.int32)},
        "pointer-past-the-end": {"indptr": np.array([0, 1, 2, 3, 3, 3, 3, 3, 10**6], np.int32)},
        "pointer-peak": {"indptr": np.array([0, 10**6, 2, 3, 3, 3, 3, 3, 3], np.int32)},
        "pointer-short": {"indptr": np.array([0, 3], np.int32)},
        "pointer-long": {"indptr": np.zeros(100, np.int32)},
        "pointer-not-from-zero": {"indptr": np.array([1, 1, 2, 3, 3, 3, 3, 3, 3], np.int32)},
        "shape-negative": {"shape": np.array([-8, 16])},
        "shape-huge": {"shape": np.array([2**62, 16])},
        "shape-one": {"shape": np.array([8])},
        "shape-three": {"shape": np.array([8, 16, 1])},
        "shape-text": {"shape": np.array(["8", "16"])},
        "shape-other": {"shape": np.array([8, 4])},
        "shape-zero": {"shape": np.array([0, 16])},
        "shape-floats": {"shape": np.array([8.5, 16.0])},
        "data-nan": {"data": np.array([1.0, np.nan, 1.0])},
        "data-inf": {"data": np.array([1.0, np.inf, 1.0])},
        "data-too-large": {"data": np.array([1.0, 1e300, 1.0])},
        "data-text": {"data": np.array(["a", "b", "c"])},
        "data-objects": {"data": np.array([None, 1, 2], dtype=object)},
        "data-short": {"data": np.ones(2, np.float32)},
        "data-complex": {"data": np.ones(3, np.complex64)},
        "data-dates": {"data": np.zeros(3, "datetime64[s]")},
        "format-unknown": {"format": np.array(b"xyz")},
        "format-number": {"format": np.array(3)},
        "format-text": {"format": np.array("cs\u0301r")},
        "format-bytes": {"format": np.array(b"\xff\xfe")},
        "format-list": {"format": np.array([b"csr", b"csr"])},
        "format-lil": {"format": np.array(b"lil")},
        "format-dia": {"format": np.array(b"dia")},
        "format-bsr": {"format": np.array(b"bsr")},
    }
    for words, change in changes.items():
        yield words, given(_savez, good | change)
    for name in ("indices", "indptr", "data"):
        yield (
            f"no-{name}",
            given(_savez, {k: v for k, v in good.items() if k != name}),
        )
    row, column = np.array([0, 1, 99]), np.array([0, 1, 2])
    coo = {"format": np.array(b"coo"), "shape": np.array([8, 16]), "data": np.ones(3)}
    yield "row-outside", lambda path: _savez(path, coo | {"row": row, "col": column})
    yield "column-negative", lambda path: _savez(path, coo | {"row": column, "col": -row})
    csc = good | {"format": np.array(b"csc"), "indptr": np.array([0] * 16 + [3], np.int32)}
    yield "csc-row-outside", lambda path: _savez(path, csc)
    dia = {"format": np.array(b"dia"), "shape": np.array([8, 16]), "data": np.ones((1, 16))}
    yield "diagonal-outside", lambda path: _savez(path, dia | {"offsets": np.array([10**9])})
    yield "diagonals-differ", lambda path: _savez(path, dia | {"offsets": np.array([0, 1])})
    bsr = good | {"format": np.array(b"bsr"), "data": np.ones((3, 2, 2))}
    yield "block-outside", lambda path: _savez(path, bsr | {"indptr": np.array([0, 1, 2, 3, 3])})


def _savez(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)
