"""Safetensors files with texts in their header: written whole or not at all, read without code, all checked.

Every file that is written here says in its header what its content hashes to; the hash does not depend on the
order of tensors or of header entries, which may differ between two writings of the same content.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sciadv.errors import WeightsError
from sciadv.files.publishing import make_folder
from sciadv.files.reading import MAX_TEXT_BYTES, opened, reason, require_bytes
from sciadv.files.texts import parse_json
from sciadv.files.writing import write_file

_HASH = "content_sha256"
_LENGTH_BYTES = 8


@dataclass(frozen=True, eq=False)
class TensorFile:
    """What a safetensors file holds.

    Parameters
    ----------
    path
        Where it lies.
    what, advice
        What it should be, and what to do when it is not, for messages.
    tensors
        By name, on the CPU.
    header
        Texts by name.
    sha256
        Hash of the content: names, types, shapes and numbers of the tensors, and the header.
    """

    path: Path
    what: str
    advice: str
    tensors: dict[str, Tensor]
    header: dict[str, str]
    sha256: str

    def entry(self, name: str) -> Any:
        """Return an entry of the header that is JSON.

        Raises
        ------
        WeightsError
            There is none, or it is not JSON.
        """
        if name not in self.header:
            raise self.wrong(f"its header has no {name!r}")
        return parse_json(self.header[name], file=f"its {name}", advice="", failure=self.wrong)

    def wrong(self, why: str) -> WeightsError:
        """Return the error that the file is not what it should be."""
        return WeightsError(f"{self.path} is not {self.what}: {why.strip('. ')}. {self.advice}")

    def require_finite(self) -> None:
        """Check that no number is NaN or Inf.

        Raises
        ------
        WeightsError
            One is.
        """
        for name, tensor in self.tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise self.wrong(f"{name} holds NaN or Inf")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> Path:
    """Write tensors, a header of texts and their hash; the old file stays whole until the new one is.

    Parameters
    ----------
    path
        The file; its folder is made if it is not there.
    tensors
        By name, on any device.
    header
        Texts by name.

    Raises
    ------
    OutputError
        It cannot be written; the old file is as it was.
    """
    from safetensors.torch import save

    make_folder(path.parent)
    contiguous = {name: t.detach().cpu().contiguous().clone() for name, t in sorted(tensors.items())}
    texts = {**header, _HASH: content_sha256(contiguous, header)}
    return write_file(path, _with_sorted_header(save(contiguous, metadata=texts)))


def read_tensor_file(path: Path, *, what: str, advice: str, is_finite: bool = True) -> TensorFile:
    """Read every tensor and text of a file, and compare the content with the hash in its header, if any.

    Parameters
    ----------
    path
        The file.
    what, advice
        What the file should be, and what to do when it is not, for the message.
    is_finite
        Whether NaN and Inf are refused.

    Raises
    ------
    WeightsError
        The file is missing, truncated, damaged, or has NaN or Inf.
    """
    from safetensors.torch import load

    with _as_weights_error(path, what, advice):
        raw = _read(path)
        header = _header(raw)
        texts = header.pop("__metadata__", {})
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("its header is no table of texts")
        tensors = load(raw)
        stated = texts.pop(_HASH, None)
        found = content_sha256(tensors, texts)
        if stated is not None and stated != found:
            raise ValueError("its content does not have the hash that it states; it was damaged or changed")
    file = TensorFile(path, what, advice, tensors, texts, found)
    if is_finite:
        file.require_finite()
    return file


def read_tensors(
    path: Path, entry: str, *, what: str, advice: str, is_finite: bool = False
) -> tuple[dict[str, Tensor], object]:
    """Read every tensor of a file, and one entry of its header as JSON.

    Parameters
    ----------
    path
        The file.
    entry
        Name of the header's entry.
    what, advice
        What the file should be, and what to do when it is not, for the message.
    is_finite
        Whether NaN and Inf are refused.

    Raises
    ------
    WeightsError
        The file is missing, truncated, damaged, has NaN or Inf, or no such entry.
    """
    file = read_tensor_file(path, what=what, advice=advice, is_finite=is_finite)
    return file.tensors, file.entry(entry)


def content_sha256(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Hash names, types, shapes and bytes of tensors, and a header of texts; their order does not matter.

    A header entry that is a JSON table is hashed with its keys sorted.
    """
    digest = hashlib.sha256()
    for name, text in sorted(header.items()):
        digest.update(json.dumps([name, _sorted_json(text)]).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        if tensor.numel():
            numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(numbers.numpy().data)
    return digest.hexdigest()


def _sorted_json(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text


@contextmanager
def _as_weights_error(path: Path, what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # safetensors, json and torch raise anything on broken bytes
        why = re.sub(rf"^{re.escape(str(path))}", "it", reason(error)).strip("; .")
        raise WeightsError(f"{path} is not {what}: {why}. {advice}") from error


def _read(path: Path) -> bytes:
    with opened(path, advice="", failure=WeightsError) as file:
        size = os.fstat(file.fileno()).st_size
        require_bytes(path, 2 * size, failure=WeightsError)  # the bytes, and the tensors made of them
        n_header = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or n_header > min(size - _LENGTH_BYTES, MAX_TEXT_BYTES):
            raise ValueError(f"it has {size} bytes, but its header alone should have {n_header}")
        file.seek(0)
        return file.read()


def _header(raw: bytes) -> dict[str, Any]:
    n_header = int.from_bytes(raw[:_LENGTH_BYTES], "little")
    header = parse_json(raw[_LENGTH_BYTES : _LENGTH_BYTES + n_header], file="its header", advice="")
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    return header


def _with_sorted_header(raw: bytes) -> bytes:
    """Sort the texts in the header, which safetensors writes in an order of its own each time."""
    n_header = int.from_bytes(raw[:_LENGTH_BYTES], "little")
    header = json.loads(raw[_LENGTH_BYTES : _LENGTH_BYTES + n_header])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + raw[_LENGTH_BYTES + n_header :]
