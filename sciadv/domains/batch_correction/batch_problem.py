"""What would this cell be in another batch? A problem: the decoder as the prior, its own batch as the data.

A candidate is a cell as it would be measured in every batch, a row each, and last without the batch's part.
The forward operator takes the row of the batch in which the cell was measured.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.arguments.values import as_number
from sciadv.domains.batch_correction.corrector import BatchCorrector
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem, SolverSettings
from sciadv.registry.checked import checked


@final
class OwnBatch(LinearForward):
    """The row of one batch of cells in every batch: ``(rows, measurements) -> (measurements,)``.

    Parameters
    ----------
    in_shape
        ``(rows, measurements)``.
    corrector
        The fitted corrector that measures the cells.
    row, label
        Numbers of the batch that is measured, and of the cells' label; -1 for none.
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        There is no such row.
    """

    @checked
    def __init__(
        self,
        in_shape: tuple[int, ...],
        corrector: BatchCorrector,
        *,
        row: int,
        label: int = -1,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if len(in_shape) != 2 or not 0 <= row < in_shape[0]:
            raise InputError(
                f"candidates are (rows, measurements), and row is one of them, but got {in_shape}, {row}"
            )
        super().__init__(in_shape, in_shape[1:], dtype=dtype, device=device)
        self.corrector = corrector
        self.row = row
        self.label = label

    def forward(self, x: Tensor) -> Tensor:
        """Return the row ``(batch, measurements)``."""
        return x[:, self.row]

    def groups(self, groups: Groups) -> Groups:
        """Return groups whose cells are all of this batch and label."""
        batch = np.full_like(groups.batch, self.row)
        return replace(groups, batch=batch, labels=np.full_like(groups.labels, self.label))

    def adjoint(self, y: Tensor) -> Tensor:
        """Return candidates with `y` in the row and 0 elsewhere."""
        x = y.new_zeros(len(y), *self.in_shape)
        x[:, self.row] = y
        return x


def cell_problem(
    corrector: BatchCorrector,
    cells: Any,
    *,
    own: str,
    label: str | None = None,
    sigma: float = 1e-3,
    latent_weight: float = 0.0,
) -> Problem:
    """Return the question "what would these cells be in another batch?" as a problem.

    Parameters
    ----------
    corrector
        A fitted one.
    cells
        Cells of one batch, as `BatchCorrector.transform` takes them.
    own
        Their batch.
    label
        Their label, for a linear method that was fitted with labels.
    sigma
        Standard deviation up to which a candidate has to agree with the cell, in units of what is measured:
        principal components of the expression (adversarial), or the expression (linear).
    latent_weight
        Weight of the prior on latents. With 0 the encoder's latents, at which the search starts, agree with
        the cell already, and the answer is that of `BatchCorrector.transform`, to 1e-4 of its largest value;
        with 1 it is the most probable one under the decoder.

    Returns
    -------
    Problem
        Its solution's ``x`` has a row for each batch, in the order of ``corrector.batches``, and last one
        without the batch's part; `expression_in` makes expression of a row.

    Raises
    ------
    InputError
        As `BatchCorrector.transform`.
    """
    learnt = corrector.learnt()
    n_cells = learnt.prepare(cells, Given(), needs_batch=False)[0].n_cells
    labels = None if label is None else [label] * n_cells
    _, expression, groups = learnt.prepare(cells, Given([own] * n_cells, labels), needs_batch=True)
    correction = corrector.fitted()
    row = int(groups.batch[0])
    number = int(groups.labels[0])
    prior = correction.prior(row, number)
    return Problem(
        prior,
        OwnBatch(prior.out_shape, corrector, row=row, label=number, device=prior.device),
        Gaussian(as_number(sigma, "sigma", above=0)),
        torch.as_tensor(correction.measure(expression)),
        latent_weight=as_number(latent_weight, "latent_weight", least=0),
        name=f"cells of {own}",
        solver=SolverSettings("levenberg-marquardt", 1),
    )


def expression_in(
    corrector: BatchCorrector, cells: Any, x: Tensor, *, batch: str | None = None
) -> NDArray[np.float32]:
    """Return the expression ``(cells, genes)`` of a solution's candidates in a batch.

    Parameters
    ----------
    corrector
        A fitted one.
    cells
        The cells of the problem.
    x
        The candidates of its solution.
    batch
        A batch; None for the row without the batch's part, which is the corrected expression.

    Raises
    ------
    InputError
        There is no such batch, or as `BatchCorrector.transform`.
    """
    learnt = corrector.learnt()
    row = -1 if batch is None else learnt.batch_number(batch)
    _, expression, _ = learnt.prepare(cells, Given(), needs_batch=False)
    measured: NDArray[np.float32] = x[:, row].detach().cpu().numpy().astype(np.float32)
    return corrector.fitted().to_expression(expression, measured)
