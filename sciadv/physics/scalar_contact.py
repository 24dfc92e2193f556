"""Johnson's contact of a sinusoid by SciPy's scalar solvers: a check without the code of the batched one.

Johnson, Int. J. Solids Structures 32, 1995, 423-430; without adhesion it is Westergaard's, J. Appl. Mech. 6,
1939. SI units, float64, one texture at a time.
"""

from __future__ import annotations

import math


def scalar_contact(load: float, adhesion: float) -> tuple[float, float]:
    """Return the contact fraction and the peak pressure over p* of one texture.

    Johnson's equilibrium ``sin^2 psi - alpha sqrt(tan psi) = p / p*`` is solved in psi: the branch's end by
    bounded minimisation, the root by Brent's method.

    Parameters
    ----------
    load
        ``p / p*``, > 0.
    adhesion
        Johnson's alpha, >= 0.

    Examples
    --------
    >>> fraction, peak = scalar_contact(0.25, 0.0)
    >>> round(fraction, 9), round(peak, 9)
    (0.333333333, 1.0)
    """
    psi = _half_angle(load, adhesion)
    if psi is None:
        return 1.0, load + 1
    peak = 2 * math.sin(psi) - adhesion * math.sqrt(math.tan(psi)) / math.sin(psi)
    return 2 * psi / math.pi, peak


def _half_angle(load: float, adhesion: float) -> float | None:
    """Return psi of the stable partial contact; None for full contact."""
    from scipy.optimize import brentq, minimize_scalar

    def excess(psi: float) -> float:
        return math.sin(psi) ** 2 - adhesion * math.sqrt(math.tan(psi)) - load

    start = math.atan(math.sqrt(0.6))  # left of every branch's end
    end = minimize_scalar(
        lambda psi: -excess(psi),
        bounds=(start, math.pi / 2 - 1e-9),
        method="bounded",
        options={"xatol": 1e-12},
    ).x
    if excess(end) < 0:
        return None
    low = math.asin(math.sqrt(min(load, 1.0)))  # without adhesion: less contact
    return float(end if low >= end else brentq(excess, low, end, xtol=1e-15))
