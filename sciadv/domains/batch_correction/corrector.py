"""`BatchCorrector`: fit on cells of several batches, correct these and others, save and load."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from sciadv.domains.batch_correction import adversarial, combat
from sciadv.domains.batch_correction.adversarial import AdversarialCorrection
from sciadv.domains.batch_correction.cells import (
    UNKNOWN,
    Cells,
    Matrix,
    Names,
    encode,
    give_back,
    read_cells,
    require_batch,
)
from sciadv.domains.batch_correction.combat import LinearCorrection
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction import Codes, Correction, Groups
from sciadv.domains.batch_correction.correction_game import AdversarialSettings
from sciadv.errors import InputError, UnknownNameError, WeightsError
from sciadv.trainings.protocol import TrainingMonitor
from sciadv.types import as_device

METHODS = ("auto", "adversarial", "linear")
#: Cells from which "auto" takes the adversarial method.
SMALL = 500
WEIGHTS, CARD = "weights.safetensors", "card.json"
_LEAST = {"adversarial": adversarial.LEAST_CELLS, "linear": combat.LEAST_CELLS}


@final
class BatchCorrector:
    """Takes out of expression what belongs to the batch and keeps what belongs to the cell.

    Parameters
    ----------
    batch_key
        Column of an AnnData's ``obs`` that says the batch.
    label_key
        Column with labels (cell types) that the correction should keep apart; missing ones are unknown.
        None corrects without labels.
    method
        "adversarial" (a conditional autoencoder against a batch discriminator), "linear" (ComBat), or
        "auto": linear below 500 cells, where an adversary has too little to learn from.
    settings
        Of the adversarial method.
    seed
        Seed of everything random.
    device
        "auto", "cpu", "cuda", ...

    Raises
    ------
    UnknownNameError
        There is no such method.

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

    def __init__(
        self,
        batch_key: str = "batch",
        *,
        label_key: str | None = None,
        method: str = "auto",
        settings: AdversarialSettings | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if method not in METHODS:
            raise UnknownNameError("method", method, METHODS)
        self.batch_key, self.label_key, self.method = batch_key, label_key, method
        self.settings = settings or AdversarialSettings()
        self.seed, self.device = seed, device
        #: After `fit`: names of batches and labels, the genes (None for arrays), and the correction.
        self.batches: tuple[str, ...] = ()
        self.labels: tuple[str, ...] = ()
        self.genes: tuple[str, ...] | None = None
        self.n_genes, self.takes_counts = 0, False
        self.correction: Correction | None = None

    @property
    def fitted_method(self) -> str:
        """Which method was fitted: "adversarial" or "linear".

        Raises
        ------
        InputError
            `fit` was not called.
        """
        return "linear" if isinstance(self._fitted(), LinearCorrection) else "adversarial"

    def fit(
        self,
        data: Any,
        *,
        batch: Iterable[object] | None = None,
        labels: Iterable[object] | None = None,
        monitor: TrainingMonitor | None = None,
    ) -> BatchCorrector:
        """Learn what the batches differ in; returns the corrector.

        Parameters
        ----------
        data
            The cells.
        batch, labels
            ``(cells,)``; read from ``obs`` if left out and `data` is an AnnData.
        monitor
            Called after each step of a training.

        Raises
        ------
        UnknownNameError
            ``obs`` has no such column.
        InputError
            The data are no expression, there is one batch only, a batch is too small, or labels and batches
            cannot be told apart.
        GameError
            The training diverged.
        """
        cells = self._read(data, batch, labels)
        names = require_batch(cells)
        batches = tuple(np.unique(names).tolist())
        method = self.method
        if method == "auto":
            method = "linear" if cells.n_cells < SMALL else "adversarial"
        _check_batches(names, batches, key=self.batch_key, least=_LEAST[method], method=method)
        if min(cells.n_cells, cells.n_genes) < 3:
            raise InputError(
                f"{cells.n_genes} genes of {cells.n_cells} cells are too few to correct; give more"
            )
        known = (
            () if cells.labels is None else tuple(np.unique(cells.labels[cells.labels != UNKNOWN]).tolist())
        )
        is_linear = method == "linear"
        groups = Groups(
            encode(names, batches, what="batch"),
            _label_codes(cells, known, is_needed=is_linear and bool(known)),
            len(batches),
            len(known),
        )
        expression, device = cells.normalised(), as_device(self.device)
        if is_linear:
            self.correction = LinearCorrection.fit(
                expression, groups, n_components=self.settings.n_components, seed=self.seed, device=device
            )
        else:
            self.correction = AdversarialCorrection.fit(
                expression, groups, settings=self.settings, seed=self.seed, device=device, monitor=monitor
            )
        self.batches, self.labels, self.genes = batches, known, cells.genes
        self.n_genes, self.takes_counts = cells.n_genes, cells.is_counts
        return self

    def transform(
        self, data: Any, *, batch: Iterable[object] | None = None, labels: Iterable[object] | None = None
    ) -> Any:
        """Correct cells of the batches that were fitted, seen or not.

        Parameters
        ----------
        data
            The cells: the same genes, by name, or the same columns.
        batch, labels
            ``(cells,)``; read from ``obs`` if left out and `data` is an AnnData. Labels are looked at only by
            the linear method that was fitted with some.

        Returns
        -------
        The corrected log-normalised expression ``(cells, genes)`` in the kind of `data`. For an AnnData a
        copy with it in ``layers["corrected"]`` and the embedding in ``obsm["X_sciadv"]``; ``X`` stays.

        Raises
        ------
        UnknownNameError
            ``obs`` has no such column.
        InputError
            Genes are missing, a batch or label was not fitted, or counts do not come as counts.
        """
        cells, expression, groups = self._prepare(data, batch, labels, needs_batch=True)
        correction = self._fitted()
        return give_back(
            data,
            correction.correct(expression, groups),
            correction.embed(expression, groups),
            genes=cells.genes,
            facts={key: value for key, value in self.card().items() if isinstance(value, str | int)},
        )

    def correct(
        self,
        data: Any,
        *,
        batch: Iterable[object] | None = None,
        labels: Iterable[object] | None = None,
        monitor: TrainingMonitor | None = None,
    ) -> Any:
        """Fit on cells and correct them: `fit`, then `transform`."""
        batch, labels = (None if v is None else list(v) for v in (batch, labels))
        return self.fit(data, batch=batch, labels=labels, monitor=monitor).transform(
            data, batch=batch, labels=labels
        )

    def embed(
        self, data: Any, *, batch: Iterable[object] | None = None, labels: Iterable[object] | None = None
    ) -> NDArray[np.float32]:
        """Return coordinates ``(cells, n)`` without the batch: codes, or components of corrected expression.

        The adversarial method needs no batch and so places cells of batches it has not seen, too.

        Raises
        ------
        InputError
            As `transform`.
        """
        correction = self._fitted()
        _, expression, groups = self._prepare(data, batch, labels, needs_batch=correction.needs_batch)
        return correction.embed(expression, groups)

    def uncorrected(self, data: Any) -> NDArray[np.float32]:
        """Return principal components ``(cells, n)`` of the expression as it is, to compare `embed` with.

        Raises
        ------
        InputError
            As `transform`.
        """
        _, expression, _ = self._prepare(data, None, None, needs_batch=False)
        return Components.fit(expression, self.settings.n_components, seed=self.seed).scores(expression)

    def save(self, folder: Path | str) -> Path:
        """Write ``weights.safetensors`` and ``card.json`` to a folder, which is made if need be.

        Raises
        ------
        InputError
            `fit` was not called, or the folder cannot be written.
        """
        from safetensors.torch import save_file

        tensors, facts = self._fitted().state()
        out = Path(folder)
        try:
            out.mkdir(parents=True, exist_ok=True)
            save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, out / WEIGHTS)
            text = json.dumps({**self.card(), "correction": facts}, indent=2)
            (out / CARD).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror}; give another folder") from error
        return out

    @staticmethod
    def load(folder: Path | str, *, device: str = "cpu") -> BatchCorrector:
        """Read what `save` wrote; no code is run from it.

        Raises
        ------
        WeightsError
            The folder has no such files, or they are broken.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        source = Path(folder)
        try:
            card = json.loads((source / CARD).read_text(encoding="utf-8"))
            tensors = load_file(source / WEIGHTS)
            return _built(card, tensors, device)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise WeightsError(
                f"{source} holds no corrector that can be read ({type(error).__name__}: {error}); it needs "
                f"{WEIGHTS} and {CARD} as BatchCorrector.save writes them"
            ) from error

    def card(self) -> dict[str, Any]:
        """Return what it was fitted on and how, as plain values."""
        return {
            "method": self.fitted_method,
            "batch_key": self.batch_key,
            "label_key": self.label_key or "",
            "seed": self.seed,
            "n_genes": self.n_genes,
            "takes_counts": self.takes_counts,
            "batches": list(self.batches),
            "labels": list(self.labels),
            "genes": None if self.genes is None else list(self.genes),
        }

    def _fitted(self) -> Correction:
        if self.correction is None:
            raise InputError("the corrector has not seen any cells yet; call fit or correct first")
        return self.correction

    def _read(self, data: Any, batch: Iterable[object] | None, labels: Iterable[object] | None) -> Cells:
        return read_cells(
            data, batch_key=self.batch_key, label_key=self.label_key, batch=batch, labels=labels
        )

    def _prepare(
        self, data: Any, batch: Iterable[object] | None, labels: Iterable[object] | None, *, needs_batch: bool
    ) -> tuple[Cells, Matrix, Groups]:
        """Read cells as the fitted correction takes them, with their normalised expression."""
        correction = self._fitted()
        cells = read_cells(
            data,
            batch_key=self.batch_key if needs_batch else None,
            label_key=self.label_key if correction.needs_labels else None,
            batch=batch if needs_batch else None,
            labels=labels if correction.needs_labels else None,
        ).only(self.genes, self.n_genes)
        if self.takes_counts and not cells.is_counts:
            raise InputError(
                "the corrector was fitted on counts, but these values are not whole numbers; give raw counts"
            )
        codes = np.full(cells.n_cells, -1, np.int64)
        if needs_batch:
            codes = encode(require_batch(cells), self.batches, what="batch")
        numbers = _label_codes(cells, self.labels, is_needed=correction.needs_labels and needs_batch)
        expression = cells.normalised() if self.takes_counts else cells.expression
        return cells, expression, Groups(codes, numbers, len(self.batches), len(self.labels))


def _label_codes(cells: Cells, known: tuple[str, ...], *, is_needed: bool) -> Codes:
    """Return the numbers of the labels, -1 where there are none and none are needed."""
    if cells.labels is None and not is_needed:
        return np.full(cells.n_cells, -1, np.int64)
    if cells.labels is None:
        raise InputError("the corrector was fitted with labels; give them (label_key, or labels=) here too")
    codes = encode(cells.labels, known, what="label")
    if is_needed and (codes < 0).any():
        raise InputError(
            f"{int((codes < 0).sum())} of {cells.n_cells} cells have no label, which the linear method needs "
            f"of every cell; give them all, leave the labels out, or take the adversarial method"
        )
    return codes


def _check_batches(names: Names, batches: tuple[str, ...], *, key: str, least: int, method: str) -> None:
    if len(batches) < 2:
        raise InputError(
            f"all {len(names)} cells are of one batch, {batches[0]!r}, so there is nothing to correct; is "
            f"{key!r} the column that says the batch?"
        )
    small = [f"{name!r} has {n}" for name in batches if (n := int((names == name).sum())) < least]
    if small:
        raise InputError(
            f"the {method} method needs {least} cells in each batch, but {', '.join(small[:5])}; remove "
            f"these batches or merge them with others"
        )


def _built(card: dict[str, Any], tensors: dict[str, torch.Tensor], device: str) -> BatchCorrector:
    corrector = BatchCorrector(
        card["batch_key"],
        label_key=card["label_key"] or None,
        method=card["method"],
        seed=card["seed"],
        device=device,
    )
    corrector.batches, corrector.labels = tuple(card["batches"]), tuple(card["labels"])
    corrector.genes = None if card["genes"] is None else tuple(card["genes"])
    corrector.n_genes, corrector.takes_counts = card["n_genes"], card["takes_counts"]
    target = as_device(device)
    if card["method"] == "linear":
        corrector.correction = LinearCorrection.restore(tensors, target)
    else:
        corrector.correction = AdversarialCorrection.restore(
            tensors,
            card["correction"],
            n_batches=len(corrector.batches),
            n_labels=len(corrector.labels),
            device=target,
        )
    return corrector
