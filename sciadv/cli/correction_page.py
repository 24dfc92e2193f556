"""The report of a correction: what it did to batches, labels and genes, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sciadv.cli.correct_request import Request
from sciadv.cli.edge import output_console, progress_console, say

if TYPE_CHECKING:
    from sciadv.domains.batch_correction import BatchCorrector
    from sciadv.domains.batch_correction.assessment.assess import Assessment
    from sciadv.domains.batch_correction.assessment.genes import GeneChanges


@dataclass(frozen=True, eq=False)
class Assessed:
    """What a report says of how well a correction went; None for what was not looked at."""

    assessment: Assessment
    genes: GeneChanges | None
    maps: bytes


def some_cells(cells: Any, *, most: int = 10_000) -> Any:
    """Return `most` of the cells of an AnnData, evenly spaced, or all: those that a report measures."""
    import numpy as np

    places = np.linspace(0, cells.n_obs - 1, min(cells.n_obs, most)).round().astype(int)
    return cells[places].copy()


def assess_cells(corrector: BatchCorrector, cells: Any, corrected: Any) -> Assessed:
    """Measure cells before and after, print the table, and draw the maps."""
    import numpy as np

    from sciadv.domains.batch_correction.assessment.assess import assess
    from sciadv.domains.batch_correction.assessment.flat_maps import flat_map, map_name
    from sciadv.domains.batch_correction.assessment.genes import GeneChanges
    from sciadv.domains.batch_correction.reading.cells import EMBEDDING, LAYER
    from sciadv.domains.batch_correction.reading.columns import Given
    from sciadv.domains.batch_correction.reading.keys import as_names, columns_of
    from sciadv.files.page import png
    from sciadv.report.plotting import plot_maps

    n_cells = cells.n_obs
    cells, corrected = some_cells(cells), some_cells(corrected)
    learnt = corrector.learnt()
    read, expression, groups = learnt.prepare(cells, Given(), needs_batch=True)
    names = np.array(learnt.batches)[groups.batch]
    label = learnt.columns.label
    labels = None if label is None else as_names(columns_of(cells.obs, label), cells.n_obs, what="labels")
    embeddings = {"before": corrector.uncorrected(cells), "after": np.asarray(corrected.obsm[EMBEDDING])}
    progress_console().print("assessing the correction", style="dim")
    assessment = assess(embeddings, names, labels, seed=learnt.seed)
    genes = None
    notes = assessment.notes
    if LAYER in corrected.layers:
        gene_names = read.genes or ()
        genes = GeneChanges.of(expression, corrected.layers[LAYER], groups.batch, gene_names)
        notes = (*notes, *genes.alarms())
    if labels is not None:
        words = f"the labels {label!r} were used for the fit, so numbers by label flatter it"
        notes = (words, *notes)
    if cells.n_obs < n_cells:
        notes = (*notes, f"measured on {cells.n_obs} of the cells")
    assessment = replace(assessment, notes=notes)
    _say(assessment, tuple(embeddings))
    of = {"batch": names} | ({} if labels is None else {"label": labels})
    maps = {name: flat_map(z, seed=learnt.seed) for name, z in embeddings.items()}
    return Assessed(assessment, genes, png(plot_maps(maps, of, what=map_name())))


def _say(assessment: Assessment, embeddings: tuple[str, ...]) -> None:
    """Print the table and the notes."""
    from rich.table import Table

    table = Table("", *embeddings, box=None)
    for row in assessment.rows():
        table.add_row(*row)
    output_console().print(table, markup=False)
    for note in assessment.notes:
        say(f"note: {note}")
    progress_console().print("drawing the maps", style="dim")


def correction_page(request: Request, corrector: BatchCorrector, assessed: Assessed | None) -> str:
    """Return the report; without an assessment it says so."""
    from sciadv.domains.batch_correction.assessment.flat_maps import map_name
    from sciadv.files.page import escape, html_page, html_table, image, versions

    card = corrector.card()
    sections = [f"<h1>{escape(f'Batch correction of {request.data.name}')}</h1>"]
    if assessed is None:
        sections.append("<p>The assessment was interrupted.</p>")
    else:
        assessment = assessed.assessment
        sections += [
            image(assessed.maps, f"{map_name()} before and after the correction"),
            "<h2>How well</h2>" + html_table(assessment.rows(), head=("", *assessment.numbers)),
            "".join(f'<p class="warning">{escape(note)}</p>' for note in assessment.notes),
        ]
        if assessed.genes is not None:
            head = ("gene", "change (log expression)", "spread before")
            sections.append(
                "<h2>Genes changed most</h2>" + html_table(assessed.genes.most_changed(), head=head)
            )
    if compared := card.pop("compared", None):
        of = ("method", "unpredictability (1 by chance)", "neighbours kept", "change")
        sections.append("<h2>What was compared</h2>" + html_table(compared, head=of))
    facts = [(key.replace("_", " "), _words(value)) for key, value in card.items() if key != "genes"]
    sections += [
        "<h2>How</h2>" + html_table(facts),
        "<h2>To do it again</h2>" + html_table([(f"{k} version", v) for k, v in versions().items()]),
        f"<pre>{escape(request.command(corrector))}</pre>",
    ]
    return html_page(f"Batch correction of {request.data.name}", sections)


def _words(value: object) -> str:
    """Write a fact of a card: names with commas, "none" for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "none"
