"""Crosshole radar: travel times of straight rays between two boreholes, and the slowness of a facies map."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.values import as_reals
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, NonlinearForward, expect_image
from sciadv.forward.matrix import SparseMatrix
from sciadv.registry.checked import checked
from sciadv.types import Positive, Shape

#: Depths of sources and receivers [m] in Laloy et al. 2019: 0.5, 1.0, ..., 12.0.
_DEPTHS = np.arange(1, 25) * 0.5
_SOURCES = np.column_stack([np.full(24, 0.01), _DEPTHS])
_RECEIVERS = np.column_stack([np.full(24, 5.99), _DEPTHS])


class CrossholeTravelTime(LinearForward):
    """First-arrival travel times of straight rays, ``t = sum_cells length * slowness``.

    Each source is heard by each receiver; t runs over sources first, then receivers. The default is the
    crosshole ground-penetrating-radar experiment of [1]_: 24 sources at x = 0.01 m and 24 receivers at x =
    5.99 m, both at depths 0.5, 1.0, ..., 12.0 m, in a section 6 m wide and 12.5 m deep.

    Parameters
    ----------
    in_shape
        (1, height, width): cells over depth and distance. Candidates are slownesses [ns/m].
    cell_size
        Side of a cell [m].
    sources, receivers
        Positions ``(n, 2)``: distance from the left edge and depth below the upper edge [m], inside the
        section.
    cell_order
        ``"C"``: a candidate is the section. ``"F"``: the section is read from the candidate column by column,
        so that its cells are shuffled: only to predict the published data of [1]_ (see Notes).
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        There is more than one channel, or a position lies outside the section.

    Notes
    -----
    The length of each ray in each cell is exact [2]_. A ray along the line between two cells belongs to the
    upper, or left, one, as in the data of [1]_.

    The code that made the published data multiplies a matrix whose columns run along the rows of the section
    by the section flattened along its columns (``G @ s.flatten(order="F")`` in its `strategy_2.py`). Those
    data are therefore travel times of a section with shuffled cells, and are predicted exactly with
    ``cell_order="F"``, not with "C".

    References
    ----------
    .. [1] E. Laloy, N. Linde, C. Ruffino, R. Herault, G. Gasso, D. Jacques. Gradient-based deterministic
       inversion of geophysical data with generative adversarial networks: is it feasible? Computers &
       Geosciences 133 (2019) 104333. Code: github.com/elaloy/gan_for_gradient_based_inv, commit aeb48ea.
    .. [2] R. L. Siddon. Fast calculation of the exact radiological path for a three-dimensional CT array.
       Medical Physics 12 (1985) 252-255.

    Examples
    --------
    A homogeneous section of 0.1 m/ns, crossed horizontally over 5.98 m, takes 59.8 ns:

    >>> import torch
    >>> A = CrossholeTravelTime()
    >>> t = A(torch.full((1, 1, 125, 60), 10.0))
    >>> t.shape, round(t[0, 0].item(), 2)
    (torch.Size([1, 576]), 59.8)
    """

    kind = "crosshole"

    @checked
    def __init__(
        self,
        in_shape: Shape = (1, 125, 60),
        *,
        cell_size: Positive = 0.1,
        sources: npt.ArrayLike = _SOURCES,
        receivers: npt.ArrayLike = _RECEIVERS,
        cell_order: Literal["C", "F"] = "C",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "CrossholeTravelTime")
        if channels != 1 or not cell_size > 0:
            raise InputError(f"expected one channel and cell_size > 0, but got {channels} and {cell_size}")
        if cell_order not in ("C", "F"):
            raise InputError(f'cell_order is "C" or "F", but it is {cell_order!r}')
        section = (height * cell_size, width * cell_size)
        starts = _positions(sources, "sources", section)
        ends = _positions(receivers, "receivers", section)
        super().__init__(in_shape, (len(starts) * len(ends),), dtype=dtype, device=device)
        pairs = starts.repeat(len(ends), axis=0), np.tile(ends, (len(starts), 1))
        lengths = ray_cell_lengths(*pairs, shape=(height, width), cell_size=cell_size)
        if cell_order == "F":
            lengths = lengths[:, np.arange(height * width).reshape(width, height).T.ravel()]
        self.product = SparseMatrix(lengths, dtype=dtype, device=device)

    def forward(self, x: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch measurements"]:
        """Return the travel times [ns] of slownesses [ns/m]."""
        y: Tensor = self.product(x.flatten(1))
        return y

    def adjoint(self, y: Float[Tensor, "batch measurements"]) -> Float[Tensor, "batch 1 height width"]:
        """Spread each datum over its ray."""
        return self.product.adjoint(y).reshape(-1, *self.in_shape)


class FaciesSlowness(NonlinearForward):
    """Slowness of a facies map, ``s = 1 / (v0 + (v1 - v0) x)``, cell by cell.

    The velocity is linear in x, so that x between 0 and 1 is a velocity between that of the background and
    that of the facies; the slowness is not.

    Parameters
    ----------
    in_shape
        Shape of the map; x is 0 in the background and 1 in the facies.
    velocity_background, velocity_facies
        v0 and v1 [m/ns], > 0. The default is that of [1]_: channels of 0.06 m/ns in 0.08 m/ns.
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        A velocity is not positive.

    References
    ----------
    .. [1] E. Laloy, N. Linde, C. Ruffino, R. Herault, G. Gasso, D. Jacques. Gradient-based deterministic
       inversion of
       geophysical data with generative adversarial networks: is it feasible? Computers & Geosciences 133
       (2019) 104333.

    Examples
    --------
    >>> import torch
    >>> F = FaciesSlowness((1, 1, 2), velocity_background=0.1, velocity_facies=0.05)
    >>> F(torch.tensor([[[[0.0, 1.0]]]]))
    tensor([[[[10., 20.]]]])
    """

    kind = "facies-slowness"

    @checked
    def __init__(
        self,
        in_shape: Shape = (1, 125, 60),
        *,
        velocity_background: Positive = 0.08,
        velocity_facies: Positive = 0.06,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if not (velocity_background > 0 and velocity_facies > 0):
            raise InputError(
                f"velocities are > 0 [m/ns], but they are {velocity_background} and {velocity_facies}"
            )
        super().__init__(in_shape, in_shape, dtype=dtype, device=device)
        self.velocity_background = velocity_background
        self.velocity_facies = velocity_facies

    def forward(self, x: Tensor) -> Tensor:
        """Return the slowness [ns/m]."""
        return 1 / (self.velocity_background + (self.velocity_facies - self.velocity_background) * x)


def ray_cell_lengths(
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    *,
    shape: tuple[int, int],
    cell_size: float,
) -> Any:
    """Return the length of each straight ray in each cell, ``(rays, cells)``, as a SciPy sparse array.

    The ray's parameter at every grid line it crosses, sorted, cuts it into pieces that lie in one cell each
    (Siddon 1985).

    Parameters
    ----------
    starts, ends
        Ends of the rays ``(rays, 2)``: distance and depth [m], inside the section.
    shape
        (height, width) of the section [cells].
    cell_size
        Side of a cell [m].
    """
    from scipy.sparse import coo_array

    height, width = shape
    a, b = starts / cell_size, ends / cell_size  # in cells
    cuts = [np.zeros((len(a), 1)), np.ones((len(a), 1))]
    for axis, n_lines in enumerate((width, height)):
        span = (b - a)[:, axis, None]
        lines = np.arange(n_lines + 1) - a[:, axis, None]
        is_crossed = np.abs(span) > 1e-12
        cuts.append(np.where(is_crossed, lines / np.where(is_crossed, span, 1.0), 0.0).clip(0, 1))
    parameter = np.sort(np.concatenate(cuts, axis=1), axis=1)
    pieces = np.diff(parameter, axis=1)
    middle = (parameter[:, 1:] + parameter[:, :-1]) / 2
    cells = a[:, None] + middle[..., None] * (b - a)[:, None]  # (rays, pieces, 2)
    # 1e-9 cells: rounding does not decide to which side a ray along a grid line belongs
    column, row = np.floor(cells - 1e-9).astype(np.int64).clip(0, (width - 1, height - 1)).transpose(2, 0, 1)
    lengths = pieces * np.linalg.norm(ends - starts, axis=1, keepdims=True)
    ray = np.broadcast_to(np.arange(len(a))[:, None], lengths.shape)
    is_piece = pieces > 1e-12
    entries = lengths[is_piece], (ray[is_piece], (row * width + column)[is_piece])
    return coo_array(entries, shape=(len(a), math.prod(shape))).tocsr()


def _positions(positions: npt.ArrayLike, what: str, section: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return positions ``(n, 2)`` that lie inside the section."""
    xz = as_reals(positions, what)
    if xz.ndim != 2 or xz.shape[1:] != (2,) or len(xz) == 0:
        raise InputError(f"{what} have shape (n, 2): distance and depth [m]; these have {xz.shape}")
    height, width = section
    outside = ~((xz >= 0) & (xz <= np.array([width, height]))).all(1)
    if outside.any():
        raise InputError(
            f"{what} must lie inside the section, {width:g} m wide and {height:g} m deep, but "
            f"{int(outside.sum())} do not, the first at {tuple(map(float, xz[outside][0]))} (distance, depth)"
        )
    return xz
