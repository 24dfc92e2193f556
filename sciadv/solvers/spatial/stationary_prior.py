"""Priors whose latents are white noise through a stationary covariance, alone or beside a generator's."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import final

import torch
from torch import Tensor, nn

from sciadv.data.stationary import StationaryField, StationaryStatistics, stationary_of
from sciadv.errors import InputError
from sciadv.prior import Prior


@final
class FieldGenerator(nn.Module):
    """``x = G(z) + mu + B w`` of flat latents (z, w), with ``B B' = C``; without a G, ``mu + B w``.

    Parameters
    ----------
    field
        Mean and covariance at the size of the images.
    generator
        Maps flat latents to images; None for none.
    n_latent
        Its latents.
    """

    def __init__(self, field: StationaryField, generator: nn.Module | None = None, n_latent: int = 0) -> None:
        super().__init__()
        self.field, self.generator, self.n_latent = field, generator, n_latent

    def forward(self, latents: Tensor) -> Tensor:
        """Return ``(batch, *image_shape)``."""
        noise = latents[:, self.n_latent :].reshape(-1, *self.field.noise_shape)
        x = self.field.mean + self.field.root(noise)
        if self.generator is None:
            return x
        in_range: Tensor = self.generator(latents[:, : self.n_latent])
        return in_range + x


def require_stationary(prior: Prior, method: str) -> StationaryStatistics:
    """Return a prior's stationary statistics.

    Raises
    ------
    InputError
        It has none.
    """
    if prior.stationary is None:
        raise InputError(
            f"{method} needs stationary statistics, and prior {prior.name!r} has none; train it by a "
            f"recipe of kind 'spatial', or learn them: replace(prior, stationary=learn_stationary(prior, "
            f"images)), from "
            f"sciadv.solvers.spatial.stationary_prior"
        )
    return prior.stationary


def learn_stationary(
    prior: Prior, images: Tensor, *, longest: int | None = None, n_at_once: int = 64
) -> StationaryStatistics:
    """Learn mean and autocovariance of images, and of what is left of them by the encoder's latents.

    Parameters
    ----------
    prior
        With an encoder; without one the error is taken to be the whole image.
    images
        Training images ``(n, *out_shape)``.
    longest
        Longest lag [pixels]; half the shortest side if left out.
    n_at_once
        Images that pass the networks at once.
    """
    longest = min(images.shape[2:]) // 2 if longest is None else longest
    whole = stationary_of(images, longest=longest)
    if prior.encoder is None:
        return StationaryStatistics(whole, whole)
    with torch.no_grad():
        parts = [
            part - prior(prior.encode(part)).cpu() for part in torch.split(images.to(prior.dtype), n_at_once)
        ]
    return StationaryStatistics(whole, stationary_of(torch.cat(parts), longest=longest))


def gaussian_prior(prior: Prior, method: str) -> Prior:
    """Return the Gaussian prior of a prior's images: their mean and autocovariance, without its generator."""
    images = require_stationary(prior, method).images
    field = StationaryField(images, prior.out_shape, dtype=prior.dtype, device=prior.device)
    return Prior(FieldGenerator(field), prod(field.noise_shape), name=prior.name)


def prior_with_error(prior: Prior, method: str) -> Prior:
    """Return a prior of ``G(z) + nu``, nu of its stationary representation error: latents (z, w)."""
    error = require_stationary(prior, method).error
    field = StationaryField(error, prior.out_shape, dtype=prior.dtype, device=prior.device)
    n_latent = prior.n_latent
    joint = FieldGenerator(field, _Flat(prior), n_latent)
    n_joint = n_latent + prod(field.noise_shape)
    alone = replace(prior, encoder=None, sampler=None, stationary=None)
    return replace(alone, generator=joint, latent_shape=n_joint)


@final
class _Flat(nn.Module):
    """A prior's generator of flat latents, whatever shape it takes them in."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.generator, self.shape = prior.generator, prior.latent_shape

    def forward(self, z: Tensor) -> Tensor:
        shaped = z if isinstance(self.shape, int) else z.reshape(-1, *self.shape)
        x: Tensor = self.generator(shaped)
        return x
