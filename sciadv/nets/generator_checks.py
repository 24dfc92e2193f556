"""What a search asks of a generator: one candidate a latent, the same each time and in each batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sciadv.arguments.values import shown
from sciadv.errors import FOREIGN_FAILURES, GeneratorError, InputError
from sciadv.types import Shape, as_generator

Generate = Callable[[Tensor], object]


def check_generator(
    generate: Generate, n_latent: int, *, dtype: torch.dtype, device: torch.device, who: str
) -> Shape:
    """Return the shape of one candidate, or say what a search could not work with.

    Three latents of N(0, I) are generated twice, and in smaller batches.

    Parameters
    ----------
    generate
        Maps flat latents ``(batch, n_latent)`` to candidates.
    n_latent
        Length of a latent.
    dtype, device
        Of the latents.
    who
        Its name in messages.

    Raises
    ------
    InputError
        It gives no tensor, not one row for each latent, integers or another precision, NaN or Inf; it changes
        its latents; it draws noise of its own; or a candidate depends on the others in its batch.

    Examples
    --------
    >>> check_generator(torch.tanh, 3, dtype=torch.float32, device=torch.device("cpu"), who="tanh")
    (3,)
    """
    z = torch.randn(3, n_latent, generator=as_generator(0)).to(device, dtype)
    given = z.clone()
    with torch.no_grad():
        x = _candidates(generate(z), z, who)
        if not torch.equal(z, given):
            raise InputError(
                f"{who} writes into the latents that it is given; let it work on a copy: z.clone()"
            )
        _check_repeats(x, _candidates(generate(z), z, who), who)
        _check_rows_apart(x, lambda rows: _candidates(generate(z[rows]), z[rows], who), who)
    return tuple(x.shape[1:])


def _candidates(x: object, z: Tensor, who: str) -> Tensor:
    """Return the candidates of latents if they are what they must be."""
    if not isinstance(x, Tensor):
        raise InputError(
            f"{who} gives {shown(x)} where a tensor of candidates is needed; wrap it in a module that "
            f"returns the candidates alone, such as the first of a tuple"
        )
    if x.ndim < 2 or len(x) != len(z):
        raise InputError(
            f"{who} gives shape {tuple(x.shape)} for {len(z)} latents; the first dimension must be the batch"
        )
    if x.numel() == 0:
        raise InputError(f"{who} gives shape {tuple(x.shape)}, candidates without a number in them")
    if not (x.is_floating_point() or x.is_complex()):
        raise InputError(f"{who} gives {x.dtype}, but candidates are floating-point numbers")
    if x.dtype.to_real() != z.dtype:
        raise InputError(
            f"{who} gives {x.dtype} for latents of {z.dtype}; make its weights and buffers one precision, "
            f"such as by .float()"
        )
    if not bool(x.isfinite().all()):
        n_bad = int((~x.isfinite()).flatten(1).any(1).sum())
        raise InputError(f"{who} gives NaN or Inf for {n_bad} of {len(z)} latents drawn from N(0, I)")
    return x


def _check_repeats(x: Tensor, again: Tensor, who: str) -> None:
    gap = float((x - again).abs().max())
    scale = float(x.abs().max())
    if gap > 100 * torch.finfo(x.dtype).eps * scale:
        raise InputError(
            f"{who} gives another candidate for the same latent (it differs by {gap:.2g}): it draws noise of "
            f"its own. Make that noise a fixed buffer, or a part of the latent"
        )


def _check_rows_apart(x: Tensor, generate_rows: Callable[[list[int]], Tensor], who: str) -> None:
    """Check that rows come out alike in smaller batches, in another order."""
    scale = float(x.abs().max())
    for rows in ([2, 0], [1]):
        alone = generate_rows(rows)
        if alone.shape[1:] != x.shape[1:]:
            raise InputError(
                f"{who} gives candidates of shape {tuple(alone.shape[1:])} in a batch of {len(rows)}, but of "
                f"{tuple(x.shape[1:])} in a batch of {len(x)}"
            )
        gap = float((alone - x[rows]).abs().max())
        if gap > 10 * torch.finfo(x.dtype).eps ** 0.5 * scale:
            raise InputError(
                f"{who} mixes the members of a batch: a candidate changes by {gap:.2g} with the others "
                f"beside it. Leave out layers that work across dimension 0"
            )


def run_net(net: nn.Module, x: Tensor, who: str) -> Any:
    """Return what a network gives, or say that it failed."""
    try:
        return net(x)
    except FOREIGN_FAILURES as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GeneratorError(f"{who} fails on a batch of {len(x)}: {reason}") from error


def run_encoder(encoder: nn.Module, x: Tensor, out_shape: Shape, n_latent: int, whose: str) -> Tensor:
    """Return an encoder's latents ``(batch, n_latent)`` of candidates ``(batch, *out_shape)``.

    Raises
    ------
    InputError
        The candidates are of another shape or not finite, or the latents are not what they must be.
    GeneratorError
        The encoder fails.
    """
    if tuple(x.shape[1:]) != out_shape or len(x) == 0:
        raise InputError(
            f"x to encode has shape {tuple(x.shape)}, but candidates of {whose} are "
            f"(batch, {', '.join(map(str, out_shape))})"
        )
    if not bool(x.isfinite().all()):
        raise InputError("x to encode has NaN or Inf")
    who = f"the encoder of {whose}"
    with torch.no_grad():
        latents = run_net(encoder, x, who)
    return _flat_latents(latents, (len(x), n_latent), who)


def run_sampler(sampler: nn.Module | None, u: Tensor, whose: str) -> Tensor:
    """Return the latents ``(batch, n_latent)`` that a prior generates its draws from; u without a sampler.

    Raises
    ------
    InputError
        The latents are not what they must be.
    GeneratorError
        The sampler fails.
    """
    if sampler is None:
        return u
    who = f"the sampler of {whose}"
    z = _flat_latents(run_net(sampler, u, who), tuple(u.shape), who)
    if not bool(z.isfinite().all()):
        n_bad = int((~z.isfinite()).any(1).sum())
        raise InputError(f"{who} gives NaN or Inf for {n_bad} of {len(u)} draws of N(0, I)")
    return z


def _flat_latents(found: object, expected: Shape, who: str) -> Tensor:
    """Return latents if they are what they must be."""
    if not isinstance(found, Tensor) or tuple(found.shape) != expected:
        raise InputError(f"{who} gives {shown(found)}, but (batch, n_latent) is {expected}")
    return found


def as_latents(given: Tensor, name: str, n_latent: int) -> Tensor:
    """Return flat latents ``(n, n_latent)`` as they are.

    Raises
    ------
    InputError
        They have another length.
    """
    if given.ndim != 2 or given.shape[1] != n_latent:
        raise InputError(
            f"{name} must be latents of length {n_latent} or candidates, but its shape is "
            f"{tuple(given.shape)}"
        )
    return given
