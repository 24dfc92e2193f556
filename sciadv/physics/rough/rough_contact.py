"""Pressures between a rough surface and an elastic half space, differentiable in heights and mean pressure.

On a fixed contact set the pressures are linear in heights and mean pressure: with the free points F,

    ``dp = b - K x``  with  ``K_FF x = b_F``  and  ``b = K dh + dp0``,

a projection. So a tangent costs one system on the free points, a cotangent the same one, and derivatives are
those of the discrete problem to rounding. Where a point comes into contact they leap, as those of a contact
do.
"""

from __future__ import annotations

import logging
from typing import Any, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.rough.active_set import Accuracy, as_field, free_gap, solve_contact
from sciadv.physics.rough.adhesion import Adhesion, solve_adhesive
from sciadv.physics.rough.half_space import HalfSpace

_logger = logging.getLogger(__name__)


def rough_contact_pressure(
    height: Tensor,
    mean_pressure: Tensor,
    *,
    spacing: float,
    contact_modulus: float,
    adhesion: Adhesion | None = None,
    accuracy: Accuracy | None = None,
) -> Tensor:
    """Return the contact pressure [Pa] at every point of rigid rough surfaces on an elastic half space.

    No friction; periodic. Two rough elastic bodies are the same problem, with the sum of their
    heights and their contact modulus ``1/E* = (1 - nu1^2)/E1 + (1 - nu2^2)/E2``. Computed in double precision
    whatever the dtype, and returned in that of the heights.

    Parameters
    ----------
    height
        Towards the half space [m]: a profile ``(batch, points)``, which is a surface that is constant across
        (plane strain), or ``(batch, rows, columns)``. Their mean does not matter.
    mean_pressure
        Load over nominal area [Pa], > 0; ``(batch,)``.
    spacing
        Of the points, the same in both directions [m].
    contact_modulus
        E* [Pa].
    adhesion
        Attraction across the gaps; none if left out.
    accuracy
        How exactly the contact is solved; by default to rounding.

    Returns
    -------
    Tensor
        Shaped like `height`; 0 where nothing touches. Without adhesion their mean is the mean pressure; with
        it they carry the attraction, too, which is ``work / reach`` where the surfaces touch. A surface with
        a NaN or an infinity is NaN, as is one whose contact was not found within the steps that `accuracy`
        allows; a warning is logged of these, and the others are as they are alone.

    Raises
    ------
    InputError
        Shapes do not fit, or a number is not positive.

    Notes
    -----
    Differentiable in heights and mean pressure, in reverse and forward mode, and by `torch.func` and
    `torch.vmap`: any number of times without adhesion, once with it. The pressure of a sharp edge is resolved
    to the spacing; half-space theory asks for slopes below about 0.2.

    References
    ----------
    See `sciadv.physics.rough.active_set`.

    Examples
    --------
    >>> import math, torch
    >>> x = torch.arange(256, dtype=torch.float64) / 256
    >>> wave = 0.01 * torch.cos(2 * math.pi * x)[None]  # A = 0.01, wavelength 1, p* = pi E* A
    >>> load = 0.25 * math.pi * 0.01 * torch.ones(1, dtype=torch.float64)
    >>> p = rough_contact_pressure(wave, load, spacing=1 / 256, contact_modulus=1.0)
    >>> round(float(p.max() / (math.pi * 0.01)), 3), round(float((p > 0).double().mean()), 2)  # 1, 1/3
    (1.0, 0.33)
    """
    if height.ndim not in (2, 3) or mean_pressure.shape != height.shape[:1]:
        raise InputError(
            f"heights are (batch, points) or (batch, rows, columns) with one mean pressure each, but have "
            f"shape {tuple(height.shape)} with mean pressures {tuple(mean_pressure.shape)}"
        )
    for name, number in {"spacing": spacing, "contact_modulus": contact_modulus}.items():
        if not number > 0:
            raise InputError(f"{name} must be > 0, but is {number}")
    relative = mean_pressure.double() / contact_modulus
    inside = None if adhesion is None else adhesion.on_grid(spacing, contact_modulus)
    solved = _Contact.apply(height.double() / spacing, relative, inside, accuracy or Accuracy())  # type: ignore[no-untyped-call]  # untyped in torch
    scaled: Tensor = contact_modulus * solved[0]
    return scaled.to(height.dtype)


@final
class _Contact(torch.autograd.Function):
    """Heights and mean pressure, in units of the grid, to pressures, free points and their softening."""

    @staticmethod
    def forward(
        height: Tensor, mean_pressure: Tensor, adhesion: Adhesion | None, accuracy: Accuracy
    ) -> tuple[Tensor, Tensor, Tensor]:
        if not bool((mean_pressure > 0).all()):
            raise InputError(f"mean pressures must be > 0, but the least is {float(mean_pressure.min()):g}")
        half_space = HalfSpace(tuple(height.shape[1:]), device=height.device)
        load = half_space.pressure(height) + as_field(mean_pressure, height)
        solved = [_solved(half_space, part, adhesion, accuracy) for part in _split(load)]
        pressure, free, softening = (torch.cat(parts) for parts in zip(*solved, strict=True))
        is_lost = pressure.flatten(1).isnan().any(1) & load.flatten(1).isfinite().all(1)
        if bool(is_lost.any()):
            _logger.warning(
                "%d of %d contacts have not settled within the steps allowed and are NaN; allow more, take a "
                "longer reach of adhesion, or smooth heights that are rough down to single points",
                int(is_lost.sum()),
                len(load),
            )
        return pressure, free, softening

    @staticmethod
    def setup_context(
        ctx: Any,
        inputs: tuple[Tensor, Tensor, Adhesion | None, Accuracy],  # noqa: ARG004
        output: tuple[Tensor, Tensor, Tensor],
    ) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])
        ctx.save_for_forward(*output[1:])

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, None, None]:
        free, softening = ctx.saved_tensors
        half_space = HalfSpace(tuple(free.shape[1:]), device=free.device)
        held = cotangent * (1 - free)
        gap = _FreeGap.apply(half_space.pressure(held), free, softening)  # type: ignore[no-untyped-call]  # untyped in torch
        pulled = held + gap
        return half_space.pressure(pulled), pulled.flatten(1).sum(1), None, None

    @staticmethod
    def jvp(
        ctx: Any, height: Tensor | None, mean_pressure: Tensor | None, *_: None
    ) -> tuple[Tensor, None, None]:
        free, softening = ctx.saved_tensors
        half_space = HalfSpace(tuple(free.shape[1:]), device=free.device)
        load = torch.zeros_like(free)
        if height is not None:
            load = load + half_space.pressure(height)
        if mean_pressure is not None:
            load = load + as_field(mean_pressure, free)
        gap = _FreeGap.apply(load, free, softening)  # type: ignore[no-untyped-call]  # untyped in torch
        return (load + half_space.pressure(gap)) * (1 - free), None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: Any,
        height: Tensor,
        mean_pressure: Tensor,
        adhesion: Adhesion | None,
        accuracy: Accuracy,
    ) -> Any:
        height, mean_pressure = _unmapped(info.batch_size, in_dims, (height, mean_pressure))
        flat = height.flatten(0, 1), mean_pressure.flatten(0, 1)
        outputs = _Contact.apply(*flat, adhesion, accuracy)  # type: ignore[no-untyped-call]  # untyped in torch
        return tuple(output.unflatten(0, height.shape[:2]) for output in outputs), (0, 0, 0)


@final
class _FreeGap(torch.autograd.Function):
    """The gap ``x = -(K - D)_FF^-1 b_F``, 0 in contact: linear in b and symmetric; D is 0 in contact."""

    @staticmethod
    def forward(load: Tensor, free: Tensor, softening: Tensor) -> Tensor:
        half_space = HalfSpace(tuple(load.shape[1:]), device=load.device)
        is_soft = bool((softening != 0).any())
        parts = zip(_split(load), _split(free), _split(softening), strict=True)
        return torch.cat([free_gap(half_space, b, f, d if is_soft else None) for b, f, d in parts])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor, None, None]:
        return _FreeGap.apply(cotangent, *ctx.saved_tensors), None, None  # type: ignore[no-untyped-call]  # untyped in torch

    @staticmethod
    def jvp(ctx: Any, load: Tensor, *_: Tensor | None) -> Tensor:
        gap: Tensor = _FreeGap.apply(load, *ctx.saved_tensors)  # type: ignore[no-untyped-call]  # untyped in torch
        return gap

    @staticmethod
    def vmap(info: Any, in_dims: Any, *fields: Tensor) -> Any:
        mapped = _unmapped(info.batch_size, in_dims, fields)
        gap = _FreeGap.apply(*(field.flatten(0, 1) for field in mapped))  # type: ignore[no-untyped-call]  # untyped in torch
        return gap.unflatten(0, mapped[0].shape[:2]), 0


def _solved(
    half_space: HalfSpace, load: Tensor, adhesion: Adhesion | None, accuracy: Accuracy
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pressures, free points, and what adhesion softens these by."""
    if adhesion is None:
        contact = solve_contact(half_space, load, accuracy)
        return contact.pressure, contact.free, torch.zeros_like(load)
    contact, softening = solve_adhesive(half_space, load, adhesion, accuracy)
    return contact.pressure, contact.free, softening * contact.free


def _split(field: Tensor, *, most: int = 2**16) -> tuple[Tensor, ...]:
    """Split a batch of fields into parts that stay in a processor's cache."""
    chunk = max(1, most // field[0].numel()) if field.device.type == "cpu" else len(field)
    return torch.split(field, chunk)


def _unmapped(n: int, in_dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Return tensors with the mapped dimension in front; one that is not mapped is repeated."""
    return [
        tensor.expand(n, *tensor.shape) if place is None else tensor.movedim(place, 0)
        for tensor, place in zip(tensors, in_dims, strict=False)
    ]
