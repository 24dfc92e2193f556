"""Laws of friction: from a state of contact to a coefficient of friction. SI units; nominal pressure p.

References
----------
Bowden and Tabor, The Friction and Lubrication of Solids, Oxford 1950. Briscoe and Evans, The shear properties
of Langmuir-Blodgett layers, Proc. R. Soc. A 380, 1982. Greenwood and Tabor, The friction of hard sliders on
lubricated rubber, Proc. Phys. Soc. 71, 1958. Persson, Theory of rubber friction and contact mechanics, J.
Chem. Phys. 115, 2001. Shaw, The role of friction in deformation processing, Wear 6, 1963 (limited shear).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def shear_friction(
    fraction: Tensor, nominal_pressure: float, shear_strength: float, pressure_coefficient: float = 0.0
) -> Tensor:
    """Return ``mu = tau0 f / p + alpha_p``: the junctions shear at ``tau = tau0 + alpha_p p``.

    Bowden and Tabor 1950; Briscoe and Evans 1982. Exact for any pressure profile, since its mean over the
    nominal area is p.

    Parameters
    ----------
    fraction
        Contact fraction f.
    nominal_pressure
        p [Pa].
    shear_strength
        tau0 [Pa].
    pressure_coefficient
        alpha_p, without unit.
    """
    return shear_strength / nominal_pressure * fraction + pressure_coefficient


def hysteresis_friction(
    energy: Tensor, wavelength: Tensor, nominal_pressure: float, loss_factor: float
) -> Tensor:
    """Return ``mu = beta U / (p lambda)``: the part beta of an energy U [J/m^2] is lost per wavelength.

    The idea of Greenwood and Tabor 1958, for waves in place of single sliders.
    """
    return loss_factor / nominal_pressure * energy / wavelength


def limited_shear_friction(pressure: Tensor, shear_strength: float, local_coefficient: float) -> Tensor:
    """Return ``mu = <tau> / <p>`` with ``tau = tau0 (1 - exp(-mu_l p / tau0))``, from sampled pressures.

    Amontons' ``mu_l`` at small pressures, ``tau0 f / p`` at large ones; smooth, so that it can be
    differentiated where counting contact area cannot.

    Parameters
    ----------
    pressure
        Contact pressures [Pa] on an even grid; ``(batch, points)``.
    shear_strength
        tau0 [Pa].
    local_coefficient
        mu_l.
    """
    shear = shear_strength * -torch.expm1(-local_coefficient / shear_strength * pressure)
    return shear.mean(1) / pressure.mean(1)


def rough_contact_fraction(nominal_pressure: Tensor, contact_modulus: float, rms_slope: Tensor) -> Tensor:
    """Return ``f = erf(sqrt(2) p / (E* h'))`` of a randomly rough surface with the root mean square slope h'.

    Persson 2001. At small loads ``mu = tau0 f / p`` is then ``sqrt(8 / pi) tau0 / (E* h')``: Amontons' law.
    """
    return torch.erf(math.sqrt(2) * nominal_pressure / (contact_modulus * rms_slope))


def ploughing_friction(slope: Tensor) -> Tensor:
    """Return ``mu = (2 / pi) tan(theta)`` of a rigid cone that ploughs, theta from its base.

    Bowden and Tabor 1950. Only where the peak pressure is above the hardness.

    Parameters
    ----------
    slope
        ``tan(theta)``.
    """
    return 2 / math.pi * slope
