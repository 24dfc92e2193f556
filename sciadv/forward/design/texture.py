"""Textured surfaces in sliding contact: amplitude and wavelength to friction, peak pressure, contact area."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Annotated, Literal, final, get_args

import torch
from pydantic import Field
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward.base import NonlinearForward
from sciadv.forward.design.quantity import Possible, Quantity, Ranges, Variable
from sciadv.physics.contact import (
    Contact,
    adhesion_number,
    elastic_energy,
    full_contact_pressure,
    largest_partial_load,
    sinusoidal_contact,
)
from sciadv.physics.friction import hysteresis_friction, shear_friction
from sciadv.physics.scalar_contact import scalar_contact
from sciadv.physics.wavy import wavy_contact, wavy_full_contact_pressure
from sciadv.registry.checked import checked
from sciadv.types import NotNegative, Positive, Shape

#: Any text in Python, which the constructor answers; one of these in a file.
Surface = Annotated[str, Literal["sinusoidal", "wavy"]]
SURFACES: tuple[str, ...] = get_args(get_args(Surface)[1])


@final
class Texture(NonlinearForward):
    """Friction of a regularly textured surface on an elastic half space, per (amplitude, wavelength).

    The surface is ``A cos(2 pi x / lambda)`` (Westergaard's contact, with Johnson's adhesion) or wavy in two
    directions (a table of boundary-element solutions, no adhesion). The friction is
    ``mu = tau0 f / p + alpha_p + beta U / (p lambda)``: shear of the junctions and hysteresis, see
    `sciadv.physics.friction`.

    Parameters
    ----------
    in_shape
        ``(2,)``: amplitude A (half of peak to valley) and wavelength lambda, both in m.
    contact_modulus
        E* [Pa], ``1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2``.
    nominal_pressure
        Load over nominal area [Pa].
    shear_strength
        Of the junctions, tau0 [Pa].
    properties
        What is predicted, in this order: names of `PROPERTIES`.
    surface
        "sinusoidal" or "wavy".
    pressure_coefficient
        alpha_p of ``tau = tau0 + alpha_p p``.
    work_of_adhesion
        w [J/m^2]; sinusoidal surfaces only.
    loss_factor
        Part of the elastic energy lost per wavelength, beta; sinusoidal surfaces only.
    amplitudes, wavelengths
        Between which textures are designed [m].
    scatter
        Standard deviations of what is made, as parts of its amplitude and its wavelength.
    dtype, device
        Of the designs.

    Raises
    ------
    InputError
        A material number is out of its range, or a wavy surface was given adhesion or losses.
    UnknownNameError
        There is no such property.

    Examples
    --------
    >>> import torch
    >>> A = Texture((2,), contact_modulus=3.5e9, nominal_pressure=20e6, shear_strength=5e6)
    >>> float(A(torch.tensor([[20e-9, 1000e-9]]))) > 0.048  # 20 nm high, 1 um long
    True
    """

    kind = "texture"

    #: What can be predicted.
    PROPERTIES = (
        Quantity("friction_coefficient", "", low=0.0),
        Quantity("contact_pressure", "Pa", low=0.0),  # the peak
        Quantity("contact_fraction", "", low=0.0, high=1.0),
        Quantity("max_slope", "", low=0.0),
    )
    #: Why a property may leap: the words for a change of `regime`.
    n_library = 8192
    LEAP = "the adhesive jump: between these values partial contact is unstable and closes to full contact"

    @checked
    def __init__(  # noqa: PLR0913  # the material's numbers
        self,
        in_shape: Shape = (2,),
        *,
        contact_modulus: Positive,
        nominal_pressure: Positive,
        shear_strength: Positive,
        properties: Annotated[Sequence[str], Field(min_length=1)] = ("friction_coefficient",),
        surface: Surface = "sinusoidal",
        pressure_coefficient: NotNegative = 0.0,
        work_of_adhesion: NotNegative = 0.0,
        loss_factor: NotNegative = 0.0,
        amplitudes: tuple[float, float] = (2e-9, 2e-7),
        wavelengths: tuple[float, float] = (2e-7, 1e-5),
        scatter: tuple[float, float] = (0.05, 0.02),
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(in_shape, (len(properties),), dtype=dtype, device=device)
        if self.in_shape != (2,):
            raise InputError(
                f"a texture is (amplitude, wavelength), of shape (2,), but in_shape is {in_shape}"
            )
        if surface not in SURFACES:
            raise InputError(f"surface must be one of {SURFACES}, but it is {surface!r}")
        positive = {"contact_modulus": contact_modulus, "nominal_pressure": nominal_pressure}
        positive["shear_strength"] = shear_strength
        _expect(positive, is_positive=True)
        if contact_modulus < 100:  # the softest gels
            raise InputError(
                f"contact_modulus is {contact_modulus:g} Pa, softer than any solid; numbers are in SI units: "
                f"3.5 GPa is 3.5e9"
            )
        losses = {"work_of_adhesion": work_of_adhesion, "loss_factor": loss_factor}
        _expect({**losses, "pressure_coefficient": pressure_coefficient}, is_positive=False)
        if surface == "wavy" and any(losses.values()):
            raise InputError("a surface wavy in two directions has no closed form with adhesion or losses")
        self.properties = _known_properties(properties)
        self.surface = surface
        self.variables = (
            Variable("amplitude", "m", *amplitudes, is_log=True, scatter=scatter[0]),
            Variable("wavelength", "m", *wavelengths, is_log=True, scatter=scatter[1]),
        )
        self.contact_modulus = float(contact_modulus)
        self.nominal_pressure = float(nominal_pressure)
        self.shear_strength = float(shear_strength)
        self.pressure_coefficient = float(pressure_coefficient)
        self.work_of_adhesion = float(work_of_adhesion)
        self.loss_factor = float(loss_factor)

    def forward(self, x: Tensor) -> Tensor:
        """Predict the properties ``(batch, properties)`` of designs ``(batch, 2)``."""
        values = {"max_slope": 2 * math.pi * x[:, 0] / x[:, 1]}
        if any(name not in values for name in self.properties):
            values |= self._contact_properties(x)
        return torch.stack([values[name] for name in self.properties], 1)

    def _contact_properties(self, x: Tensor) -> dict[str, Tensor]:
        contact = self.contact(x)
        shear = shear_friction(
            contact.fraction, self.nominal_pressure, self.shear_strength, self.pressure_coefficient
        )
        return {
            "friction_coefficient": shear + self._hysteresis(x[:, 0], x[:, 1]),
            "contact_pressure": contact.peak_pressure,
            "contact_fraction": contact.fraction,
        }

    def contact(self, x: Tensor) -> Contact:
        """Return the state of the contact of designs ``(batch, 2)``."""
        load, full = self._load(x)
        if self.surface == "wavy":
            return wavy_contact(load, full)
        return sinusoidal_contact(load, self._adhesion(x), full)

    def _load(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nominal pressure over that which closes the contact, and the latter [Pa]."""
        closing = wavy_full_contact_pressure if self.surface == "wavy" else full_contact_pressure
        full = closing(x[:, 0], x[:, 1], self.contact_modulus)
        return self.nominal_pressure / full, full

    def _adhesion(self, x: Tensor) -> Tensor:
        return adhesion_number(x[:, 0], x[:, 1], self.contact_modulus, self.work_of_adhesion)

    def verify(self, x: Tensor) -> dict[str, Tensor]:
        """Return contact fraction, peak pressure and slope of designs by scalar root finding, one by one.

        Empty for a surface wavy in two directions, which has no other solution here.
        """
        if self.surface == "wavy":
            return {}
        loads, full = self._load(x.double())
        alphas = self._adhesion(x.double())
        pairs = zip(loads.tolist(), alphas.tolist(), strict=True)
        answers = [scalar_contact(load, alpha) for load, alpha in pairs]
        found = torch.tensor(answers, dtype=torch.float64)
        shear = self.shear_strength / self.nominal_pressure * found[:, 0] + self.pressure_coefficient
        return {
            "friction_coefficient": shear + self._hysteresis(x[:, 0].double(), x[:, 1].double()),
            "contact_pressure": full * found[:, 1],
            "contact_fraction": found[:, 0],
        }

    def with_properties(self, names: Sequence[str]) -> Texture:
        """Return the same texture with other predictions.

        Raises
        ------
        UnknownNameError
            There is no such property.
        """
        other = copy.deepcopy(self)
        other.properties = _known_properties(names)
        other.out_shape = (len(names),)
        return other

    def possible(self, asked: Ranges) -> dict[str, Possible]:  # noqa: ARG002  # whatever else is asked
        """Return that the peak is above the mean, and by how much junctions shear where nothing else does."""
        source = f"the nominal pressure, {self.nominal_pressure:.4g} Pa, which is the mean"
        found: dict[str, Possible] = {"contact_pressure": (self.nominal_pressure, math.inf, source)}
        if self.loss_factor == 0:
            most = self.shear_strength / self.nominal_pressure + self.pressure_coefficient
            words = "shear of the whole area, tau0 / p + alpha_p"
            found["friction_coefficient"] = (self.pressure_coefficient, most, words)
        return found

    def regime(self, x: Tensor) -> Tensor:
        """Return 0 for designs in partial contact and 1 for those in full contact; ``(batch,)``."""
        load, _ = self._load(x)
        if self.surface == "wavy":
            return (load >= 1).long()
        return (load > largest_partial_load(self._adhesion(x))).long()

    def _hysteresis(self, amplitude: Tensor, wavelength: Tensor) -> Tensor:
        if self.loss_factor == 0:
            return torch.zeros_like(amplitude)
        full = full_contact_pressure(amplitude, wavelength, self.contact_modulus)
        energy = elastic_energy(self.nominal_pressure / full, amplitude, full)
        return hysteresis_friction(energy, wavelength, self.nominal_pressure, self.loss_factor)

    def __repr__(self) -> str:
        """Show the surface, the properties and the material."""
        return (
            f"Texture({self.surface}: {', '.join(self.properties)}; E* {self.contact_modulus:g} Pa, "
            f"p {self.nominal_pressure:g} Pa, tau0 {self.shear_strength:g} Pa, "
            f"w {self.work_of_adhesion:g} J/m^2, beta {self.loss_factor:g})"
        )


def _known_properties(names: Sequence[str]) -> tuple[str, ...]:
    known = [quantity.name for quantity in Texture.PROPERTIES]
    for name in names:
        if name not in known:
            raise UnknownNameError("property of a texture", name, known)
    if not names:
        raise InputError(f"a texture needs one property or more of: {', '.join(known)}")
    return tuple(names)


def _expect(numbers: dict[str, float], *, is_positive: bool) -> None:
    """Check that numbers are finite and positive, or at least not negative."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and (value > 0 if is_positive else value >= 0)):
            raise InputError(
                f"{name} must be a finite number {'> 0' if is_positive else '>= 0'}, but it is {value}"
            )
