"""Text files with a structure: TOML, JSON, CSV and gzipped text, bounded in size and depth."""

from __future__ import annotations

import csv
import gzip
import json
import os
import tomllib
from pathlib import Path
from typing import Any

from sciadv.errors import InputError
from sciadv.files.reading import Failure, opened, parsing, read_bytes, read_text

#: Tables within tables, or lists within lists.
MAX_DEPTH = 64
MAX_TOML_BYTES = 4 * 2**20
MAX_UNZIPPED_BYTES = 2**30
_LARGEST_WHOLE = 2**63


def parse_toml(text: str, *, file: str) -> dict[str, object]:
    """Return what the text of a TOML file says; `file` is its name in messages.

    Raises
    ------
    InputError
        It is not TOML, too large, too deep, or has a whole number that TOML does not allow.
    """
    if len(text) > MAX_TOML_BYTES:
        raise InputError(f"{file} has {len(text)} characters, at most {MAX_TOML_BYTES} are read; use files")
    if any(_is_deep_key(line.partition("=")[0]) for line in text.splitlines()):  # quadratic to parse
        raise InputError(f"{file} is not valid TOML: a key has more than {MAX_DEPTH} parts")
    try:
        found: dict[str, object] = tomllib.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError | MemoryError) else str(error)
        raise InputError(f"{file} is not valid TOML: {reason[:200]}") from error
    return dict(_require_plain(found, file, InputError))


def _is_deep_key(head: str) -> bool:
    """Say whether what stands before an equals sign is a key of very many parts, not numbers or prose."""
    return head.count(".") > MAX_DEPTH and "," not in head and ".." not in head


def parse_json(text: str | bytes, *, file: str, advice: str, failure: Failure = InputError) -> Any:
    """Return what JSON says; `file` is its name in messages.

    Raises
    ------
    InputError
        It is not JSON, or too deep (or what `failure` makes).
    """
    with parsing(Path(file), "JSON", advice, failure):
        found = json.loads(text)
    return _require_plain(found, file, failure)


def read_json(path: Path, *, advice: str, failure: Failure = InputError) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        It is missing, too large, or not JSON (or what `failure` makes).
    """
    text = read_text(path, advice=advice, failure=failure)
    return parse_json(text, file=str(path), advice=advice, failure=failure)


def read_csv(path: Path, *, advice: str, failure: Failure = InputError) -> list[list[str]]:
    """Read the rows of a CSV file as text.

    Raises
    ------
    InputError
        It is missing, too large, or no CSV (or what `failure` makes).
    """
    text = read_text(path, advice=advice, failure=failure)
    with parsing(path, "CSV", advice, failure):
        return list(csv.reader(text.splitlines()))


def read_gzip(path: Path, *, advice: str, max_bytes: int = MAX_UNZIPPED_BYTES) -> bytes:
    """Read a gzipped file of at most `max_bytes` when unzipped.

    Raises
    ------
    InputError
        It is missing, no gzip file, cut off, or larger.
    """
    with opened(path, advice=advice) as file, parsing(path, "gzipped text", advice):
        with gzip.GzipFile(fileobj=file) as content:
            raw = content.read(max_bytes + 1)
        if os.fstat(file.fileno()).st_size == 0:
            raise EOFError("it is empty")
        if len(raw) > max_bytes:
            raise InputError(f"{path} unzips to more than {max_bytes} bytes; {advice}")
        return raw


def _require_plain(value: Any, file: str, failure: Failure) -> Any:
    """Check depth and whole numbers of nested tables and lists, without recursion."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        for item in level:
            if isinstance(item, int) and not -_LARGEST_WHOLE <= item < _LARGEST_WHOLE:
                raise failure(f"{file} has a whole number of more than 64 bits; give a smaller one")
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return value
    raise failure(f"{file} is nested more than {MAX_DEPTH} deep; write it flatter")


def _inside(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


__all__ = [
    "MAX_DEPTH",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_csv",
    "read_gzip",
    "read_json",
    "read_text",
]
