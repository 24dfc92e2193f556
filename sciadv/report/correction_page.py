"""The report of a correction: what it did to batches, labels and genes, and how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sciadv.files.html.page_parts import Download, Table, picture
from sciadv.files.html.template import render
from sciadv.files.page import versions
from sciadv.report.plotting import plot_maps, plot_training, plot_variance_by_batch

if TYPE_CHECKING:
    from sciadv.domains.batch_correction import BatchCorrector
    from sciadv.domains.batch_correction.assessment.assess import Assessment
    from sciadv.domains.batch_correction.assessment.genes import GeneChanges
    from sciadv.trainings.protocol import TrainingProgress

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Maps:
    """Flat maps of the same cells.

    Parameters
    ----------
    points
        ``(cells, 2)`` by title, such as "before" and "after".
    groups
        Names ``(cells,)`` by what they name, such as "batch" and "label".
    what
        What the axes are.
    """

    points: Mapping[str, Array]
    groups: Mapping[str, Array]
    what: str

    def words(self) -> str:
        """Say what is drawn, with its numbers."""
        counts = [f"{len(np.unique(names))} {kind} groups" for kind, names in self.groups.items()]
        n_cells = len(next(iter(self.groups.values())))
        return (
            f"{self.what} of {n_cells} cells, {' and '.join(self.points)}, coloured by {' and '.join(counts)}"
        )


@dataclass(frozen=True, eq=False)
class Assessed:
    """What a report says of how well a correction went; None for what was not looked at."""

    assessment: Assessment
    genes: GeneChanges | None
    maps: Maps
    #: Share of each component's variance that lies between batches, by title.
    between: Mapping[str, Array] = field(default_factory=dict)


def some_cells(
    cells: Any,
    *,
    most: int = 10_000,
) -> Any:
    """Return `most` of the cells of an AnnData, evenly spaced, or all: those that a report measures."""
    places = np.linspace(0, cells.n_obs - 1, min(cells.n_obs, most)).round().astype(int)
    return cells[places].copy()


def assess_cells(
    corrector: BatchCorrector,
    cells: Any,
    corrected: Any,
    say: Callable[[str], None],
) -> Assessed:
    """Measure cells of an AnnData before and after a correction, and make flat maps of them.

    Parameters
    ----------
    corrector
        The fitted one.
    cells, corrected
        The cells before and after.
    say
        Called with what is being done.
    """
    from sciadv.domains.batch_correction.assessment.assess import assess
    from sciadv.domains.batch_correction.assessment.flat_maps import flat_map, map_name
    from sciadv.domains.batch_correction.assessment.genes import GeneChanges
    from sciadv.domains.batch_correction.assessment.variance_by_batch import variance_by_batch
    from sciadv.domains.batch_correction.reading.cells import EMBEDDING, LAYER
    from sciadv.domains.batch_correction.reading.columns import Given
    from sciadv.domains.batch_correction.reading.keys import as_names, columns_of

    n_cells = cells.n_obs
    cells, corrected = some_cells(cells), some_cells(corrected)
    learnt = corrector.learnt()
    read, expression, groups = learnt.prepare(cells, Given(), needs_batch=True)
    names = np.array(learnt.batches)[groups.batch]
    label = learnt.columns.label
    labels = None if label is None else as_names(columns_of(cells.obs, label), cells.n_obs, what="labels")
    embeddings = {"before": corrector.uncorrected(cells), "after": np.asarray(corrected.obsm[EMBEDDING])}
    say("assessing the correction")
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
    say("drawing the maps")
    of = {"batch": names} | ({} if labels is None else {"label": labels})
    points = {name: flat_map(z, seed=learnt.seed) for name, z in embeddings.items()}
    between = {name: variance_by_batch(z, names) for name, z in embeddings.items()}
    assessment = replace(assessment, notes=notes)
    return Assessed(assessment, genes, Maps(points, of, map_name()), between)


def correction_page(
    title: str,
    card: Mapping[str, object],
    assessed: Assessed | None,
    *,
    command: str,
    steps: Sequence[TrainingProgress] = (),
    downloads: Sequence[Download] = (),
) -> str:
    """Return the report of a correction; without an assessment it says so.

    Parameters
    ----------
    title
        Its heading.
    card
        What the corrector says of itself (`BatchCorrector.card`).
    assessed
        How well it went; None where that was interrupted.
    command
        The command line, or the lines of Python, that do the same again.
    steps
        Of the training, as a monitor was given them; none where nothing was trained.
    downloads
        Files that the page holds.
    """
    facts = {key: value for key, value in card.items() if key not in {"genes", "compared"}}
    shown: dict[str, object] = {
        "title": title,
        "assessment": None,
        "compared": _compared(card.get("compared")),
        "training": picture(plot_training(steps), "losses over the steps") if steps else None,
        "facts": [(key.replace("_", " "), value) for key, value in facts.items()],
        "command": command,
        "versions": [(f"{name} version", number) for name, number in versions().items()],
        "downloads": downloads,
    }
    return render("correction.html.j2", shown if assessed is None else shown | _how_well(assessed))


def _compared(rows: object) -> Table | None:
    """Return the table of the methods that were compared on the user's cells."""
    if not isinstance(rows, list) or not rows:
        return None
    head = ("method", "unpredictability (1 by chance)", "neighbours kept", "change")
    return Table("The methods that were compared", head, rows)


def _how_well(assessed: Assessed) -> dict[str, object]:
    """Return what an assessment puts on the page."""
    assessment, maps = assessed.assessment, assessed.maps
    figure = plot_maps(maps.points, maps.groups, what=maps.what)
    caption = "Distances between far groups of such a map mean little."
    genes = None
    if assessed.genes is not None:
        head = ("gene", "change (log expression)", "spread before")
        genes = Table("The genes that were changed most", head, assessed.genes.most_changed())
    return {
        "notes": assessment.notes,
        "maps": picture(figure, maps.words(), caption=caption),
        "between": None
        if not assessed.between
        else picture(
            plot_variance_by_batch(assessed.between),
            "share of each principal component's variance that lies between batches, before and after",
        ),
        "assessment": Table("Measures before and after", ("", *assessment.numbers), assessment.rows()),
        "genes": genes,
    }
