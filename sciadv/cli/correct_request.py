"""What a user of ``sciadv correct`` and ``sciadv transform`` asked for, and what is written for it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciadv.cli.edge import say
from sciadv.errors import InputError
from sciadv.files.writing import refuse_inputs

if TYPE_CHECKING:
    from sciadv.domains.batch_correction import BatchCorrector
    from sciadv.domains.batch_correction.fitted.learnt import Learnt
    from sciadv.files.formats.h5ad_rows import H5adRows
    from sciadv.trainings.protocol import TrainingProgress


@dataclass(frozen=True)
class Request:
    """Cells, and what is wanted of them.

    Parameters
    ----------
    data, out
        The file of cells, and the one to write.
    layer
        Layer of the file with the expression; None for ``X``.
    modality
        Modality of an .h5mu file; None for an .h5ad file.
    to
        Batch as which cells are given; None for none.
    is_embedding_only
        Whether no corrected expression is written.
    steps
        Those of a training, as they are done.
    """

    data: Path
    out: Path
    layer: str | None = None
    modality: str | None = None
    to: str | None = None
    is_embedding_only: bool = False
    steps: list[TrainingProgress] = field(default_factory=list)

    @property
    def report(self) -> Path:
        """Where the report goes: beside the output, with its name."""
        return self.out.with_suffix(".html")

    def command(self, corrector: BatchCorrector) -> str:
        """Return the command line that does the same again."""
        given = corrector.get_params()
        several = (("--batch", "batch_key"), ("--keep", "keep"), ("--covariate", "covariates"))
        single = (("--label", "label_key"), ("--layer", "layer"), ("--method", "method"))
        own = [str(self.data), "--device", given["device"], "--seed", str(given["seed"])]
        for option, key in several:
            for value in given[key]:
                own += [option, value]
        for option, key in single:
            if given[key] is not None:
                own += [option, given[key]]
        if given["is_counts"] is not None:
            own.append("--counts" if given["is_counts"] else "--no-counts")
        for option, value in (("--modality", self.modality), ("--to", self.to)):
            if value is not None:
                own += [option, value]
        if self.is_embedding_only:
            own.append("--embedding-only")
        return shlex.join(["sciadv", "correct", *own, "-o", str(self.out)])

    def check_out(self) -> None:
        """Refuse what cannot be written before the time of a fit is spent."""
        out, folder = self.out, self.out.absolute().parent
        if out.suffix != ".h5ad":
            raise InputError(f"{out} has to end in .h5ad, the format that is written; give another by -o")
        if not folder.is_dir() or out.is_dir():
            raise InputError(f"{out} cannot be written: it is a folder, or {folder} is none")
        if not os.access(folder, os.W_OK):
            raise InputError(f"{out} cannot be written: no permission for {folder}; give another by -o")
        refuse_inputs([out, self.report], [self.data])

    def read(self) -> Any:
        """Return the cells."""
        from sciadv.files.formats.h5mu import read_h5mu
        from sciadv.files.h5ad import read_h5ad

        return read_h5mu(self.data, self.modality) if self._has_modalities() else read_h5ad(self.data)

    def opened(self) -> AbstractContextManager[H5adRows]:
        """Return the cells as rows of the open file."""
        from sciadv.files.formats.h5ad_rows import open_rows
        from sciadv.files.formats.h5mu import open_modality_rows

        if self._has_modalities():
            return open_modality_rows(self.data, self.modality)
        return open_rows(self.data)

    def _has_modalities(self) -> bool:
        return self.modality is not None or self.data.suffix == ".h5mu"

    def is_large(self, *, above: int = 200_000_000) -> bool:
        """Whether the file has so many bytes that its cells are read some at a time."""
        return self.data.is_file() and self.data.stat().st_size > above

    def write(
        self, corrector: BatchCorrector, corrected: Any, page: str | None, *, rows: H5adRows | None
    ) -> None:
        """Write cells and the report: both or none.

        Parameters
        ----------
        corrector
            The fitted one.
        corrected
            Corrected cells, an AnnData.
        page
            The report; None for none.
        rows
            The open file of all cells, where these are some of them; they are corrected some at a time.
        """
        from sciadv.files.h5ad import write_h5ad
        from sciadv.files.publishing import publish
        from sciadv.files.writing import write_file

        def build(new: Path) -> None:
            if rows is None:
                write_h5ad(corrected, new / self.out.name)
            else:
                self._stream(corrector, rows, new / self.out.name)
            if page is not None:
                write_file(new / self.report.name, page)

        publish(self.out.absolute().parent, build)

    def shown(self, cells: Any, rows: H5adRows | None) -> Any:
        """Return the cells that the report measures: all, or some of a file that is read in parts."""
        from sciadv.report.correction_page import some_cells

        return cells if rows is None else some_cells(cells)

    def corrected(self, corrector: BatchCorrector, cells: Any) -> Any:
        """Return an AnnData with what is wanted of its cells."""
        from sciadv.domains.batch_correction.reading.cells import EMBEDDING, FACTS

        if not self.is_embedding_only:
            return corrector.transform(cells, to=self.to)
        found = cells.copy()
        found.obsm[EMBEDDING] = corrector.embed(found)
        found.uns[FACTS] = corrector.learnt().facts()
        return found

    def _stream(self, corrector: BatchCorrector, rows: H5adRows, path: Path) -> None:
        from sciadv.domains.batch_correction.reading.cells import EMBEDDING, FACTS, LAYER
        from sciadv.files.formats.h5ad_rows import write_with

        learnt = corrector.learnt()
        genes = tuple(str(name) for name in rows.var.index)
        if not self.is_embedding_only and genes != learnt.genes:
            raise InputError(
                f"{self.data} has other genes than the corrector was fitted on, or another order of them; a "
                f"file of this size keeps its genes, so take --embedding-only, or a file with the same"
            )
        parts = self._parts(learnt, rows)
        write_with(rows, path, parts, embedding=EMBEDDING, layer=LAYER, uns={FACTS: learnt.facts()})

    def _parts(self, learnt: Learnt, rows: H5adRows, *, n: int = 20_000) -> Iterator[Any]:
        """Correct the cells of an open file, some at a time."""
        from sciadv.domains.batch_correction.reading.columns import Given

        correction = learnt.correction
        aim = None if self.to is None else learnt.batch_number(self.to)
        for part in rows.parts(n, layer=self.layer):
            _, expression, groups = learnt.prepare(part, Given(), needs_batch=True)
            whole = None if self.is_embedding_only else correction.correct(expression, groups, to=aim)
            yield correction.embed(expression, groups), whole

    def finish(self, corrector: BatchCorrector, *, page: str | None, saved: Path | None) -> None:
        """Save the corrector, if that is wanted, and say what was written, and where."""
        what = "" if self.is_embedding_only else "layers['corrected']: log expression; "
        beside = "" if page is None else f" and {self.report}"
        say(f"wrote {self.out} ({what}obsm['X_sciadv']: embedding; X as it was){beside}")
        if saved is not None:
            corrector.save(saved)
            say(f"saved the corrector in {saved}; sciadv transform {saved} takes further cells")
