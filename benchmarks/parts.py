"""The parts of a long bench: kept on disk as they are finished, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contract import PENDING, Row, Settings
from sciadv.files.publishing import make_folder
from sciadv.files.texts import read_json
from sciadv.files.writing import write_file

__all__ = ["PENDING", "Part", "keep_part", "measure_parts", "read_part"]


@dataclass(frozen=True)
class Part:
    """One row of a bench, and how it is measured.

    Parameters
    ----------
    row
        The row's name.
    facts
        Columns that are known before.
    depends
        All that it depends on but the code, as plain values.
    measure
        Returns the row's other columns, as plain values.
    """

    row: str
    facts: Row
    depends: tuple[object, ...]
    measure: Callable[[], Row]

    @property
    def file(self) -> str:
        """Name of the file that keeps it."""
        digest = hashlib.sha256(json.dumps(list(self.depends)).encode()).hexdigest()[:12]
        words = self.row.replace(":", "").replace(",", "").replace("+", "and").split()
        return f"{'-'.join(words)}-{digest}.json"


def read_part(cache: Path | None, name: str) -> Row | None:
    """Return what an earlier run has kept under a file's name, or None."""
    if cache is None or not (cache / name).is_file():
        return None
    values: Row = read_json(cache / name, advice="delete it to measure that part again")
    return values


def keep_part(cache: Path | None, name: str, values: Mapping[str, object]) -> None:
    """Keep plain values under a file's name, if there is a cache; the file is whole or absent."""
    if cache is None:
        return
    make_folder(cache)
    write_file(cache / name, json.dumps(values))


def measure_parts(parts: Sequence[Part], settings: Settings) -> list[Row]:
    """Return the rows of all parts, those that earlier runs have finished from the cache.

    Once interrupted nothing more is measured; a part that is not there then has its facts only, and is true
    under `PENDING`.
    """
    rows: list[Row] = []
    is_interrupted = False
    for i, part in enumerate(parts, 1):
        kept = read_part(settings.cache, part.file)
        if kept is not None:
            rows.append(kept)
            continue
        known: Row = {"row": part.row, **part.facts}
        if not is_interrupted:
            settings.report(f"{i} of {len(parts)}: {part.row}")
            try:
                rows.append(known | part.measure())
            except KeyboardInterrupt:
                is_interrupted = True
            else:
                keep_part(settings.cache, part.file, rows[-1])
        if is_interrupted:
            rows.append(known | {PENDING: True})
    n_pending = sum(row.get(PENDING, False) for row in rows)
    if n_pending:
        settings.report(f"interrupted: {n_pending} of {len(parts)} not measured yet; run it again to go on")
    return rows
