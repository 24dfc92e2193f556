"""Data that are far from what all others predict are replaced by that prediction, so that they say nothing.

Replacing a datum of a Gaussian model by its conditional mean gives the estimate without that datum (Little
and Rubin, Statistical Analysis with Missing Data, 2nd ed. 2002, section 11.2), and the operator stays one for
all measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import as_data, real_view
from sciadv.solvers.automatic.estimates import Estimation
from sciadv.solvers.diagnosis.noise_checks import deletion_residuals


@dataclass(frozen=True)
class OutlierSettings:
    """When a datum is left out.

    Parameters
    ----------
    far
        It is this many robust standard deviations from its prediction by all others, or more where those of
        reference images are.
    n_rounds
        Searches after which data are looked at again: each is less disturbed than the one before.
    largest_share
        With a larger share of such data nothing is left out: then the model is wrong, not the data.
    most_data
        Longer measurements are not looked at: it takes the inverse of their covariance.
    """

    far: float = 5.0
    n_rounds: int = 3
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
    current = made
    if not made.has_matrix or mask.shape[1] > settings.most_data:
        return made, mask
    for _ in range(settings.n_rounds):
        found = _far(current, made, mask, settings)
        if torch.equal(found, mask):
            break
        mask = found
        current = made.with_measurements(_imputed(made, current, mask))
    return current, mask


def _far(current: Estimation, made: Estimation, mask: Tensor, settings: OutlierSettings) -> Tensor:
    """Return the mask of data far from their predictions, at the latents found last."""
    far = _distances(current, made, mask) > settings.far
    return far & (far.double().mean(1, keepdim=True) <= settings.largest_share)


def _distances(current: Estimation, made: Estimation, mask: Tensor) -> Tensor:
    """Return how far data are from their predictions by all others, in robust standard deviations."""
    assert current.found.z is not None  # a latent search has latents
    residuals = deletion_residuals(made.problem, made.whitened, current.found.z).abs()
    robust = residuals.masked_fill(mask, torch.nan).nanmedian(1, keepdim=True).values / 0.6745
    distances: Tensor = residuals / robust.clamp_min(1)
    return distances


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
    nothing = torch.zeros_like(real_view(made.problem.measurements), dtype=torch.bool)
    farthest = _distances(made, made, nothing).amax(1).sort().values
    return max(settings.far, float(farthest[min(int(share * len(farthest)), len(farthest) - 1)]))


def _imputed(made: Estimation, current: Estimation, mask: Tensor) -> Tensor:
    """Return the measurements with the masked data at their mean given the others, at the latents found last.

    With P the inverse covariance and O the outliers, ``r_O = -P_OO^-1 P_OI r_I``.
    """
    problem, whitened = made.problem, made.whitened
    y = real_view(problem.measurements).double()
    white = whitened.problem
    with torch.no_grad():
        predicted = white.forward(white.prior(current.found.z.double()))  # type: ignore[union-attr]  # searched
    left = (white.measurements - predicted) @ whitened.factor.T  # y - A mu - A G(z)
    unit = torch.eye(len(whitened.factor), dtype=y.dtype, device=y.device)
    precision = torch.cholesky_solve(unit, whitened.factor)
    change = torch.zeros_like(y)
    for row in mask.any(1).nonzero().squeeze(1).tolist():
        out = mask[row]
        right = precision[out][:, ~out] @ left[row, ~out]
        change[row, out] = -torch.linalg.solve(precision[out][:, out], right) - left[row, out]
    return as_data((y + change).to(real_view(problem.measurements)), problem.forward.out_shape)
