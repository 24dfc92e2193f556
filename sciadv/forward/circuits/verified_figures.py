"""Figures of amplifiers from the responses of ngspice: interpolated, and unwrapped along a fine grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from sciadv.forward.circuits.ngspice import responses
from sciadv.physics.small_signal.figures import Figures, Sweep

Array = npt.NDArray[np.float64]


def figures_by_ngspice(
    netlists: Sequence[str],
    sweep: Sweep,
    *,
    per_decade: int = 200,
) -> Figures:
    """Return the figures of circuits whose output is "out" and whose source is of 1 V, by ngspice.

    Parameters
    ----------
    netlists
        Texts.
    sweep
        Lowest and highest frequency.
    per_decade
        Frequencies at which ngspice solves; between them, cubic splines in the logarithm.

    Raises
    ------
    MissingPackageError
        ngspice is not installed.
    """
    f, H = responses(
        netlists,
        ["out"] * len(netlists),
        lowest=sweep.lowest,
        highest=sweep.highest,
        per_decade=per_decade,
    )
    rows = [_figures(np.log(f), one) for one in H]
    gain, bandwidth, unity, margin = torch.tensor(np.array(rows), dtype=torch.float64).unbind(1)
    return Figures(gain, bandwidth, unity, margin)


def _figures(
    log_f: Array,
    H: npt.NDArray[np.complex128],
) -> tuple[float, float, float, float]:
    """Return gain, bandwidth, unity-gain frequency and phase margin of one response."""
    from scipy.interpolate import CubicSpline

    if not np.isfinite(H).all():
        return np.nan, np.nan, np.nan, np.nan
    size = np.log(np.abs(H))
    phase = np.unwrap(np.angle(H))
    gain = float(np.sign(H[0].real) * np.abs(H[0]))
    first = _crossing(log_f, size - np.log(abs(gain) / 2**0.5))
    unity = _crossing(log_f, size)
    turned = np.nan if np.isnan(unity) else float(CubicSpline(log_f, phase - phase[0])(unity))
    return gain, float(np.exp(first)), float(np.exp(unity)), np.pi + turned


def _crossing(log_f: Array, excess: Array) -> float:
    """Return where values first fall below 0, by a spline; NaN where they do not."""
    from scipy.interpolate import CubicSpline

    falls = np.flatnonzero((excess[:-1] >= 0) & (excess[1:] < 0))
    if not len(falls):
        return float("nan")
    near = slice(max(0, falls[0] - 5), falls[0] + 7)
    roots = CubicSpline(log_f[near], excess[near]).roots(extrapolate=False)
    inside = roots[(roots >= log_f[falls[0]]) & (roots <= log_f[falls[0] + 1])]
    return float(inside[0])
