"""Data that are far from what all others predict are replaced by that prediction, so that they say nothing.

Replacing a datum of a Gaussian model by its conditional mean gives the estimate without that datum (Little
and Rubin, Statistical Analysis with Missing Data, 2nd ed. 2002, section 11.2), and the operator stays one for
all measurements. Several outliers hide each other: they draw the search towards them, and a datum beside one
seems far. So the farthest are left out first and the others looked at again without them (Hadi and Simonoff,
Procedures for the identification of multiple outliers in linear models, J. American Statistical Association
88 (1993) 1264-1272), once at the latents of the Gaussian search and once at those of a Student's t search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import StudentT, as_data, real_view
from sciadv.problem import Problem
from sciadv.solvers.automatic.estimates import Estimation
from sciadv.solvers.diagnosis.noise_checks import data_precisions
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt


@dataclass(frozen=True)
class OutlierSettings:
    """When a datum is left out.

    Parameters
    ----------
    far
        It is this many robust standard deviations from its prediction by all others, or more where those of
        reference images are.
    unexplained
        Student's t is searched where data are far, and where the chi-square per datum is larger than this.
    n_rounds
        Searches after which data are looked at again: each is less disturbed than the one before.
    n_passes
        Times that data are looked at without those left out so far, after each search.
    nearly_farthest
        Data are left out together whose distance is at least this part of the farthest one's.
    largest_share
        With a larger share of such data nothing is left out: then the model is wrong, not the data.
    most_data
        Longer measurements are not looked at: it takes the inverse of their covariance.
    """

    far: float = 5.0
    unexplained: float = 2.0
    n_rounds: int = 3
    n_passes: int = 12
    nearly_farthest: float = 0.6
    largest_share: float = 0.2
    most_data: int = 1500


def without_outliers(made: Estimation, settings: OutlierSettings) -> tuple[Estimation, Tensor]:
    """Return the estimation of data without outliers, and their mask ``(batch, measurements)``.

    Parameters
    ----------
    made
        The estimation of the measurements. Where its operator has no matrix, nothing is left out.
    settings
        When a datum is left out.
    """
    mask = torch.zeros_like(real_view(made.problem.measurements), dtype=torch.bool)
    if not made.has_matrix or mask.shape[1] > settings.most_data:
        return made, mask
    z = _latents(made)
    for n_done in range(settings.n_rounds):
        found = _far(made, z, settings)[0] if n_done else _with_robust(made, z, settings)
        found &= found.double().mean(1, keepdim=True) <= settings.largest_share
        if torch.equal(found, mask):
            break
        mask = found
        z = latents_without(made, mask)
    if not bool(mask.any()):
        return made, mask
    return made.with_measurements(_imputed(made, z, mask)), mask


def _latents(current: Estimation) -> Tensor:
    assert current.found.z is not None  # a latent search has latents
    return current.found.z


def latents_without(made: Estimation, mask: Tensor) -> Tensor:
    """Return the latents found without the masked data ``(batch, n_latent)``, a search for each such row."""
    z = _latents(made).clone()
    for row in mask.any(1).nonzero().flatten():
        part = made.of_data(~mask[row]).of(row[None])
        z[row] = _latents(part)[0].to(z)
    return z


def _with_robust(made: Estimation, first: Tensor, settings: OutlierSettings) -> Tensor:
    """Return the mask at the first latents, or at those of a Student's t search where it costs less."""
    found, cost = _far(made, first, settings)
    rows = (found.any(1) | (made.unexplained > settings.unexplained)).nonzero().squeeze(1)
    if not len(rows):
        return found
    part = made.of(rows)
    robust, cost_of_robust = _far(part, _robust_latents(part), settings)
    is_less = cost_of_robust < cost[rows]
    found[rows[is_less]] = robust[is_less]
    return found


def _robust_latents(made: Estimation) -> Tensor:
    """Search the range under Student's t, its scale that of noise and representation error of each datum."""
    problem, whitened = made.problem, made.whitened
    variance = whitened.factor.square().sum(1)
    if problem.measurements.is_complex():
        variance = variance.reshape(-1, 2).mean(1)
    sigma = variance.sqrt().reshape(problem.forward.out_shape).to(problem.prior.dtype)
    posed = Problem(problem.prior, problem.forward, StudentT(sigma), problem.measurements)
    found = LevenbergMarquardt(restarts=made.restarts or 10, stop_at_noise=False).solve(
        posed, seed=made.run.seed, monitor=made.run
    )
    assert found.z is not None  # a latent search has latents
    return found.z


def _far(made: Estimation, z: Tensor, settings: OutlierSettings) -> tuple[Tensor, Tensor]:
    """Return the mask of data far from their predictions by those that are not, and its cost ``(batch,)``."""
    each = [_far_of_one(left, P, settings) for left, P in data_precisions(made.whitened, z)]
    masks, costs = zip(*each, strict=True)
    return torch.stack(masks), torch.stack(costs)


def _far_of_one(left: Tensor, precision: Tensor, settings: OutlierSettings) -> tuple[Tensor, Tensor]:
    """Return the mask ``(m,)`` and its cost: the chi-square of the data kept, ``far^2`` for each other."""
    mask = torch.zeros_like(left, dtype=torch.bool)
    for _ in range(settings.n_passes):
        distances = given_others(left, precision, mask)
        farthest = float(distances.masked_fill(mask, 0).amax())
        least = max(settings.far, settings.nearly_farthest * farthest)
        found = distances > torch.where(mask, settings.far, least)
        if torch.equal(found, mask):
            break
        mask = found
    score = precision @ left
    of_masked = score[mask] @ torch.linalg.solve(precision[mask][:, mask], score[mask])
    return mask, left @ score - of_masked + settings.far**2 * mask.sum()


def given_others(left: Tensor, precision: Tensor, mask: Tensor) -> Tensor:
    """Return how far each datum is from its prediction by all others that are not masked ``(m,)``.

    In standard deviations of that prediction, or in robust ones where these are larger. With P the inverse
    covariance and O the masked data, those not masked have the inverse covariance ``P_II - P_IO P_OO^-1
    P_OI``, and the masked ones, given these, the covariance ``P_OO^-1`` and the residual ``P_OO^-1 (P r)_O``.

    Parameters
    ----------
    left
        Residuals r ``(m,)``.
    precision
        P ``(m, m)``.
    mask
        O ``(m,)``.
    """
    score, diagonal = precision @ left, precision.diagonal()
    distances = score.abs() / diagonal.clamp_min(1e-300).sqrt()
    if bool(mask.any()):
        crossed = precision[:, mask]
        covariance = torch.linalg.inv(precision[mask][:, mask])
        kept = diagonal - (crossed @ covariance * crossed).sum(1)
        residual = covariance @ score[mask]
        distances = (score - crossed @ residual).abs()
        distances = distances / kept.clamp_min(1e-300).sqrt()
        distances[mask] = residual.abs() / covariance.diagonal().sqrt()
    robust: Tensor = distances[~mask].median() / 0.6745
    return distances / robust.clamp_min(1)


def usual_distance(made: Estimation, settings: OutlierSettings, *, share: float) -> float:
    """Return how far the farthest datum is of most measurements that have no outliers.

    An image with edges has data far from any prediction: images of a kind say how far.

    Parameters
    ----------
    made
        The estimation of measurements without outliers.
    settings
        When data are looked at, and the least distance.
    share
        Part of the measurements that have no datum farther away.
    """
    if not made.has_matrix or made.problem.n_measurements > settings.most_data:
        return settings.far
    pairs = data_precisions(made.whitened, _latents(made))
    each = []
    for left, precision in pairs:
        none = torch.zeros_like(left, dtype=torch.bool)
        distances = given_others(left, precision, none)
        each.append(distances.amax())
    farthest = torch.stack(each).sort().values
    last = min(int(share * len(farthest)), len(farthest) - 1)
    return max(settings.far, float(farthest[last]))


def _imputed(made: Estimation, z: Tensor, mask: Tensor) -> Tensor:
    """Return the measurements with the masked data at their mean given the others, at the latents z.

    With P the inverse covariance and O the outliers, ``r_O = -P_OO^-1 P_OI r_I``.
    """
    problem, whitened = made.problem, made.whitened
    y = real_view(problem.measurements).double()
    white = whitened.problem
    with torch.no_grad():
        predicted = white.forward(white.prior(z.double()))
    left = (white.measurements - predicted) @ whitened.factor.T  # y - A mu - A G(z)
    unit = torch.eye(len(whitened.factor), dtype=y.dtype, device=y.device)
    precision = torch.cholesky_solve(unit, whitened.factor)
    change = torch.zeros_like(y)
    for row in mask.any(1).nonzero().squeeze(1).tolist():
        out = mask[row]
        right = precision[out][:, ~out] @ left[row, ~out]
        of_others = -torch.linalg.solve(precision[out][:, out], right)
        change[row, out] = of_others - left[row, out]
    data = (y + change).to(real_view(problem.measurements))
    return as_data(data, problem.forward.out_shape)
