"""Files with random changes: each is read, or refused in a sentence; some seconds of it, with fixed seeds."""

import gzip
import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from sciadv.data.moments import Moments, Residual
from sciadv.errors import SciadvError
from sciadv.files.arrays import read_array, read_matrix
from sciadv.files.cards import read_card
from sciadv.files.reading import read_text
from sciadv.files.texts import parse_toml, read_csv, read_gzip, read_json
from sciadv.files.weights import read_tensor_file, write_tensors
from sciadv.nets import build_seeded
from sciadv.prior import Prior

N = 150
PIECES = [
    b"\x00" * 8,
    b"\xff" * 8,
    struct.pack("<q", 2**62),
    b"[" * 500,
    b"{",
    b"}",
    b'"',
    b"9" * 5000,
    b"nan",
]


def mutated(content: bytes, drawn: random.Random) -> bytes:
    """Flip bits, overwrite, insert, remove, repeat or cut off."""
    out = bytearray(content)
    for _ in range(drawn.choice((1, 1, 2, 4, 8))):
        place = drawn.randrange(len(out) + 1)
        change = drawn.randrange(6)
        if change == 0 and place < len(out):
            out[place] ^= 1 << drawn.randrange(8)
        elif change == 1:
            piece = drawn.choice(PIECES)
            out[place : place + len(piece)] = piece
        elif change == 2:
            out[place:place] = drawn.choice(PIECES)
        elif change == 3:
            del out[place : place + drawn.choice((1, 4, 50))]
        elif change == 4:
            out[place:place] = out[place : place + 16] * drawn.choice((1, 20))
        elif drawn.random() < 0.2:
            del out[place:]
    return bytes(out)


def mutated_parts(content: bytes, drawn: random.Random) -> bytes:
    """Change one member of an archive, or the header of a tensor file, and put lengths right."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = drawn.choice(sorted(members))
        members[name] = mutated(members[name], drawn)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for key, value in members.items():
                archive.writestr(key, value)
        return out.getvalue()
    length = struct.unpack("<Q", content[:8])[0]
    changed = mutated(content[8 : 8 + length], drawn)
    return struct.pack("<Q", len(changed)) + changed + content[8 + length :]


def matrix(kind: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        full = sparse.csr_array(np.kron(np.eye(3), np.ones((2, 2))))
        sparse.save_npz(folder / "a.npz", full.asformat(kind), compressed=False)
        return folder / "a.npz"

    return write


def use(path: Path) -> object:
    """Read a matrix and multiply by it, which touches every index."""
    found = read_matrix(path, default="y")
    is_small = getattr(found, "ndim", 0) == 2 and found.shape[1] < 10**6 and found.shape[0] < 10**6
    return found @ np.ones(found.shape[1]) if is_small else found


def array(folder: Path) -> Path:
    np.save(folder / "a.npy", np.arange(12.0).reshape(3, 4))
    return folder / "a.npy"


def archive(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", y=np.arange(12.0), labels=np.arange(3))
    return folder / "a.npz"


def text(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def prior(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        spec = {"kind": "mlp-decoder", "n_latent": 2, "image_shape": [1, 2, 2], "hidden": [3]}
        statistics = Moments(torch.zeros(1, 2, 2), torch.eye(4))
        residual = Residual(statistics, statistics, torch.rand(2, 1, 2, 2))
        Prior(build_seeded(spec, 0), 2, moments=statistics, residual=residual).save(folder)
        (folder / "card.md").unlink()
        for path in folder.glob("*.safetensors"):  # without their own hash, which would find any change
            file = read_tensor_file(path, what="w", advice="")
            raw = path.read_bytes()
            assert write_tensors(path, file.tensors, file.header).read_bytes() == raw
            path.write_bytes(raw.replace(b"content_sha256", b"content_sha257"))
        return folder / name

    return write


TOML = b'title = "x"\n[forward]\nkind = "block-sum"\nblock = 2\n[[bench.bars]]\na = [1, 2.5, {b = 1}]\n'
CARD = b"---\ntags: sciadv\nweights_sha256: 00\n---\n# title\n"
KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], bool]] = {
    "npy": (array, read_array, False),
    "npz": (archive, use, True),
    **{kind: (matrix(kind), use, True) for kind in ("csr", "csc", "bsr", "coo", "dia")},
    "toml": (text("a.toml", TOML), lambda path: parse_toml(read_text(path), file=str(path)), False),
    "json": (text("a.json", b'{"a": [1, 2.5, null, {"b": "c"}]}'), lambda p: read_json(p, advice=""), False),
    "csv": (text("a.csv", b"step,loss\r\n1,0.5\r\n2,0.25\r\n"), lambda p: read_csv(p, advice=""), False),
    "gzip": (text("a.gz", gzip.compress(b"some text" * 9)), lambda p: read_gzip(p, advice=""), False),
    "card": (text("card.md", CARD), lambda path: read_card(path.parent), False),
    "weights": (prior("weights.safetensors"), lambda path: Prior.load(path.parent), True),
    "moments": (prior("moments.safetensors"), lambda path: Moments.load(path.parent), True),
    "residual": (prior("residual.safetensors"), lambda path: Residual.load(path.parent), True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_changed_files_are_read_or_refused_in_a_sentence(tmp_path, kind):
    write, read, has_parts = KINDS[kind]
    path = write(tmp_path)
    good = path.read_bytes()
    read(path)
    drawn = random.Random(kind)
    sentences: set[str] = set()
    for _ in range(N):
        change = mutated_parts if has_parts and drawn.random() < 0.6 else mutated
        path.write_bytes(change(good, drawn))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read(path)
            except SciadvError as error:
                sentences.add(str(error))
    assert sentences or kind in {"csv", "card"}
    assert all(str(path) in sentence or str(path.parent) in sentence for sentence in sentences)
