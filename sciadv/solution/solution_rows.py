"""The answers of a search: one row a measurement, what follows from them, and how rows are taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import shown
from sciadv.diagnosis import Diagnosis
from sciadv.errors import InputError, SolveError
from sciadv.files.formats.packed_objects import in_words
from sciadv.posterior import Posterior
from sciadv.solution.status import Status
from sciadv.types import Rows

Some = TypeVar("Some", bound="SolutionRows")
#: What takes rows: a number, a slice, or numbers or a mask as a list, tensor or array.
Index = int | np.integer[Any] | slice | list[int] | Tensor | npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class SolutionRows(Rows):
    """Base of `Solution`, where every field is described: the fields, and what follows from them."""

    x: Tensor
    z: Tensor | None
    prediction: Tensor
    misfit: Tensor
    status: list[Status]
    method: str
    objective: Tensor | None = None
    restart_objectives: Tensor | None = None
    restart_latents: Tensor | None = None
    history: list[float] = field(default_factory=list)
    seconds: float = 0.0
    settings: dict[str, object] = field(default_factory=dict)
    unit: str = "sigma"
    margins: Tensor | None = None
    posterior: Posterior | None = None
    x_range: Tensor | None = None
    noise_level: Tensor | None = None
    diagnosis: Diagnosis | None = None
    measurements: Tensor | None = None

    @property
    def feasible(self) -> Tensor | None:
        """Whether every constraint is kept ``(batch,)``; None for a problem without constraints."""
        return None if self.margins is None else (self.margins >= 0).all(1)

    @property
    def messages(self) -> list[str]:
        """One sentence per measurement: how well, and why it stopped."""
        return [s.sentence(float(m), self.unit) for s, m in zip(self.status, self.misfit, strict=True)]

    @property
    def was_interrupted(self) -> bool:
        """Whether the user stopped the search."""
        return Status.INTERRUPTED in self.status

    @property
    def agreement(self) -> Tensor | None:
        """Share of restarts ``(batch,)`` that end within 0.5 + 1 % of the best; None without restarts."""
        if self.restart_objectives is None:
            return None
        best = self.restart_objectives.amin(1, keepdim=True)
        return (self.restart_objectives <= best + 0.5 + 0.01 * best.abs()).to(self.misfit.dtype).mean(1)

    def __len__(self) -> int:
        """Return how many measurements there are."""
        return len(self.status)

    def __getitem__(self: Some, index: Index) -> Some:
        """Return the solution of some measurements, with their posterior and diagnosis.

        A number gives one measurement, still with a first dimension of 1; history and time stay those of the
        whole search.

        Raises
        ------
        IndexError
            A number is out of range: what ends a loop over the solution.
        InputError
            It is no number, slice, list, tensor or array of whole numbers, or mask of the right length.
        """
        rows = _row_numbers(index, len(self))
        return replace(self.take(rows), status=[self.status[row] for row in rows.tolist()])

    def __iter__(self: Some) -> Iterator[Some]:
        """Go through the measurements, one solution each."""
        return (self[row] for row in range(len(self)))

    def rows(self: Some, index: Tensor) -> Some:
        """Return the solution of some measurements ``(n,)``, without diagnosis and posterior."""
        return replace(self, posterior=None, diagnosis=None)[index]

    def with_rows(self: Some, index: Tensor, other: Some) -> Some:
        """Return the solution with the answers of some measurements replaced, without diagnosis.

        What only one of both solutions has stays as it is here.
        """
        status = list(self.status)
        for row, one in zip(index.tolist(), other.status, strict=True):
            status[row] = one
        bare = replace(self, posterior=None, diagnosis=None).put(index, other)
        return replace(bare, status=status, posterior=self.posterior)

    @property
    def median_misfit(self) -> float:
        """The median misfit; the mean of the middle two where the number of measurements is even."""
        return float(self.misfit.double().quantile(0.5))

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values."""
        counts = Counter(status.name.lower() for status in self.status)
        misfit = self.misfit.double()
        quantiles = misfit.quantile(misfit.new_tensor([0.05, 0.5, 0.95]))
        return {
            "method": self.method,
            "n_measurements": len(self.status),
            "misfit_unit": self.unit,
            "misfit_mean": float(self.misfit.mean()),
            "misfit_quantiles_5_50_95": [float(q) for q in quantiles],
            "status": dict(counts),
            "n_feasible": None if self.feasible is None else int(self.feasible.sum()),
            "restart_agreement_mean": None if self.agreement is None else float(self.agreement.mean()),
            "seconds": self.seconds,
            "settings": in_words(self.settings),
            **(
                {}
                if self.noise_level is None
                else {"noise_level_median": float(self.noise_level.quantile(0.5))}
            ),
            **({} if self.posterior is None else {"posterior": self.posterior.summary()}),
            **({} if self.diagnosis is None else {"diagnosis": self.diagnosis.summary()}),
        }

    def check(self: Some) -> Some:
        """Return itself when every measurement is explained or computed in closed form, else raise.

        Raises
        ------
        SolveError
            A measurement was not explained; the message is the first such one's sentence.
        """
        fine = {Status.EXPLAINED, Status.DIRECT, Status.CONVERGED_UNKNOWN_NOISE}
        bad = [i for i, status in enumerate(self.status) if status not in fine]
        if bad:
            raise SolveError(
                f"{len(bad)} of {len(self.status)} measurements; number {bad[0]}: {self.messages[bad[0]]}"
            )
        return self

    def __repr__(self) -> str:
        """Show the method, how many measurements ended how, the misfit and the time."""
        counts = ", ".join(f"{n} {s}" for s, n in Counter(s.name.lower() for s in self.status).items())
        median = f"misfit {self.median_misfit:.4g} {self.unit} (median)"
        return f"{type(self).__name__}({self.method}: {counts}; {median}, {self.seconds:.1f} s)"


def _row_numbers(index: Index, n: int) -> Tensor:
    """Return the numbers of the rows that an index takes of `n`."""
    if isinstance(index, int | np.integer) and not isinstance(index, bool):
        if not -n <= index < n:
            raise IndexError(f"there is no measurement {index}: there are {n}, from 0 to {n - 1}")
        return torch.tensor([range(n)[index]])
    try:
        if isinstance(index, slice):
            return torch.tensor(range(n)[index], dtype=torch.int64)
        rows = None if isinstance(index, bool) else torch.arange(n)[torch.as_tensor(index).cpu()]
    except (IndexError, TypeError, ValueError, RuntimeError):
        rows = None
    if rows is None or rows.ndim != 1:
        raise InputError(
            f"a solution of {n} measurements is indexed by a number, a slice, or a list, tensor or array of "
            f"whole numbers or of {n} truth values, but the index is {shown(index)}"
        )
    return rows
