"""Contact of an elastic half space with a sinusoidal surface ``z = A cos(2 pi x / lambda)``, in closed form.

SI units throughout: lengths in m, pressures in Pa, energies in J/m^2. A is the amplitude (half of peak to
valley), p the nominal pressure, ``E*`` the contact modulus, ``1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2``, and
``p* = pi E* A / lambda`` the pressure that closes the contact. A contact strip is 2a wide, ``psi = pi a /
lambda``, so that the contact fraction is ``2a / lambda = 2 psi / pi``.

Valid for slopes ``2 pi A / lambda`` below about 0.2 and, with adhesion, for Tabor parameters above about 3.
Frictional and normal tractions are not coupled (exact for similar or incompressible materials).

References
----------
Westergaard, Bearing pressures and cracks, J. Appl. Mech. 6, 1939. Johnson, Contact Mechanics, Cambridge
University Press 1985, section 13.2. Johnson, The adhesion of two elastic bodies with slightly wavy surfaces,
Int. J. Solids Structures 32, 1995, 423-430.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

#: Adhesion numbers above this close the contact at no load (the local maximum of the equilibrium curve
#: crosses zero at 0.57, Johnson 1995); larger ones are clamped to it, which changes nothing.
_ALWAYS_FULL = 0.6
#: Steps after which the roots are exact to rounding.
_NEWTON_STEPS = 8
_ROOT_STEPS = 16


@dataclass(frozen=True)
class Contact:
    """The state of a contact, one number a surface.

    Parameters
    ----------
    fraction
        Part of the nominal area in contact, in (0, 1].
    peak_pressure
        Largest contact pressure [Pa].
    is_full
        Whether the surfaces touch everywhere.
    """

    fraction: Tensor
    peak_pressure: Tensor
    is_full: Tensor


def full_contact_pressure(amplitude: Tensor, wavelength: Tensor, contact_modulus: float) -> Tensor:
    """Return ``p* = pi E* A / lambda`` [Pa], the nominal pressure that closes a contact without adhesion."""
    return math.pi * contact_modulus * amplitude / wavelength


def adhesion_number(
    amplitude: Tensor, wavelength: Tensor, contact_modulus: float, work_of_adhesion: float
) -> Tensor:
    """Return Johnson's ``alpha = sqrt(2 w lambda / (pi^2 E* A^2))``, without unit; 0 without adhesion."""
    return math.sqrt(2 * work_of_adhesion / contact_modulus) / math.pi * wavelength.sqrt() / amplitude


def sinusoidal_contact(load: Tensor, adhesion: Tensor, full_pressure: Tensor) -> Contact:
    """Solve Johnson's equilibrium for the stable contact that loading reaches.

    ``p / p* = sin^2 psi - alpha sqrt(tan psi)`` on the rising branch; at alpha = 0 it is Westergaard's
    ``sin^2 psi = p / p*``. Where the load is above the branch's end the contact has jumped to full, with peak
    pressure ``p + p*``; else the peak pressure is ``p* (2 sin psi - alpha sqrt(tan psi) / sin psi)``.

    Parameters
    ----------
    load
        ``p / p*``, > 0; ``(batch,)``.
    adhesion
        ``alpha``, >= 0; ``(batch,)``.
    full_pressure
        ``p*`` [Pa]; ``(batch,)``.

    Notes
    -----
    Differentiable once in load and adhesion, in forward and reverse mode, by the implicit function theorem:
    the root is found without gradients, then one Newton step with a constant slope carries them. At the jump
    the slope is 0 and derivatives grow without bound, as they do in nature.

    Examples
    --------
    >>> import torch
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> quarter = sinusoidal_contact(0.25 * one, 0 * one, one)  # sin^2 psi = 1/4, psi = 30 degrees
    >>> round(float(quarter.fraction), 12), round(float(quarter.peak_pressure), 12)
    (0.333333333333, 1.0)
    """
    is_full = load.detach() > largest_partial_load(adhesion.detach())
    # In full contact the equation has no root; a harmless one keeps NaN out of the gradients.
    load_, alpha = torch.where(is_full, 0.5, load), torch.where(is_full, 0.0, adhesion)
    y = _equilibrium(load_.detach(), alpha.detach())
    excess = torch.sigmoid(y) - alpha * (y / 4).exp() - load_
    y = y - excess / _slope(y, alpha.detach())
    sine = torch.sigmoid(y).sqrt()
    partial_fraction = 2 / math.pi * torch.atan((y / 2).exp())
    partial_peak = full_pressure * (sine + load_ / sine)
    return Contact(
        fraction=torch.where(is_full, 1.0, partial_fraction),
        peak_pressure=torch.where(is_full, full_pressure * (1 + load), partial_peak),
        is_full=is_full,
    )


def largest_partial_load(adhesion: Tensor) -> Tensor:
    """Return the largest ``p / p*`` with a stable partial contact; above it the contact jumps to full.

    1 at alpha = 0; negative for alpha above 0.57, where the contact closes by itself. Not differentiable.
    """
    y = _branch_end(adhesion)
    return torch.sigmoid(y) - adhesion.clamp_max(_ALWAYS_FULL) * (y / 4).exp()


def _branch_end(adhesion: Tensor) -> Tensor:
    """Return ``y = ln tan^2 psi`` at the local maximum of the equilibrium curve.

    There ``3/4 y - 2 ln(1 + e^y) = ln(alpha / 4)``. The left side is concave and falls, so Newton's method
    from the right comes down to the root without overshooting.
    """
    wanted = (adhesion.clamp(1e-30, _ALWAYS_FULL) / 4).log()
    y = -wanted / 1.25
    for _ in range(_NEWTON_STEPS):
        y = y - (0.75 * y - 2 * softplus(y) - wanted) / (0.75 - 2 * torch.sigmoid(y))
    return y


def _slope(y: Tensor, alpha: Tensor) -> Tensor:
    """Return the derivative of ``sin^2 psi - alpha sqrt(tan psi)`` in ``y = ln tan^2 psi``, kept off zero."""
    sigmoid = torch.sigmoid(y)
    slope = sigmoid * torch.sigmoid(-y) - alpha / 4 * (y / 4).exp()
    return slope.clamp_min(torch.finfo(y.dtype).tiny ** 0.5)


def _equilibrium(load: Tensor, alpha: Tensor) -> Tensor:
    """Find ``y = ln tan^2 psi`` on the rising branch by Newton's method, with bisection where it leaves.

    The root lies between Westergaard's (adhesion only enlarges the contact) and the branch's end.
    """
    low, high = torch.logit(load.clamp(max=1 - torch.finfo(load.dtype).eps)), _branch_end(alpha)
    y = low.clone()
    for _ in range(_ROOT_STEPS):
        excess = torch.sigmoid(y) - alpha * (y / 4).exp() - load
        low, high = torch.where(excess <= 0, y, low), torch.where(excess <= 0, high, y)
        newton = y - excess / _slope(y, alpha)
        y = torch.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
    return y


def elastic_energy(load: Tensor, amplitude: Tensor, full_pressure: Tensor) -> Tensor:
    """Return the elastic energy per nominal area [J/m^2] of a contact without adhesion.

    ``U = A p* (1/4 - ln(r) / 2) r^2`` with ``r = p / p* <= 1``, and ``A p* / 4`` at full contact.
    """
    r = load.clamp_max(1.0)
    return amplitude * full_pressure * (0.25 - 0.5 * r.log()) * r.square()


def contact_pressure(position: Tensor, load: Tensor, full_pressure: Tensor) -> Tensor:
    """Return Westergaard's pressure [Pa] at ``position / lambda``, measured from a crest.

    ``p(x) = 2 p cos(pi x / lambda) / sin^2 psi * sqrt(sin^2 psi - sin^2(pi x / lambda))`` in contact, 0
    outside; ``p + p* cos(2 pi x / lambda)`` in full contact. No adhesion.

    Parameters
    ----------
    position
        ``x / lambda``; ``(points,)``.
    load, full_pressure
        ``p / p*`` and ``p*`` [Pa]; ``(batch,)``.

    Returns
    -------
    Tensor
        ``(batch, points)``.
    """
    r, scale = load[:, None].clamp_max(1.0), full_pressure[:, None]
    # folded to [-1/2, 1/2], where cos(pi x) >= 0
    angle = math.pi * (position - position.round())[None]
    room = (r - angle.sin().square()).clamp_min(0)
    partial = 2 * scale * angle.cos() * torch.where(room > 0, room, 1.0).sqrt() * (room > 0)
    return torch.where(load[:, None] < 1, partial, scale * (load[:, None] + (2 * angle).cos()))


def tabor_parameter(
    amplitude: Tensor, wavelength: Tensor, contact_modulus: float, work_of_adhesion: float, range_: float
) -> Tensor:
    """Return ``(R w^2 / (E*^2 z0^3))^(1/3)`` with the crest's radius ``R = lambda^2 / (4 pi^2 A)``.

    Johnson's contact holds above about 3; `range_` is the range z0 of adhesion [m], about 3e-10.
    """
    radius = wavelength.square() / (4 * math.pi**2 * amplitude)
    return (radius * (work_of_adhesion / contact_modulus) ** 2 / range_**3) ** (1 / 3)
