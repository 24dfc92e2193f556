"""Files as they come from full disks, bad copies, other programs and attackers; a function a kind."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: Replaces a good file, which is there, by a broken one.
Break = Callable[[Path], object]


def given(function: Callable[..., object], *values: object) -> Break:
    """Return a way that calls a function with a path and these values."""
    return lambda path: function(path, *values)


def broken_anyhow() -> Iterator[tuple[str, Break]]:
    """Give ways in which a file of any kind may be broken."""
    yield "missing", lambda path: path.unlink()
    yield "empty", lambda path: write(path, b"")
    yield "one-byte", lambda path: write(path, path.read_bytes()[:1])
    yield "half", lambda path: write(path, path.read_bytes()[: path.stat().st_size // 2])
    yield "last-byte-lost", lambda path: write(path, path.read_bytes()[:-1])
    yield "first-byte-lost", lambda path: write(path, path.read_bytes()[1:])
    yield "zeros", lambda path: write(path, bytes(path.stat().st_size))
    yield "random", lambda path: write(path, np.random.default_rng(0).bytes(4096))
    yield "text", lambda path: write(path, b"this is not the file that you are looking for\n")
    yield "web-page", lambda path: write(path, b"<!DOCTYPE html><html><body>404</body></html>")
    yield "pickle", lambda path: write(path, pickle.dumps(Harmful()))
    yield "gzip", lambda path: write(path, b"\x1f\x8b\x08" + bytes(60))
    yield "large-file-pointer", lambda path: write(path, b"version https://git-lfs.github.com/spec/v1\n")
    yield "folder", _as_folder
    yield "pipe", _as_pipe
    yield "loop", _as_loop
    yield "dangling", lambda path: _as_link(path, path.with_name("nowhere"))
    yield "endless", lambda path: _as_link(path, Path("/dev/zero"))
    yield "null-device", lambda path: _as_link(path, Path("/dev/null"))
    yield "terminal", lambda path: _as_link(path, Path("/dev/tty"))
    yield "sparse-terabyte", _as_sparse


def broken_text() -> list[tuple[str, Break]]:
    """Give the ways in which a text may be broken: without its last line's end it is whole."""
    return [way for way in broken_anyhow() if way[0] != "last-byte-lost"]


class Harmful:
    """A pickle of it runs code when it is loaded: a folder of this name must never appear."""

    FOLDER = "code-was-run"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (self.FOLDER,)


def write(path: Path, content: bytes) -> None:
    """Write bytes in place of a file."""
    path.write_bytes(content)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _as_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _as_link(path: Path, target: Path) -> None:
    path.unlink()
    path.symlink_to(target)


def _as_sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2**40)


def broken_tensors() -> Iterator[tuple[str, Break]]:
    """Give safetensors files with lies in their headers, or numbers that no network has."""
    yield "header-terabyte", lambda path: write(path, struct.pack("<Q", 2**60) + b"{}")
    yield "header-100-MB", lambda path: write(path, struct.pack("<Q", 10**8) + b"{" * 1000)
    yield "header-not-json", lambda path: write(path, struct.pack("<Q", 4) + b"abcd")
    yield "header-list", lambda path: write(path, struct.pack("<Q", 2) + b"[]")
    yield "header-empty", lambda path: write(path, struct.pack("<Q", 2) + b"{}")
    yield "header-deep", lambda path: write(path, struct.pack("<Q", 200_000) + b'{"a":' * 40_000)
    yield "header-not-utf-8", lambda path: write(path, struct.pack("<Q", 4) + b'{"\xff"')
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    lies: dict[str, Any] = {
        "offset-outside": tensor | {"data_offsets": [0, 10**12]},
        "offset-backwards": tensor | {"data_offsets": [8, 0]},
        "offset-negative": tensor | {"data_offsets": [-8, 0]},
        "offset-text": tensor | {"data_offsets": ["0", "8"]},
        "shape-huge": tensor | {"shape": [2**40, 2**40]},
        "shape-negative": tensor | {"shape": [-2]},
        "shape-other": tensor | {"shape": [3]},
        "dtype-unknown": tensor | {"dtype": "F33"},
        "no-dtype": {"shape": [2], "data_offsets": [0, 8]},
        "number": 3,
    }
    for words, lie in lies.items():
        yield f"tensor-{words}", given(_tensors, {"a": lie})
    yield "metadata-list", lambda path: _tensors(path, {"__metadata__": [1], "a": tensor})
    yield "metadata-numbers", lambda path: _tensors(path, {"__metadata__": {"nets": 3}, "a": tensor})
    changes: dict[str, Callable[[dict[str, Any], dict[str, str]], None]] = {
        "tensor-nan": lambda tensors, _: _first(tensors).fill_(float("nan")),
        "tensor-inf": lambda tensors, _: _first(tensors).fill_(float("inf")),
        "tensor-lost": lambda tensors, _: tensors.pop(next(iter(tensors))),
        "tensor-extra": lambda tensors, _: tensors.update(extra=_first(tensors).clone()),
        "tensor-longer": lambda tensors, _: tensors.update(
            {next(iter(tensors)): _first(tensors).new_zeros(99)}
        ),
        "tensor-integers": lambda tensors, _: tensors.update(
            {next(iter(tensors)): (_first(tensors) * 9).int()}
        ),
        "tensor-complex": lambda tensors, _: tensors.update({next(iter(tensors)): _first(tensors).cfloat()}),
        "all-renamed": lambda tensors, _: _rename(tensors),
        "no-tensors": lambda tensors, _: tensors.clear(),
        "no-metadata": lambda _, metadata: metadata.clear(),
    }
    for words, change in changes.items():
        yield words, given(_resaved, change)


def broken_nets() -> Iterator[tuple[str, Break]]:
    """Give a prior's weights that describe networks that cannot be."""
    decoder = {"kind": "mlp-decoder", "n_latent": 3, "image_shape": [1, 4, 4], "hidden": [8]}
    texts: dict[str, Any] = {
        "empty": {},
        "list": [],
        "number": 3,
        "null": None,
        "generator-text": {"generator": "mlp"},
        "generator-list": {"generator": [decoder]},
        "no-kind": {"generator": {k: v for k, v in decoder.items() if k != "kind"}},
        "kind-unknown": {"generator": decoder | {"kind": "no-such"}},
        "kind-list": {"generator": decoder | {"kind": ["mlp-decoder"]}},
        "kind-encoder": {"generator": {"kind": "mlp-encoder", "n_latent": 3, "image_shape": [1, 4, 4]}},
        "key-unknown": {"generator": decoder | {"no_such": 1}},
        "latent-negative": {"generator": decoder | {"n_latent": -3}},
        "latent-zero": {"generator": decoder | {"n_latent": 0}},
        "latent-huge": {"generator": decoder | {"n_latent": 10**12}},
        "latent-text": {"generator": decoder | {"n_latent": "3"}},
        "latent-null": {"generator": decoder | {"n_latent": None}},
        "latent-half": {"generator": decoder | {"n_latent": 3.5}},
        "latent-other": {"generator": decoder | {"n_latent": 4}},
        "shape-empty": {"generator": decoder | {"image_shape": []}},
        "shape-negative": {"generator": decoder | {"image_shape": [1, -4, 4]}},
        "shape-huge": {"generator": decoder | {"image_shape": [1, 10**9, 10**9]}},
        "shape-text": {"generator": decoder | {"image_shape": "144"}},
        "shape-nested": {"generator": decoder | {"image_shape": [[1], [4], [4]]}},
        "hidden-empty": {"generator": decoder | {"hidden": []}},
        "hidden-many": {"generator": decoder | {"hidden": [8] * 100_000}},
        "hidden-text": {"generator": decoder | {"hidden": ["8"]}},
        "hidden-nan": {"generator": decoder | {"hidden": [float("nan")]}},
        "encoder-null": {"generator": decoder, "encoder": None},
        "encoder-other": {
            "generator": decoder,
            "encoder": {"kind": "mlp-encoder", "n_latent": 9, "image_shape": [1, 4, 4]},
        },
    }
    for words, value in texts.items():
        yield f"nets-{words}", given(_with_nets, json.dumps(value))
    yield "nets-not-json", lambda path: _with_nets(path, "{")
    yield "nets-deep", lambda path: _with_nets(path, "[" * 200_000)
    yield "nets-digits", lambda path: _with_nets(path, "9" * 10_000)


def _with_nets(path: Path, text: str) -> None:
    _resaved(path, lambda _, metadata: metadata.update(nets=text))


def _first(tensors: dict[str, Any]) -> Any:
    return next(iter(tensors.values()))


def _rename(tensors: dict[str, Any]) -> None:
    for name in list(tensors):
        tensors[f"x.{name}"] = tensors.pop(name)


def _tensors(path: Path, header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))


def _resaved(path: Path, change: Callable[[dict[str, Any], dict[str, str]], object]) -> None:
    """Read a good file, change its tensors and header, and write it again."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
        metadata = dict(file.metadata() or {})
    change(tensors, metadata)
    save_file(tensors, path, metadata=metadata)


def broken_json() -> Iterator[tuple[str, Break]]:
    """Give JSON files that are none, or hold something else."""
    texts = {
        "list": "[]",
        "number": "3",
        "null": "null",
        "text": '"card"',
        "empty-object": "{}",
        "deep": "[" * 200_000,
        "deep-object": '{"a":' * 100_000,
        "digits": "9" * 10_000,
        "open": '{"method": "linear"',
        "nan": "NaN",
        "surrogate": '"\\ud800"',
        "byte-order-mark": "\ufeff{}",
    }
    for words, text in texts.items():
        yield words, given(write, text.encode())
    yield "not-utf-8", lambda path: write(path, b'{"a": "\xff\xfe"}')
