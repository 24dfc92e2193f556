"""`BatchCorrector`: fit on cells of several batches, correct these and others, save and load."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.values import as_count, as_flag, as_number, as_one_of, as_seed, as_text
from sciadv.domains.batch_correction.choice.lesson import AUTO, Wanted, make_lesson
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction_game import AdversarialSettings
from sciadv.domains.batch_correction.fitted.conventions import OUTPUTS, Transformer
from sciadv.domains.batch_correction.fitted.correction_files import load_correction, save_correction
from sciadv.domains.batch_correction.fitted.learnt import Learnt
from sciadv.domains.batch_correction.fitted_correction import CORRECTIONS, Correction, FitPlan, Lesson
from sciadv.domains.batch_correction.labelling.label_transfer import PredictedLabels
from sciadv.domains.batch_correction.reading.columns import Columns, Given
from sciadv.domains.batch_correction.reading.keys import is_anndata, names_of
from sciadv.domains.batch_correction.reading.read import modality_of, read_cells
from sciadv.errors import InputError, UnknownNameError
from sciadv.trainings.protocol import TrainingMonitor
from sciadv.types import as_device

#: A value for each cell, or none; and several of them by key.
Column = Iterable[object] | None
Values = Mapping[str, Iterable[object]] | None


@final
class BatchCorrector(Transformer):
    """Takes out of expression what belongs to the batch and keeps what belongs to the cell.

    Parameters
    ----------
    batch_key
        Column that says the batch, of an AnnData's ``obs`` or of a data frame; several are joined.
    label_key
        Column with labels (cell types) that the correction should keep apart; missing ones are unknown.
        None corrects without labels.
    keep
        Columns whose differences are to be kept (condition, sex): only cells that agree in them are compared.
        Refused where they are confounded with the batch.
    covariates
        Columns of numbers (run order, age of a reagent) whose effect within batches is removed.
    layer
        Layer of an AnnData with the expression; None for ``X``.
    is_counts
        Whether the numbers are counts or proportional to them, so that they are scaled and logged; None lets
        the numbers say so, and asks where they do not.
    method
        "residual" (matching cells are moved), "linear" (ComBat), "adversarial" (an autoencoder against a
        batch discriminator), "nothing", or "auto": what hides the batch and keeps most neighbours.
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
    most_cells
        Cells that a fit learns from, at most, drawn evenly from the batches.

    Raises
    ------
    UnknownNameError
        There is no such method.
    InputError
        A column is no text, the seed no whole number, or a number out of its range.

    Notes
    -----
    `data` is an AnnData; a data frame of cells by genes, which may hold the columns that are named beside
    the genes; or an array, tensor or scipy sparse matrix with `batch` (and `labels`) given beside it.
    Counts, whole or not, and scaled counts (CPM, TPM) are log-normalised (``log(1 + 1e4 x / total)``); log
    expression stays as it is, with NaN where nothing was measured. It is an estimator of scikit-learn, for
    `clone`, `set_output` and pipelines.

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
        covariates: str | Sequence[str] = (),
        layer: str | None = None,
        is_counts: bool | None = None,
        method: str = "auto",
        settings: AdversarialSettings | None = None,
        seed: int = 0,
        device: str = "cpu",
        auto_below: int = 500,
        target_counts: float = 1e4,
        most_cells: int = 50_000,
    ) -> None:
        self.batch_key = batch_key
        self.label_key = label_key
        self.keep = keep
        self.covariates = covariates
        self.layer = layer
        self.is_counts = is_counts
        self.method = method
        self.settings = settings
        self.seed = seed
        self.device = device
        self.auto_below = auto_below
        self.target_counts = target_counts
        self.most_cells = most_cells
        self._learnt: Learnt | None = None
        self._output = OUTPUTS[0]
        self._check()

    def _check(self) -> tuple[Columns, AdversarialSettings]:
        """Check what was given, and return what is read and the settings."""
        if self.method != AUTO and str(self.method) not in CORRECTIONS:
            raise UnknownNameError("method", str(self.method), [AUTO, *CORRECTIONS])
        columns = Columns.of(
            batch_key=self.batch_key,
            label_key=self.label_key,
            keep=self.keep,
            covariates=self.covariates,
            layer=self.layer,
            is_counts=self.is_counts,
        )
        settings = AdversarialSettings() if self.settings is None else self.settings
        as_one_of(settings, "settings", AdversarialSettings, "an AdversarialSettings")
        as_seed(self.seed)
        as_count(self.auto_below, "auto_below", least=0)
        as_number(self.target_counts, "target_counts", above=0)
        as_count(self.most_cells, "most_cells", least=100)
        return columns, settings

    def fit(  # noqa: PLR0913  # one keyword a choice of the user
        self,
        data: Any,
        y: object = None,  # noqa: ARG002  # scikit-learn's pipelines give it
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Values = None,
        covariates: Values = None,
        reference_labels: Column = None,
        modality: str | None = None,
        monitor: TrainingMonitor | None = None,
    ) -> BatchCorrector:
        """Learn what the batches differ in; returns the corrector.

        Parameters
        ----------
        data
            The cells; `y` is not read.
        batch, labels, keep, covariates
            ``(cells,)``, the last two by key; from the columns if left out. A Series goes by its index.
        reference_labels
            Labels for `predict_labels`, which the correction does not read; those of `labels` if left out.
        modality
            That of a MuData, which every method reads from then on; its ``obs`` has the columns.
        monitor
            Is called after each step of a training.

        Raises
        ------
        InputError
            The data are no expression, there are too few batches or cells, or the design is confounded.
        UnknownNameError
            There is no such column, layer or modality.
        GameError
            The training diverged.
        """
        given = Given(batch, labels, keep, covariates)
        lesson = self.begin(data, given, modality=modality, monitor=monitor)
        if reference_labels is not None:
            own = modality_of(data, modality)
            lesson = replace(lesson, known=names_of(reference_labels, own, "reference_labels"))
        return self.finish(lesson, lesson.correction.fit(lesson.expression, lesson.groups, lesson.plan))

    def begin(
        self,
        data: Any,
        given: Given | None = None,
        *,
        modality: str | None = None,
        monitor: TrainingMonitor | None = None,
    ) -> Lesson:
        """Read and check cells, and return what a correction learns from; `fit` without the fit."""
        columns, settings = self._check()
        columns = replace(columns, modality=modality)
        own = modality_of(data, modality)
        plan = FitPlan(settings, self.seed, as_device(self.device), monitor)
        cells = read_cells(own, columns, given)
        wanted = Wanted(self.method, columns, self.auto_below, self.target_counts, self.most_cells)
        lesson = make_lesson(cells, wanted, plan, own.obs if is_anndata(own) else None)
        for note in lesson.notes:
            warnings.warn(note, stacklevel=3)
        return lesson

    def finish(self, lesson: Lesson, correction: Correction) -> BatchCorrector:
        """Take over a correction that was fitted to what `begin` returned; returns the corrector."""
        self._learnt = Learnt.of(lesson, correction, target_counts=self.target_counts)
        return self

    def transform(  # noqa: PLR0913  # one keyword a choice of the user
        self,
        data: Any,
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Values = None,
        covariates: Values = None,
        to: str | None = None,
        key_added: str | None = None,
        copy: bool = True,
    ) -> Any:
        """Correct cells of the batches that were fitted, seen or not.

        Parameters
        ----------
        data
            The cells: the same genes, by name, or the same columns.
        batch, labels, keep, covariates
            As of `fit`. Labels and what is kept are read only by the linear method that was fitted with some.
        to
            Batch as which all cells are given; None for what batches share. Its own cells stay as they are.
        key_added
            Where an AnnData gets what is new: ``layers[key_added]``, ``obsm["X_" + key_added]`` and
            ``uns[key_added]``; None for ``layers["corrected"]``, ``obsm["X_sciadv"]`` and ``uns["sciadv"]``.
        copy
            Whether an AnnData is copied, or written into and given back.

        Returns
        -------
        The corrected log-normalised expression ``(cells, genes)`` in the kind of `data`. An AnnData has the
        embedding too; ``X`` stays. Of a MuData it is the modality, an AnnData.

        Raises
        ------
        InputError
            Genes are missing, a batch or label was not fitted, or counts do not come as counts.
        """
        learnt = self.learnt()
        seen = learnt.prepare(data, Given(batch, labels, keep, covariates), needs_batch=True)
        key = None if key_added is None else as_text(key_added, "key_added")
        aim = None if to is None else learnt.batch_number(to)
        found = learnt.corrected(data, seen, to=aim, key=key, copy=as_flag(copy, "copy"))
        return self._in_kind(found)

    def correct(  # noqa: PLR0913  # one keyword a choice of the user
        self,
        data: Any,
        y: object = None,  # noqa: ARG002  # as `fit`
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Values = None,
        covariates: Values = None,
        modality: str | None = None,
        monitor: TrainingMonitor | None = None,
    ) -> Any:
        """Fit on cells and correct them: `fit`, then `transform`."""
        given = Given(batch, labels, keep, covariates)
        lesson = self.begin(data, given, modality=modality, monitor=monitor)
        self.finish(lesson, lesson.correction.fit(lesson.expression, lesson.groups, lesson.plan))
        seen = (lesson.cells, lesson.expression, lesson.groups)
        if lesson.n_given > lesson.cells.n_cells:
            seen = self.learnt().prepare(data, given, needs_batch=True)
        return self._in_kind(self.learnt().corrected(data, seen))

    fit_transform = correct  # as scikit-learn calls it

    def embed(
        self,
        data: Any,
        *,
        batch: Column = None,
        labels: Column = None,
        keep: Values = None,
        covariates: Values = None,
    ) -> NDArray[np.float32]:
        """Return coordinates ``(cells, n)`` without the batch; the adversarial method needs none for it."""
        correction = self.fitted()
        given = Given(batch, labels, keep, covariates)
        _, expression, groups = self.learnt().prepare(data, given, needs_batch=self.learnt().needs_batch)
        return correction.embed(expression, groups)

    def adapt(self, data: Any, *, batch: Column = None, labels: Column = None) -> BatchCorrector:
        """Return a corrector that knows the further batches of these cells too; only their part is estimated.

        Cells of the batches that were fitted are corrected as before. Takes what `transform` takes; raises
        an `InputError` where a batch is known already or has too few cells.
        """
        plan = FitPlan(self._check()[1], self.seed, as_device(self.device))
        learnt = self.learnt().adapted(data, Given(batch, labels), plan)
        return BatchCorrector.of(learnt, device=self.device)

    def intervals(
        self, data: Any, *, batch: Column = None, labels: Column = None, level: float = 0.9
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return bounds ``(cells, genes)`` between which corrected expression lies with probability `level`.

        Genes that the data lack, and NaN, count as not measured. The first call learns a model of counts from
        its cells, all of them measured, which `save` keeps; see `uncertainty.rates`.
        """
        level = as_number(level, "level", least=0, below=1)
        given = Given(batch, labels)
        if self.learnt().counts is None:
            self._learnt = self.learnt().with_counts(data, given)
        return self.learnt().intervals(data, given, level=level)

    def predict_labels(self, data: Any, *, batch: Column = None, labels: Column = None) -> PredictedLabels:
        """Return labels as those of the fit, how likely each is right, and what is unlike all of the fit."""
        return self.learnt().predict_labels(data, Given(batch, labels))

    def uncorrected(self, data: Any) -> NDArray[np.float32]:
        """Return principal components ``(cells, n)`` of the expression as it is, to compare `embed` with."""
        _, settings = self._check()
        _, expression, _ = self.learnt().prepare(data, Given(), needs_batch=False)
        return Components.fit(expression, settings.n_components, seed=self.seed).scores(expression)

    def save(self, folder: Path | str) -> Path:
        """Write ``weights.safetensors`` and ``card.json`` to a folder, both or none."""
        return save_correction(folder, self.learnt().saved())

    @staticmethod
    def load(folder: Path | str, *, device: str = "cpu") -> BatchCorrector:
        """Read what `save` wrote, running no code; `WeightsError` where files lack or are broken."""
        on = as_device(device)
        learnt = load_correction(folder, lambda saved: Learnt.restored(saved, CORRECTIONS.find, on))
        return BatchCorrector.of(learnt, device=str(on))

    @staticmethod
    def of(learnt: Learnt, *, device: str = "cpu") -> BatchCorrector:
        """Return the corrector of what was learnt."""
        columns = learnt.columns
        corrector = BatchCorrector(
            columns.batch,
            label_key=columns.label,
            keep=columns.keep,
            covariates=columns.covariates,
            layer=columns.layer,
            method=learnt.correction.method,
            seed=learnt.seed,
            device=device,
            target_counts=learnt.target_counts,
        )
        corrector._learnt = learnt  # of its own class
        return corrector

    def card(self) -> dict[str, Any]:
        """Return what it was fitted on and how, as plain values."""
        return self.learnt().card()

    @property
    def fitted_method(self) -> str:
        """Which method was fitted; `InputError` before."""
        return self.fitted().method

    @property
    def batches(self) -> tuple[str, ...]:
        """Those that were fitted."""
        return self.learnt().batches

    def learnt(self) -> Learnt:
        """Return what was learnt; `InputError` before `fit`."""
        if self._learnt is None:
            raise InputError("the corrector has not seen any cells yet; call fit or correct first")
        return self._learnt

    def fitted(self) -> Correction:
        """Return the correction that was fitted; `InputError` before."""
        return self.learnt().correction

    def __sklearn_is_fitted__(self) -> bool:
        return self._learnt is not None
