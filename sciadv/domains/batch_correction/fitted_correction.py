"""What every fitted correction can do, whichever way it was found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.correction_game import AdversarialSettings
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.cells import Cells
from sciadv.domains.batch_correction.reading.columns import Columns
from sciadv.domains.batch_correction.reading.covariates import CovariateEffects
from sciadv.domains.batch_correction.reading.keys import Names
from sciadv.domains.batch_correction.reading.matrices import Matrix, dense
from sciadv.prior import Prior
from sciadv.registry.checked import checked
from sciadv.registry.registry import Registry, by_attribute
from sciadv.trainings.protocol import TrainingMonitor


@final
@checked
@dataclass(frozen=True, eq=False)
class FitPlan:
    """How a correction is fitted.

    Parameters
    ----------
    settings
        Of the adversarial method; every method takes `n_components` from them.
    seed
        Seed of everything random.
    device
        Where to fit.
    monitor
        Called after each step of a training.
    """

    settings: AdversarialSettings
    seed: int
    device: torch.device
    monitor: TrainingMonitor | None = None


class Correction(ABC):
    """A fitted correction of normalised expression ``(cells, genes)``; found by its `method`.

    A correction sees cells as rows of numbers, its *measurements* of the expression: principal components, or
    the genes themselves. Its prior generates these numbers in every batch at once.
    """

    #: Name of the method.
    method: ClassVar[str]
    #: Cells that a batch must have.
    least_cells: ClassVar[int]
    #: Whether an embedding depends on the batch, so that it must be known.
    needs_batch: bool
    #: Whether it depends on the label.
    needs_labels: bool

    @classmethod
    @abstractmethod
    def fit(cls, expression: Matrix, groups: Groups, plan: FitPlan) -> Correction:
        """Fit on normalised expression ``(cells, genes)``; labels of -1 are unknown."""

    @classmethod
    @abstractmethod
    def restore(
        cls,
        tensors: dict[str, Tensor],
        facts: dict[str, Any],
        *,
        n_batches: int,
        n_labels: int,
        device: torch.device,
    ) -> Correction:
        """Build it from what `state` returned."""

    @abstractmethod
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""

    @abstractmethod
    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return coordinates ``(cells, n)`` in which batches lie on top of each other."""

    @abstractmethod
    def correct(self, expression: Matrix, groups: Groups, *, to: int | None = None) -> NDArray[np.float32]:
        """Return the expression with the batch's part removed, ``(cells, genes)``.

        Parameters
        ----------
        expression
            Normalised, as it was for the fit.
        groups
            Batch and label of each cell.
        to
            Number of a batch as which the cells are given, rather than as none.
        """

    @abstractmethod
    def adapted(self, expression: Matrix, groups: Groups, reference: Reference, plan: FitPlan) -> Correction:
        """Return the correction with further batches, of which alone parameters are estimated.

        Parameters
        ----------
        expression
            Of cells of the further batches, normalised as for the fit.
        groups
            Their batches, numbered from 0, and labels.
        reference
            Cells of the fit, without their batch.
        plan
            How to fit.

        Returns
        -------
        Correction
            The batches that were fitted come first and are corrected as before.
        """

    def measure(self, expression: Matrix) -> NDArray[np.float32]:
        """Return the numbers ``(cells, measurements)`` by which it sees expression: itself, or others."""
        return dense(expression)

    def to_expression(
        self,
        expression: Matrix,  # noqa: ARG002  # the measurements are all of it
        measured: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return the expression ``(cells, genes)`` whose measurements are changed to `measured`."""
        return measured

    @abstractmethod
    def prior(self, own: int, label: int) -> Prior:
        """Return the prior of cells as they would be measured in every batch, and in none.

        Parameters
        ----------
        own
            Number of the batch that the encoder reads.
        label
            Number of the cells' label; -1 for none.

        Returns
        -------
        Prior
            ``z -> (batches + 1, measurements)``: a row for each batch, and last the one without the batch's
            part.
        """


#: The ways to correct, by name; other packages register theirs by entry points.
CORRECTIONS: Registry[type[Correction]] = Registry(
    "method", "sciadv.domains.batch_correction", names=by_attribute("method"), group="sciadv.corrections"
)


@final
@dataclass(frozen=True, eq=False)
class Lesson:
    """What a correction learns from.

    Parameters
    ----------
    cells
        The cells.
    n_given
        Of how many they were drawn.
    columns
        Where it was read what they are.
    effects
        Of covariates, which are removed; None where there are none.
    expression
        Normalised, ``(cells, genes)``.
    groups
        Their batches and labels.
    correction
        Which method learns.
    plan
        How.
    notes
        What to beware of, in sentences.
    facts
        Why the method was chosen, for the card.
    known
        Labels to carry over to further cells ``(cells,)``, which the correction need not read; None for none.
    """

    cells: Cells
    n_given: int
    columns: Columns
    effects: CovariateEffects | None
    expression: Matrix
    groups: Groups
    correction: type[Correction]
    plan: FitPlan
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    known: Names | None = None
