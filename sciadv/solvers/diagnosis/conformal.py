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

import torch
from torch import Tensor

from sciadv.diagnosis import DiagnosisSettings
from sciadv.problem import Problem
from sciadv.solvers.diagnosis.evidence_score import EvidenceScores, can_compare, evidence_scores
from sciadv.solvers.diagnosis.reference import reference_scores


def distribution_p_value(
    problem: Problem, *, seed: int = 0, settings: DiagnosisSettings | None = None
) -> Tensor | None:
    """Return the share of reference images with as high an evidence score as each measurement ``(batch,)``.

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
    return conformal_p_value(reference, measured, quantiles=numbers.covariate_quantiles)


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
