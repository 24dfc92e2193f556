"""What mixtures of two phases can be at all, whatever their geometry: between means of the phases.

Bounds of conductivities, permittivities and, where both phases have one Poisson's ratio, of moduli. They hold
in every direction, for pixels between the phases too, where a pixel has the mean of both by its value.

References
----------
O. Wiener, Die Theorie des Mischkoerpers fuer das Feld der stationaeren Stroemung, Abh. Saechs. Akad. Wiss.
32, 1912, 507-604 (conductivities). W. Voigt 1889, A. Reuss 1929; R. Hill, The elastic behaviour of a
crystalline aggregate, Proc. Phys. Soc. A 65, 1952, 349-354 (moduli).
"""

from __future__ import annotations


def means_of_phases(first: float, second: float, share: float) -> tuple[float, float]:
    """Return the harmonic and the arithmetic mean: the least and the largest value of a mixture.

    Parameters
    ----------
    first, second
        Values of the phases, > 0.
    share
        Of the second phase, from 0 to 1.

    Examples
    --------
    >>> means_of_phases(1.0, 3.0, 0.5)
    (1.5, 2.0)
    """
    return 1 / ((1 - share) / first + share / second), (1 - share) * first + share * second


def shares_between(first: float, second: float, low: float, high: float) -> tuple[float, float]:
    """Return the least and the largest share of the second phase in mixtures with a value in a range.

    The least is above the largest where no mixture has such a value.

    Parameters
    ----------
    first, second
        Values of the phases, > 0.
    low, high
        Ends of the range, either of which may be infinite; ``high`` > 0.

    Examples
    --------
    >>> least, most = shares_between(1.0, 3.0, 2.0, 2.0)
    >>> round(least, 6), round(most, 6)
    (0.5, 0.75)
    """
    if first == second:
        return (0.0, 1.0) if low <= first <= high else (1.0, 0.0)
    if first > second:
        least, most = shares_between(second, first, low, high)
        return 1 - most, 1 - least
    least = (low - first) / (second - first)
    most = (1 / first - 1 / high) / (1 / first - 1 / second)
    return max(0.0, least), min(1.0, most)
