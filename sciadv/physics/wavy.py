"""Contact of an elastic half space with a surface wavy in two directions, without adhesion.

``z = A cos(2 pi x / lambda) cos(2 pi y / lambda)``; exact in both limits, a table between them. SI units.
``p* = sqrt(2) pi E* A / lambda`` closes the contact; ``r = p / p*``.

References
----------
Johnson, Greenwood and Higginson, The contact of elastic regular wavy surfaces, Int. J. Mech. Sci. 27, 1985,
383-396: p*, the Hertzian limit and the full one. Between them there is no closed form: the table holds full
boundary-element solutions on 1024 x 1024 points (Tamaas 2.9.0, Polonsky-Keer), whose area differs by up to
0.27 % and whose peak pressure by up to 2e-5 from those on 512 x 512. Fritsch and Carlson, Monotone piecewise
cubic interpolation, SIAM J. Numer. Anal. 17, 1980.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sciadv.physics.contact import Contact

#: Load r = p / p*, contact fraction, peak pressure over p*; boundary-element solutions, see above.
TABLE = (
    (0.002, 0.012308, 0.247378),
    (0.005, 0.022799, 0.334923),
    (0.01, 0.036562, 0.420716),
    (0.02, 0.058901, 0.527681),
    (0.03, 0.078432, 0.601867),
    (0.05, 0.113260, 0.709400),
    (0.075, 0.152994, 0.807200),
    (0.1, 0.190828, 0.883895),
    (0.125, 0.228327, 0.947811),
    (0.15, 0.265703, 1.003003),
    (0.175, 0.304712, 1.051770),
    (0.2, 0.345781, 1.095530),
    (0.21, 0.363626, 1.111844),
    (0.22, 0.382761, 1.127535),
    (0.23, 0.406034, 1.142608),
    (0.24, 0.426702, 1.157171),
    (0.25, 0.444227, 1.171417),
    (0.275, 0.481894, 1.205942),
    (0.3, 0.514578, 1.239223),
    (0.35, 0.571310, 1.302950),
    (0.4, 0.620382, 1.363791),
    (0.5, 0.704588, 1.479339),
    (0.6, 0.776503, 1.589172),
    (0.7, 0.840292, 1.695112),
    (0.8, 0.897856, 1.798341),
    (0.9, 0.950804, 1.899723),
    (0.95, 0.975836, 1.949952),
    (1.0, 1.0, 2.0),
)
#: Largest relative errors of interpolated fraction and peak, with each row of the table left out in turn.
FIT_ERROR = (0.005, 0.001)
#: Below this load a crest is a Hertzian contact to 1e-4.
_HERTZIAN = 1e-6


def wavy_full_contact_pressure(amplitude: Tensor, wavelength: Tensor, contact_modulus: float) -> Tensor:
    """Return ``p* = sqrt(2) pi E* A / lambda`` [Pa]."""
    return math.sqrt(2) * math.pi * contact_modulus * amplitude / wavelength


def wavy_contact(load: Tensor, full_pressure: Tensor) -> Contact:
    """Return the state of a contact wavy in two directions, without adhesion.

    Monotone cubic interpolation of the table in the logarithms of load, fraction and peak pressure; the
    Hertzian limit below it, ``f = 1`` and ``p_max = p + p*`` above.

    Parameters
    ----------
    load
        ``p / p*``, > 0; ``(batch,)``.
    full_pressure
        ``p*`` [Pa]; ``(batch,)``.

    Examples
    --------
    >>> import torch
    >>> contact = wavy_contact(torch.tensor([0.1, 2.0]), torch.tensor([1.0, 1.0]))
    >>> [round(f, 4) for f in contact.fraction.tolist()], contact.is_full.tolist()
    ([0.1908, 1.0], [False, True])
    """
    is_full = load.detach() >= 1
    inside = load.clamp(_HERTZIAN, 1.0)
    fraction, peak = (_interpolate(inside, column) for column in (0, 1))
    is_small = load.detach() < _HERTZIAN
    hertz_fraction, hertz_peak = hertzian_limit(load)
    fraction = torch.where(is_small, hertz_fraction, torch.where(is_full, 1.0, fraction))
    peak = torch.where(is_small, hertz_peak, torch.where(is_full, 1 + load, peak))
    return Contact(fraction, full_pressure * peak, is_full)


def hertzian_limit(load: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``pi (3 r / 8 pi)^(2/3)``, the fraction, and ``(24 r / pi)^(1/3)``, the peak over p*."""
    return math.pi * (3 * load / (8 * math.pi)) ** (2 / 3), (24 * load / math.pi) ** (1 / 3)


@lru_cache
def _nodes() -> tuple[list[float], list[list[float]], list[list[float]]]:
    """Return the logarithms of the loads, and of fraction and peak pressure with their slopes."""
    from scipy.interpolate import PchipInterpolator

    limit = hertzian_limit(torch.tensor(_HERTZIAN, dtype=torch.float64))
    table = np.log(np.array([(_HERTZIAN, *(float(v) for v in limit)), *TABLE]))
    x, columns = table[:, 0], table[:, 1:].T
    slopes = [PchipInterpolator(x, column).derivative()(x) for column in columns]
    return x.tolist(), columns.tolist(), [slope.tolist() for slope in slopes]


def _interpolate(load: Tensor, column: int) -> Tensor:
    """Return a column of the table at loads within it, by Hermite's cubic in the logarithms."""
    x, y, slope = (load.new_tensor(numbers) for numbers in (_nodes()[0], *(n[column] for n in _nodes()[1:])))
    at = load.log()
    i = (torch.searchsorted(x, at.detach()) - 1).clamp(0, len(x) - 2)
    width = x[i + 1] - x[i]
    t = (at - x[i]) / width
    value = (
        (1 + 2 * t) * (1 - t).square() * y[i]
        + t * (1 - t).square() * width * slope[i]
        + t.square() * (3 - 2 * t) * y[i + 1]
        + t.square() * (t - 1) * width * slope[i + 1]
    )
    return value.exp()
