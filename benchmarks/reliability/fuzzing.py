"""Mutational fuzzers: good files with random changes, through the entry that reads each kind.

Allowed are an answer and a `SciadvError`; anything else that is raised, a crash or a wait is an escape.
`main` runs in a process of its own, and writes one JSON line.
"""

from __future__ import annotations

import io
import json
import random
import resource
import signal
import struct
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch

import sciadv
from benchmarks.reliability import toy
from benchmarks.reliability.bad_input.toml_files import RECIPE
from sciadv.errors import SciadvError

#: Seconds after which a reader hangs.
LIMIT = 20
#: Numbers that overflow, wrap, or are no numbers, as little-endian bytes.
_INTERESTING = [
    *(struct.pack("<q", value) for value in (-1, 2**63 - 1, -(2**63), 2**31, 2**31 - 1, 2**40)),
    *(struct.pack("<i", value) for value in (-1, 0, 2**31 - 1, 255, 65536)),
    *(struct.pack("<f", value) for value in (float("nan"), float("inf"), -1.0, 3e38)),
    *(struct.pack("<d", value) for value in (float("nan"), 1e300)),
]
#: Pieces of texts that parsers trip over.
_PIECES = [
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b"'",
        b"=",
        b":",
        b",",
        b"\n",
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"-",
        b".",
    ),
    *(
        b"1e999",
        b"nan",
        b"-inf",
        b"null",
        b"true",
        b"99999999999999999999",
        b"\\u0000",
        b"1979-05-27",
        b"[[",
        b"#",
    ),
    *(b"__class__", b"../", b"[" * 2000, b"9" * 5000, b"a." * 2000),
]


@dataclass(frozen=True)
class Target:
    """A kind of file: how a good one is written into a folder, its name, and what reads it."""

    prepare: Callable[[Path], Path]
    read: Callable[[Path], object]
    parts: str = "bytes"


def targets() -> dict[str, Target]:
    """Return every kind of file."""
    return {
        "npy": Target(_npy, _matrix),
        "npz": Target(_npz, _matrix, "zip"),
        "sparse npz": Target(_sparse, _matrix, "zip"),
        "prior weights": Target(_prior("weights.safetensors", has_card=False), _load_prior, "tensors"),
        "prior moments": Target(_prior("moments.safetensors", has_card=False), _load_prior, "tensors"),
        "prior card": Target(_prior("card.md", has_card=True), _load_prior),
        "problem.toml": Target(toy.save_problem, sciadv.load_problem),
        "recipe.toml": Target(_recipe, _load_recipe),
        "corrector card": Target(_corrector("card.json"), _load_corrector),
        "corrector weights": Target(_corrector("weights.safetensors"), _load_corrector, "tensors"),
        "checkpoint": Target(_checkpoint, _load_checkpoint, "tensors"),
        "h5ad": Target(_cells, _load_cells),
    }


#: Share of the executions of each kind; a file of cells takes many times as long as the others.
SHARES = {"h5ad": 0.02, "checkpoint": 0.5, "corrector card": 0.5, "corrector weights": 0.5}


def mutated(content: bytes, drawn: random.Random, parts: str) -> bytes:
    """Return a file with one to eight changes: in its bytes, or within its parts with lengths put right."""
    if parts == "zip" and drawn.random() < 0.6:
        return _mutated_zip(content, drawn)
    if parts == "tensors" and drawn.random() < 0.6:
        return _mutated_header(content, drawn)
    return _mutated_bytes(content, drawn)


def _mutated_bytes(content: bytes, drawn: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(drawn.choice((1, 1, 2, 3, 8))):
        place = drawn.randrange(len(changed) + 1)
        kind = drawn.randrange(7)
        if kind == 0 and changed:
            changed[min(place, len(changed) - 1)] ^= 1 << drawn.randrange(8)
        elif kind == 1:
            value = drawn.choice(_INTERESTING)
            changed[place : place + len(value)] = value
        elif kind == 2:
            changed[place:place] = drawn.choice(_PIECES)
        elif kind == 3:
            del changed[place : place + drawn.choice((1, 2, 8, 100))]
        elif kind == 4:
            end = place + drawn.choice((1, 8, 64))
            changed[place:place] = changed[place:end] * drawn.choice((1, 2, 50))
        elif kind == 5:
            value = drawn.choice(_PIECES)
            changed[place : place + len(value)] = value
        elif drawn.random() < 0.2:
            del changed[place:]
    return bytes(changed)


def _mutated_zip(content: bytes, drawn: random.Random) -> bytes:
    """Change one member of an archive, with a right checksum."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = drawn.choice(sorted(members))
    if drawn.random() < 0.1:
        members[drawn.choice(("x.npy", "../y.npy", "y", name.upper()))] = members.pop(name)
    else:
        members[name] = _mutated_bytes(members[name], drawn)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", drawn.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return out.getvalue()


def _mutated_header(content: bytes, drawn: random.Random) -> bytes:
    """Change the header of a safetensors file, with a right length."""
    (length,) = struct.unpack("<Q", content[:8])
    header = _mutated_bytes(content[8 : 8 + length], drawn)
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


def fuzz(kind: str, n: int, seed: int) -> dict[str, object]:
    """Read so many mutated files of a kind; return how many, and the escapes."""
    target = targets()[kind]
    drawn = random.Random(f"{kind} {seed}")
    escapes: list[str] = []
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        path = target.prepare(Path(folder))
        good = path.read_bytes()
        target.read(path)
        signal.signal(signal.SIGALRM, _too_long)
        for number in range(n):
            path.write_bytes(mutated(good, drawn, target.parts))
            signal.alarm(LIMIT)
            try:
                target.read(path)
            except SciadvError:
                refused += 1
            except BaseException as error:  # noqa: BLE001  # whatever gets out is what is looked for
                escapes.append(f"{number}: {type(error).__name__}: {error!s:.200}")
            finally:
                signal.alarm(0)
    return {"kind": kind, "n": n, "refused": refused, "escapes": len(escapes), "words": escapes[:5]}


def _too_long(number: int, frame: FrameType | None) -> None:  # the signal module's signature
    raise TimeoutError(f"no answer in {LIMIT} s")


def _npy(folder: Path) -> Path:
    np.save(folder / "a.npy", toy.matrix().numpy())
    return folder / "a.npy"


def _npz(folder: Path) -> Path:
    np.savez(folder / "a.npz", y=toy.matrix().numpy(), labels=np.arange(3))
    return folder / "a.npz"


def _sparse(folder: Path) -> Path:
    from scipy import sparse

    sparse.save_npz(folder / "a.npz", sparse.csr_array(toy.matrix().numpy().round()), compressed=False)
    return folder / "a.npz"


def _matrix(path: Path) -> object:
    """Read a matrix and use it as an operator."""
    from sciadv.files.arrays import read_matrix
    from sciadv.forward import Matrix

    found = read_matrix(path, default="y")
    if getattr(found, "ndim", 0) != 2 or found.shape[1] > 10**6:
        return found
    operator = Matrix(found)
    return operator(torch.ones(1, found.shape[1]))


def _prior(name: str, *, has_card: bool) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        toy.save_prior(folder / "prior")
        if not has_card:
            (folder / "prior" / "card.md").unlink()
        return folder / "prior" / name

    return prepare


def _load_prior(path: Path) -> object:
    return sciadv.Prior.load(path.parent).sample(1, seed=0)


def _recipe(folder: Path) -> Path:
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "recipe.toml"


def _load_recipe(path: Path) -> object:
    from sciadv.catalogue import load_recipe

    return load_recipe(path)


def _corrector(name: str) -> Callable[[Path], Path]:
    def prepare(folder: Path) -> Path:
        sciadv.BatchCorrector(method="linear").fit(**toy.cells()).save(folder / "corrector")
        return folder / "corrector" / name

    return prepare


def _load_corrector(path: Path) -> object:
    return sciadv.BatchCorrector.load(path.parent).transform(**toy.cells())


def _checkpoint(folder: Path) -> Path:
    game = sciadv.Game(**toy.players())
    game.step(toy.points())
    game.save(folder / "game.safetensors")
    return folder / "game.safetensors"


def _load_checkpoint(path: Path) -> None:
    sciadv.Game(**toy.players()).load(path)


def _cells(folder: Path) -> Path:
    return toy.save_cells(folder / "cells.h5ad")


def _load_cells(path: Path) -> object:
    from benchmarks.reliability.commands import command

    out = path.with_name("out.h5ad")
    arguments = ("correct", str(path), "--batch", "batch", "-o", str(out), "--method", "linear")
    result = command(*arguments)
    if result.code not in (0, 2):
        raise RuntimeError(f"exit code {result.code}: {result.errors}")
    return result


def main(kind: str, n: str, seed: str) -> None:
    """Fuzz one kind in this process, with a bound on its memory; write the result as a JSON line."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(fuzz(kind, int(n), int(seed))) + "\n")
