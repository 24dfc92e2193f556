"""Whether measurements are of a kind that a prior knows: a conformal p-value against its reference images.

Of all measurements of the reference's kind, no more than a share p get a p-value below p, whatever the score
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 2.2). The score, made by
`evidence_score`, is minus the log evidence of the measurements under the prior, beyond what is usual for
reference images that are as bright and whose turned or reflected kin are as likely under the prior, and
under the training set's Gaussian: simple images are explained well by any model, so that a likelihood alone
lets them pass (Ren et al., Likelihood Ratios for Out-of-Distribution Detection, NeurIPS 2019; Serra et al.,
Input Complexity and Out-of-Distribution Detection with Likelihood-based Generative Models, ICLR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from sciadv.forward import Forward
from sciadv.likelihood import Likelihood
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian, require_residual
from sciadv.solvers.diagnosis.evidence_score import Looks, can_look, looks
from sciadv.types import as_generator

#: Far from the reference, nothing is an excuse: quantiles of its range.
_ENDS = (0.01, 0.99)
#: Reference images at most where a nonlinear operator or other noise makes a search long.
_N_REFERENCE = 100


@dataclass(frozen=True)
class _Known:
    """The looks of a prior's reference images through one operator with one noise, and for whom."""

    prior: Prior
    likelihood: Likelihood
    seed: int
    looks: Looks

    def is_for(self, problem: Problem, seed: int) -> bool:
        is_same = self.prior is problem.prior and self.likelihood is problem.likelihood
        return is_same and self.seed == seed


_KNOWN: WeakKeyDictionary[Forward, _Known] = WeakKeyDictionary()


def distribution_p_value(problem: Problem, *, seed: int = 0) -> Tensor | None:
    """Return the share of reference images that look as strange as each measurement ``(batch,)``.

    None where `evidence_score.can_look` says no: the prior has no statistics of its representation error,
    the noise level is unknown, or the operator is huge or slow.

    Parameters
    ----------
    problem
        What is measured.
    seed
        Seed of the noise on the reference images and of the searches.

    Notes
    -----
    Cost: a search of the measurements, and once per prior, operator and noise of the reference images; of
    large images and a linear operator with Gaussian noise a linear estimate instead.
    """
    if not can_look(problem):
        return None
    known = _KNOWN.get(problem.forward)
    if known is None or not known.is_for(problem, seed):
        usual = looks(_reference_problem(problem, seed), seed=seed)
        known = _Known(problem.prior, problem.likelihood, seed, usual)
        _KNOWN[problem.forward] = known
    return conformal_p_value(known.looks, looks(problem, seed=seed))


def conformal_p_value(reference: Looks, measured: Looks) -> Tensor:
    """Return the share of the reference whose evidence is as low for its excuses ``(batch,)``.

    What is usual is a quadratic of the excuses, fitted by least squares; each reference image is judged by
    the fit to all others.
    """
    centre, scale = reference.excuses.mean(0), reference.excuses.std(0).clamp_min(1e-12)
    low, high = torch.quantile(reference.excuses, reference.excuses.new_tensor(_ENDS), dim=0)

    def design(looks: Looks) -> Tensor:
        excuse = (looks.excuses.clamp(low, high) - centre) / scale
        return torch.cat([torch.ones_like(excuse[:, :1]), excuse, excuse.square()], 1)

    known = design(reference)
    inverse = torch.linalg.pinv(known)
    usual = inverse @ reference.evidence
    leverage = (known * inverse.T).sum(1)
    normal = (reference.evidence - known @ usual) / (1 - leverage)  # without itself in the fit
    excess = measured.evidence - design(measured) @ usual
    p_value: Tensor = (1 + (normal >= excess[:, None]).sum(1)) / (1 + len(normal))
    return p_value


def _reference_problem(problem: Problem, seed: int) -> Problem:
    """Return the problem with measurements of the prior's reference images."""
    images = require_residual(problem.prior, "the diagnosis").reference
    images = images if is_linear_gaussian(problem) else images[:_N_REFERENCE]
    images = images.to(problem.measurements.device, problem.prior.dtype)
    generator = as_generator(seed, problem.measurements.device)
    with torch.no_grad():
        y = problem.likelihood.sample(problem.forward(images), generator=generator)
    return problem.with_measurements(y)
