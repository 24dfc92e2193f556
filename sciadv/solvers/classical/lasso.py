"""Lasso: sparse in pixels or in cosines, with the settings of the CSGM authors; no network.

Tibshirani, Regression Shrinkage and Selection via the Lasso, J. Royal Statistical Society B 58, 1996; as the
baseline of Bora, Jalal, Price and Dimakis, Compressed Sensing using Generative Models, ICML 2017, whose code
uses the pixel basis for MNIST and the cosine basis for faces.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from sciadv.errors import InputError
from sciadv.forward.base import Forward
from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import direct_solution
from sciadv.solvers.linear.gaussian_estimate import operator_matrix, require_linear
from sciadv.types import NotNegative

Basis = Literal["pixel", "dct"]
Matrix = NDArray[np.float64]


@checked
@dataclass(frozen=True)
class Lasso:
    """Minimise ``|y - b - A Psi w|^2 / (2 m) + alpha |w|_1`` over w and an offset b; return ``x = Psi w``.

    Parameters
    ----------
    basis
        "pixel" (Psi is the identity) or "dct" (orthonormal two-dimensional cosines, each channel by itself).
    alpha
        Weight of the 1-norm [unit of y, times that of x], > 0.
    clip
        Range that x is clipped to; None leaves it as it is.

    Raises
    ------
    InputError
        `basis` is another word or `alpha` is not positive.

    Notes
    -----
    Coordinate descent of scikit-learn with its defaults (at most 1000 sweeps, tolerance 1e-4);
    ``solution.settings["n_not_converged"]`` counts the measurements that reached the last sweep. Cost: one
    operator call per pixel, shared by all measurements, then a regression each.
    """

    basis: Basis = "pixel"
    alpha: NotNegative = 0.1
    clip: tuple[float, float] | None = (0.0, 1.0)
    name: str = "lasso"

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.basis not in ("pixel", "dct"):
            raise InputError(f'the basis is "pixel" or "dct", but it is {self.basis!r}')
        if not self.alpha > 0:
            raise InputError(f"alpha must be > 0, but it is {self.alpha}")

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Regress every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, or the cosine basis is asked for candidates that are no images.
        """
        run = Run(seed, monitor)
        forward = problem.forward
        require_linear(forward, self.name)
        matrix = operator_matrix(forward).cpu().numpy()
        y = real_view(problem.measurements).double().cpu().numpy()
        if self.basis == "dct":
            matrix = _cosines(matrix, forward, inverse=False)
        weights, n_not_converged = _regress(matrix, y, self.alpha)
        x = _cosines(weights, forward, inverse=True) if self.basis == "dct" else weights
        if self.clip is not None:
            x = x.clip(*self.clip)
        settings: dict[str, object] = {
            "basis": self.basis,
            "alpha": self.alpha,
            "clip": self.clip,
            "n_not_converged": n_not_converged,
        }
        candidates = torch.from_numpy(x).to(forward.device)
        return direct_solution(problem, candidates, method=self.name, run=run, settings=settings)


def _regress(matrix: Matrix, y: Matrix, alpha: float) -> tuple[Matrix, int]:
    """Regress each row of `y` ``(batch, m)`` on `matrix` ``(m, n)``; count those that did not converge."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso as Regression

    matrix = np.asfortranarray(matrix)
    weights, n_not_converged = np.empty((len(y), matrix.shape[1])), 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted instead
        for row, data in zip(weights, y, strict=True):
            fit = Regression(alpha=alpha).fit(matrix, data)
            row[:] = fit.coef_
            n_not_converged += fit.n_iter_ >= fit.max_iter
    return weights, int(n_not_converged)


def _cosines(rows: Matrix, forward: Forward, *, inverse: bool) -> Matrix:
    """Transform each row ``(batch, pixels)`` to orthonormal cosines over height and width, or back."""
    from scipy.fft import dctn, idctn

    if len(forward.in_shape) != 3:
        raise InputError(
            f'basis="dct" needs images (channels, height, width), but in_shape is {forward.in_shape}'
        )
    images = rows.reshape(-1, *forward.in_shape)
    transform = idctn if inverse else dctn
    transformed: Matrix = transform(images, axes=(2, 3), norm="ortho").reshape(rows.shape)
    return transformed
