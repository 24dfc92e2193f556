"""Radio interferometry: visibilities of a sky brightness, and what the errors of stations leave alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.values import as_reals
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, NonlinearForward, expect_image
from sciadv.forward.imaging.nonuniform import NonuniformFourier
from sciadv.registry.checked import checked
from sciadv.types import Positive, Shape

#: Indices of the baselines of a ring, and whether each is written the other way round.
_Ring = tuple[tuple[int, ...], tuple[bool, ...]]


class Visibilities(LinearForward):
    """Visibilities of an image, ``V(u, v) = sum x(l, m) exp(-2 pi i (u l + v m))``.

    l grows to the east, which is left in the image, m to the north, which is up; both are 0 at the image's
    centre.

    Parameters
    ----------
    in_shape
        (1, height, width) of square pixels; x is the flux of each, as from a point [Jy].
    uv
        u and v of each baseline ``(baselines, 2)`` [wavelengths].
    field_of_view
        Width of the image [microarcseconds].
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        There is more than one channel, or uv is not finite or not ``(baselines, 2)``.

    References
    ----------
    .. [1] A. R. Thompson, J. M. Moran, G. W. Swenson. Interferometry and Synthesis in Radio Astronomy. 3rd
       edition, Springer 2017, equation 3.7 for a small field.

    Examples
    --------
    >>> import torch
    >>> A = Visibilities((1, 8, 8), torch.zeros(1, 2), field_of_view=100.0)
    >>> A(torch.ones(1, 1, 8, 8))
    tensor([[64.+0.j]])
    """

    kind = "visibilities"

    turn: Tensor

    @checked
    def __init__(
        self,
        in_shape: Shape,
        uv: Tensor | npt.NDArray[Any],
        *,
        field_of_view: Positive = 160.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "Visibilities")
        if channels != 1:
            raise InputError(f"visibilities are of one channel, but in_shape is {in_shape}")
        places = _as_uv(uv)
        super().__init__(in_shape, (len(places),), dtype=dtype, device=device)
        # u l + v m = -(u column + v row) pixel, from the centre
        frequencies = -places.flip(1) * (math.radians(field_of_view / 3600e6) / width)
        self.transform = NonuniformFourier(
            in_shape, frequencies, is_normalised=False, dtype=dtype, device=device
        )
        turn = _to_centre(frequencies, (height, width)).to(device, dtype.to_complex())
        self.register_buffer("turn", turn, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the visibilities, complex ``(batch, baselines)``."""
        y: Tensor = self.transform(x)
        return y[:, 0] * self.turn

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the dirty image times the number of baselines, ``(batch, *in_shape)``."""
        return self.transform.adjoint((y * self.turn.conj())[:, None])


def _as_uv(uv: object) -> Tensor:
    places = torch.from_numpy(as_reals(uv, "uv"))
    if places.ndim != 2 or places.shape[1] != 2 or len(places) == 0:
        raise InputError(f"uv are (baselines, 2) [wavelengths], but they have shape {tuple(places.shape)}")
    return places


def _to_centre(frequencies: Tensor, sizes: Shape) -> Tensor:
    """Return the factors that move the transform's origin, pixel ``n // 2``, to the centre of the image."""
    shift = torch.tensor([size // 2 - (size - 1) / 2 for size in sizes], dtype=torch.float64)
    angle = -2 * math.pi * (frequencies @ shift)
    return torch.polar(torch.ones_like(angle), angle)


@dataclass(frozen=True)
class ClosureSets:
    """Baselines that close: each a row of indices into the visibilities.

    Parameters
    ----------
    triangles
        ``(triangles, 3)``: baselines ab, bc and ca of three stations at one time.
    is_turned
        ``(triangles, 3)``: where the visibility is that of the baseline the other way round, ba for ab.
    quadrangles
        ``(quadrangles, 4)``: baselines ab, cd, ac, bd: ``log |V_ab V_cd / (V_ac V_bd)|``.
    """

    triangles: npt.NDArray[np.int64]
    is_turned: npt.NDArray[np.bool_]
    quadrangles: npt.NDArray[np.int64]


def closure_sets(stations: npt.ArrayLike, times: npt.ArrayLike | None = None) -> ClosureSets:
    """Find triangles and quadrangles of baselines, as many as there are independent closures.

    ``(n - 1)(n - 2) / 2`` triangles and ``n (n - 3) / 2`` quadrangles of n stations that all see each other.

    Parameters
    ----------
    stations
        The two stations of each baseline, whole numbers ``(baselines, 2)``.
    times
        When each was measured ``(baselines,)``; all at once if left out. Baselines close with those of the
        same time only.

    Raises
    ------
    InputError
        A baseline is given twice at one time, or joins a station to itself.

    References
    ----------
    .. [1] L. Blackburn et al. Closure statistics in interferometric data. Astrophysical Journal 894 (2020)
       31.

    Examples
    --------
    >>> sets = closure_sets([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
    >>> sets.triangles.shape, sets.quadrangles.shape
    ((3, 3), (2, 4))
    """
    pairs = as_reals(stations, "stations").astype(np.int64).reshape(-1, 2)
    when = np.zeros(len(pairs)) if times is None else as_reals(times, "times")
    triangles: list[_Ring] = []
    quadrangles: list[_Ring] = []
    for time in np.unique(when):
        rows = np.flatnonzero(when == time)
        here = {frozenset(map(int, pairs[i])): int(i) for i in rows}
        if len(here) < len(rows) or any(len(ends) < 2 for ends in here):
            raise InputError(
                f"baselines join two stations, each pair once at a time; those of time {time:g} do not"
            )
        triangles += _independent(_rings(here, pairs, [["ab", "bc", "ca"]]), (1, 1, 1))
        # the three ways to divide two pairs of baselines of four stations by one another
        ratios = [["ab", "cd", "ac", "bd"], ["ac", "bd", "ad", "bc"], ["ab", "cd", "ad", "bc"]]
        quadrangles += _independent(_rings(here, None, ratios), (1, 1, -1, -1))
    return ClosureSets(
        np.array([index for index, _ in triangles], dtype=np.int64).reshape(-1, 3),
        np.array([turned for _, turned in triangles], dtype=bool).reshape(-1, 3),
        np.array([index for index, _ in quadrangles], dtype=np.int64).reshape(-1, 4),
    )


def _rings(
    here: dict[frozenset[int], int], directions: npt.NDArray[np.int64] | None, patterns: list[list[str]]
) -> list[_Ring]:
    """Return the rings of some patterns, such as ab, bc, ca, among the baselines of one time.

    Parameters
    ----------
    here
        Index of each pair of stations that see each other.
    directions
        Stations of each baseline, from and to, where the direction counts; None where it does not.
    patterns
        Rings as pairs of corners.
    """
    names = sorted({name for ends in here for name in ends})
    n_corners = len(set("".join(patterns[0])))
    found: list[_Ring] = []
    for corners, pattern in product(combinations(names, n_corners), patterns):
        at = dict(zip("abcd", corners, strict=False))
        ring = [(at[ends[0]], at[ends[1]]) for ends in pattern]
        if all(frozenset(ends) in here for ends in ring):
            index = tuple(here[frozenset(ends)] for ends in ring)
            turned = (
                directions is not None and tuple(directions[i]) != ends
                for i, ends in zip(index, ring, strict=True)
            )
            found.append((index, tuple(turned)))
    return found


def _independent(rings: list[_Ring], signs: tuple[int, ...]) -> list[_Ring]:
    """Return the rings whose signed sums of baselines are linearly independent of those before them."""
    column = {i: n for n, i in enumerate(sorted({i for index, _ in rings for i in index}))}
    basis = np.zeros((0, len(column)))
    kept: list[_Ring] = []
    for index, turned in rings:
        row = np.zeros(len(column))
        for i, is_turned, sign in zip(index, turned, signs, strict=True):
            row[column[i]] += -sign if is_turned else sign
        rest = row - basis.T @ (basis @ row)
        if np.linalg.norm(rest) > 1e-9:
            basis = np.vstack([basis, rest / np.linalg.norm(rest)])
            kept.append((index, turned))
    return kept


class ClosureQuantities(NonlinearForward):
    """Closure phases, log closure amplitudes and the total flux of an image.

    A station's unknown phase and gain change each visibility, ``V_ab -> g_a conj(g_b) V_ab``, and leave the
    phase of ``V_ab V_bc V_ca`` and ``log |V_ab V_cd / (V_ac V_bd)|`` as they are. Data in this order: the
    closure phases [radians], the log closure amplitudes, the total flux.

    Parameters
    ----------
    in_shape
        (1, height, width) of square pixels; x is the flux of each [Jy], not negative.
    uv
        u and v of each baseline ``(baselines, 2)`` [wavelengths].
    stations
        The two stations of each baseline ``(baselines, 2)``, numbered as one likes.
    times
        When each was measured ``(baselines,)``; all at once if left out.
    measured_phases
        Closure phases as measured [radians]: predictions are given within half a turn of these, so that a
        difference of phases never jumps by a turn. 0 if left out.
    has_flux
        Whether the total flux is among the data; closures do not know the scale of the image.
    field_of_view
        Width of the image [microarcseconds].
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        Nothing closes, or an argument has another shape or is not finite.

    Notes
    -----
    Closure phases do not change when the image is shifted, and where a visibility is 0 they are undefined. At
    a signal to noise of 3 and more the noise of both closures is nearly Gaussian, with variance
    ``sum sigma^2 / |V|^2``; closures that share a baseline have noise in common, which a Gaussian likelihood
    leaves out.

    References
    ----------
    .. [1] A. A. Chael et al. Interferometric imaging directly with closure phases and closure amplitudes.
       Astrophysical Journal 857 (2018) 23.

    Examples
    --------
    >>> import torch
    >>> ends = torch.tensor([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
    >>> place = torch.tensor([[0.0, 0.0], [1e9, 2e9], [-2e9, 1e9], [3e9, -1e9]])
    >>> F = ClosureQuantities((1, 5, 5), place[ends[:, 1]] - place[ends[:, 0]], ends)
    >>> point = torch.zeros(1, 1, 5, 5)
    >>> point[..., 1, 3] = 2.0
    >>> F(point).round(decimals=4).abs()
    tensor([[0., 0., 0., 0., 0., 2.]])
    """

    kind = "closure-quantities"

    triangles: Tensor
    is_turned: Tensor
    quadrangles: Tensor
    measured_phases: Tensor

    @checked
    def __init__(  # noqa: PLR0913  # what an observation is: where, who, when
        self,
        in_shape: Shape,
        uv: Tensor | npt.NDArray[Any],
        stations: Tensor | npt.NDArray[Any],
        times: Tensor | npt.NDArray[Any] | None = None,
        *,
        measured_phases: Tensor | npt.NDArray[Any] | None = None,
        has_flux: bool = True,
        field_of_view: Positive = 160.0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        ends = as_reals(stations, "stations")
        n = len(_as_uv(uv))
        when = np.zeros(n) if times is None else as_reals(times, "times")
        if ends.shape != (n, 2) or when.shape != (n,) or not np.array_equal(ends, ends.round()):
            raise InputError(
                f"stations are whole numbers (baselines, 2) and times (baselines,), one for each of the {n} "
                f"rows of uv; the stations have shape {ends.shape}"
            )
        sets = closure_sets(ends, when)
        n_phases = len(sets.triangles)
        n_data = n_phases + len(sets.quadrangles) + has_flux
        phases = torch.zeros(n_phases)
        if measured_phases is not None:
            phases = torch.from_numpy(as_reals(measured_phases, "measured_phases"))
        if n_phases == 0 or tuple(phases.shape) != (n_phases,):
            raise InputError(
                f"these baselines have {n_phases} independent closure phases, but measured_phases has shape "
                f"{tuple(phases.shape)}; at least 3 stations must see each other at one time"
            )
        super().__init__(in_shape, (n_data,), dtype=dtype, device=device)
        self.visibilities = Visibilities(
            in_shape, uv, field_of_view=field_of_view, dtype=dtype, device=device
        )
        self.has_flux = has_flux
        self.register_buffer("triangles", torch.from_numpy(sets.triangles).to(device), persistent=False)
        self.register_buffer("is_turned", torch.from_numpy(sets.is_turned).to(device), persistent=False)
        self.register_buffer("quadrangles", torch.from_numpy(sets.quadrangles).to(device), persistent=False)
        self.register_buffer("measured_phases", phases.to(device, dtype), persistent=False)

    def forward(self, x: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch data"]:
        """Return closure phases, log closure amplitudes and the flux."""
        seen: Tensor = self.visibilities(x)
        return self.close(seen, x.flatten(1).sum(1))

    def close(self, seen: Tensor, flux: Tensor) -> Tensor:
        """Return the data of visibilities ``(batch, baselines)`` and a flux ``(batch,)``, as measured."""
        size = seen.abs()
        unit = seen / size
        sides = unit[:, self.triangles]
        loop = torch.where(self.is_turned, sides.conj(), sides).prod(2)
        turned = loop * torch.polar(torch.ones_like(self.measured_phases), -self.measured_phases)
        phases = torch.atan2(turned.imag, turned.real) + self.measured_phases
        above_below = size.log()[:, self.quadrangles]
        amplitudes = above_below[..., 0] + above_below[..., 1] - above_below[..., 2] - above_below[..., 3]
        parts = [phases, amplitudes, flux[:, None]]
        return torch.cat(parts if self.has_flux else parts[:2], 1)
