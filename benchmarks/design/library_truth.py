"""Targets of problems whose variables are too many for a grid, and what is known of them before a search.

Random designs, others than those of the search, stand for the grid: a target that one of them hits is
reachable, and as there are many more variables than values, by a continuum of designs. A target outside of
what theory allows is unreachable. All others are not judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from sciadv.designs.aim import Aim, joined
from sciadv.designs.evaluated import Evaluated, evaluate
from sciadv.designs.wishes import Wish
from sciadv.forward import Microstructure, PropertyModel
from sciadv.forward.design.quantity import box_of
from sciadv.physics.continuum.homogenisation import hashin_shtrikman
from sciadv.problem import Problem

Target = Mapping[str, object]

#: Targets of each problem, single loose ones among them, and some that no design can have.
TARGETS: dict[str, tuple[Target, ...]] = {
    "optical-coating": (
        {"figure_of_merit": 0.25},
        {"figure_of_merit": "0.2..0.3"},
        {"figure_of_merit": "<= 0.13"},
        {"wanted_reflectance": 0.6},
        {"unwanted_reflectance": 0.6},
        {"wanted_reflectance": ">= 0.7", "unwanted_reflectance": "<= 0.6"},
        {"wanted_reflectance": 0.8, "unwanted_reflectance": 0.85},
        {"total_thickness": "4.5 um"},
        {"total_thickness": "<= 1 um"},
        {"total_thickness": "9.2 um"},
        {"figure_of_merit": 0.25, "total_thickness": "4.4 um"},
        {"figure_of_merit": "<= 0.25", "total_thickness": ">= 9.5 um"},
        {"figure_of_merit": "<= 0.0113"},
    ),
    "microstructure": (
        {"conductivity": 5.0},
        {"conductivity": "4.5..5.5"},
        {"conductivity": 0.5},
        {"conductivity": 8.0},
        {"conductivity": ">= 5.8"},
        {"volume_fraction": 0.2},
        {"conductivity_xx": "4.9..5.1", "conductivity_yy": "5.4..5.6"},
        {"conductivity": 5.2, "volume_fraction": 0.1615},
        {"conductivity": 6.8, "volume_fraction": 0.3},
        {"youngs_modulus": "46 GPa"},
        {"shear_modulus": "<= 17 GPa"},
        {"youngs_modulus": ">= 96 GPa"},
        {"youngs_modulus": "45..55 GPa", "conductivity": "4.8..5.2"},
    ),
}
#: Designs asked for, and random ones that stand for a grid.
N_DESIGNS = {"optical-coating": 20, "microstructure": 8}
N_RANDOM = {"optical-coating": 20_000, "microstructure": 1_000}


def random_designs(problem: Problem, n: int, *, chunk: int = 500, seed: int = 20_000) -> Evaluated:
    """Return random designs with every property: even between the bounds, or draws of the prior."""
    numbers = torch.Generator().manual_seed(seed)
    model = problem.forward
    assert isinstance(model, PropertyModel)
    if model.variables:
        unit = torch.rand(n, len(model.variables), generator=numbers, dtype=torch.float64)
        x = box_of(model).from_unit(unit)
    else:
        with torch.no_grad():
            x = problem.prior(problem.prior.sample_latent(n, seed=seed))
    return joined([evaluate(problem, part) for part in torch.split(x, chunk)])


def is_reachable(aim: Aim, designs: Evaluated) -> bool | None:
    """Return whether some design can do what is asked; None where it is not known."""
    if is_impossible(aim):
        return False
    if bool((aim.distance(designs) == 0).any()):
        return True
    # any sum of thicknesses between 0 and the largest can be made, where nothing else is asked
    is_alone = [wish.name for wish in aim.wishes] == ["total_thickness"]
    return True if is_alone else None


def is_impossible(aim: Aim) -> bool:
    """Return whether theory excludes what is asked: sums of films, and bounds of mixtures."""
    wishes = {wish.name: wish for wish in aim.wishes}
    return any(
        wish.low > high or wish.high < low
        for name, wish in wishes.items()
        for low, high in [_possible(aim.model, name, wishes)]
    )


def _possible(model: PropertyModel, name: str, wishes: Mapping[str, Wish]) -> tuple[float, float]:
    """Return the ends of what a property can be, of designs that have the volume that is asked for."""
    if name == "total_thickness":
        films = [one for one in model.variables if one.name.startswith("thickness")]
        return sum(one.low for one in films), sum(one.high for one in films)
    if not isinstance(model, Microstructure) or name == "volume_fraction":
        return -math.inf, math.inf
    if name.startswith("conductivity"):
        volume = wishes.get("volume_fraction")
        if volume is None or name != "conductivity":
            return min(model.conductivities), max(model.conductivities)
        ends = torch.tensor([volume.low, volume.high], dtype=torch.float64)
        low, high = hashin_shtrikman(*model.conductivities, ends)
        return float(low.min()), float(high.max())
    moduli = model.moduli or (0.0, math.inf)
    share = 1 / 2.6 if name == "shear_modulus" else 1.0  # G = E / (2 (1 + nu)), nu = 0.3
    return share * min(moduli), share * max(moduli)
