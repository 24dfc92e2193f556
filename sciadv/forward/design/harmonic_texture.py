"""Textured surfaces in many variables: Fourier coefficients to friction, peak pressure, area and slopes."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Annotated, Literal, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.errors import InputError
from sciadv.files.formats.height_maps import height_map_text
from sciadv.files.formats.triangles import stl, under_surface
from sciadv.forward.base import NonlinearForward
from sciadv.forward.design.quantity import Possible, Quantity, Ranges, Variable, known_names
from sciadv.physics.friction import limited_shear_friction
from sciadv.physics.rough.active_set import Accuracy
from sciadv.physics.rough.adhesion import Adhesion
from sciadv.physics.rough.by_tamaas import tamaas_pressure
from sciadv.physics.rough.harmonics import Harmonics
from sciadv.physics.rough.rough_contact import rough_contact_pressure
from sciadv.registry.checked import checked
from sciadv.types import Count, NotNegative, Positive, Shape, as_generator


@final
class HarmonicTexture(NonlinearForward):
    """Friction of a periodic surface of many waves on an elastic half space, per coefficient of its waves.

    The rigid surface is ``h = sum_k a_k cos(2 pi k x / L) + b_k sin(2 pi k x / L)``; its contact is solved by
    boundary elements on a grid (`sciadv.physics.rough`). Where it touches, it shears at
    ``tau = tau0 (1 - exp(-mu_l p / tau0))``, and friction is ``<tau> / p0`` with the nominal pressure p0.

    Parameters
    ----------
    in_shape
        ``(2 vectors,)``: all ``a_k``, then all ``b_k`` [m], in the order of `Harmonics`. With n harmonics,
        ``4 n (n + 1)`` numbers in two directions and 2 n in one. That of `n_harmonics` where None.
    n_harmonics
        Harmonics in each direction, where `in_shape` is None.
    directions
        2, or 1 for ridges.
    period
        L, the same in both directions [m].
    amplitude
        Largest coefficient of a wave as long as the period [m].
    decay
        That of wave vector k is ``amplitude / |k|^decay``.
    contact_modulus
        E* [Pa], ``1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2``.
    nominal_pressure
        Load over nominal area [Pa].
    shear_strength
        tau0 [Pa].
    local_coefficient
        mu_l, the coefficient of friction at small pressures.
    work_of_adhesion
        w [J/m^2]; 0 for none.
    adhesion_range
        rho of the attraction ``(w / rho) exp(-g / rho)`` across a gap g [m].
    properties
        What is predicted, in this order: names of `PROPERTIES`.
    points
        Of the grid, in each direction: an even number, eight or more a harmonic. See `grid_error`.
    edge
        Part of the nominal pressure at which a point counts by 63 % in ``contact_fraction``, see Notes.
    scatter
        Standard deviation of every coefficient as made [m].
    tolerance
        To which contacts are solved, as a part of their first residual.
    dtype, device
        Of the designs; contact is computed in double precision.

    Raises
    ------
    InputError
        The shape is none of whole harmonics, or the grid is too coarse for them or for the range of adhesion,
        or too fine for the memory.
    UnknownNameError
        There is no such property.

    Notes
    -----
    All properties are differentiable. ``contact_pressure`` is the largest one, also between the points of the
    grid (`peak_between_points`), less the attraction there; what carries the attraction too is what shears.
    ``adhesive_pressure`` is the mean of the attraction, by which adhesion adds to the load: 0 without. The
    fraction in contact, ``contact_fraction``, is ``<1 - exp(-p / (edge p0))>``: the counted area has no
    derivative, and this one is smaller by parts of the order of edge squared.

    Examples
    --------
    >>> import torch
    >>> A = HarmonicTexture(contact_modulus=3.5e9, nominal_pressure=20e6, shear_strength=20e6)
    >>> design = torch.zeros(1, 80)
    >>> design[0, 8] = 10e-9  # a wave along the first direction alone: k = (1, 0)
    >>> A.waves.vectors[8].tolist(), 0.1 < float(A(design)) < 0.3
    ([1.0, 0.0], True)
    """

    kind = "harmonic-texture"

    #: What can be predicted.
    PROPERTIES: tuple[Quantity, ...] = (
        Quantity("friction_coefficient", "", low=0.0),
        Quantity("contact_pressure", "Pa", low=0.0),  # the peak
        Quantity("contact_fraction", "", low=0.0, high=1.0),
        Quantity("rms_slope", "", low=0.0),
        Quantity("max_slope", "", low=0.0),
        Quantity("adhesive_pressure", "Pa", low=0.0),  # the mean attraction
    )
    LEAP = "adhesion: between these values partial contact is unstable and closes to full contact"
    n_library = 256

    @checked
    def __init__(  # noqa: PLR0913  # the texture's and the materials' numbers
        self,
        in_shape: Shape | None = None,
        *,
        n_harmonics: Count = 4,
        contact_modulus: Positive,
        nominal_pressure: Positive,
        shear_strength: Positive,
        local_coefficient: Positive = 0.5,
        work_of_adhesion: NotNegative = 0.0,
        adhesion_range: Positive = 1e-9,
        directions: Literal[1, 2] = 2,
        period: Positive = 1e-6,
        amplitude: Positive = 10e-9,
        decay: NotNegative = 2.0,
        properties: Annotated[Sequence[str], Field(min_length=1)] = ("friction_coefficient",),
        points: Count = 64,
        edge: Positive = 0.25,
        scatter: NotNegative = 0.0,
        tolerance: Positive = 1e-12,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (_n_coefficients(n_harmonics, directions),) if in_shape is None else in_shape
        super().__init__(shape, (len(properties),), dtype=dtype, device=device)
        self.properties = known_names("texture", self.PROPERTIES, properties)
        n_harmonics = _n_harmonics(self.in_shape, directions)
        if points < 8 * n_harmonics or points % 2:
            raise InputError(
                f"{n_harmonics} harmonics need an even number of points, {8 * n_harmonics} or more in each "
                f"direction, but points is {points}"
            )
        check_memory(
            8 * self.in_shape[0] * points**directions,
            f"{self.in_shape[0]} waves on {points} points in each direction",
            "take fewer",
            device=device,
        )
        self.waves = Harmonics(n_harmonics, directions)
        self.contact_modulus = contact_modulus
        self.nominal_pressure = nominal_pressure
        self.shear_strength = shear_strength
        self.local_coefficient = local_coefficient
        self.adhesion = Adhesion(work_of_adhesion, adhesion_range) if work_of_adhesion > 0 else None
        if self.adhesion is not None:
            self.adhesion.on_grid(period / points, contact_modulus)  # says where it is not resolved
        self.period = period
        self.points = points
        self.edge = edge
        self.accuracy = Accuracy(tolerance=tolerance)
        self.variables = _variables(self.waves, amplitude, decay, scatter)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the properties ``(batch, properties)`` of designs ``(batch, variables)``."""
        return self.with_regime(x)[0]

    def with_regime(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `forward` and `regime` do, of one solution of the contacts."""
        values = self._slopes(x)
        regime = torch.zeros(len(x), dtype=torch.long, device=x.device)
        if any(name not in values for name in self.properties):
            pressure = self.pressure(x)
            values |= self._of_pressure(pressure)
            regime = self._closed(pressure)
        return torch.stack([values[name] for name in self.properties], 1), regime

    def heights(self, x: Tensor, *, points: int | None = None) -> Tensor:
        """Return the heights of designs [m] on the grid, or one of `points`; ``(batch, points, points)``."""
        return self.waves.heights(x, points or self.points)

    def pressure(self, x: Tensor) -> Tensor:
        """Return the contact pressure of designs [Pa] on the grid, ``(batch, points, points)``.

        With adhesion it carries the attraction, too.
        """
        load = x.new_full((len(x),), self.nominal_pressure, dtype=torch.float64)
        return rough_contact_pressure(
            self.heights(x.double()),
            load,
            spacing=self.period / self.points,
            contact_modulus=self.contact_modulus,
            adhesion=self.adhesion,
            accuracy=self.accuracy,
        ).to(x.dtype)

    def _of_pressure(self, pressure: Tensor) -> dict[str, Tensor]:
        """Return what follows from pressures [Pa]."""
        every = pressure.flatten(1)
        touching = -torch.expm1(-every / (self.edge * self.nominal_pressure))
        shear = limited_shear_friction(every, self.shear_strength, self.local_coefficient)
        peak = peak_between_points(pressure)
        if self.adhesion is not None:
            shear = shear * every.mean(1) / self.nominal_pressure
            peak = peak - self.adhesion.work / self.adhesion.reach
        return {
            "friction_coefficient": shear,
            "contact_pressure": peak,
            "contact_fraction": touching.mean(1),
            "adhesive_pressure": self._attraction(every.mean(1)),
        }

    def _attraction(self, carried: Tensor) -> Tensor:
        """Return the mean attraction [Pa] of mean pressures; 0 without adhesion."""
        return 0 * carried if self.adhesion is None else carried - self.nominal_pressure

    def _slopes(self, x: Tensor) -> dict[str, Tensor]:
        """Return the slopes: the root mean square in closed form, the largest over the grid."""
        steepness = 2 * torch.pi / self.period * self.waves.lengths.to(x)
        found = {"rms_slope": torch.linalg.vector_norm(steepness * x, dim=1) / 2**0.5}
        if "max_slope" in self.properties:
            found["max_slope"] = self.waves.slopes(x / self.period, self.points).flatten(1).amax(1)
        return found

    def with_properties(self, names: Sequence[str]) -> HarmonicTexture:
        """Return the same texture with other predictions.

        Raises
        ------
        UnknownNameError
            There is no such property.
        """
        other = copy.deepcopy(self)
        other.properties = known_names("texture", self.PROPERTIES, names)
        other.out_shape = (len(names),)
        return other

    def with_points(self, points: int) -> HarmonicTexture:
        """Return the same texture on a grid of `points` in each direction."""
        other = copy.deepcopy(self)
        other.points = points
        return other

    def grid_error(self, x: Tensor) -> Tensor:
        """Return by which part the predictions change on the doubled grid ``(batch, properties)``.

        An estimate of the error of discretisation, whose order is about 1.5 in the spacing.
        """
        with torch.no_grad():
            coarse: Tensor = self(x)
            fine: Tensor = self.with_points(2 * self.points)(x)
        return (coarse - fine).abs() / fine.abs().clamp_min(torch.finfo(fine.dtype).tiny)

    def possible(self, asked: Ranges) -> dict[str, Possible]:  # noqa: ARG002  # whatever else is asked
        """Return that the peak is above the mean, and that the whole area shears by tau0 at most."""
        mean, most = self.nominal_pressure, self.shear_strength / self.nominal_pressure
        return {
            "contact_pressure": (mean, math.inf, f"the nominal pressure, {mean:.4g} Pa, which is the mean"),
            "friction_coefficient": (0.0, most, "shear of the whole area, tau0 / p0"),
        }

    def regime(self, x: Tensor) -> Tensor:
        """Return 1 for designs that adhesion has pulled into full contact, else 0; ``(batch,)``."""
        with torch.no_grad():
            return self._closed(self.pressure(x))

    def _closed(self, pressure: Tensor) -> Tensor:
        """Return 1 where adhesion presses every point, ``(batch,)``."""
        is_closed = (pressure > 0).flatten(1).all(1)
        return (is_closed & (self.adhesion is not None)).long()

    def library(self, n: int, *, seed: int) -> Tensor:
        """Return random textures ``(n, variables)``: even between the bounds, times one factor for all waves.

        The factor is even from 0 to 1, so that rough and smooth textures are among them.
        """
        numbers = as_generator(seed)
        bound = torch.tensor([one.high for one in self.variables], dtype=torch.float64)
        factor = torch.rand(n, 1, generator=numbers, dtype=torch.float64)
        return bound * factor * (2 * torch.rand(n, len(bound), generator=numbers, dtype=torch.float64) - 1)

    def canonical(self, x: Tensor) -> Tensor:
        """Return the same one of all designs that shifts, mirrors and a swap of directions make equal."""
        return self.waves.canonical(x)

    def verify(self, x: Tensor, *, tolerance: float | None = None) -> dict[str, Tensor]:
        """Return the contact properties of designs by the boundary elements of Tamaas on the doubled grid.

        Parameters
        ----------
        x
            Designs ``(batch, variables)``.
        tolerance
            By Tamaas' measure; where it is left out 1e-12 without adhesion and 1e-5 with it, for which its
            method is slow: properties then are right to 3e-5.

        Raises
        ------
        MissingPackageError
            It is not installed.
        """
        points = 2 * self.points
        exact = 1e-12 if self.adhesion is None else 1e-5
        solved = [
            tamaas_pressure(
                height,
                self.nominal_pressure,
                spacing=self.period / points,
                contact_modulus=self.contact_modulus,
                adhesion=self.adhesion,
                tolerance=exact if tolerance is None else tolerance,
            )
            for height in self.heights(x.double(), points=points)
        ]
        return self._of_pressure(torch.stack(solved))

    def files(self, x: Tensor) -> dict[str, str | bytes]:
        """Return the heights of each design as a table [nm], and as a solid of one period as STL [um].

        The table has the points of the grid, rows along the second direction; the solid also those of the
        other side, and a base of a tenth of the period. Ridges are as wide as two points are apart.
        """
        made: dict[str, str | bytes] = {}
        spacing = self.period / self.points
        words = f"# heights [nm], {1e9 * spacing:.6g} nm between points, one period\n"
        heights = self.heights(x.detach().to("cpu", torch.float64))
        for i, height in enumerate(heights.numpy(), 1):
            closed = np.pad(height, (0, 1), mode="wrap")
            if closed.ndim == 1:
                closed = np.tile(closed, (2, 1))
            solid = under_surface(closed, spacing=spacing)
            name = f"texture-{i:03d}"
            made[f"{name}.csv"] = words + height_map_text(1e9 * height)
            made[f"{name}.stl"] = stl(solid, unit=1e-6, words=f"{name}; 1 is 1e-06 m")
        return made

    def __repr__(self) -> str:
        """Show the harmonics, the grid, the properties and the material."""
        return (
            f"HarmonicTexture({len(self.waves.vectors)} waves on {self.points} points: "
            f"{', '.join(self.properties)}; E* {self.contact_modulus:g} Pa, p {self.nominal_pressure:g} Pa)"
        )


def peak_between_points(pressure: Tensor) -> Tensor:
    """Return the largest pressure of fields ``(batch, points ...)``, periodic, also between their points.

    The squares of a Hertzian contact's pressures are a parabola, which three points in each direction through
    the largest one fix: its top is taken. On smooth tops it errs by less than the largest point does.
    """
    square = pressure.square()
    flat = square.flatten(1)
    top, at = flat.max(1)
    rise = torch.zeros_like(top)
    for axis in range(1, square.ndim):
        before, after = (
            square.roll(step, axis).flatten(1).gather(1, at[:, None]).squeeze(1) for step in (1, -1)
        )
        bend = (2 * top - before - after).clamp_min(torch.finfo(top.dtype).tiny)
        rise = rise + (after - before).square() / (8 * bend)
    return (top + rise).sqrt()


def _variables(waves: Harmonics, amplitude: float, decay: float, scatter: float) -> tuple[Variable, ...]:
    """Return the coefficients, named by their waves, with their bounds."""
    bounds = (amplitude / waves.lengths**decay).tolist()
    numbers = ["_".join(f"{number:.0f}" for number in vector) for vector in waves.vectors.tolist()]
    names = [f"{wave}_{number}" for wave in ("cosine", "sine") for number in numbers]
    return tuple(
        Variable(name, "m", -bound, bound, scatter=scatter) for name, bound in zip(names, bounds, strict=True)
    )


def _n_coefficients(n_harmonics: int, directions: int) -> int:
    return 4 * n_harmonics * (n_harmonics + 1) if directions == 2 else 2 * n_harmonics


def _n_harmonics(in_shape: Shape, directions: int) -> int:
    """Return the number of harmonics of a design's shape."""
    total = in_shape[0] if len(in_shape) == 1 else 0
    n = math.isqrt(total + 1) // 2 if directions == 2 else total // 2
    if n < 1 or total != _n_coefficients(n, directions):
        counts = "4 n (n + 1)" if directions == 2 else "2 n"
        raise InputError(
            f"a texture of n harmonics in {directions} direction{'s' * (directions > 1)} has the shape "
            f"({counts},), but in_shape is {in_shape}"
        )
    return n
