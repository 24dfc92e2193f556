"""The peer of the circuits' simulator: SciPy's LSODA on the Hill equations written once more, in NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.physics.regulation.kinetics import Kinetics

Array = npt.NDArray[np.float64]


def integrate(
    kinetics: Kinetics, initial: Tensor, *, t_end: float, rtol: float = 1e-3, atol: float = 1e-6
) -> Tensor:
    """Integrate circuits one by one to their levels at `t_end` ``(batch, genes)``, float64.

    Parameters
    ----------
    kinetics, initial
        Circuits without padding, and their initial levels ``(batch, genes)``.
    t_end
        Time to integrate.
    rtol, atol
        Of `scipy.integrate.solve_ivp`; its own defaults, which are loose and quick, if left out.
    """
    return trajectories(kinetics, initial, torch.tensor([t_end]), rtol=rtol, atol=atol)[0]


def trajectories(
    kinetics: Kinetics, initial: Tensor, times: Tensor, *, rtol: float = 1e-3, atol: float = 1e-6
) -> Tensor:
    """Integrate circuits one by one to their levels at times, ``(times, batch, genes)``, float64."""
    from scipy.integrate import solve_ivp

    double = kinetics.to(torch.float64)
    names = ("sign", "threshold", "hill", "fold", "production", "degradation")
    arrays = [getattr(double, name).numpy() for name in names]
    span, at = (0.0, float(times[-1])), times.double().numpy()
    levels = []
    for k, start in enumerate(initial.double().numpy()):
        rate = _Rate(*(array[k] for array in arrays))
        levels.append(solve_ivp(rate, span, start, method="LSODA", t_eval=at, rtol=rtol, atol=atol).y.T)
    return torch.from_numpy(np.stack(levels, 1))


class _Rate:
    """``dx/dt`` of one circuit, from the formula: an activation is ``(1 + (fold - 1) h) / fold``."""

    def __init__(
        self, sign: Array, threshold: Array, hill: Array, fold: Array, production: Array, degradation: Array
    ) -> None:
        self.is_positive, self.is_negative = sign > 0, sign < 0
        self.hill, self.fold = hill, fold
        self.production, self.degradation = production, degradation
        self.threshold = threshold * (production / degradation)[:, None]

    def __call__(self, time: float, x: Array) -> Array:  # noqa: ARG002  # SciPy's signature
        """Return the rates; `time` does not matter."""
        ratio = (np.maximum(x, 1e-300)[:, None] / self.threshold) ** self.hill
        h = ratio / (1 + ratio)
        activation = (1 + (self.fold - 1) * h) / self.fold
        repression = 1 + (1 / self.fold - 1) * h
        factor = np.where(self.is_positive, activation, np.where(self.is_negative, repression, 1.0))
        rate: Array = self.production * factor.prod(0) - self.degradation * x
        return rate
