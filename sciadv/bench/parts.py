"""The parts of a long bench: kept on disk as they are finished, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciadv.bench.contract import Row, Settings

#: Column that is true in the rows of parts that are not measured yet.
PENDING = "is_pending"


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
        Returns the row, as plain values.
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


def measure_parts(parts: Sequence[Part], settings: Settings) -> list[Row]:
    """Return the rows of all parts, those that earlier runs have finished from the cache.

    Once interrupted nothing more is measured; a part that is not there then has its facts only, and is true
    under `PENDING`.
    """
    rows: list[Row] = []
    is_interrupted = False
    for i, part in enumerate(parts, 1):
        file = None if settings.cache is None else settings.cache / part.file
        if file is not None and file.is_file():
            rows.append(json.loads(file.read_text(encoding="utf-8")))
            continue
        if not is_interrupted:
            settings.report(f"{i} of {len(parts)}: {part.row}")
            try:
                rows.append(part.measure())
            except KeyboardInterrupt:
                is_interrupted = True
            else:
                _keep(file, rows[-1])
        if is_interrupted:
            rows.append({"row": part.row, **part.facts, PENDING: True})
    n_pending = sum(row.get(PENDING, False) for row in rows)
    if n_pending:
        settings.report(f"interrupted: {n_pending} of {len(parts)} not measured yet; run it again to go on")
    return rows


def _keep(file: Path | None, row: Row) -> None:
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(row), encoding="utf-8")
    partial.replace(file)  # a file is whole or absent
