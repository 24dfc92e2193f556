"""What a corrector has learnt, and how it sees further cells; it goes to a file and comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from sciadv.arguments.values import as_text
from sciadv.domains.batch_correction.choice.lesson import REASONS
from sciadv.domains.batch_correction.fitted.correction_files import SavedCorrection
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan, Lesson
from sciadv.domains.batch_correction.groups import (
    Groups,
    check_further,
    check_size,
    known_names,
    label_codes,
)
from sciadv.domains.batch_correction.labelling.label_transfer import LabelTransfer, PredictedLabels
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.cells import Cells, encode, give_back, require_batch
from sciadv.domains.batch_correction.reading.columns import Columns, Given
from sciadv.domains.batch_correction.reading.covariates import CovariateEffects
from sciadv.domains.batch_correction.reading.kinds import COUNTS, KINDS, Kind
from sciadv.domains.batch_correction.reading.matrices import Matrix
from sciadv.domains.batch_correction.reading.read import is_mudata, modality_of, read_cells
from sciadv.domains.batch_correction.uncertainty.corrected_intervals import corrected_intervals
from sciadv.domains.batch_correction.uncertainty.count_model import CountModel, CountSettings
from sciadv.domains.batch_correction.uncertainty.measured_counts import read_measured
from sciadv.errors import InputError, UnknownNameError


@final
@dataclass(frozen=True, eq=False)
class Learnt:
    """A correction with what it was fitted to.

    Parameters
    ----------
    correction
        Takes out the batch.
    columns
        What was read, and where it stood.
    kind
        What the numbers were.
    batches, labels
        Their names, in the order of the correction's numbers.
    genes
        Their names; None for arrays.
    n_genes
        How many.
    target_counts
        Counts that a cell is scaled to before the logarithm.
    seed
        Seed of the fit.
    reference
        Cells of the fit, onto which further batches are laid.
    effects
        Of covariates, which are removed first; None where there are none.
    notes
        What to beware of, in sentences.
    reasons
        Why the method was chosen.
    counts
        Model of counts, where intervals were asked for.
    """

    correction: Correction
    columns: Columns
    kind: Kind
    batches: tuple[str, ...]
    labels: tuple[str, ...]
    genes: tuple[str, ...] | None
    n_genes: int
    target_counts: float
    seed: int
    reference: Reference
    effects: CovariateEffects | None
    notes: tuple[str, ...] = ()
    reasons: dict[str, Any] = field(default_factory=dict)
    counts: CountModel | None = None

    @staticmethod
    def of(lesson: Lesson, correction: Correction, *, target_counts: float) -> Learnt:
        """Put a correction together with the cells that it was fitted to."""
        cells = lesson.cells
        z = correction.embed(lesson.expression, lesson.groups)
        reference = Reference.of(z, lesson.groups.batch, lesson.known, seed=lesson.plan.seed)
        return Learnt(
            correction,
            lesson.columns,
            cells.kind,
            known_names(cells.batch),
            known_names(cells.labels),
            cells.genes,
            cells.n_genes,
            target_counts,
            lesson.plan.seed,
            reference,
            lesson.effects,
            lesson.notes,
            lesson.facts,
        )

    def adapted(self, data: Any, given: Given, plan: FitPlan) -> Learnt:
        """Return it with the further batches of these cells, of which alone something is estimated.

        Raises
        ------
        InputError
            A batch is known already or has too few cells; or as `prepare`.
        """
        cells, expression, groups = self.prepare(data, given, needs_batch=True, is_further=True)
        fitted = self.correction
        new = check_further(
            require_batch(cells), self.batches, method=fitted.method, least=fitted.least_cells
        )
        effects = self.effects
        if effects is not None:
            assert cells.covariates is not None  # they were required
            further = effects.further(expression, cells.covariates, groups.batch, groups.n_batches)
            expression = further.remove(expression, cells.covariates, groups.batch)
            effects = effects.joined(further)
        correction = fitted.adapted(expression, groups, self.reference, plan)
        counts = self.counts
        if counts is not None:
            placed = correction.embed(expression, groups.after(len(self.batches)))
            counts = counts.extended(cells.expression, placed, groups.batch, len(new))
        return replace(
            self,
            correction=correction,
            batches=self.batches + new,
            effects=effects,
            counts=counts,
        )

    @property
    def needs_batch(self) -> bool:
        """Whether an embedding depends on the batch, so that it must be known."""
        return self.correction.needs_batch or self.effects is not None

    def with_counts(self, data: Any, given: Given) -> Learnt:
        """Return it with a model of the counts of these cells.

        Raises
        ------
        InputError
            The cells have no counts, covariates were corrected for; or as `prepare`.
        """
        cells, expression, groups = self.prepare(data, given, needs_batch=True)
        if cells.kind != COUNTS:
            raise InputError(
                f"intervals are those of counts, but these are {cells.kind.name}; give raw counts"
            )
        if self.effects is not None:
            raise InputError(
                "a correction with covariates has no intervals: the model of counts does not know these"
            )
        embedding = self.correction.embed(expression, groups)
        model = CountModel.fit(
            cells.expression,
            embedding,
            groups.batch,
            groups.n_batches,
            settings=CountSettings(),
            seed=self.seed,
        )
        return replace(self, counts=model)

    def intervals(
        self, data: Any, given: Given, *, level: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return lower and upper bounds of corrected expression ``(cells, genes)``.

        Parameters
        ----------
        data, given
            Cells whose counts the model explains; they may lack genes, and have NaN.
        level
            Probability that a value lies within.

        Raises
        ------
        InputError
            There is no model of counts, or the cells have no counts.
        """
        if self.counts is None:
            raise InputError("there is no model of counts yet; give with_counts cells to learn it from")
        names, counts = read_measured(
            self.own(data),
            self.columns,
            given,
            genes=self.genes,
            n_genes=self.n_genes,
        )
        batch = encode(names, self.batches, what="batch")
        return corrected_intervals(
            self.counts,
            counts,
            batch,
            level=level,
            target_counts=self.target_counts,
            seed=self.seed,
        )

    def predict_labels(self, data: Any, given: Given) -> PredictedLabels:
        """Return what the labels of the fit say of cells."""
        _, expression, groups = self.prepare(data, given, needs_batch=self.needs_batch)
        return LabelTransfer.of(self.reference).predict(self.correction.embed(expression, groups))

    def own(self, data: Any) -> Any:
        """Return the modality of a MuData that was fitted; other data as they are."""
        return modality_of(data, self.columns.modality) if is_mudata(data) else data

    def prepare(
        self, data: Any, given: Given, *, needs_batch: bool, is_further: bool = False
    ) -> tuple[Cells, Matrix, Groups]:
        """Read cells as the correction takes them, with their normalised expression.

        Further batches, which were not fitted, are numbered by themselves.

        Raises
        ------
        InputError
            Genes are missing, a batch or label was not fitted, or the numbers are of another kind.
        """
        correction = self.correction
        cells = read_cells(
            self.own(data),
            self.columns,
            given,
            expected=self.kind,
            reads_batch=needs_batch,
            reads_labels=correction.needs_labels,
            reads_covariates=self.effects is not None and needs_batch,
        ).only(self.genes, self.n_genes)
        cells = replace(cells, labels=cells.strata)
        check_size(cells)
        codes = np.full(cells.n_cells, -1, np.int64)
        batches = known_names(cells.batch) if is_further else self.batches
        if needs_batch:
            codes = encode(require_batch(cells), batches, what="batch")
        numbers = label_codes(cells, self.labels, is_needed=correction.needs_labels and needs_batch)
        groups = Groups(codes, numbers, len(batches), len(self.labels))
        expression = cells.normalised(self.target_counts)
        if self.effects is not None and needs_batch and not is_further:
            assert cells.covariates is not None  # they were required
            expression = self.effects.remove(expression, cells.covariates, groups.batch)
        return cells, expression, groups

    def corrected(
        self,
        data: Any,
        seen: tuple[Cells, Matrix, Groups],
        *,
        to: int | None = None,
        key: str | None = None,
        copy: bool = True,
    ) -> Any:
        """Correct cells, as `prepare` has read them from data, and return them in its kind."""
        cells, expression, groups = seen
        corrected = self.correction.correct(expression, groups, to=to)
        embedding = self.correction.embed(expression, groups)
        return give_back(
            self.own(data), corrected, embedding, genes=cells.genes, facts=self.facts(), key=key, copy=copy
        )

    def card(self) -> dict[str, Any]:
        """Return what it was fitted on and how, as plain values."""
        columns = self.columns
        return {
            "method": self.correction.method,
            "batch_key": list(columns.batch),
            "label_key": columns.label or "",
            "keep": list(columns.keep),
            "covariates": list(columns.covariates),
            "layer": columns.layer or "",
            "modality": columns.modality or "",
            "seed": self.seed,
            "target_counts": self.target_counts,
            "n_genes": self.n_genes,
            "numbers": self.kind.name,
            "batches": list(self.batches),
            "labels": list(self.labels),
            "genes": None if self.genes is None else list(self.genes),
            "notes": list(self.notes),
            **self.reasons,
        }

    def facts(self) -> dict[str, Any]:
        """Return what an AnnData's ``uns`` holds of the card: all but the genes, which it has itself."""
        return {
            **{key: value for key, value in self.card().items() if key not in {"genes", "compared"}},
            "sciadv_version": version("sciadv"),
        }

    def batch_number(self, name: str) -> int:
        """Return the number of a batch.

        Raises
        ------
        UnknownNameError
            There is no such batch.
        """
        if as_text(name, "to") not in self.batches:
            raise UnknownNameError("batch", name, list(self.batches))
        return self.batches.index(name)

    def saved(self) -> SavedCorrection:
        """Return what files hold of it."""
        tensors, facts = self.correction.state()
        card = {**self.card(), "correction": {**facts, "reference": self.reference.facts()}}
        effects = {} if self.effects is None else self.effects.tensors()
        counts = {} if self.counts is None else self.counts.tensors()
        return SavedCorrection(card, tensors | self.reference.tensors() | effects | counts)

    @staticmethod
    def restored(
        saved: SavedCorrection, find: Callable[[str], type[Correction]], device: torch.device
    ) -> Learnt:
        """Build it from what `saved` returned; `find` finds a method by its name."""
        card = saved.card
        batches, labels = (tuple(card[name]) for name in ("batches", "labels"))
        correction = find(card["method"]).restore(
            saved.tensors,
            card["correction"],
            n_batches=len(batches),
            n_labels=len(labels),
            device=device,
        )
        return Learnt(
            correction,
            Columns(
                batch=tuple(card["batch_key"]),
                label=card["label_key"] or None,
                keep=tuple(card["keep"]),
                covariates=tuple(card["covariates"]),
                layer=card["layer"] or None,
                modality=card.get("modality") or None,
            ),
            KINDS[card["numbers"]],
            batches,
            labels,
            None if card["genes"] is None else tuple(card["genes"]),
            card["n_genes"],
            card["target_counts"],
            card["seed"],
            Reference.from_tensors(saved.tensors, card["correction"]["reference"]),
            CovariateEffects.from_tensors(saved.tensors),
            tuple(card["notes"]),
            {key: card[key] for key in REASONS if key in card},
            CountModel.from_tensors(saved.tensors, n_batches=len(batches)),
        )
