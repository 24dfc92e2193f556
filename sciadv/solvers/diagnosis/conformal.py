"""Whether measurements are of a kind that a prior knows: a conformal p-value against its reference images.

Of all measurements of the reference's kind, no more than a share p get a p-value below p, whatever the score
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 2.2). The score, made by
`evidence_score`, is minus the log evidence of the measurements under the prior, beyond what is usual for
reference images that are as bright and whose turned or reflected versions are as likely under the prior, and
under the training set's Gaussian: simple images are explained well by any model, so that a likelihood alone
lets them pass (Ren et al., Likelihood Ratios for Out-of-Distribution Detection, NeurIPS 2019; Serra et al.,
Input Complexity and Out-of-Distribution Detection with Likelihood-based Generative Models, ICLR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.diagnosis import CheckSettings, DiagnosisSettings, Findings
from sciadv.problem import Problem
from sciadv.solvers.diagnosis.contradictions import Contradiction, Contradictions, contradictions
from sciadv.solvers.diagnosis.evidence_score import EvidenceScores, can_compare, evidence_scores
from sciadv.solvers.diagnosis.noise_checks import NoiseChecks
from sciadv.solvers.diagnosis.reference import reference_scores


@dataclass(frozen=True, eq=False)
class Comparison:
    """Measurements compared with the prior's reference images.

    Parameters
    ----------
    p_value
        Share of the reference images with as high an evidence score ``(batch,)``.
    findings
        What contradicts the stated noise, units and geometry; None where that was not checked.
    """

    p_value: Tensor
    findings: Findings | None


def compare_with_images(
    problem: Problem, *, seed: int = 0, settings: DiagnosisSettings | None = None
) -> Comparison | None:
    """Compare each measurement with the prior's reference images, measured by the same operator and noise.

    None where `evidence_score.can_compare` says no: the prior has no statistics of its representation error,
    the noise level is unknown, or the operator is large or slow.

    Parameters
    ----------
    problem
        What is measured.
    seed
        Seed of the noise on the reference images and of the searches.
    settings
        The numbers of the diagnosis; its defaults if None.

    Notes
    -----
    Cost: a search of the measurements, and once per prior, operator and noise one of the reference images,
    which is kept on disk (`sciadv.solvers.diagnosis.reference`); of large images and a linear operator with
    Gaussian noise a linear estimate instead.
    """
    numbers = settings or DiagnosisSettings()
    if not can_compare(problem, numbers):
        return None
    reference = reference_scores(problem, seed=seed, settings=numbers)
    measured = evidence_scores(problem, seed=seed, settings=numbers)
    p_value = conformal_p_value(reference, measured, quantiles=numbers.covariate_quantiles)
    findings = None
    if reference.checks is not None and measured.checks is not None:
        alone = contradictions(problem, numbers.checks, seed=seed)
        findings = find(reference.checks, measured.checks, alone, numbers.checks)
    return Comparison(p_value, findings)


def find(
    reference: NoiseChecks, measured: NoiseChecks, alone: Contradictions | None, settings: CheckSettings
) -> Findings:
    """Return what contradicts the problem as stated, of single measurements and of all together.

    Measurements of one problem share noise, units and geometry: where their mean is far from the reference's,
    all of them are called so, for the reason of most evidence, since each makes any other look likely.

    Parameters
    ----------
    reference, measured
        The checks of the reference images, and of the measurements.
    alone
        What each measurement says by itself; None where it was not asked.
    settings
        The numbers.
    """
    pooled = _all_together(reference, measured, settings)
    nothing = torch.zeros(len(measured.noise), dtype=torch.bool, device=measured.noise.device)
    masks = {kind: nothing | (kind is pooled) for kind in Contradiction}
    if alone is not None:
        is_said = alone.p_value <= settings.threshold
        for kind in Contradiction:
            masks[kind] = masks[kind] | (is_said & (alone.kind == kind) & (pooled is Contradiction.NONE))
    return Findings(
        is_quiet=masks[Contradiction.QUIET],
        is_loud=masks[Contradiction.LOUD],
        noise_factor=_noise_factor(measured.noise_evidence, masks, pooled, settings),
        has_outliers=masks[Contradiction.OUTLIERS] & (measured.n_outliers > 0),
        n_outliers=measured.n_outliers,
        has_other_unit=masks[Contradiction.UNITS],
        unit_factor=measured.unit_factor,
        is_moved=masks[Contradiction.MOVED],
        move=measured.move,
    )


def _noise_factor(
    evidence: Tensor, masks: dict[Contradiction, Tensor], pooled: Contradiction, settings: CheckSettings
) -> Tensor:
    """Return the likeliest factor ``(batch,)``, of all measurements together where that contradicts.

    Noise that is smaller than stated can be so small that nothing tells by how much: the largest factor is
    given there that the evidence allows.
    """
    factors = settings.factors.to(evidence)
    if pooled is not Contradiction.NONE:
        evidence = evidence.sum(0, keepdim=True).expand_as(evidence)
    is_allowed = evidence >= evidence.amax(1, keepdim=True) - settings.allowance
    largest = torch.where(is_allowed, factors, 0).amax(1)
    return torch.where(masks[Contradiction.QUIET], largest, factors[evidence.argmax(1)])


def _all_together(reference: NoiseChecks, measured: NoiseChecks, settings: CheckSettings) -> Contradiction:
    """Return what the mean of several measurements contradicts most."""
    if len(measured.noise) < settings.least_pooled:
        return Contradiction.NONE

    def exceeds(known: Tensor, found: Tensor) -> bool:
        error = known.std() * (1 / len(found) + 1 / len(known)) ** 0.5
        return bool((found.mean() - known.mean()) / error.clamp_min(1e-300) > settings.pooled)

    if exceeds(reference.outlyingness, measured.outlyingness) and bool(measured.n_outliers.any()):
        return Contradiction.OUTLIERS
    said = {
        Contradiction.LOUD: (exceeds(reference.noise.log(), measured.noise.log()), measured.noise_gain),
        Contradiction.UNITS: (exceeds(reference.unit_gain, measured.unit_gain), measured.unit_gain),
        Contradiction.MOVED: (exceeds(reference.move_gain, measured.move_gain), measured.move_gain),
        Contradiction.QUIET: (exceeds(-reference.noise.log(), -measured.noise.log()), measured.quiet_gain),
    }
    gains = {kind: float(gain.mean()) for kind, (is_beyond, gain) in said.items() if is_beyond}
    return max(gains, key=lambda kind: gains[kind]) if gains else Contradiction.NONE


def conformal_p_value(
    reference: EvidenceScores, measured: EvidenceScores, *, quantiles: tuple[float, float] = (0.01, 0.99)
) -> Tensor:
    """Return the share of the reference whose score is as high, given the covariates ``(batch,)``.

    What is usual is a quadratic of the covariates, fitted by least squares; each reference image is compared
    with the fit to all others.

    Parameters
    ----------
    reference, measured
        Scores made in the same way.
    quantiles
        Of the reference's covariates, to which all are clipped.
    """
    centre = reference.covariates.mean(0)
    scale = reference.covariates.std(0).clamp_min(1e-12)
    low, high = torch.quantile(reference.covariates, reference.covariates.new_tensor(quantiles), dim=0)

    def design(scores: EvidenceScores) -> Tensor:
        covariate = (scores.covariates.clamp(low, high) - centre) / scale
        return torch.cat([torch.ones_like(covariate[:, :1]), covariate, covariate.square()], 1)

    known = design(reference)
    inverse = torch.linalg.pinv(known)
    usual = inverse @ reference.score
    leverage = (known * inverse.T).sum(1)
    normal = (reference.score - known @ usual) / (1 - leverage)  # without itself in the fit
    excess = measured.score - design(measured) @ usual
    p_value: Tensor = (1 + (normal >= excess[:, None]).sum(1)) / (1 + len(normal))
    return p_value
