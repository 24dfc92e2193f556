"""Refractive indices of transparent materials, by published dispersion formulas; lengths in m.

Every formula is empirical and holds at room temperature and within the wavelengths that its authors fitted;
absorption is left out. Films are often less dense than the crystals and glasses that most of these formulas
describe: a film's index depends on how it was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError

#: From the square of the wavelength in um to the refractive index.
Formula = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Material:
    """A transparent material.

    Parameters
    ----------
    name
        What was measured.
    formula
        From the square of the wavelength in um to the refractive index.
    shortest, longest
        Wavelengths [m] between which its authors state the formula.
    source
        Where the formula stands.
    """

    name: str
    formula: Formula
    shortest: float
    longest: float
    source: str


def sellmeier(*terms: tuple[float, float]) -> Formula:
    """Return ``n^2 = 1 + sum_i B_i L / (L - C_i)`` with L the square of the wavelength in um.

    Parameters
    ----------
    terms
        B_i, without unit, and C_i [um^2].
    """

    def index(square: Tensor) -> Tensor:
        total = torch.ones_like(square)
        for strength, resonance in terms:
            total = total + strength * square / (square - resonance)
        return total.sqrt()

    return index


def cauchy(constant: float, second: float, fourth: float) -> Formula:
    """Return ``n = A + B / L + C / L^2`` with L the square of the wavelength in um."""

    def index(square: Tensor) -> Tensor:
        return constant + second / square + fourth / square.square()

    return index


def one_pole(constant: float, strength: float, pole: float) -> Formula:
    """Return ``n^2 = A + B / (L - C)`` with L the square of the wavelength in um."""

    def index(square: Tensor) -> Tensor:
        return (constant + strength / (square - pole)).sqrt()

    return index


#: Materials by formula; the ordinary ray where a crystal has two.
MATERIALS: dict[str, Material] = {
    "vacuum": Material("vacuum", torch.ones_like, 0.0, float("inf"), "by definition"),
    "SiO2": Material(
        "fused silica",
        sellmeier((0.6961663, 0.0684043**2), (0.4079426, 0.1162414**2), (0.8974794, 9.896161**2)),
        0.21e-6,
        3.71e-6,
        "Malitson, J. Opt. Soc. Am. 55, 1965, 1205-1208",
    ),
    "Al2O3": Material(
        "sapphire, ordinary ray",
        sellmeier((1.4313493, 0.0726631**2), (0.65054713, 0.1193242**2), (5.3414021, 18.028251**2)),
        0.2e-6,
        5.0e-6,
        "Malitson and Dodge, J. Opt. Soc. Am. 62, 1972, 1405; formula in Dodge, Handbook of Laser Science "
        "and Technology IV, CRC Press 1986, 30",
    ),
    "MgF2": Material(
        "magnesium fluoride, ordinary ray",
        sellmeier((0.48755108, 0.04338408**2), (0.39875031, 0.09461442**2), (2.3120353, 23.793604**2)),
        0.2e-6,
        7.0e-6,
        "Dodge, Appl. Opt. 23, 1984, 1980-1985",
    ),
    "TiO2": Material(
        "rutile, ordinary ray",
        one_pole(5.913, 0.2441, 0.0803),
        0.43e-6,
        1.53e-6,
        "Devore, J. Opt. Soc. Am. 41, 1951, 416-419",
    ),
    "HfO2": Material(
        "hafnium oxide, evaporated film",
        cauchy(1.875, 6.28e-3, 5.80e-4),
        0.2e-6,
        2.0e-6,
        "Al-Kuhaili, Opt. Mater. 27, 2004, 383-387",
    ),
    "Si3N4": Material(
        "silicon nitride, film",
        sellmeier((3.0249, 0.1353406**2), (40314.0, 1239.842**2)),
        0.31e-6,
        5.504e-6,
        "Luke, Okawachi, Lamont, Gaeta and Lipson, Opt. Lett. 40, 2015, 4823-4826",
    ),
    "SiC": Material(
        "4H silicon carbide, ordinary ray",
        sellmeier((0.20075, -12.07224), (5.54861, 0.02641), (35.65066, 1268.24708)),
        0.4047e-6,
        5.0e-6,
        "Wang, Zhan, Wang, Xuan, Zhang, Liu, Xu, Liu, Wei and Chen, Laser Photonics Rev. 7, 2013, 831-838",
    ),
    "BK7": Material(
        "N-BK7 glass",
        sellmeier((1.03961212, 0.00600069867), (0.231792344, 0.0200179144), (1.01046945, 103.560653)),
        0.31e-6,
        2.325e-6,
        "Schott, data sheet of N-BK7",
    ),
}


def refractive_index(material: str, wavelength: Tensor, *, extrapolate: bool = False) -> Tensor:
    """Return the refractive index of a material at wavelengths [m], of their shape.

    Parameters
    ----------
    material
        A name of `MATERIALS`.
    wavelength
        In vacuum [m].
    extrapolate
        Whether the formula may be used outside the wavelengths that its authors state. A Sellmeier formula
        grows without bound towards its resonance, and knows nothing of the absorption there.

    Raises
    ------
    InputError
        A wavelength is outside the formula's range, and `extrapolate` is False.
    UnknownNameError
        There is no such material.

    Examples
    --------
    >>> import torch
    >>> round(float(refractive_index("SiO2", torch.tensor(0.5876e-6, dtype=torch.float64))), 4)
    1.4585
    """
    if material not in MATERIALS:
        raise UnknownNameError("material", material, MATERIALS)
    matter = MATERIALS[material]
    um = wavelength * 1e6
    # rounding of the wavelength's own precision is not an extrapolation
    room = 1 + 8 * torch.finfo(wavelength.dtype).eps
    is_outside = (wavelength * room < matter.shortest) | (wavelength > matter.longest * room)
    if not extrapolate and bool(is_outside.any()):
        raise InputError(
            f"the index of {material} ({matter.name}) is known from {matter.shortest * 1e6:g} to "
            f"{matter.longest * 1e6:g} um, but was asked for from {float(um.min()):g} to "
            f"{float(um.max()):g} um; use a narrower band or another material, or set `extrapolate`"
        )
    return matter.formula(um.square())
