"""Elastic constants and hardnesses of a few solids, each with its source, and contact moduli of pairs.

Handbook values at room temperature: those of a sample differ, polymers' by tens of per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

from sciadv.errors import UnknownNameError


@dataclass(frozen=True)
class Solid:
    """What contact needs to know of a solid.

    Parameters
    ----------
    youngs_modulus
        E [Pa].
    poissons_ratio
        nu.
    hardness
        Mean pressure under an indenter at which it yields [Pa].
    hardness_test
        By which test.
    source
        Where the numbers are from.
    """

    youngs_modulus: float
    poissons_ratio: float
    hardness: float
    hardness_test: str
    source: str

    @property
    def plane_modulus(self) -> float:
        """``E / (1 - nu^2)`` [Pa], its contact modulus against a rigid body."""
        return self.youngs_modulus / (1 - self.poissons_ratio**2)


def _kgf_per_mm2(hardness: float) -> float:
    """Return a Knoop or Vickers hardness in Pa."""
    return 9.80665e6 * hardness


SOLIDS: dict[str, Solid] = {
    "bearing-steel": Solid(
        youngs_modulus=207e9,
        poissons_ratio=0.30,
        hardness=_kgf_per_mm2(653),
        hardness_test="Vickers, converted by ASTM E140 from 58 HRC, the least of through-hardened rings",
        source="AISI 52100; Harris and Kotzalas, Essential Concepts of Bearing Technology, 5th ed. 2006",
    ),
    "fused-silica": Solid(
        youngs_modulus=72.7e9,
        poissons_ratio=0.16,
        hardness=_kgf_per_mm2(522),
        hardness_test="Knoop, 100 g",
        source="Corning HPFS 7980, product information",
    ),
    "pmma": Solid(
        youngs_modulus=3.3e9,
        poissons_ratio=0.37,
        hardness=175e6,
        hardness_test="ball indentation H961/30, ISO 2039-1",
        source="Plexiglas GS, technical information of the maker, ISO 527-2",
    ),
    "ptfe": Solid(
        youngs_modulus=0.5e9,
        poissons_ratio=0.46,
        hardness=25e6,
        hardness_test="ball indentation H132/60, DIN 53456, the lower end of 25 to 30 MPa",
        source="Teflon PTFE, properties handbook of the maker; the moduli of tables are from 0.4 to 0.8 GPa",
    ),
    "silicon": Solid(
        youngs_modulus=130e9,
        poissons_ratio=0.28,
        hardness=_kgf_per_mm2(850),
        hardness_test="Knoop; Petersen, Silicon as a mechanical material, Proc. IEEE 70, 1982",
        source="along <100>; Hopcroft, Nix, Kenny, What is the Young's modulus of silicon?, J. MEMS 19, 2010",
    ),
}


def find_solid(name: str) -> Solid:
    """Return a solid by name.

    Raises
    ------
    UnknownNameError
        The table does not have it; the names that it has are listed.

    Examples
    --------
    >>> find_solid("pmma").hardness
    175000000.0
    """
    if name not in SOLIDS:
        raise UnknownNameError("solid", name, SOLIDS)
    return SOLIDS[name]


def contact_modulus(one: Solid, other: Solid | None = None) -> float:
    """Return E* [Pa] of two bodies, ``1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2``; None is a rigid one.

    Examples
    --------
    >>> pmma, silica = find_solid("pmma"), find_solid("fused-silica")
    >>> round(contact_modulus(pmma, silica) / 1e9, 2), round(contact_modulus(pmma) / 1e9, 2)
    (3.64, 3.82)
    """
    if other is None:
        return one.plane_modulus
    return 1 / (1 / one.plane_modulus + 1 / other.plane_modulus)
