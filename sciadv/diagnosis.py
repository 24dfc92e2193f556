"""What a solution is worth, in words: explained, in the generator's range, of a kind that the prior knows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

#: P-values below this raise the out-of-distribution flag. Half of the 5 % of false alarms aimed at, since
#: reference images are training images, which a prior explains better than new ones: 4.6 % of 900 development
#: digits had less under `mnist-vae`, 4.2 % under `mnist`; 97.3 and 95.4 % of them turned by 90 degrees.
ALARM = 0.025


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """One row per measurement; `sciadv.solvers.diagnose` makes it, and `sciadv.solve` attaches it.

    Parameters
    ----------
    misfit
        How far the data are from the prediction, in `unit`.
    unit
        Unit of the misfit.
    p_value
        Probability that noise alone gives a chi-square (misfit squared, times the number of data) as large;
        NaN without Gaussian noise of known sigma.
    is_explained
        Whether the data are explained to the noise level; None where that level is unknown.
    is_out_of_range
        Whether no ``G(z)`` that was found explains the data to the noise level; None where that cannot be
        told.
    left_range
        Whether the answer is more than its G(z), as those of `representation-error` and `tangent-kernel` are.
    agreement
        Share of restarts that end near the best one; None without restarts.
    is_multimodal
        Whether restarts or modes far apart explain the data about as well as the best; None without any.
    noise_level
        The noise level that the evidence estimates [unit of y]; None where it is known or not estimated.
    compare
        Gives `distribution_p_value`. It may search for the prior's reference images, so it is called when
        first asked.
    """

    misfit: Tensor
    unit: str
    p_value: Tensor
    is_explained: Tensor | None
    is_out_of_range: Tensor | None
    left_range: bool
    agreement: Tensor | None
    is_multimodal: Tensor | None
    noise_level: Tensor | None
    compare: Callable[[], Tensor | None]

    @property
    def chi_square(self) -> Tensor:
        """``|F(x) - y|^2 / sigma^2 / m``, about 1 for noise alone; else the misfit squared."""
        return self.misfit.double().square()

    @cached_property
    def distribution_p_value(self) -> Tensor | None:
        """Share of the prior's reference images that look as strange ``(batch,)``.

        None where nothing can be compared, see `sciadv.solvers.diagnosis.evidence_score.can_look`.
        """
        return self.compare()

    @property
    def is_out_of_distribution(self) -> Tensor | None:
        """Whether fewer than `ALARM` of the reference images look as strange."""
        return None if self.distribution_p_value is None else self.distribution_p_value < ALARM

    @property
    def disagrees(self) -> Tensor | None:
        """Whether most restarts end far from the best, and all of these worse."""
        if self.agreement is None or self.is_multimodal is None:
            return None
        return (self.agreement < 0.5) & ~self.is_multimodal

    @property
    def flags(self) -> dict[str, tuple[Tensor, str]]:
        """Every flag that could be told: which measurements it is raised for, and its sentence."""
        advice = "the answer leaves it" if self.left_range else "expand the range (method 'tangent-kernel')"
        unexplained = None if self.is_explained is None else ~self.is_explained
        every = {
            "unexplained": (unexplained, "Not explained to the noise level."),
            "out_of_range": (self.is_out_of_range, f"No image of the generator explains it: {advice}."),
            "out_of_distribution": (
                self.is_out_of_distribution,
                "This prior has never seen such images: do not trust what the data do not show.",
            ),
            "ambiguous": (
                self.is_multimodal,
                "Several answers explain it about as well: look at the posterior (method 'laplace').",
            ),
            "hard_to_search": (self.disagrees, "Most restarts end elsewhere: take more starts."),
        }
        return {name: (mask, words) for name, (mask, words) in every.items() if mask is not None}

    @property
    def words(self) -> list[str]:
        """A few sentences per measurement, with advice."""
        raised = [(mask.tolist(), sentence) for mask, sentence in self.flags.values()]
        rows = range(len(self.misfit))
        return [" ".join([*self._fit(row), *(said for mask, said in raised if mask[row])]) for row in rows]

    def _fit(self, row: int) -> list[str]:
        """Say how well one measurement is explained."""
        p = float(self.p_value[row])
        said = [f"Misfit {float(self.misfit[row]):.3g} {self.unit}."]
        if math.isfinite(p):
            said = [f"Chi-square per datum {float(self.chi_square[row]):.3g} (p = {p:.2g})."]
        if self.is_explained is None:
            estimate = (
                "" if self.noise_level is None else f"; by the evidence {float(self.noise_level[row]):.3g}"
            )
            return [*said, f"The noise level is unknown{estimate}."]
        return [*said, "Explained to the noise level."] if bool(self.is_explained[row]) else said

    def counts(self) -> list[str]:
        """Say of each flag how many measurements raise it; one sentence each."""
        n = len(self.misfit)
        return [f"{int(mask.sum())} of {n}: {said}" for mask, said in self.flags.values() if bool(mask.any())]

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values: how many measurements raise each flag."""
        return {name: int(mask.sum()) for name, (mask, _) in self.flags.items()}
