"""Whether measurements are of a kind that a prior knows: a conformal p-value against its reference images.

Of all measurements of the reference's kind, no more than a share p get a p-value below p, whatever the score
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 2.2). The score is minus
the log evidence of the measurements under the prior, beyond what is usual for reference images that are as
bright and whose turned or reflected kin are as likely under the prior, and under the training set's Gaussian:
simple images are explained well by any model, so that a likelihood alone lets them pass (Ren et al.,
Likelihood Ratios for Out-of-Distribution Detection, NeurIPS 2019; Serra et al., Input Complexity and
Out-of-Distribution Detection with Likelihood-based Generative Models, ICLR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from sciadv.forward import Forward
from sciadv.likelihood import Likelihood, real_view
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.linear import noise_variance, operator_matrix
from sciadv.solvers.modes import gauss_newton
from sciadv.solvers.past_range import knows_its_error
from sciadv.solvers.representation_error import RepresentationError
from sciadv.solvers.search import Search
from sciadv.solvers.tangent_mixture import tangent_mixture
from sciadv.solvers.whitening import require_residual, whiten
from sciadv.types import as_generator

#: Measurements whose Jacobians are made at once; bounds the memory.
_CHUNK = 200
#: Weight of the evidence without a search beside that of the search: a generator that reaches strange images
#: in far corners of its latent space hides them from the search, and not from the tangents at its draws.
#: Chosen on development digits, as `sciadv.diagnosis.ALARM` is.
_BESIDE = 0.25
#: Far from the reference, nothing is an excuse: quantiles of its range.
_ENDS = (0.01, 0.99)


@dataclass(frozen=True)
class Looks:
    """How measurements look to a prior: minus log evidence ``(n,)``, and excuses for it ``(n, excuses)``."""

    evidence: Tensor
    excuses: Tensor


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

    None where the prior has no statistics of its representation error, or the problem is not linear with
    Gaussian noise of known sigma.

    Parameters
    ----------
    problem
        What is measured.
    seed
        Seed of the noise on the reference images and of the searches.

    Notes
    -----
    Cost: `representation-error` of the measurements, and once per prior, operator and noise of the reference
    images.
    """
    if not knows_its_error(problem):
        return None
    known = _KNOWN.get(problem.forward)
    if known is None or not known.is_for(problem, seed):
        looks = _looks(_reference_problem(problem, seed), seed)
        known = _Known(problem.prior, problem.likelihood, seed, looks)
        _KNOWN[problem.forward] = known
    return conformal_p_value(known.looks, _looks(problem, seed))


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
    images = images.to(problem.measurements.device, problem.prior.dtype)
    generator = as_generator(seed, problem.measurements.device)
    with torch.no_grad():
        y = problem.likelihood.sample(problem.forward(images), generator=generator)
    return problem.with_measurements(y)


def _looks(problem: Problem, seed: int) -> Looks:
    """Search, and take Laplace's evidence with an unknown scale of the whitened error.

    ``m log(1 + chi_square / m) + |z|^2 / 2 + log det(H) / 2``: Student's law with as many degrees of freedom
    as data, since a generator represents some images far better than others.
    """
    whitened = whiten(problem, "the diagnosis")
    found = RepresentationError().search(whitened, seed=seed)
    assert found.z is not None  # a latent search has latents
    m, posed = problem.n_measurements, whitened.problem
    chi_square = (posed.measurements - found.prediction).square().sum(1)
    evidence = m * torch.log1p(chi_square / m) + 0.5 * found.z.square().sum(1) + _half_log_det(posed, found.z)
    excuses = [whitened.complete(found.x).flatten(1).mean(1)]
    is_image = len(problem.forward.in_shape) > 2
    matrices = _matrices(problem) if is_image else [operator_matrix(problem.forward)]
    densities = tangent_mixture(problem, matrices, seed=seed)
    if is_image:
        excuses.append(densities[:, 1:].logsumexp(1))
    if is_image and problem.prior.moments is not None:
        excuses.append(_turned_likelihood(problem, matrices[1:]))
    return Looks(evidence - _BESIDE * densities[:, 0], torch.stack(excuses, 1))


def _matrices(problem: Problem) -> list[Tensor]:
    """Return the operator's matrix, and those of turned and reflected images: its turned rows."""
    matrix = operator_matrix(problem.forward)
    rows = matrix.reshape(len(matrix), *problem.forward.in_shape)
    return [turned.flatten(1) for turned in (rows, *_turned(rows))]


def _half_log_det(problem: Problem, z: Tensor) -> Tensor:
    """Return half the log determinant of the Gauss-Newton Hessian at latents."""
    parts = []
    with problem.prior.frozen():
        for rows in torch.split(torch.arange(len(z), device=z.device), _CHUNK):
            search, own = Search(problem.subset(rows), 1), torch.arange(len(rows), device=z.device)
            factor = gauss_newton(search, search.evaluate(z[rows], own), own)[0]
            parts.append(factor.diagonal(dim1=1, dim2=2).log().sum(1))
    return torch.cat(parts)


def _turned_likelihood(problem: Problem, matrices: list[Tensor]) -> Tensor:
    """Return the log density of data of Gaussian images with the training set's moments, turned."""
    moments = problem.prior.moments
    assert moments is not None
    y = real_view(problem.measurements).double()
    mean, covariance = (t.to(y.device).double() for t in (moments.mean.flatten(), moments.covariance))
    noise = noise_variance(problem, "the diagnosis").diag()
    densities = []
    for rows in matrices:
        factor = torch.linalg.cholesky(rows @ covariance @ rows.T + noise)
        residual = torch.linalg.solve_triangular(factor, (y - rows @ mean).T, upper=False)
        densities.append(-0.5 * residual.square().sum(0) - factor.diagonal().log().sum())
    return torch.stack(densities).logsumexp(0)


def _turned(images: Tensor) -> list[Tensor]:
    """Return the images turned and reflected in every way but their own, by 180 degrees if not square."""
    quarter = 1 if images.shape[-1] == images.shape[-2] else 2
    sides = (images, images.flip(-1))
    every = [torch.rot90(side, k, (-2, -1)) for side in sides for k in range(0, 4, quarter)]
    return every[1:]
