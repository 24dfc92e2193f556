"""Reflectance of lossless stacks with all its slopes, in real arithmetic: four times the recursion's speed.

Characteristic matrices (Abeles 1950; Born and Wolf, section 1.6): without absorption and total reflection a
film's is ``[[cos p, -i sin p / q], [-i q sin p, cos p]]`` with its phase p and its tilt q, both real. One
sweep from the substrate has the fields at every interface, one from the light what the reflectance owes to
them.

References
----------
Abeles, Recherches sur la propagation des ondes electromagnetiques sinusoidales dans les milieux stratifies,
Ann. Phys. 12, 1950, 596-640. Born and Wolf, Principles of Optics, 7th edition, Cambridge University Press
1999.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Pair:
    """Two complex numbers, by their parts: the fields at an interface, or what multiplies them."""

    electric: Tensor
    electric_i: Tensor
    magnetic: Tensor
    magnetic_i: Tensor


def lossless_reflectance(tilt: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
    """Return reflectances ``(batch, wavelengths)`` and their derivatives in the phases of the films.

    Parameters
    ----------
    tilt
        Normal component of the wave vector over that of vacuum, and over the squared index where light is
        p-polarised, of the first medium, the films and the last; ``(batch or 1, films + 2, wavelengths)``.
    phase
        Of a passage through each film; ``(batch, films, wavelengths)``.
    """
    media = tilt.unbind(1)
    cosine = phase.cos().unbind(1)
    sine = phase.sin().unbind(1)
    ones = torch.ones_like(phase[:, 0])
    below = [_Pair(ones, torch.zeros_like(ones), ones * media[-1], torch.zeros_like(ones))]
    for film in reversed(range(len(cosine))):
        below.append(_from_the_right(below[-1], cosine[film], sine[film], media[film + 1]))
    below.reverse()
    reflected, row = _reflected(below[0], media[0])
    slopes = []
    for film in range(len(cosine)):
        row = _from_the_left(row, cosine[film], sine[film], media[film + 1])
        slopes.append(_turned(row, below[film + 1], media[film + 1]))
    return reflected, torch.stack(slopes, 1)


def _from_the_right(v: _Pair, cosine: Tensor, sine: Tensor, tilt: Tensor) -> _Pair:
    """Return a film's matrix times the fields behind it."""
    over = sine / tilt
    times = sine * tilt
    return _Pair(
        cosine * v.electric + over * v.magnetic_i,
        cosine * v.electric_i - over * v.magnetic,
        cosine * v.magnetic + times * v.electric_i,
        cosine * v.magnetic_i - times * v.electric,
    )


def _from_the_left(row: _Pair, cosine: Tensor, sine: Tensor, tilt: Tensor) -> _Pair:
    """Return a row times a film's matrix."""
    over = sine / tilt
    times = sine * tilt
    return _Pair(
        cosine * row.electric + times * row.magnetic_i,
        cosine * row.electric_i - times * row.magnetic,
        cosine * row.magnetic + over * row.electric_i,
        cosine * row.magnetic_i - over * row.electric,
    )


def _reflected(v: _Pair, ambient: Tensor) -> tuple[Tensor, _Pair]:
    """Return ``|r|^2`` with ``r = (q E - H) / (q E + H)``, and what its change owes to those of E and H.

    ``d|r|^2 = 2 Re(conj(r) dr)`` with ``dr = (q (1 - r) dE - (1 + r) dH) / (q E + H)``.
    """
    sum_ = torch.complex(ambient * v.electric + v.magnetic, ambient * v.electric_i + v.magnetic_i)
    difference = torch.complex(ambient * v.electric - v.magnetic, ambient * v.electric_i - v.magnetic_i)
    r = difference / sum_
    weight = 2 * r.conj() / sum_
    electric = weight * ambient * (1 - r)
    magnetic = -weight * (1 + r)
    return r.abs().square(), _Pair(electric.real, electric.imag, magnetic.real, magnetic.imag)


def _turned(row: _Pair, v: _Pair, tilt: Tensor) -> Tensor:
    """Return the real part of a row times ``[[0, -i / q], [-i q, 0]]`` times the fields."""
    electric = row.electric * v.magnetic_i + row.electric_i * v.magnetic
    magnetic = row.magnetic * v.electric_i + row.magnetic_i * v.electric
    return electric / tilt + magnetic * tilt
