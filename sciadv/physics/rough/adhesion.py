"""Adhesion of finite range between a rough surface and an elastic half space.

The surfaces attract one another by ``(w / rho) exp(-g / rho)`` over a gap g, with the work of adhesion w and
the range rho: contact with the energy ``-w exp(-g / rho)`` added. It is concave in g, so that its tangent
lies above it and every contact with the attraction of the gap before lowers the energy (Yuille and
Rangarajan, The concave-convex procedure, Neural Computation 15, 2003). Newton's steps, contacts with a softer
half space, do the same in fewer steps while that is stable: K has no positive entries off its diagonal and
the attraction is convex, so that from the contact without adhesion they come down to the largest gap in
equilibrium, which loading reaches. Where it has jumped into contact, the concave-convex steps lead on to the
next equilibrium.

References
----------
Exponential law: Yastrebov and Rey, Rey, Anciaux and Molinari, Normal adhesive contact on rough surfaces:
efficient algorithm for FFT-based BEM resolution, Comput. Mech. 60, 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.rough.active_set import Accuracy, Solved, dot, solve_contact
from sciadv.physics.rough.half_space import HalfSpace


@dataclass(frozen=True)
class Adhesion:
    """An attraction ``(work / reach) exp(-g / reach)`` over the gap g.

    Parameters
    ----------
    work
        Work of adhesion [J/m^2].
    reach
        Its range [m]; Johnson's contact is the limit of a short one, a Tabor parameter above about 5.
    tolerance
        Change of the gap in a step, as a part of the reach, at which the equilibrium is found.
    n_steps
        Steps at most.

    Raises
    ------
    InputError
        A number is not positive.
    """

    work: float
    reach: float
    tolerance: float = 1e-9
    n_steps: int = 500

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not (self.work > 0 and self.reach > 0 and math.isfinite(self.work / self.reach**2)):
            raise InputError(
                f"work and reach of adhesion must be positive, but are {self.work:g} and {self.reach:g}"
            )

    def on_grid(self, spacing: float, contact_modulus: float) -> Adhesion:
        """Return it in units of a grid: lengths over the spacing, pressures over the contact modulus.

        Raises
        ------
        InputError
            The grid is too coarse for so short a range: single points would jump.
        """
        softening = self.work * spacing / (contact_modulus * self.reach**2)
        # a point between neighbours that are held is stiff by pi / 4 in a profile, by more on a surface
        if softening > math.pi / 4:
            least = math.sqrt(4 / math.pi * self.work * spacing / contact_modulus)
            raise InputError(
                f"adhesion of range {self.reach:g} m is not resolved by points {spacing:g} m apart: take a "
                f"reach of {least:.3g} m or more, or a finer grid"
            )
        return Adhesion(
            self.work / (contact_modulus * spacing), self.reach / spacing, self.tolerance, self.n_steps
        )

    def attraction(self, gap: Tensor) -> Tensor:
        """Return ``(w / rho) exp(-g / rho)``."""
        return self.work / self.reach * torch.exp(-gap / self.reach)


def solve_adhesive(
    half_space: HalfSpace, load: Tensor, adhesion: Adhesion, accuracy: Accuracy
) -> tuple[Solved, Tensor]:
    """Return the contact that loading reaches, and its softening ``(w / rho^2) exp(-g / rho)``.

    Pressures are those of the contact alone: the attraction comes off them.

    Parameters
    ----------
    half_space
        K, on the grid.
    load
        ``K h + p0`` of heights h and a mean pressure p0, ``(batch, *shape)``.
    adhesion
        In units of the grid.
    accuracy
        Of each contact.

    Returns
    -------
    tuple
        NaN for the surfaces of which no equilibrium was found within the steps.
    """
    contact = solve_contact(half_space, load, _looser(accuracy, 0))
    active = torch.arange(len(load), device=load.device)
    for step in range(adhesion.n_steps):
        here, solved = contact.take(active), _looser(accuracy, step + 1)
        following, is_newton = _step(half_space, load[active], here, adhesion, solved)
        contact = contact.put(active, following)
        moved = (following.gap - here.gap).abs().flatten(1).amax(1) / adhesion.reach
        if solved == accuracy:
            active = active[(moved > adhesion.tolerance) | ~is_newton & ~moved.isnan()]
        if not len(active):
            return contact, adhesion.attraction(contact.gap) / adhesion.reach
    unknown = torch.full_like(load[active], torch.nan)
    contact = contact.put(active, Solved(unknown, contact.free[active], unknown))
    return contact, adhesion.attraction(contact.gap) / adhesion.reach


def _looser(accuracy: Accuracy, step: int, *, first: float = 1e-3) -> Accuracy:
    """Return the accuracy of a step: Newton's first ones need not be exact (Dembo and others, 1982)."""
    return replace(accuracy, tolerance=max(accuracy.tolerance, first ** (step + 1)))


def _step(
    half_space: HalfSpace, load: Tensor, here: Solved, adhesion: Adhesion, accuracy: Accuracy
) -> tuple[Solved, Tensor]:
    """Return the contacts after one step, Newton's where that is stable and lowers the energy."""
    pull = adhesion.attraction(here.gap)
    softening = pull / adhesion.reach
    newton = solve_contact(
        half_space, load + pull + softening * here.gap, accuracy, softening=softening, start=here
    )
    before = _energy(half_space, load, here.gap, adhesion)
    after = _energy(half_space, load, newton.gap, adhesion)
    is_newton = after <= before + 1e-12 * before.abs()
    is_newton |= load.flatten(1).isnan().any(1)
    rest = (~is_newton).nonzero().squeeze(1)
    if not len(rest):
        return newton, is_newton
    before_rest = here.take(rest)
    plain = solve_contact(half_space, (load + pull)[rest], accuracy, start=before_rest)
    # a step that changes nothing never will, and what kept Newton's back is the accuracy of the energies
    is_stuck = (plain.gap == before_rest.gap).flatten(1).all(1)
    is_newton[rest] = is_stuck
    moving = ~is_stuck
    return newton.put(rest[moving], plain.take(moving.nonzero().squeeze(1))), is_newton


def _energy(half_space: HalfSpace, load: Tensor, gap: Tensor, adhesion: Adhesion) -> Tensor:
    """Return the energy of gaps ``(batch,)``, less that of none; NaN for a NaN."""
    elastic = dot(half_space.pressure(gap) / 2 + load, gap).flatten()
    return elastic - adhesion.reach * adhesion.attraction(gap).flatten(1).sum(1)
