"""What the ``problem.toml`` of a batch correction may say: it has no forward, but bars to hold."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sciadv.schema.problem_tables import BenchTable
from sciadv.schema.tables import OneLine, Table


class CorrectionSpec(Table):
    """Sets of cells in batches, which a corrector takes apart; the bench of its name measures it."""

    file_name: ClassVar[str] = "problem.toml"

    kind: Literal["correction"]
    title: OneLine
    sets: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    batch: str
    label: str | None = None
    bench: BenchTable = BenchTable()
