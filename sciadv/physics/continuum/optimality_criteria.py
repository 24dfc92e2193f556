"""Stiffest plates of a given volume by the optimality criteria method: the reference for designs of beams.

References
----------
Andreassen, Clausen, Schevenels, Lazarov and Sigmund, Efficient topology optimization in MATLAB using 88 lines
of code, Struct. Multidiscip. Optim. 43, 2011, 1-16, whose published compliances it reproduces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.continuum.density_filter import cone_filter, filtered_sensitivity
from sciadv.physics.continuum.elasticity import Plate, displacement, element_energy, modulus_of

#: Any text in Python, which `optimality_criteria` answers; one of these in a file.
Filter = Annotated[str, Literal["sensitivity", "density"]]


@dataclass(frozen=True)
class StiffestPlates:
    """Plates found by the optimality criteria.

    Parameters
    ----------
    density
        Of the elements, as built ``(batch, height, width)``.
    variables
        The densities before the filter, from which a search may go on.
    compliance
        Of each plate before the last step ``(batch,)``, as the published programme prints it.
    n_steps
        Steps that each took ``(batch,)``.
    """

    density: Tensor
    variables: Tensor
    compliance: Tensor
    n_steps: Tensor


def optimality_criteria(  # noqa: PLR0913  # the published programme's numbers
    plate: Plate,
    volume: Tensor | float,
    *,
    radius: float,
    filtered: Filter = "sensitivity",
    move: float = 0.2,
    tolerance: float = 0.01,
    multiplier_gap: float = 1e-3,
    n_steps: int = 2000,
    start: Tensor | None = None,
    modulus: Callable[[Tensor], Tensor] = modulus_of,
) -> StiffestPlates:
    """Return plates of a given volume with the least compliance that the method finds; no gradient.

    Parameters
    ----------
    plate
        How the plates are held and loaded.
    volume
        Part of the elements' volume that is solid; a number or ``(batch,)``.
    radius
        Of the filter, in elements.
    filtered
        What is filtered, "sensitivity" or "density".
    move
        Largest change of a density a step.
    tolerance
        Largest change of a density at which a plate is done.
    multiplier_gap
        Relative width of the multiplier's interval at which its bisection ends, as published; the volume is
        met as closely.
    n_steps
        Steps at most.
    start
        Variables in [0, 1] to begin at ``(batch, height, width)``; the volume everywhere where left out.
    modulus
        Of densities; as published where left out, ``1e-9 + density^3``.

    Raises
    ------
    InputError
        The filter is neither, the plate is not held, or the start is of another grid.

    Notes
    -----
    Poisson's ratio is 0.3, as published. One solve a plate and step.
    """
    if filtered not in ("sensitivity", "density"):
        raise InputError(f"filtered must be 'sensitivity' or 'density', but it is {filtered!r}")
    wanted = torch.as_tensor(volume, dtype=torch.float64).reshape(-1, 1, 1)
    n = max(len(wanted), len(plate.load), 1 if start is None else len(start))
    search = _Search(radius, move, multiplier_gap, modulus, is_density=filtered == "density")
    wanted = wanted.expand(n, 1, 1)
    if start is not None and start.shape[1:] != (plate.height, plate.width):
        raise InputError(
            f"start must be (batch, {plate.height}, {plate.width}), but it is {tuple(start.shape)}"
        )
    first = wanted if start is None else start.detach().double().clamp(0, 1)
    x = first.expand(n, plate.height, plate.width).clone()
    value = x.new_zeros(n)
    steps = torch.zeros(n, dtype=torch.long)
    going = torch.arange(n)
    for _ in range(n_steps):
        loads = plate.load if len(plate.load) == 1 else plate.load[going]
        value[going], new = search.advance(x[going], Plate(plate.fixed, loads), wanted[going])
        change = (new - x[going]).abs().amax((1, 2))
        x[going] = new
        steps[going] += 1
        going = going[change > tolerance]
        if not len(going):
            break
    return StiffestPlates(search.built(x), x, value, steps)


@dataclass(frozen=True)
class _Search:
    """The settings of the search that a step needs."""

    radius: float
    move: float
    multiplier_gap: float
    modulus: Callable[[Tensor], Tensor]
    is_density: bool

    def built(self, x: Tensor) -> Tensor:
        """Return the densities that are built from the variables ``(batch, height, width)``."""
        return cone_filter(x, self.radius) if self.is_density else x

    def advance(self, x: Tensor, plate: Plate, volume: Tensor) -> tuple[Tensor, Tensor]:
        """Return the compliances of variables and the next variables."""
        density = self.built(x)
        stiffness = self.modulus(density)
        u = displacement(stiffness, plate)
        energy = element_energy(u)
        value = (stiffness * energy).sum((1, 2))
        falls = torch.func.grad(lambda rho: (self.modulus(rho) * energy).sum())(density)
        grows = torch.ones_like(x)
        if self.is_density:
            pull = torch.func.vjp(self.built, x)[1]
            falls = pull(falls)[0]
            grows = pull(grows)[0]
        else:
            falls = filtered_sensitivity(x, falls, self.radius)
        return value, self._moved(x, (falls / grows).sqrt(), (volume, grows))

    def _moved(self, x: Tensor, scale: Tensor, full: tuple[Tensor, Tensor]) -> Tensor:
        """Return ``x scale / sqrt(multiplier)`` within the move's bounds; the multiplier by bisection.

        `full` is the volume, and by how much each variable adds to it.
        """
        volume, grows = full
        least = (x - self.move).clamp_min(0)
        most = (x + self.move).clamp_max(1)
        low = torch.zeros_like(volume)
        high = torch.full_like(volume, 1e9)  # as published
        new = x
        is_open = torch.ones_like(volume, dtype=torch.bool)
        while bool(is_open.any()):
            middle = (low + high) / 2
            moved = torch.minimum(torch.maximum(x * scale / middle.sqrt(), least), most)
            new = torch.where(is_open, moved, new)
            is_full = (grows * new).mean((1, 2), keepdim=True) > volume
            low = torch.where(is_open & is_full, middle, low)
            high = torch.where(is_open & ~is_full, middle, high)
            is_open = high - low > self.multiplier_gap * (high + low)
        return new
