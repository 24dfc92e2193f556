"""How far each answer of a solution can be trusted, in words: explained, in the range, of a known kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciadv.types import Rows


@dataclass(frozen=True)
class SimulatedAmounts:
    """By how much simulated measurements contradict a problem, drawn log-uniformly from these to those.

    Parameters
    ----------
    noise
        Times that the noise is larger, or smaller.
    outlier_share, outlier_size
        Part of the data that are outliers, and how far they are [standard deviations of the data].
    units
        Times that the data are larger, or smaller.
    most_moved
        Pixels that images are moved by along an axis, from 1 on.
    """

    noise: tuple[float, float] = (2.0, 30.0)
    outlier_share: tuple[float, float] = (0.01, 0.15)
    outlier_size: tuple[float, float] = (0.5, 10.0)
    units: tuple[float, float] = (1.2, 10.0)
    most_moved: int = 4


@dataclass(frozen=True)
class CheckSettings:
    """The numbers of the checks of noise, units and geometry.

    Parameters
    ----------
    far
        A datum this many robust standard deviations from its prediction by all others counts as an outlier.
    longest_factor, step
        Factors of the data from one over the first to the first are tried, so many times apart.
    moves
        Images moved by so many pixels along each axis are tried.
    threshold
        Share of right measurements that may be called contradictory.
    coarser
        Of the factors, every so many are tried for the features by which contradictions are distinguished.
    n_bands
        Bands of the whitened data's mean squares, in the same features.
    n_simulated
        Measurements that are simulated of each contradiction, at least, from each half of the reference.
    fewest_data
        Shorter measurements are not compared with simulated contradictions.
    amounts
        How wrong the simulated measurements are.
    allowance
        Evidence that a factor of the noise may lack to be allowed [nats].
    pooled
        Deviations of the mean check of several measurements from that of the reference images [standard
        errors] above which it speaks for all of them: they share noise, units and geometry.
    least_pooled
        Fewer measurements than this are not pooled.
    """

    far: float = 4.0
    longest_factor: float = 1000.0
    step: float = 1.1
    moves: tuple[int, ...] = (1, 2)
    threshold: float = 0.03
    coarser: int = 4
    n_bands: int = 8
    n_simulated: int = 1000
    fewest_data: int = 8
    amounts: SimulatedAmounts = field(default_factory=SimulatedAmounts)
    allowance: float = 2.0
    pooled: float = 4.0
    least_pooled: int = 4

    @property
    def factors(self) -> Tensor:
        """Factors from one over the longest to the longest."""
        n = int(math.log(self.longest_factor) / math.log(self.step))
        return self.step ** torch.arange(-n, n + 1, dtype=torch.float64)


@dataclass(frozen=True)
class Findings(Rows):
    """What contradicts the problem as it was stated, of each measurement ``(batch,)``.

    Parameters
    ----------
    is_quiet, is_loud
        Whether the noise is smaller, or larger, than stated.
    noise_factor
        The noise's standard deviation in units of the stated one; of smaller noise the most that can be.
    has_outliers, n_outliers
        Whether single data are far from what all others predict, and how many.
    has_other_unit, unit_factor
        Whether the data are a multiple of what the operator predicts, and which.
    is_moved, move
        Whether the data fit images that are moved, and by how many pixels down and right ``(batch, 2)``.
    """

    is_quiet: Tensor
    is_loud: Tensor
    noise_factor: Tensor
    has_outliers: Tensor
    n_outliers: Tensor
    has_other_unit: Tensor
    unit_factor: Tensor
    is_moved: Tensor
    move: Tensor

    @property
    def flags(self) -> dict[str, tuple[Tensor, str]]:
        """Every finding: which measurements it is of, and a sentence for all."""
        return {
            "outliers": (self.has_outliers, "Single data are far from what all others predict: outliers."),
            "units": (self.has_other_unit, "The data are a multiple of what the operator predicts: units?"),
            "noise_too_large": (self.is_loud, "The noise is larger than the stated sigma."),
            "noise_too_small": (
                self.is_quiet,
                "The noise is smaller than stated, or not independent.",
            ),
            "moved": (self.is_moved, "The data fit moved images better: is the operator's geometry right?"),
        }

    @property
    def any(self) -> Tensor:
        """Whether there is a finding ``(batch,)``."""
        return torch.stack([mask for mask, _ in self.flags.values()]).any(0)

    def words(self, row: int) -> list[str]:
        """Say what was found of one measurement, with numbers."""
        factor, unit = float(self.noise_factor[row]), float(self.unit_factor[row])
        down, right = (int(size) for size in self.move[row])
        by = f"{down} pixels down and {right} right" if (down, right) != (0, 0) else "by some pixels"
        every = (
            (
                self.has_outliers,
                f"About {max(1, int(self.n_outliers[row]))} data are outliers: use StudentT for such noise.",
            ),
            (
                self.has_other_unit,
                f"The data are about {unit:.4g} times what the operator predicts: check units and scale.",
            ),
            (
                self.is_loud,
                f"The noise is about {factor:.2g} times the stated one, or the operator is wrong.",
            ),
            (
                self.is_quiet,
                f"The stated sigma is too large, by {1 / factor:.2g} or more; or noise is not independent.",
            ),
            (
                self.is_moved,
                f"The data fit images moved {by} better: check the operator.",
            ),
        )
        return [sentence for mask, sentence in every if bool(mask[row])]


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
    checks
        The numbers of the checks of noise, units and geometry.
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
    checks: CheckSettings = field(default_factory=CheckSettings)


@dataclass(frozen=True, eq=False)
class Diagnosis(Rows):
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
    findings
        What contradicts the stated noise, units and geometry; None where nothing was compared, or can be.
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
    findings: Findings | None = None

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
        decided = {name: (mask, words) for name, (mask, words) in every.items() if mask is not None}
        return decided | ({} if self.findings is None else self.findings.flags)

    @property
    def words(self) -> list[str]:
        """A few sentences per measurement, with advice."""
        found = {} if self.findings is None else self.findings.flags
        raised = [
            (mask.tolist(), sentence) for name, (mask, sentence) in self.flags.items() if name not in found
        ]
        rows = range(len(self.misfit))
        return [
            " ".join([*self._fit(row), *(sentence for mask, sentence in raised if mask[row])]) for row in rows
        ]

    def _fit(self, row: int) -> list[str]:
        """Say how well one measurement is explained."""
        p = float(self.p_value[row])
        sentences = [f"Misfit {float(self.misfit[row]):.4g} {self.unit}."]
        if math.isfinite(p):
            sentences = [f"Chi-square per datum {float(self.chi_square[row]):.4g} (p = {p:.2g})."]
        if self.is_explained is None:
            estimate = (
                "" if self.noise_level is None else f"; by the evidence {float(self.noise_level[row]):.4g}"
            )
            return [*sentences, f"The noise level is unknown{estimate}."]
        if self.findings is not None and bool(self.findings.any[row]):
            return [*sentences, *self.findings.words(row)]
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

    def __repr__(self) -> str:
        """Show how many measurements raise which flag."""
        raised = [f"{n} {name}" for name, n in self.summary().items() if n]
        return f"Diagnosis({len(self.misfit)} measurements: {', '.join(raised) or 'no flag'})"
