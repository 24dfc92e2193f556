"""Plane waves in a coherent stack of plane films: reflectance and transmittance, for many stacks at once.

The recursion runs over the reflection amplitude of what lies below each interface (Parratt 1954; Born and
Wolf, section 1.6). It holds only phases that shrink in absorbing matter and is therefore stable for films of
any thickness, where a product of transfer matrices loses all its digits. Fields go as ``exp(-i w t)``, so
that an index with a positive imaginary part absorbs. Surfaces are flat, films are homogeneous and isotropic,
nothing is magnetic, and the first medium does not absorb. All lengths are in the same unit.

References
----------
Parratt, Surface studies of solids by total reflection of X-rays, Phys. Rev. 95, 1954, 359-369. Born and Wolf,
Principles of Optics, 7th edition, Cambridge University Press 1999, section 1.6. Byrnes, Multilayer optical
calculations, arXiv:1603.02720 (conventions and the power that p-polarised light carries).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.optics.lossless import lossless_reflectance

#: Any text in Python, which `Illumination` answers; one of these in a file.
Polarisation = Annotated[str, Literal["s", "p"]]


@dataclass(frozen=True)
class Illumination:
    """How light meets a stack, and what is before and behind it.

    Parameters
    ----------
    angle
        Of incidence, from the normal, in [0, pi/2) [rad]; a number or ``(wavelengths,)``.
    polarisation
        "s", electric field along the films, or "p", magnetic field along them.
    ambient_index
        Of the medium that light comes from; real.
    substrate_index
        Of the medium behind the last film; a number or ``(wavelengths,)``, real or complex.

    Raises
    ------
    InputError
        An angle is out of range, or the polarisation is neither.
    """

    angle: float | Tensor = 0.0
    polarisation: Polarisation = "s"
    ambient_index: float = 1.0
    substrate_index: complex | Tensor = 1.0

    def __post_init__(self) -> None:
        """Check the angle and the polarisation."""
        angle = torch.as_tensor(self.angle)
        if bool(((angle < 0) | (angle >= math.pi / 2)).any()):
            raise InputError(
                f"an angle of incidence must be in [0, pi/2) rad, but they reach {float(angle.max()):g}"
            )
        if self.polarisation not in ("s", "p"):
            raise InputError(f"polarisation must be 's' or 'p', but it is {self.polarisation!r}")


@dataclass(frozen=True)
class Spectrum:
    """What a stack does with the power of light, ``(batch, wavelengths)`` each.

    Parameters
    ----------
    reflectance
        Part that is reflected.
    transmittance
        Part that reaches the medium behind the stack.
    """

    reflectance: Tensor
    transmittance: Tensor

    @property
    def absorptance(self) -> Tensor:
        """The part that stays in the films."""
        return 1 - self.reflectance - self.transmittance


def reflectance(
    thickness: Tensor, index: Tensor, wavelength: Tensor, illumination: Illumination | None = None
) -> Tensor:
    """Return the reflected part of the power, ``(batch, wavelengths)``.

    Parameters
    ----------
    thickness
        Of the films, from the side of the light; ``(batch, films)``.
    index
        Refractive indices, real or complex; ``(batch or 1, films, wavelengths)``.
    wavelength
        In vacuum, in the unit of the thicknesses; ``(wavelengths,)``.
    illumination
        Normal incidence from vacuum to vacuum where None.

    Notes
    -----
    Differentiable in thickness and index. Two complex products and a division a film, stack and wavelength.

    Examples
    --------
    A quarter wave of index ``sqrt(n_substrate)`` removes the reflection:

    >>> import torch
    >>> film = torch.full((1, 1, 1), 1.5**0.5, dtype=torch.float64)
    >>> quarter = 0.25 / film[:, :, 0]
    >>> glass = Illumination(substrate_index=1.5)
    >>> bool(reflectance(quarter, film, torch.ones(1, dtype=torch.float64), glass) < 1e-15)
    True
    """
    films = _Films(thickness, index, wavelength, illumination or Illumination())
    return films.reflection()[0].abs().square()


def spectrum(
    thickness: Tensor, index: Tensor, wavelength: Tensor, illumination: Illumination | None = None
) -> Spectrum:
    """Return the reflected and transmitted parts of the power; see `reflectance`."""
    light = illumination or Illumination()
    films = _Films(thickness, index, wavelength, light)
    r, denominator = films.reflection()
    t = films.transmission(denominator)
    return Spectrum(r.abs().square(), t.abs().square() * films.carried())


def reflectance_and_slope(
    thickness: Tensor, index: Tensor, wavelength: Tensor, illumination: Illumination | None = None
) -> tuple[Tensor, Tensor]:
    """Return `reflectance`, and its derivative in every thickness ``(batch, films, wavelengths)``.

    Each wavelength is a problem of its own, so that one backward pass has the whole Jacobian, at the price of
    one gradient; where nothing absorbs and no film reflects totally, a third of that, in real arithmetic.
    """
    films = _Films(thickness.detach(), index.detach(), wavelength, illumination or Illumination())
    if not films.tilt.is_complex():
        value, slope = lossless_reflectance(films.tilt, films.phase)
        return value, slope * films.rate
    with torch.enable_grad():
        films.phase.requires_grad_()
        reflected = films.reflection()[0].abs().square()
        (slope,) = torch.autograd.grad(reflected.sum(), films.phase)
    return reflected.detach(), (slope.conj() * films.rate).real


class _Films:
    """The media of stacks, with the normal components of their wave vectors over that of vacuum."""

    def __init__(self, thickness: Tensor, index: Tensor, wavelength: Tensor, light: Illumination) -> None:
        """Prepare the interfaces' amplitudes and the films' phases."""
        _expect_shapes(thickness, index, wavelength)
        like = torch.ones_like(index[:, :1])
        parts = [light.ambient_index * like, index, light.substrate_index * like]
        #: (batch or 1, films + 2, wavelengths)
        self.media = torch.cat(parts, 1)
        along = light.ambient_index * torch.as_tensor(light.angle, dtype=thickness.dtype).sin()
        square = self.media.square() - along.to(thickness.device).square()
        if not square.is_complex() and bool((square < 0).any()):  # total reflection
            square = torch.complex(square, torch.zeros_like(square))
        # The principal root has the imaginary part of a wave that decays into the stack.
        self.normal = square.sqrt()
        #: Change of a film's phase with its thickness, and the phase; (batch or 1, films, wavelengths)
        self.rate = 2 * math.pi / wavelength * self.normal[:, 1:-1]
        self.phase = self.rate * thickness[:, :, None]
        self.is_p = light.polarisation == "p"
        self.tilt = self.normal / self.media.square() if self.is_p else self.normal

    def reflection(self) -> tuple[Tensor, list[Tensor]]:
        """Return the reflection amplitude and the denominators of the recursion, last film first."""
        above = self.tilt[:, :-1]
        below = self.tilt[:, 1:]
        fresnel = ((above - below) / (above + below)).unbind(1)
        around = (2j * self.phase).exp().unbind(1)
        r = fresnel[-1].expand(self.phase.shape[0], -1)
        denominators = []
        for film in reversed(range(len(around))):
            back = r * around[film]
            denominators.append(1 + fresnel[film] * back)
            r = (fresnel[film] + back) / denominators[-1]
        return r, denominators

    def transmission(self, denominators: list[Tensor]) -> Tensor:
        """Return the transmission amplitude: interfaces and passages over the recursion's denominators."""
        above = self.tilt[:, :-1]
        below = self.tilt[:, 1:]
        through = 2 * above / (above + below)
        if self.is_p:
            through = through * self.media[:, :-1] / self.media[:, 1:]
        passed = (1j * self.phase.sum(1)).exp() * through.prod(1)
        for denominator in denominators:
            passed = passed / denominator
        return passed

    def carried(self) -> Tensor:
        """Return the power that a unit amplitude carries behind the stack over that before it."""
        power = self.normal[:, [0, -1]].real
        if self.is_p:
            n = self.media[:, [0, -1]]
            power = (n * (self.normal[:, [0, -1]] / n).conj()).real
        return power[:, 1] / power[:, 0]


def _expect_shapes(thickness: Tensor, index: Tensor, wavelength: Tensor) -> None:
    """Check that every film of every stack has an index at every wavelength."""
    expected = (*thickness.shape, *wavelength.shape)
    fits = index.shape == expected or index.shape == (1, *expected[1:])
    if thickness.ndim != 2 or wavelength.ndim != 1 or not fits:
        raise InputError(
            "thickness must be (batch, films), wavelength (wavelengths,) and index (batch or 1, films, "
            f"wavelengths), but they are {tuple(thickness.shape)}, {tuple(wavelength.shape)} and "
            f"{tuple(index.shape)}"
        )
