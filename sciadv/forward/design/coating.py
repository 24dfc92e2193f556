"""Optical coatings: the thicknesses of a stack of films to how well it reflects what it should."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Annotated, Literal, final, get_args

import torch
from pydantic import Field
from torch import Tensor

from sciadv.errors import InputError, MissingPackageError
from sciadv.forward.base import NonlinearForward
from sciadv.forward.design.quantity import Possible, Quantity, Ranges, Variable, known_names
from sciadv.physics.optics.dispersion import refractive_index
from sciadv.physics.optics.thin_film import Illumination, reflectance, reflectance_and_slope
from sciadv.registry.checked import checked
from sciadv.types import Count, NotNegative, Shape

#: Any text in Python, which the constructor answers; one of these in a file.
Light = Annotated[str, Literal["s", "p", "unpolarised"]]
LIGHTS: tuple[str, ...] = get_args(get_args(Light)[1])
#: Shortest and longest wavelength [m], number of wavelengths, wanted reflectance.
Band = tuple[float, float, int, float]


@final
class Coating(NonlinearForward):
    """Reflectance of a stack of plane films against a wanted one, per thickness of its films.

    The figure of merit is the mean of ``(R - wanted)^2`` over all wavelengths, angles and polarisations
    alike; smaller is better. Films are coherent, smooth and lossless, see `sciadv.physics.optics`.

    Parameters
    ----------
    in_shape
        ``(films,)``, or ``(2 films,)`` where `has_free_materials`: thicknesses [m] from the side of the
        light, then the number of each film's material. That of `n_films` where None.
    n_films
        Number of films, where `in_shape` is None.
    bands
        (shortest, longest [m], number of wavelengths, wanted reflectance) of each band; the wavelengths are
        even and include both ends.
    materials
        Of the films, one after the other and again from the first; names of
        `sciadv.physics.optics.dispersion.MATERIALS`.
    properties
        What is predicted, in this order: names of `PROPERTIES`.
    has_free_materials
        Whether each film may have any of the materials, as a variable of its own.
    substrate
        Material behind the films; light comes from vacuum.
    angles
        Angles of incidence [rad].
    polarisation
        "s", "p" or "unpolarised", half of each.
    thicknesses
        Between which films are designed [m].
    scatter
        Standard deviation of a film's thickness as made [m].
    extrapolate
        Whether indices may be taken outside the wavelengths that their formulas are stated for.
    dtype, device
        Of the designs.

    Raises
    ------
    InputError
        A band is empty or upside down, an angle is out of range, or a wavelength is outside a material's
        formula.
    UnknownNameError
        There is no such property or material.

    Examples
    --------
    A quarter-wave mirror for 1 um:

    >>> import torch
    >>> A = Coating((9,), bands=[(0.95e-6, 1.05e-6, 11, 1.0)], materials=("TiO2", "SiO2"))
    >>> quarter = torch.tensor([[0.1006e-6, 0.1724e-6] * 4 + [0.1006e-6]])
    >>> float(A(quarter)) < 0.01
    True
    """

    kind = "coating"

    #: What can be predicted.
    PROPERTIES = (
        Quantity("figure_of_merit", "", low=0.0, high=1.0),
        Quantity("wanted_reflectance", "", low=0.0, high=1.0),
        Quantity("unwanted_reflectance", "", low=0.0, high=1.0),
        Quantity("total_thickness", "m", low=0.0),
    )
    LEAP = "none: properties of a coating change smoothly"
    n_library = 4096

    @checked
    def __init__(  # noqa: PLR0913  # the coating's numbers
        self,
        in_shape: Shape | None = None,
        *,
        n_films: Count = 30,
        bands: Annotated[Sequence[Band], Field(min_length=1)],
        materials: Annotated[Sequence[str], Field(min_length=1)],
        properties: Annotated[Sequence[str], Field(min_length=1)] = ("figure_of_merit",),
        has_free_materials: bool = False,
        substrate: str = "vacuum",
        angles: Annotated[Sequence[NotNegative], Field(min_length=1)] = (0.0,),
        polarisation: Light = "s",
        thicknesses: tuple[NotNegative, NotNegative] = (0.0, 3e-7),
        scatter: NotNegative = 0.0,
        extrapolate: bool = False,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = ((2 if has_free_materials else 1) * n_films,) if in_shape is None else in_shape
        super().__init__(shape, (len(properties),), dtype=dtype, device=device)
        self.properties = known_names("coating", self.PROPERTIES, properties)
        self.n_films = _n_films(self.in_shape, has_free_materials=has_free_materials)
        if polarisation not in LIGHTS:
            raise InputError(f"polarisation must be one of {LIGHTS}, but it is {polarisation!r}")
        self.materials = tuple(materials)
        self.has_free_materials = has_free_materials
        self.polarisation = polarisation
        wavelength, wanted = _grid(bands)
        n_angles = len(angles)
        self._wavelength = wavelength.repeat(n_angles)
        self._wanted = wanted.repeat(n_angles)
        self._angle = torch.tensor(list(angles), dtype=torch.float64).repeat_interleave(len(wavelength))
        every = [
            refractive_index(name, wavelength, extrapolate=extrapolate)
            for name in (*self.materials, substrate)
        ]
        index = torch.stack(every).repeat(1, n_angles)
        self._index = index[:-1]
        self._substrate = index[-1]
        self._light(torch.float64)  # says what is wrong with the angles
        self.variables = self._made_of(thicknesses, float(scatter))

    def _made_of(self, thicknesses: tuple[float, float], scatter: float) -> tuple[Variable, ...]:
        numbers = range(1, self.n_films + 1)
        films = [Variable(f"thickness_{i}", "m", *thicknesses, scatter=scatter) for i in numbers]
        if self.has_free_materials:
            films += [Variable(f"material_{i}", choices=self.materials) for i in numbers]
        return tuple(films)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the properties ``(batch, properties)`` of designs ``(batch, variables)``."""
        values = {"total_thickness": x[:, : self.n_films].sum(1)}
        if any(name not in values for name in self.properties):
            values |= self._optics(x)
        return torch.stack([values[name] for name in self.properties], 1)

    def _optics(self, x: Tensor) -> dict[str, Tensor]:
        return self._summary(self.reflectance(x))

    def _summary(self, reflected: Tensor) -> dict[str, Tensor]:
        """Return the properties of reflectances ``(batch, channels)``."""
        wanted = self._wanted.to(reflected).repeat(reflected.shape[1] // len(self._wanted))
        high = wanted >= 0.5
        low = ~high
        error = reflected - wanted
        return {
            "figure_of_merit": error.square().mean(1),
            "wanted_reflectance": (reflected * high).sum(1) / high.sum().clamp_min(1),
            "unwanted_reflectance": (reflected * low).sum(1) / low.sum().clamp_min(1),
        }

    def reflectance(self, x: Tensor) -> Tensor:
        """Return the reflectances of designs ``(batch, channels)``: wavelengths, angles, polarisations."""
        films = self._films(x)
        parts = [reflectance(*films, light) for light in self._light(x.dtype)]
        return torch.cat(parts, 1)

    def residuals(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``R - wanted`` ``(batch, channels)`` and its derivative in the variables.

        The derivative is ``(batch, variables, channels)``, 0 in the materials. The residuals' mean square is
        the figure of merit.
        """
        films = self._films(x)
        parts = [reflectance_and_slope(*films, light) for light in self._light(x.dtype)]
        wanted = self._wanted.to(x).repeat(len(parts))
        slope = torch.cat([part[1] for part in parts], 2)
        if self.has_free_materials:
            slope = torch.cat([slope, torch.zeros_like(slope)], 1)
        return torch.cat([part[0] for part in parts], 1) - wanted, slope

    def _films(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return thicknesses, indices and wavelengths."""
        index = self._index.to(x)
        number = torch.arange(self.n_films, device=x.device)[None] % len(self.materials)
        if self.has_free_materials:
            number = x[:, self.n_films :].detach().round().long().clamp(0, len(self.materials) - 1)
        return x[:, : self.n_films], index[number], self._wavelength.to(x)

    def _light(self, dtype: torch.dtype) -> list[Illumination]:
        """Return the illuminations that the reflectances are for."""
        substrate = self._substrate.to(self.device, dtype)
        angle = self._angle.to(self.device, dtype)
        kinds = ("s", "p") if self.polarisation == "unpolarised" else (self.polarisation,)
        return [Illumination(angle, kind, substrate_index=substrate) for kind in kinds]

    def with_properties(self, names: Sequence[str]) -> Coating:
        """Return the same coating with other predictions.

        Raises
        ------
        UnknownNameError
            There is no such property.
        """
        other = copy.deepcopy(self)
        other.properties = known_names("coating", self.PROPERTIES, names)
        other.out_shape = (len(names),)
        return other

    def possible(self, asked: Ranges) -> dict[str, Possible]:  # noqa: ARG002  # whatever else is asked
        """Return the ends of the total thickness [m]."""
        films = self.variables[: self.n_films]
        ends = [sum(film.low for film in films), sum(film.high for film in films)]
        source = f"{self.n_films} films of {films[0].low:.4g} to {films[0].high:.4g} m"
        return {"total_thickness": (ends[0], ends[1], source)}

    def regime(self, x: Tensor) -> Tensor:
        """Return 0 for every design ``(batch,)``: there is one regime."""
        return torch.zeros(len(x), dtype=torch.long)

    def verify(self, x: Tensor) -> dict[str, Tensor]:
        """Return the optical properties of designs by the transfer matrices of the package `tmm`.

        Raises
        ------
        MissingPackageError
            It is not installed.
        """
        try:
            from tmm import coh_tmm
        except ImportError as error:
            raise MissingPackageError(
                "coatings are verified by the package tmm; pip install 'sciadv[design]'"
            ) from error
        thickness, index, wavelength = self._films(x.detach().to("cpu", torch.float64))
        rows = []
        for i, films in enumerate(thickness.tolist()):
            row = []
            for light in self._light(torch.float64):
                for channel, length in enumerate(wavelength.tolist()):
                    between = index[i % len(index), :, channel].tolist()
                    behind = float(self._substrate[channel])
                    answer = coh_tmm(
                        light.polarisation,
                        [1.0, *between, behind],
                        [math.inf, *films, math.inf],
                        float(self._angle[channel]),
                        length,
                    )
                    row.append(answer["R"])
            rows.append(row)
        return self._summary(torch.tensor(rows, dtype=torch.float64))

    def __repr__(self) -> str:
        """Show the films, the materials and the properties."""
        return f"Coating({self.n_films} films of {', '.join(self.materials)}: {', '.join(self.properties)})"


def _n_films(in_shape: Shape, *, has_free_materials: bool) -> int:
    """Return the number of films of a design's shape."""
    each = 2 if has_free_materials else 1
    if len(in_shape) != 1 or in_shape[0] < each or in_shape[0] % each:
        what = "twice the number of films" if has_free_materials else "the number of films"
        raise InputError(f"in_shape of a coating must be ({what},), but it is {in_shape}")
    return in_shape[0] // each


def _grid(bands: Sequence[Band]) -> tuple[Tensor, Tensor]:
    """Return the wavelengths [m] and the wanted reflectance at each."""
    for shortest, longest, n, wanted in bands:
        if not (0 < shortest <= longest < math.inf and n >= 1 and 0 <= wanted <= 1):
            raise InputError(
                "a band must be (shortest, longest wavelength in m, how many, wanted reflectance from 0 to "
                f"1), but it is {(shortest, longest, n, wanted)}"
            )
    wavelengths = []
    reflectances = []
    for shortest, longest, n, wanted in bands:
        line = torch.linspace(shortest, longest, n, dtype=torch.float64)
        wavelengths.append(line)
        reflectances.append(torch.full_like(line, wanted))
    return torch.cat(wavelengths), torch.cat(reflectances)
