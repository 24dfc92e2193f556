"""The correction that changes nothing: expression as it is, and its principal components."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.matrices import Matrix, dense
from sciadv.prior import Prior


class _Same(nn.Module):
    """The same expression in every batch, and last without the batch."""

    def __init__(self, n_rows: int) -> None:
        super().__init__()
        self.n_rows = n_rows

    def forward(self, x: Tensor) -> Tensor:
        return x[:, None].expand(-1, self.n_rows, -1)


class _Row(nn.Module):
    """The row of one batch."""

    def __init__(self, own: int) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.own]


@final
class NoCorrection(Correction):
    """Expression as it is: what `auto` takes where the batches do not differ."""

    method = "nothing"
    least_cells = 1
    needs_batch = False
    needs_labels = False

    def __init__(self, components: Components, n_batches: int) -> None:
        self.components = components
        self.n_batches = n_batches

    @classmethod
    def fit(cls, expression: Matrix, groups: Groups, plan: FitPlan) -> NoCorrection:
        """Find principal components of normalised expression ``(cells, genes)``."""
        components = Components.fit(expression, plan.settings.n_components, seed=plan.seed)
        return cls(components, groups.n_batches)

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the principal components."""
        return self.components.scores(expression)

    def correct(
        self,
        expression: Matrix,
        groups: Groups,  # noqa: ARG002  # every batch is as it is
        *,
        to: int | None = None,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Return a copy of the expression."""
        return np.array(dense(expression))

    def adapted(
        self,
        expression: Matrix,  # noqa: ARG002  # nothing is estimated
        groups: Groups,
        reference: Reference,  # noqa: ARG002
        plan: FitPlan,  # noqa: ARG002
    ) -> NoCorrection:
        """Return the same for further batches."""
        return NoCorrection(self.components, self.n_batches + groups.n_batches)

    def prior(self, own: int, label: int) -> Prior:  # noqa: ARG002  # there is no label
        """Return the prior whose latent is the expression."""
        return Prior(_Same(self.n_batches + 1), len(self.components.mean), _Row(own), name="no correction")

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
        return self.components.tensors(), {}

    @classmethod
    def restore(
        cls,
        tensors: dict[str, Tensor],
        facts: dict[str, Any],  # noqa: ARG003  # there are none
        *,
        n_batches: int,
        n_labels: int,  # noqa: ARG003  # labels are not read
        device: torch.device,  # noqa: ARG003  # it computes by NumPy
    ) -> NoCorrection:
        """Build it from what `state` returned."""
        return cls(Components.from_tensors(tensors), n_batches)
