"""From cells to what a correction learns from: design checked, batches and labels numbered, method chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from sciadv.domains.batch_correction.choice.automatic import choose
from sciadv.domains.batch_correction.choice.confounding import Design, aliased_columns
from sciadv.domains.batch_correction.choice.nothing import NoCorrection
from sciadv.domains.batch_correction.fitted_correction import CORRECTIONS, FitPlan, Lesson
from sciadv.domains.batch_correction.groups import (
    Groups,
    check_batches,
    check_size,
    drawn_evenly,
    known_names,
    label_codes,
)
from sciadv.domains.batch_correction.reading.cells import Cells, encode, require_batch
from sciadv.domains.batch_correction.reading.columns import Columns
from sciadv.domains.batch_correction.reading.covariates import CovariateEffects
from sciadv.domains.batch_correction.reading.keys import JOIN, UNKNOWN
from sciadv.errors import InputError

#: Lets the evidence choose the method.
AUTO = "auto"
#: What a card says of that choice.
REASONS = ("chosen_because", "p_value_of_no_batch", "compared")


@final
@dataclass(frozen=True)
class Wanted:
    """What the user asked for.

    Parameters
    ----------
    method
        Name of a method, or `AUTO`.
    columns
        Where it is read what cells are.
    few
        Cells below which `AUTO` takes nothing or the linear method.
    target_counts
        Counts that a cell is scaled to before the logarithm.
    most_cells
        Cells that are learnt from, at most.
    """

    method: str
    columns: Columns
    few: int
    target_counts: float
    most_cells: int


def make_lesson(cells: Cells, wanted: Wanted, plan: FitPlan, obs: Any) -> Lesson:
    """Check cells and the design of the experiment, and choose the method.

    Parameters
    ----------
    cells
        As they were read.
    wanted
        What to do.
    plan
        How to fit.
    obs
        Data frame of all that is known of the cells; None for arrays.

    Raises
    ------
    InputError
        There is one batch only, one is too small, or batch and what is to be kept are confounded.
    """
    names = require_batch(cells)
    batches = known_names(names)
    is_auto = wanted.method == AUTO
    least = 3 if is_auto else CORRECTIONS.find(wanted.method).least_cells
    check_batches(names, batches, key=JOIN.join(wanted.columns.batch), method=wanted.method, least=least)
    if min(cells.n_cells, cells.n_genes) < 3:
        raise InputError(f"{cells.n_genes} genes of {cells.n_cells} cells are too few; give more")
    notes = _design_notes(cells, wanted.columns.batch, obs)
    n_given = cells.n_cells
    rows = drawn_evenly(names, wanted.most_cells, seed=plan.seed)
    if rows is not None:
        notes = (*notes, f"fitted to {len(rows)} of the {n_given} cells, drawn evenly from the batches")
        cells = cells.drawn(rows)
        names = require_batch(cells)
    check_size(cells)
    given_labels = cells.labels
    cells = replace(cells, labels=cells.strata)
    known = known_names(cells.labels)
    codes = label_codes(cells, known, is_needed=wanted.method == "linear" and bool(known))
    groups = Groups(encode(names, batches, what="batch"), codes, len(batches), len(known))
    expression = cells.normalised(wanted.target_counts)
    effects = None
    if cells.covariates is not None:
        effects = CovariateEffects.fit(
            expression, cells.covariates, groups.batch, groups.n_batches, seed=plan.seed
        )
        expression = effects.remove(expression, cells.covariates, groups.batch)
        if np.isinf(effects.penalty):
            notes = (*notes, "the covariates predict nothing of cells that were left out, and change nothing")
    lesson = Lesson(
        cells,
        n_given,
        wanted.columns,
        effects,
        expression,
        groups,
        NoCorrection,
        plan,
        notes,
        known=given_labels,
    )
    if not is_auto:
        return replace(lesson, correction=CORRECTIONS.find(wanted.method))
    choice = choose(expression, groups, plan, few=wanted.few)
    reason = choice.reason
    if cells.kind.is_linear:  # counts of few cells are never made quite alike by means and scales
        reason = "; ".join((reason, *choice.notes))
    else:
        notes = (*notes, *choice.notes)
    facts = dict(zip(REASONS, (reason, choice.p_value, choice.rows()), strict=True))
    return replace(lesson, correction=choice.correction, facts=facts, notes=notes)


def _design_notes(cells: Cells, used: tuple[str, ...], obs: Any) -> tuple[str, ...]:
    batch = require_batch(cells)
    keys = dict(cells.keep)
    if cells.labels is not None and len(np.unique(batch[cells.labels != UNKNOWN])) > 1:
        keys["labels"] = cells.labels  # those of a single batch compare none
    notes = [note for key, values in keys.items() for note in Design.of(key, batch, values).check()]
    if obs is not None:
        aliased = aliased_columns(obs, batch, used=(*used, *keys))
        if aliased:
            notes.append(
                f"constant in every batch, and so removed with it: {', '.join(map(repr, aliased))}; if one "
                f"of them is a condition under study, no correction can keep it"
            )
    return tuple(notes)
