"""How good each estimate is for a prior, an operator and a noise level: its errors on the reference images.

Those images are measured as the user's are, by the same operator with the same noise, and solved by every
estimator. Nothing of a user's measurements enters, so it is done once and kept in the cache folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS
from sciadv.problem import Problem
from sciadv.solvers.automatic.estimates import EstimateSettings, Estimation, estimate_names
from sciadv.solvers.automatic.outliers import OutlierSettings, usual_distance
from sciadv.solvers.diagnosis.reference import kept_tensors, measured_reference
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.linear.stacking import cheaper_weights, error_products

#: Kinds of estimates by what they cost a measurement.
COSTLIEST_FIRST = ("tangent", "posterior", "learned", "range", "tv", "representation", "lmmse")
#: Changes with what the numbers mean: older files are then made again.
VERSION = "calibration of estimates, version 4"


@dataclass(frozen=True)
class CalibrationSettings:
    """How much is calibrated.

    Parameters
    ----------
    n_reference
        Reference images that are measured and solved.
    n_reference_large
        The same, of images too large for covariances of all their pixels.
    least_weight
        Estimates of less weight are left out of the combination.
    slack
        An estimate is left out if the error stays within this part of that of the full combination.
    typical
        Share of the reference images that count as typical: what differs from more of them does not.
    seed
        Seed of the noise on the reference images: the same whatever the seed of a search.
    """

    n_reference: int = 32
    n_reference_large: int = 16
    least_weight: float = 0.02
    slack: float = 0.01
    typical: float = 0.98
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Calibration:
    """Errors of the estimates on the reference images, and what follows.

    Parameters
    ----------
    names
        Names of the estimates.
    products
        Mean products of two estimates' errors ``(estimates, estimates)``.
    weights
        Those of the combination of least error ``(estimates,)``.
    unexplained
        Whitened chi-square per datum below which a measurement is typical; infinite where there is none.
    gain
        Evidence for the generator's range below which a measurement is typical [nats].
    far
        Data farther from their predictions by all others are outliers [robust standard deviations].
    """

    names: tuple[str, ...]
    products: Tensor
    weights: Tensor
    unexplained: float
    gain: float
    far: float

    @property
    def errors(self) -> dict[str, float]:
        """Mean squared error of each estimate, a pixel."""
        return dict(zip(self.names, self.products.diagonal().tolist(), strict=True))

    @property
    def combined_error(self) -> float:
        """Mean squared error of the combination, a pixel."""
        return float(self.weights @ self.products @ self.weights)

    @property
    def taken(self) -> dict[str, float]:
        """Weights of the estimates that the combination needs."""
        pairs = zip(self.names, self.weights.tolist(), strict=True)
        return {name: weight for name, weight in pairs if weight > 0}


def calibrate(
    problem: Problem,
    settings: CalibrationSettings,
    estimates: EstimateSettings,
    outliers: OutlierSettings,
    *,
    restarts: int | None = None,
    monitor: Monitor | None = None,
) -> Calibration:
    """Return the calibration of a problem for which `can_be_combined` holds, from the cache if it is there.

    Parameters
    ----------
    problem
        Its prior, operator and noise.
    settings, estimates, outliers
        How much is calibrated, of what, and when data are left out.
    restarts
        Starts of the latent searches, as in `RepresentationError`.
    monitor
        Called after each iteration of the searches.

    Raises
    ------
    KeyboardInterrupt
        The user stopped it; nothing is kept.
    """
    names = estimate_names(problem, estimates)
    is_small = problem.prior.example[0].numel() <= DENSE_PIXELS
    n = settings.n_reference if is_small else settings.n_reference_large
    posed = measured_reference(problem, n, seed=settings.seed)
    truth = posed.truth
    assert truth is not None  # of reference images

    def make() -> dict[str, Tensor]:
        run = Run(settings.seed, monitor)
        made = Estimation(posed, estimates, restarts, run)
        errors = error_products(made.make(names), truth)
        tensors = {"products": errors}
        if made.has_matrix:
            each = torch.stack([made.unexplained.double(), made.ranged.gain.double()], 1)
            last = int(settings.typical * len(each))
            limits = each.sort(0).values[min(last, len(each) - 1)]
            limits[1].clamp_min_(0)
            far = usual_distance(made, outliers, share=settings.typical)
            tensors["limits"] = torch.cat([limits, limits.new_tensor([far])])
        if run.was_interrupted:
            raise KeyboardInterrupt
        return tensors

    header = {
        "version": VERSION,
        "names": " ".join(names),
        "settings": json.dumps([asdict(part) for part in (settings, estimates, outliers)]),
        "restarts": str(restarts),
    }

    def is_whole(known: Mapping[str, Tensor]) -> bool:
        return "products" in known and known["products"].shape == (len(names), len(names))

    found = kept_tensors(posed, header, make, is_whole)
    products = found["products"].cpu()
    costly = sorted(range(len(names)), key=lambda i: COSTLIEST_FIRST.index(names[i].split("-")[0]))
    weights = cheaper_weights(products, costly, slack=settings.slack, least=settings.least_weight)
    unexplained, gain, far = found.get("limits", torch.full((3,), torch.inf)).tolist()
    return Calibration(names, products, weights, unexplained, gain, far)
