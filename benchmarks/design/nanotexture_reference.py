"""Friction of a sinusoidal texture by SciPy's scalar solvers: the judge of the nanotexture bench."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.forward import Texture
from sciadv.physics.scalar_contact import scalar_contact
from sciadv.problem import Problem


@dataclass(frozen=True)
class Reference:
    """Friction, peak pressure and slope of one design after another; SI units, float64.

    See `sciadv.physics.scalar_contact` for the solver and `sciadv.physics.contact` for the sources.
    """

    contact_modulus: float
    nominal_pressure: float
    shear_strength: float
    work_of_adhesion: float
    loss_factor: float
    hardness: float
    max_slope: float
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @staticmethod
    def of(problem: Problem) -> Reference:
        """Take over material, load, limits and bounds of the nanotexture problem.

        Raises
        ------
        InputError
            The problem is another one.
        """
        model = problem.forward
        limits = {limit.on: limit.at_most for limit in problem.constraints}
        if not isinstance(model, Texture) or set(limits) != {"contact_pressure", "max_slope"}:
            raise InputError(f"{problem.name} is not the nanotexture problem that the reference knows")
        return Reference(
            model.contact_modulus,
            model.nominal_pressure,
            model.shear_strength,
            model.work_of_adhesion,
            model.loss_factor,
            hardness=limits["contact_pressure"],
            max_slope=limits["max_slope"],
            lower=tuple(one.low for one in model.variables),
            upper=tuple(one.high for one in model.variables),
        )

    def __call__(self, amplitude: float, wavelength: float) -> tuple[float, float, float]:
        """Return friction coefficient, peak pressure [Pa] and largest slope of a design [m, m]."""
        full = math.pi * self.contact_modulus * amplitude / wavelength
        load = self.nominal_pressure / full
        alpha = math.sqrt(
            2 * self.work_of_adhesion * wavelength / (math.pi**2 * self.contact_modulus * amplitude**2)
        )
        fraction, peak = scalar_contact(load, alpha)
        r = min(load, 1.0)
        energy = amplitude * full * (0.25 - 0.5 * math.log(r)) * r**2
        friction = self.shear_strength * fraction / self.nominal_pressure
        friction += self.loss_factor * energy / (self.nominal_pressure * wavelength)
        return friction, full * peak, 2 * math.pi * amplitude / wavelength

    def is_feasible(
        self, peak: npt.NDArray[np.float64], slope: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.bool_]:
        """Return whether peak pressures and slopes keep both limits."""
        feasible: npt.NDArray[np.bool_] = (peak <= self.hardness) & (slope <= self.max_slope)
        return feasible

    def from_unit(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return designs at places in [0, 1] between the bounds, in logarithms."""
        lower, upper = np.array(self.lower), np.array(self.upper)
        designs: npt.NDArray[np.float64] = lower * (upper / lower) ** places
        return designs
