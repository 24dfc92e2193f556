"""The solution: what was found, how well it agrees with the data, and why the search stopped, in words."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciadv.diagnosis import Diagnosis
from sciadv.errors import SolveError
from sciadv.files.folders import as_path
from sciadv.files.publishing import publish
from sciadv.files.writing import write_file
from sciadv.posterior import Posterior
from sciadv.types import Rows

if TYPE_CHECKING:
    import numpy.typing as npt


class Status(Enum):
    """Why the search for one measurement stopped; the value is the sentence for the user."""

    EXPLAINED = "misfit {misfit:.3g} {unit}: explained to the noise level"
    CONVERGED = (
        "misfit {misfit:.3g} {unit}: the search converged, the data are not explained to the noise level; "
        "try more restarts or a prior that reaches further"
    )
    CONVERGED_UNKNOWN_NOISE = (
        "residual {misfit:.3g} {unit} RMS: the search converged; the noise level is unknown"
    )
    MAX_ITERATIONS = "misfit still {misfit:.3g} {unit} at the last iteration; try more iterations or restarts"
    INTERRUPTED = "interrupted at misfit {misfit:.3g} {unit}: the best so far"
    INFEASIBLE = "misfit {misfit:.3g} {unit}, but no candidate was found that keeps every constraint"
    DIRECT = "misfit {misfit:.3g} {unit}: computed in closed form, nothing was searched"
    NOT_FINITE = "the search met NaN or Inf and stopped; look at the measurements' scale and the operator"

    def sentence(self, misfit: float, unit: str) -> str:
        """Return the sentence with the numbers in it."""
        return self.value.format(misfit=misfit, unit=unit)


@dataclass(frozen=True, eq=False)
class Solution(Rows):
    """The answer to a `Problem`: one row per measurement.

    Parameters
    ----------
    x
        Candidates ``(batch, *in_shape)``.
    z
        Latents ``(batch, n_latent)``; None for methods without a generator.
    prediction
        ``F(x)``, ``(batch, *out_shape)``.
    misfit
        How far the data are from the prediction, in `unit`; ``(batch,)``.
    status
        Why the search stopped, per measurement.
    method
        Name of the solver that ran.
    objective
        ``-log p(y | F(x)) + latent_weight / 2 |z|^2`` at the answer, ``(batch,)``.
    restart_objectives
        The same for every restart ``(batch, restarts)``: whether the restarts agree. Pruned restarts keep the
        value they were pruned at.
    restart_latents
        The restarts' last latents ``(batch, restarts, n_latent)``.
    history
        Mean over the batch of the best objective, per iteration.
    seconds
        Wall time of the search.
    settings
        The solver's settings, its seed and what it chose by itself.
    unit
        Unit of the misfit.
    margins
        How far each constraint is below its limit, in parts of it ``(batch, constraints)``, or None.
    posterior
        Draws from ``p(x | y)``, with their mean, spread and intervals; None for methods that give one answer.
    x_range
        ``G(z)``, the part of x in the generator's range ``(batch, *in_shape)``, of methods that leave it;
        else None, and x itself is G(z).
    noise_level
        Standard deviation of the noise as the evidence estimates it [unit of y] ``(batch,)``, where the
        problem does not know it and the method can; else None.
    diagnosis
        How far to trust each answer, in words: `sciadv.solve` attaches it.
    """

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

    def rows(self, index: Tensor) -> Solution:
        """Return the solution of some measurements ``(n,)``, without diagnosis and posterior."""
        status = [self.status[row] for row in index.tolist()]
        return replace(self.take(index), status=status, posterior=None, diagnosis=None)

    def with_rows(self, index: Tensor, other: Solution) -> Solution:
        """Return the solution with the answers of some measurements replaced, without diagnosis.

        What only one of both solutions has stays as it is here.
        """
        status = list(self.status)
        for row, one in zip(index.tolist(), other.status, strict=True):
            status[row] = one
        return replace(self.put(index, other), status=status, diagnosis=None)

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values."""
        counts = Counter(status.name.lower() for status in self.status)
        quantiles = torch.quantile(
            self.misfit.float(), torch.tensor([0.05, 0.5, 0.95], device=self.misfit.device)
        )
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
            "settings": self.settings,
            **({} if self.noise_level is None else {"noise_level_median": float(self.noise_level.median())}),
            **({} if self.posterior is None else {"posterior": self.posterior.summary()}),
            **({} if self.diagnosis is None else {"diagnosis": self.diagnosis.summary()}),
        }

    def check(self) -> Solution:
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

    def save(self, folder: Path | str) -> Path:
        """Write ``solution.npz`` (x, z, prediction, misfit, restarts, flags …), ``summary.json``."""
        return publish(as_path(folder, "folder"), self._write)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what ``solution.npz`` holds, by name: a row per measurement, status as word and number."""
        import numpy as np

        searched = ("objective", "restart_objectives", "restart_latents")
        names = ("x", "z", "prediction", "misfit", *searched, "margins", "x_range", "noise_level")
        arrays = {n: getattr(self, n).detach().cpu().numpy() for n in names if getattr(self, n) is not None}
        if self.posterior is not None:
            arrays["posterior_mean"] = self.posterior.mean.cpu().numpy()
            arrays["posterior_standard_deviation"] = self.posterior.standard_deviation.cpu().numpy()
            arrays["posterior_latents"] = self.posterior.latents.cpu().numpy()
        if self.diagnosis is not None:
            raised = self.diagnosis.flags.items()
            arrays |= {f"is_{name}": mask.cpu().numpy() for name, (mask, _) in raised}
        arrays["status"] = np.array([s.name.lower() for s in self.status])
        arrays["status_code"] = np.array([list(Status).index(s) for s in self.status], dtype=np.uint8)
        return arrays

    def _write(self, folder: Path) -> None:
        import numpy as np

        arrays: dict[str, Any] = self.arrays()
        write_file(folder / "solution.npz", lambda file: np.savez_compressed(file, **arrays))
        write_file(folder / "summary.json", json.dumps(self.summary(), indent=2))

    def __repr__(self) -> str:
        """Show the method, the count and the misfit."""
        counts = ", ".join(f"{n} {s}" for s, n in Counter(s.name.lower() for s in self.status).items())
        median = f"misfit {float(self.misfit.median()):.3g} {self.unit} (median)"
        return f"Solution({self.method}: {counts}; {median}, {self.seconds:.1f} s)"
