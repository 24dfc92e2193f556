"""Why a search stopped: a sentence for the user, and two words for a column."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """Why the search for one measurement stopped; the value is the sentence for the user."""

    EXPLAINED = "misfit {misfit:.4g} {unit}: explained to the noise level"
    CONVERGED = (
        "misfit {misfit:.4g} {unit}: the search converged, the data are not explained to the noise level; "
        "try more restarts or a prior that reaches further"
    )
    CONVERGED_UNKNOWN_NOISE = (
        "residual {misfit:.4g} {unit} RMS: the search converged; the noise level is unknown"
    )
    MAX_ITERATIONS = "misfit still {misfit:.4g} {unit} at the last iteration; try more iterations or restarts"
    INTERRUPTED = "interrupted at misfit {misfit:.4g} {unit}: the best so far"
    INFEASIBLE = "misfit {misfit:.4g} {unit}, but no candidate was found that keeps every constraint"
    DIRECT = "misfit {misfit:.4g} {unit}: computed in closed form, nothing was searched"
    NOT_FINITE = "the search met NaN or Inf and stopped; look at the measurements' scale and the operator"

    def sentence(self, misfit: float, unit: str) -> str:
        """Return the sentence with the numbers in it."""
        return self.value.format(misfit=misfit, unit=unit)


#: A status in two words, for a column's title.
SHORT = {
    Status.EXPLAINED: "explained",
    Status.CONVERGED: "not explained",
    Status.CONVERGED_UNKNOWN_NOISE: "converged",
    Status.MAX_ITERATIONS: "stopped early",
    Status.INTERRUPTED: "interrupted",
    Status.INFEASIBLE: "infeasible",
    Status.DIRECT: "closed form",
    Status.NOT_FINITE: "not finite",
}
