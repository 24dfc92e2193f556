"""The same contacts by Tamaas, which shares no code with ours: to verify.

Frerot, Anciaux, Rey, Pham-Ba and Molinari, Tamaas: a library for elastic-plastic contact of periodic rough
surfaces, J. Open Source Softw. 5(51), 2020.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.errors import MissingPackageError
from sciadv.physics.rough.adhesion import Adhesion


def tamaas_pressure(
    height: Tensor,
    mean_pressure: float,
    *,
    spacing: float,
    contact_modulus: float,
    adhesion: Adhesion | None = None,
    tolerance: float = 1e-12,
    n_steps: int = 20_000,
) -> Tensor:
    """Return the contact pressure [Pa] of one surface, as `rough_contact_pressure` does for many.

    Parameters
    ----------
    height
        ``(points,)`` or ``(rows, columns)`` [m].
    mean_pressure
        [Pa].
    spacing
        Of the points [m].
    contact_modulus
        E* [Pa].
    adhesion
        Attraction across the gaps; none if left out.
    tolerance
        Error of complementarity, by Tamaas' measure.
    n_steps
        Steps at most.

    Returns
    -------
    Tensor
        In float64. With adhesion Tamaas may end at pressures of another mean than the load's; it is then
        asked again for the surface shifted by a point and a smaller tolerance, down to a tenth; NaN where
        that does not help.

    Raises
    ------
    MissingPackageError
        Tamaas is not installed.
    """
    try:
        import tamaas
    except ImportError as error:
        raise MissingPackageError(
            "contacts are verified by the package tamaas; pip install 'sciadv[design]'"
        ) from error
    tamaas.set_log_level(tamaas.LogLevel.error)
    # in units of the columns' side and the contact modulus
    side = spacing * height.shape[-1]
    surface = height.detach().to("cpu", torch.float64).numpy() / side
    wanted = mean_pressure / contact_modulus
    law = _law(adhesion, contact_modulus, side)
    for shift, part in enumerate((1.0, 0.7, 0.5, 0.3, 0.2, 0.1)):
        moved = np.roll(surface, shift, -1)
        solver, model, _ = _prepared(tamaas, moved, part * tolerance, n_steps, law)
        solver.solve(wanted)
        net = np.array(model.traction).reshape(surface.shape)
        if abs(net.mean() / wanted - 1) < 1e-3:
            pull = 0.0 if adhesion is None else _pull(model, moved, side, adhesion)
            pressure = contact_modulus * net + pull
            return torch.from_numpy(np.roll(pressure, -shift, -1))
    return torch.full_like(height, torch.nan, dtype=torch.float64, device="cpu")


def _law(adhesion: Adhesion | None, contact_modulus: float, side: float) -> dict[str, float] | None:
    """Return the numbers of Tamaas' exponential law, in its units."""
    if adhesion is None:
        return None
    return {"rho": adhesion.reach / side, "surface_energy": adhesion.work / (contact_modulus * side)}


def _prepared(
    tamaas: Any,
    surface: npt.NDArray[np.float64],
    tolerance: float,
    n_steps: int,
    law: dict[str, float] | None,
) -> tuple[Any, Any, Any]:
    """Return a solver of a surface, its model, and the attraction, which has to live as long as these."""
    kind = tamaas.model_type.basic_1d if surface.ndim == 1 else tamaas.model_type.basic_2d
    lengths = [n / surface.shape[-1] for n in surface.shape]
    model = tamaas.ModelFactory.createModel(kind, lengths, list(surface.shape))
    model.E = 1.0
    model.nu = 0.0
    of = tamaas.PolonskyKeerRey
    primal = of.pressure if law is None else of.gap
    solver = of(model, surface, tolerance, primal, of.pressure)
    solver.max_iter = n_steps
    attraction = None
    if law is not None:
        attraction = tamaas.ExponentialAdhesionFunctional(surface)
        attraction.parameters = law
        solver.addFunctionalTerm(attraction)
    return solver, model, attraction


def _pull(
    model: Any, surface: npt.NDArray[np.float64], side: float, adhesion: Adhesion
) -> npt.NDArray[np.float64]:
    """Return the attraction [Pa] across the gaps of a solved model."""
    gap = side * (np.array(model.displacement).reshape(surface.shape) - surface)
    pull: npt.NDArray[np.float64] = np.exp(-(gap - gap.min()) / adhesion.reach)
    return adhesion.work / adhesion.reach * pull
