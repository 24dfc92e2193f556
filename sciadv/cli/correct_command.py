"""``sciadv correct``: cells of several batches in, cells without the batch's part and a report out."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciadv.cli.edge import (
    EXIT_INTERRUPTED,
    Interruption,
    output_console,
    plain_errors,
    progress_console,
    say,
    say_error,
    write_whole,
)
from sciadv.errors import InputError
from sciadv.files.writing import refuse_inputs

if TYPE_CHECKING:
    from sciadv.domains.batch_correction import BatchCorrector
    from sciadv.domains.batch_correction.assessment.assess import Assessment

REPORT = "report.html"


@dataclass(frozen=True)
class Request:
    """What the user asked to correct, and how."""

    data: Path
    out: Path
    batch: str
    label: str | None
    method: str
    device: str
    seed: int

    @property
    def command(self) -> str:
        """The command line that does the same again."""
        label = [] if self.label is None else ["--label", self.label]
        fixed = ["--method", self.method, "--device", self.device, "--seed", str(self.seed)]
        parts = [str(self.data), "--batch", self.batch, *label, "-o", str(self.out), *fixed]
        return shlex.join(["sciadv", "correct", *parts])

    @property
    def report(self) -> Path:
        """Where the report goes."""
        return self.out.with_name(REPORT)


@plain_errors
def correct(
    data: Annotated[Path, typer.Argument(help="Cells: an .h5ad file with counts, or normalised, in X.")],
    *,
    batch: Annotated[str, typer.Option(help="Column of obs that says the batch.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .h5ad file to write.")],
    label: Annotated[
        str | None,
        typer.Option(help="Column with labels (cell types) to keep apart.", show_default="no labels"),
    ] = None,
    method: Annotated[
        str, typer.Option(help="residual, linear (ComBat), adversarial, or auto: the least change.")
    ] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Correct batch effects; write the corrected .h5ad, and report.html beside it."""
    from sciadv.files.h5ad import read_h5ad
    from sciadv.files.publishing import lock_folder
    from sciadv.trainings.live_progress import live_progress

    request = Request(data, out, batch, label, method, device, seed)
    corrector = _corrector(request)
    _check_out(request)
    adata = read_h5ad(request.data)
    with Interruption() as interruption, lock_folder(request.out.absolute().parent):
        with interruption.may_stop(), live_progress() as monitor:
            corrected = corrector.correct(adata, monitor=monitor)
        say(
            f"{adata.n_obs} cells x {adata.n_vars} genes in {len(corrector.batches)} batches, corrected by "
            f"the {corrector.fitted_method} method"
        )
        if reason := corrector.card().get("chosen_because"):
            say(f"because {reason}")
        try:
            with interruption.may_stop():
                page = _report(request, corrector, adata, corrected)
        except KeyboardInterrupt:
            say_error("interrupted: the report is without the assessment")
            page = _page(request, corrector, ["<p>The assessment was interrupted.</p>"])
        came_late = write_whole(lambda: _write(request, corrected, page))
    say(
        f"wrote {request.out} (layers['corrected']: log expression; obsm['X_sciadv']: embedding; X as "
        f"it was) and {request.report}"
    )
    if interruption.happened or interruption.came_late or came_late:
        say_error(f"interrupted after the fit; what is written is whole: {request.out} and {request.report}")
        raise typer.Exit(EXIT_INTERRUPTED)


def _write(request: Request, corrected: Any, page: str) -> None:
    """Write the corrected cells and the report beside them: both or none."""
    from sciadv.files.h5ad import write_h5ad
    from sciadv.files.publishing import publish
    from sciadv.files.writing import write_file

    def build(new: Path) -> None:
        write_h5ad(corrected, new / request.out.name)
        write_file(new / request.report.name, page)

    publish(request.out.absolute().parent, build)


def _corrector(request: Request) -> BatchCorrector:
    from sciadv.domains.batch_correction import BatchCorrector

    return BatchCorrector(
        request.batch,
        label_key=request.label,
        method=request.method,
        seed=request.seed,
        device=request.device,
    )


def _check_out(request: Request) -> None:
    """Refuse what cannot be written before the time of a fit is spent."""
    out, folder = request.out, request.out.absolute().parent
    if out.suffix != ".h5ad":
        raise InputError(f"{out} has to end in .h5ad, the format that is written; give another by -o")
    if not folder.is_dir() or out.is_dir():
        raise InputError(f"{out} cannot be written: it is a folder, or {folder} is none")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{out} cannot be written: no permission for {folder}; give another by -o")
    refuse_inputs([out, request.report], [request.data])


def _report(request: Request, corrector: BatchCorrector, adata: Any, corrected: Any) -> str:
    """Evaluate before and after, print the table, draw the maps, and return the page."""
    from rich.table import Table

    from sciadv.domains.batch_correction.assessment.assess import assess
    from sciadv.domains.batch_correction.reading.cells import EMBEDDING
    from sciadv.domains.batch_correction.reading.columns import Columns
    from sciadv.domains.batch_correction.reading.read import read_cells

    cells = read_cells(adata, Columns((request.batch,), request.label))
    assert cells.batch is not None  # the fit has read it
    embeddings = {"before": corrector.uncorrected(adata), "after": corrected.obsm[EMBEDDING]}
    progress_console().print("assessing the correction", style="dim")
    assessment = assess(embeddings, cells.batch, cells.labels, seed=request.seed)
    table = Table("", *embeddings, box=None)
    for row in assessment.rows():
        table.add_row(*row)
    output_console().print(table, markup=False)
    if request.label is not None:
        words = f"the labels {request.label!r} were used for the fit, so numbers by label flatter it"
        assessment = replace(assessment, notes=(words, *assessment.notes))
    for note in assessment.notes:
        say(f"note: {note}")
    progress_console().print("drawing the maps", style="dim")
    groups = {"batch": cells.batch} | ({} if cells.labels is None else {"label": cells.labels})
    return _page(request, corrector, _assessed(request, assessment, embeddings, groups))


def _assessed(
    request: Request, assessment: Assessment, embeddings: dict[str, Any], groups: dict[str, Any]
) -> list[str]:
    """Return the parts of the page that say how well it went."""
    from sciadv.domains.batch_correction.assessment.flat_maps import flat_map, map_name
    from sciadv.files.page import escape, html_table, image, png
    from sciadv.report.plotting import plot_maps

    maps = {name: flat_map(z, seed=request.seed) for name, z in embeddings.items()}
    return [
        image(png(plot_maps(maps, groups, what=map_name())), f"{map_name()} before and after the correction"),
        "<h2>How well</h2>" + html_table(assessment.rows(), head=("", *embeddings)),
        "".join(f'<p class="warning">{escape(note)}</p>' for note in assessment.notes),
    ]


def _page(request: Request, corrector: BatchCorrector, assessed: list[str]) -> str:
    """Return the report; `assessed` are the parts of it that say how well it went."""
    from sciadv.files.page import escape, html_page, html_table, versions

    title = f"Batch correction of {request.data.name}"
    facts = [
        (key.replace("_", " "), _words(value)) for key, value in corrector.card().items() if key != "genes"
    ]
    sections = [
        f"<h1>{escape(title)}</h1>",
        *assessed,
        "<h2>How</h2>" + html_table(facts),
        "<h2>To do it again</h2>" + html_table([(f"{k} version", v) for k, v in versions().items()]),
        f"<pre>{escape(request.command)}</pre>",
    ]
    return html_page(title, sections)


def _words(value: object) -> str:
    """Write a fact of a card: names with commas, "none" for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "none"
