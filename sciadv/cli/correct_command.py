"""``sciadv correct``: cells of several batches in, cells without the batch's part and a report out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sciadv.cli.correct_request import Request
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

if TYPE_CHECKING:
    from sciadv.domains.batch_correction import BatchCorrector
    from sciadv.domains.batch_correction.assessment.assess import Assessment

Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="The .h5ad file to write.", show_default="DATA-corrected.h5ad"),
]
Layer = Annotated[
    str | None,
    typer.Option(help="Layer with the expression.", show_default="X"),
]
Modality = Annotated[
    str | None,
    typer.Option(help="Modality of an .h5mu file, as rna.", show_default="an .h5ad file has none"),
]
To = Annotated[
    str | None,
    typer.Option(help="Give all cells as this batch would have them."),
]
EmbeddingOnly = Annotated[
    bool,
    typer.Option(help="Write no corrected expression."),
]
Device = Annotated[
    str,
    typer.Option(help="auto, cpu, cuda, cuda:1, mps."),
]
_BATCH = "Column of obs that says the batch; several are joined."
_METHOD = "residual, linear (ComBat), adversarial, nothing, or auto: the least change."
_COUNTS = "Whether the numbers are counts, or proportional to them; the numbers say so if left out."


@plain_errors
def correct(  # noqa: PLR0913  # one keyword a choice of the user
    data: Annotated[Path, typer.Argument(help="Cells: an .h5ad or .h5mu file, counts or normalised.")],
    *,
    batch: Annotated[list[str], typer.Option(help=_BATCH)],
    out: Out = None,
    label: Annotated[
        str | None,
        typer.Option(help="Column with labels (cell types) to keep apart.", show_default="no labels"),
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Column whose differences are kept.")] = None,
    covariate: Annotated[
        list[str] | None, typer.Option(help="Column of numbers whose effect within batches is removed.")
    ] = None,
    layer: Layer = None,
    modality: Modality = None,
    counts: Annotated[bool | None, typer.Option(help=_COUNTS)] = None,
    method: Annotated[str, typer.Option(help=_METHOD)] = "auto",
    to: To = None,
    embedding_only: EmbeddingOnly = False,
    save: Annotated[Path | None, typer.Option(help="Folder to save the fitted corrector in.")] = None,
    report: Annotated[bool, typer.Option(help="Write an .html report beside the output.")] = True,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Correct batch effects; write the corrected .h5ad, and a report of its name beside it."""
    from sciadv.domains.batch_correction import BatchCorrector
    from sciadv.trainings.live_progress import live_progress

    corrector = BatchCorrector(
        batch,
        label_key=label,
        keep=keep or (),
        covariates=covariate or (),
        layer=layer,
        is_counts=counts,
        method=method,
        seed=seed,
        device=device,
    )
    request = Request(data, _out(data, out), layer, modality, to, embedding_only)
    with Interruption() as interruption, opened_cells(request, corrector) as (cells, rows):
        with interruption.may_stop(), live_progress(request.steps) as monitor:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # notes are said below
                corrector.fit(cells, monitor=monitor)
            shown = request.shown(cells, rows)
            corrected = request.corrected(corrector, shown)
        _say_fitted(corrector, cells if rows is None else rows)
        page = _page(request, corrector, shown, corrected, interruption) if report else None
        came_late = write_whole(lambda: request.write(corrector, corrected, page, rows=rows))
        request.finish(corrector, page=page, saved=save)
    if interruption.happened or interruption.came_late or came_late:
        say_error(f"interrupted after the fit; what is written is whole: {request.out}")
        raise typer.Exit(EXIT_INTERRUPTED)


@plain_errors
def transform(  # noqa: PLR0913  # one keyword a choice of the user
    saved: Annotated[Path, typer.Argument(help="Folder of a corrector, as --save writes it.")],
    data: Annotated[Path, typer.Argument(help="Cells: an .h5ad or .h5mu file.")],
    *,
    out: Out = None,
    modality: Modality = None,
    to: To = None,
    embedding_only: EmbeddingOnly = False,
    adapt: Annotated[bool, typer.Option(help="Learn batches that the corrector has not seen.")] = False,
    device: Device = "auto",
) -> None:
    """Correct further cells by a saved corrector."""
    from sciadv.domains.batch_correction import BatchCorrector

    corrector = BatchCorrector.load(saved, device=device)
    columns = corrector.learnt().columns
    own = columns.modality if modality is None and data.suffix == ".h5mu" else modality
    request = Request(
        data,
        _out(data, out),
        layer=columns.layer,
        modality=own,
        to=to,
        is_embedding_only=embedding_only,
    )
    with Interruption() as interruption, opened_cells(request, corrector) as (cells, rows):
        with interruption.may_stop():
            if adapt:
                corrector = corrector.adapt(cells)
            corrected = request.corrected(corrector, cells) if rows is None else None
        write_whole(lambda: request.write(corrector, corrected, None, rows=rows))
        _say_fitted(corrector, cells if rows is None else rows)
        request.finish(corrector, page=None, saved=None)


def _out(data: Path, out: Path | None) -> Path:
    return Path(f"{data.stem}-corrected.h5ad") if out is None else out


@contextmanager
def opened_cells(request: Request, corrector: BatchCorrector) -> Iterator[tuple[Any, Any]]:
    """Lock the output's folder; yield cells to fit to, and the open file that they are some of, or None.

    Raises
    ------
    InputError
        The output cannot be written, or the cells cannot be read.
    """
    from sciadv.domains.batch_correction.groups import drawn_evenly
    from sciadv.domains.batch_correction.reading.keys import as_batch, columns_of
    from sciadv.files.publishing import lock_folder

    request.check_out()
    with lock_folder(request.out.absolute().parent), ExitStack() as files:
        if not request.is_large():
            yield request.read(), None
            return
        rows = files.enter_context(request.opened())
        names = as_batch(columns_of(rows.obs, list(corrector.batch_key)), rows.n_cells)
        drawn = drawn_evenly(names, corrector.most_cells, seed=corrector.seed)
        yield rows.sampled(drawn, layer=request.layer), rows


def _page(
    request: Request, corrector: BatchCorrector, cells: Any, corrected: Any, interruption: Interruption
) -> str:
    """Return the report; if it is interrupted, without the assessment."""
    from sciadv.report.correction_page import assess_cells, correction_page

    def dimly(words: str) -> None:
        progress_console().print(words, style="dim")

    assessed = None
    try:
        with interruption.may_stop():
            assessed = assess_cells(corrector, cells, corrected, dimly)
            _say_assessment(assessed.assessment)
    except KeyboardInterrupt:
        say_error("interrupted: the report is without the assessment")
    title = f"Batch correction of {request.data.name}"
    command = request.command(corrector)
    return correction_page(title, corrector.card(), assessed, command=command, steps=request.steps)


def _say_assessment(assessment: Assessment) -> None:
    """Print the table of measures and the notes."""
    from rich.table import Table

    table = Table("", *assessment.numbers, box=None)
    for row in assessment.rows():
        table.add_row(*row)
    output_console().print(table, markup=False)
    for note in assessment.notes:
        say(f"note: {note}")


def _say_fitted(corrector: BatchCorrector, cells: Any) -> None:
    """Say what was corrected, how and why."""
    card = corrector.card()
    say(
        f"{len(cells.obs)} cells x {len(cells.var)} genes in {len(corrector.batches)} batches, corrected by "
        f"the {card['method']} method, from {card['numbers']}"
    )
    if reason := card.get("chosen_because"):
        say(f"because {reason}")
    for note in card["notes"]:
        say(f"note: {note}")
