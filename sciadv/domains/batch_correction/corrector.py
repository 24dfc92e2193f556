"""`BatchCorrector`: fit on cells of several batches, correct these and others, save and load."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.values import as_count, as_number, as_one_of, as_seed, as_text
from sciadv.domains.batch_correction.cells import Cells, Matrix, encode, give_back, read_cells, require_batch
from sciadv.domains.batch_correction.choice.lesson import AUTO, Wanted, make_lesson
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction_files import SavedCorrection, load_correction, save_correction
from sciadv.domains.batch_correction.correction_game import AdversarialSettings
from sciadv.domains.batch_correction.fitted_correction import CORRECTIONS, Correction, FitPlan, Lesson
from sciadv.domains.batch_correction.groups import (
    Groups,
    check_further,
    check_size,
    known_names,
    label_codes,
    listed,
)
from sciadv.domains.batch_correction.query.fitted_cells import Reference, require_reference
from sciadv.domains.batch_correction.reading.keys import is_anndata
from sciadv.errors import InputError, UnknownNameError
from sciadv.trainings.protocol import TrainingMonitor
from sciadv.types import as_device

#: What is to be kept, by key: one value a cell.
Kept = Mapping[str, Iterable[object]] | None
#: A value for each cell, or None.
Column = Iterable[object] | None


@final
class BatchCorrector:
    """Takes out of expression what belongs to the batch and keeps what belongs to the cell.

    Parameters
    ----------
    batch_key
        Column of an AnnData's ``obs`` that says the batch; several are joined.
    label_key
        Column with labels (cell types) that the correction should keep apart; missing ones are unknown.
        None corrects without labels.
    keep
        Columns whose differences are to be kept (condition, sex): only cells that agree in them are compared.
        Refused where they are confounded with the batch.
    method
        "residual" (components moved where cells of other batches match), "linear" (ComBat), "adversarial" (a
        conditional autoencoder against a batch discriminator), "nothing", or "auto": nothing where batches do
        not differ, else the smallest change of the first two that hides the batch from held-out cells; below
        500 cells linear.
    settings
        Of the adversarial method.
    seed
        Seed of everything random.
    device
        "auto", "cpu", "cuda", ...
    auto_below
        Cells below which "auto" takes nothing or the linear method.
    target_counts
        Counts that a cell is scaled to before the logarithm.

    Raises
    ------
    UnknownNameError
        There is no such method.
    InputError
        A column is no text, the seed no whole number, or a number out of its range.

    Notes
    -----
    `data` is an AnnData; or a data frame, array, tensor or scipy sparse matrix of cells by genes, with
    `batch` (and `labels`) given beside it. Whole numbers are taken as counts and log-normalised
    (``log(1 + 1e4 x / total)``); anything else is taken as normalised already.

    References
    ----------
    Y. Ganin et al., Domain-adversarial training of neural networks, JMLR 17, 2016. W. E. Johnson, C. Li,
    A. Rabinovic, Adjusting batch effects in microarray expression data using empirical Bayes methods,
    Biostatistics 8(1), 2007.

    Examples
    --------
    >>> from sciadv.domains.batch_correction import simulate_counts
    >>> cells = simulate_counts(90, 40)
    >>> corrector = BatchCorrector(method="linear").fit(cells.counts, batch=cells.batch)
    >>> corrector.transform(cells.counts, batch=cells.batch).shape
    (90, 40)
    """

    def __init__(  # noqa: PLR0913  # one keyword a choice of the user
        self,
        batch_key: str | Sequence[str] = "batch",
        *,
        label_key: str | None = None,
        keep: str | Sequence[str] = (),
        method: str = "auto",
        settings: AdversarialSettings | None = None,
        seed: int = 0,
        device: str = "cpu",
        auto_below: int = 500,
        target_counts: float = 1e4,
    ) -> None:
        if method not in (AUTO, *CORRECTIONS):
            raise UnknownNameError("method", str(method), [AUTO, *CORRECTIONS])
        several = [as_text(key, "batch_key") for key in ([] if isinstance(batch_key, str) else batch_key)]
        self.batch_key = several or as_text(batch_key, "batch_key")
        self.keep = tuple(as_text(key, "keep") for key in ((keep,) if isinstance(keep, str) else keep))
        self.label_key = None if label_key is None else as_text(label_key, "label_key")
        self.method = method
        self.settings = AdversarialSettings() if settings is None else settings
        as_one_of(self.settings, "settings", AdversarialSettings, "an AdversarialSettings")
        self.seed = as_seed(seed)
        self.device = device
        self.auto_below = as_count(auto_below, "auto_below", least=0)
        self.target_counts = as_number(target_counts, "target_counts", above=0)
        #: After `fit`: names of batches and labels, the genes (None for arrays), and the correction.
        self.batches: tuple[str, ...] = ()
        self.labels: tuple[str, ...] = ()
        self.genes: tuple[str, ...] | None = None
        self.n_genes = 0
        self.takes_counts = False
        self.correction: Correction | None = None
        self.reference: Reference | None = None
        #: What to beware of, in sentences, and why `auto` chose what it did.
        self.notes: tuple[str, ...] = ()
        self.reasons: dict[str, Any] = {}

    @property
    def fitted_method(self) -> str:
        """Which method was fitted; `InputError` before."""
        return self.fitted().method

    def fit(
        self,
        data: Any,
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Kept = None,
        monitor: TrainingMonitor | None = None,
    ) -> BatchCorrector:
        """Learn what the batches differ in; returns the corrector.

        Parameters
        ----------
        data
            The cells.
        batch, labels, keep
            ``(cells,)``; read from ``obs`` if left out and `data` is an AnnData.
        monitor
            Is called after each step of a training.

        Raises
        ------
        InputError
            The data are no expression, there is one batch only, a batch is too small, or batches are
            confounded with labels or with what is to be kept.
        GameError
            The training diverged.
        """
        lesson = self.begin(data, batch=batch, labels=labels, keep=keep, monitor=monitor)
        return self.finish(lesson, lesson.correction.fit(lesson.expression, lesson.groups, lesson.plan))

    def begin(
        self,
        data: Any,
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Kept = None,
        monitor: TrainingMonitor | None = None,
    ) -> Lesson:
        """Read and check cells, and return what a correction learns from; `fit` without the fit."""
        plan = FitPlan(self.settings, self.seed, as_device(self.device), monitor)
        cells = read_cells(
            data,
            batch_key=self.batch_key,
            label_key=self.label_key,
            keep_keys=self.keep,
            batch=batch,
            labels=labels,
            keep=keep,
        )
        wanted = Wanted(self.method, self.batch_key, CORRECTIONS.find, self.auto_below, self.target_counts)
        lesson = make_lesson(cells, wanted, plan, data.obs if is_anndata(data) else None)
        for note in lesson.notes:
            warnings.warn(note, stacklevel=3)
        return lesson

    def finish(self, lesson: Lesson, correction: Correction) -> BatchCorrector:
        """Take over a correction that was fitted to what `begin` returned; returns the corrector."""
        cells = lesson.cells
        self.correction = correction
        z = correction.embed(lesson.expression, lesson.groups)
        codes = np.full(len(z), -1, np.int64)
        self.reference = Reference.of(z, lesson.groups.batch, codes, (), seed=lesson.plan.seed)
        self.batches = known_names(cells.batch)
        self.labels = known_names(cells.labels)
        self.genes = cells.genes
        self.n_genes = cells.n_genes
        self.takes_counts = cells.is_counts
        self.notes = lesson.notes
        self.reasons = lesson.facts
        return self

    def transform(
        self,
        data: Any,
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Kept = None,
    ) -> Any:
        """Correct cells of the batches that were fitted, seen or not.

        Parameters
        ----------
        data
            The cells: the same genes, by name, or the same columns.
        batch, labels, keep
            ``(cells,)``; read from ``obs`` if left out and `data` is an AnnData. Labels and what is kept are
            read only by the linear method that was fitted with some.

        Returns
        -------
        The corrected log-normalised expression ``(cells, genes)`` in the kind of `data`. For an AnnData a
        copy with it in ``layers["corrected"]`` and the embedding in ``obsm["X_sciadv"]``; ``X`` stays.

        Raises
        ------
        InputError
            Genes are missing, a batch or label was not fitted, or counts do not come as counts.
        """
        cells, expression, groups = self.prepare(data, batch, labels, keep=keep, needs_batch=True)
        correction = self.fitted()
        return give_back(
            data,
            correction.correct(expression, groups),
            correction.embed(expression, groups),
            genes=cells.genes,
            facts=self.facts(),
        )

    def correct(
        self,
        data: Any,
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Kept = None,
        monitor: TrainingMonitor | None = None,
    ) -> Any:
        """Fit on cells and correct them: `fit`, then `transform`."""
        batch = listed(batch, data)
        labels = listed(labels, data)
        return self.fit(data, batch=batch, labels=labels, keep=keep, monitor=monitor).transform(
            data, batch=batch, labels=labels, keep=keep
        )

    def embed(self, data: Any, *, batch: Column = None, labels: Column = None) -> NDArray[np.float32]:
        """Return coordinates ``(cells, n)`` without the batch; the adversarial method needs none for it."""
        correction = self.fitted()
        _, expression, groups = self.prepare(data, batch, labels, needs_batch=correction.needs_batch)
        return correction.embed(expression, groups)

    def adapt(self, data: Any, *, batch: Column = None, labels: Column = None) -> BatchCorrector:
        """Return a corrector that knows the further batches of these cells too; only their part is estimated.

        Cells of the batches that were fitted are corrected as before. Takes what `transform` takes; raises
        an `InputError` where a batch is known already or has too few cells.
        """
        cells, expression, groups = self.prepare(data, batch, labels, needs_batch=True, is_further=True)
        fitted = self.fitted()
        names = require_batch(cells)
        adapted = copy(self)
        adapted.batches += check_further(names, self.batches, method=fitted.method, least=fitted.least_cells)
        plan = FitPlan(self.settings, self.seed, as_device(self.device))
        adapted.correction = fitted.adapted(expression, groups, require_reference(self.reference), plan)
        return adapted

    def uncorrected(self, data: Any) -> NDArray[np.float32]:
        """Return principal components ``(cells, n)`` of the expression as it is, to compare `embed` with."""
        _, expression, _ = self.prepare(data, None, None, needs_batch=False)
        return Components.fit(expression, self.settings.n_components, seed=self.seed).scores(expression)

    def save(self, folder: Path | str) -> Path:
        """Write ``weights.safetensors`` and ``card.json`` to a folder, both or none; it is made if need be.

        Raises
        ------
        InputError
            `fit` was not called, or the folder cannot be written.
        """
        return save_correction(folder, SavedCorrection.of(self.card(), self.fitted(), self.reference))

    @staticmethod
    def load(folder: Path | str, *, device: str = "cpu") -> BatchCorrector:
        """Read what `save` wrote; no code is run from it.

        Raises
        ------
        WeightsError
            The folder has no such files, or they are broken.
        """
        target = as_device(device)

        def build(saved: SavedCorrection) -> BatchCorrector:
            corrector = BatchCorrector(**saved.arguments(), device=str(target))
            vars(corrector).update(saved.fitted(CORRECTIONS.find, target))
            return corrector

        return load_correction(folder, build)

    def card(self) -> dict[str, Any]:
        """Return what it was fitted on and how, as plain values."""
        return {
            "method": self.fitted_method,
            "batch_key": self.batch_key,
            "label_key": self.label_key or "",
            "keep": list(self.keep),
            "seed": self.seed,
            "target_counts": self.target_counts,
            "n_genes": self.n_genes,
            "takes_counts": self.takes_counts,
            "batches": list(self.batches),
            "labels": list(self.labels),
            "genes": None if self.genes is None else list(self.genes),
            "notes": list(self.notes),
            **self.reasons,
        }

    def facts(self) -> dict[str, str | int]:
        """Return the short facts of the card, as an AnnData's ``uns`` holds them."""
        return {key: value for key, value in self.card().items() if isinstance(value, str | int)}

    def fitted(self) -> Correction:
        """Return the correction that was fitted.

        Raises
        ------
        InputError
            `fit` was not called.
        """
        if self.correction is None:
            raise InputError("the corrector has not seen any cells yet; call fit or correct first")
        return self.correction

    def prepare(
        self,
        data: Any,
        batch: Column,
        labels: Column,
        *,
        needs_batch: bool,
        keep: Kept = None,
        is_further: bool = False,
    ) -> tuple[Cells, Matrix, Groups]:
        """Read cells as the fitted correction takes them; further batches are numbered by themselves."""
        correction = self.fitted()
        cells = read_cells(
            data,
            batch_key=self.batch_key if needs_batch else None,
            label_key=self.label_key if correction.needs_labels else None,
            batch=batch if needs_batch else None,
            labels=labels if correction.needs_labels else None,
            keep_keys=self.keep if correction.needs_labels else (),
            keep=keep if correction.needs_labels else None,
        ).only(self.genes, self.n_genes)
        cells = replace(cells, labels=cells.strata)
        check_size(cells)
        if self.takes_counts and not cells.is_counts:
            raise InputError(
                "the corrector was fitted on counts, but these values are not whole numbers; give raw counts"
            )
        codes = np.full(cells.n_cells, -1, np.int64)
        batches = known_names(cells.batch) if is_further else self.batches
        if needs_batch:
            codes = encode(require_batch(cells), batches, what="batch")
        numbers = label_codes(cells, self.labels, is_needed=correction.needs_labels and needs_batch)
        expression = cells.normalised(self.target_counts) if self.takes_counts else cells.expression
        return cells, expression, Groups(codes, numbers, len(batches), len(self.labels))
