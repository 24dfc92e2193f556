"""What the coating bench measures beside the memetic search: the same physics searched in simpler ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.solvers.least_squares.between_bounds import Minima, Residuals, minimise_in_box
from sciadv.types import as_generator

#: Finds minima of residuals over a box of so many variables, with a seed.
Method = Callable[[Residuals, int, int], Minima]


def random_places(n: int, n_variables: int, seed: int) -> Tensor:
    """Return uniform places ``(n, n_variables)`` in single precision."""
    return torch.rand(n, n_variables, generator=as_generator(seed), dtype=torch.float64).float()


def library(residuals: Residuals, n_variables: int, seed: int, *, n: int, keep: int, n_steps: int) -> Minima:
    """Refine the best of a random library by Levenberg-Marquardt."""
    places = random_places(n, n_variables, seed)
    with torch.no_grad():
        value = torch.cat([residuals(part)[0].square().mean(1) for part in torch.split(places, 500)])
    return minimise_in_box(residuals, places[value.argsort()[:keep]], n_steps=n_steps)


def multistart(residuals: Residuals, n_variables: int, seed: int, *, n: int, n_steps: int) -> Minima:
    """Refine every one of random starts by Levenberg-Marquardt."""
    return minimise_in_box(residuals, random_places(n, n_variables, seed), n_steps=n_steps)


def adam(residuals: Residuals, n_variables: int, seed: int, *, n: int, n_steps: int, rate: float) -> Minima:
    """Descend from random starts by Adam, in the logit of the place."""
    logit = torch.randn(n, n_variables, generator=as_generator(seed)).requires_grad_()
    optimiser = torch.optim.Adam([logit], lr=rate)
    for _ in range(n_steps):
        place = torch.sigmoid(logit)
        r, slope = residuals(place.detach())
        optimiser.zero_grad()
        torch.autograd.backward(place, 2 * (slope * r[:, None]).mean(2))
        optimiser.step()
    place = torch.sigmoid(logit).detach()
    return Minima(place, residuals(place)[0].square().mean(1))


def slsqp(residuals: Residuals, n_variables: int, seed: int, *, n: int, n_steps: int) -> Minima:
    """Minimise from random starts, one by one, by SciPy's SLSQP with the exact gradient."""
    from scipy.optimize import minimize

    def cost(place: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        r, slope = residuals(torch.from_numpy(np.clip(place, 0, 1))[None])
        gradient = 2 * (slope * r[:, None]).mean(2)[0]
        return float(r.square().mean()), gradient.double().numpy()

    starts = random_places(n, n_variables, seed).double().numpy()
    options = {"maxiter": n_steps, "ftol": 1e-9}
    bounds = [(0.0, 1.0)] * n_variables
    found = [
        minimize(cost, start, jac=True, method="SLSQP", bounds=bounds, options=options) for start in starts
    ]
    places = np.stack([np.clip(one.x, 0, 1) for one in found])
    return Minima(torch.from_numpy(places), torch.tensor([one.fun for one in found]))


def differential_evolution(
    value: Callable[[Tensor], Tensor], n_variables: int, seed: int, *, population: int, n_rounds: int
) -> Minima:
    """Minimise by SciPy's differential evolution, a population at a time; its last population."""
    from scipy.optimize import differential_evolution as scipy_search

    def cost(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return value(torch.from_numpy(places.T.copy()).float()).double().numpy()

    answer = scipy_search(
        cost,
        [(0.0, 1.0)] * n_variables,
        popsize=max(1, population // n_variables),
        maxiter=n_rounds,
        tol=0,
        seed=seed,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return Minima(torch.from_numpy(answer.population), torch.from_numpy(answer.population_energies))
