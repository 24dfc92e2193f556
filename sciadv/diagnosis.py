"""How far each answer of a solution can be trusted, in words: explained, in the range, of a known kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class DiagnosisSettings:
    """The numbers of a diagnosis.

    Parameters
    ----------
    distribution_threshold
        P-values below this raise the out-of-distribution flag. Half of the 5 % of false alarms aimed at,
        since reference images are training images, which a prior explains better than new ones: 4.6 % of 900
        development digits had less under `mnist-vae`, 4.2 % under `mnist`; 97.3 and 95.4 % of them turned by
        90 degrees.
    mode_gap
        Restarts whose objective is within this much of the best explain the data about as well [nats].
    mode_distance
        Restarts farther than this from the best are elsewhere [root mean square of a latent].
    tangent_weight
        Weight of the evidence without a search beside that of the search: a generator that reaches strange
        images in far corners of its latent space hides them from the search, and not from the tangents at
        its draws. Chosen on the development digits.
    n_tangent_draws
        Draws of the prior for the evidence without a search, at most.
    n_reference
        Reference images at most where a nonlinear operator or other noise makes a search long.
    covariate_quantiles
        Covariates are clipped to these quantiles of the reference images: beyond, nothing is extrapolated.
    slowest
        A nonlinear operator that takes longer is not compared [s an image]: a search calls it some hundred
        times an image.
    n_timed
        Calls of which the quickest is taken for that time.
    largest_matrix
        A linear operator whose matrix has more numbers is not compared.
    """

    distribution_threshold: float = 0.025
    mode_gap: float = 3.0
    mode_distance: float = 0.5
    tangent_weight: float = 0.25
    n_tangent_draws: int = 200
    n_reference: int = 100
    covariate_quantiles: tuple[float, float] = (0.01, 0.99)
    slowest: float = 2e-3
    n_timed: int = 4
    largest_matrix: int = 50_000_000


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
        Whether no ``G(z)`` that was found explains the data to the noise level; None where the noise level is
        unknown.
    left_range
        Whether the answer is more than its G(z), as those of `representation-error` and `tangent-kernel` are.
    agreement
        Share of restarts that end near the best one; None without restarts.
    is_multimodal
        Whether restarts or modes far apart explain the data about as well as the best; None without any.
    noise_level
        The noise level that the evidence estimates [unit of y]; None where it is known or not estimated.
    distribution_p_value
        Share of the prior's reference images with as high an evidence score ``(batch,)``; None where nothing
        was compared, or can be (see `sciadv.solvers.diagnosis.evidence_score.can_compare`).
    settings
        The thresholds that were used.
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
    distribution_p_value: Tensor | None = None
    settings: DiagnosisSettings = field(default_factory=DiagnosisSettings)

    @property
    def chi_square(self) -> Tensor:
        """``|F(x) - y|^2 / sigma^2 / m``, about 1 for noise alone; else the misfit squared."""
        return self.misfit.double().square()

    @property
    def is_out_of_distribution(self) -> Tensor | None:
        """Whether fewer than the threshold's share of reference images have as high an evidence score."""
        if self.distribution_p_value is None:
            return None
        return self.distribution_p_value < self.settings.distribution_threshold

    @property
    def disagrees(self) -> Tensor | None:
        """Whether most restarts end far from the best, and all of these worse."""
        if self.agreement is None or self.is_multimodal is None:
            return None
        return (self.agreement < 0.5) & ~self.is_multimodal

    @property
    def flags(self) -> dict[str, tuple[Tensor, str]]:
        """Every flag that could be decided: which measurements it is raised for, and its sentence."""
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
        return [
            " ".join([*self._fit(row), *(sentence for mask, sentence in raised if mask[row])]) for row in rows
        ]

    def _fit(self, row: int) -> list[str]:
        """Say how well one measurement is explained."""
        p = float(self.p_value[row])
        sentences = [f"Misfit {float(self.misfit[row]):.3g} {self.unit}."]
        if math.isfinite(p):
            sentences = [f"Chi-square per datum {float(self.chi_square[row]):.3g} (p = {p:.2g})."]
        if self.is_explained is None:
            estimate = (
                "" if self.noise_level is None else f"; by the evidence {float(self.noise_level[row]):.3g}"
            )
            return [*sentences, f"The noise level is unknown{estimate}."]
        return [*sentences, "Explained to the noise level."] if bool(self.is_explained[row]) else sentences

    def counts(self) -> list[str]:
        """Say of each flag how many measurements raise it; one sentence each."""
        n = len(self.misfit)
        return [
            f"{int(mask.sum())} of {n}: {sentence}"
            for mask, sentence in self.flags.values()
            if bool(mask.any())
        ]

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values: how many measurements raise each flag."""
        return {name: int(mask.sum()) for name, (mask, _) in self.flags.items()}
