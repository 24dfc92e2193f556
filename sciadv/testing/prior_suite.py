"""The conformance suite of priors."""

from __future__ import annotations

import torch

from sciadv.prior import Prior
from sciadv.testing.promise import require


def check_prior(prior: Prior) -> None:
    """Check that a prior keeps the promises that all priors make.

    Seeded draws, one row independent of the others, differentiable in z with parameters left alone, finite
    values, and where there is an encoder, latents of the right shape.

    Parameters
    ----------
    prior
        What to check.

    Raises
    ------
    AssertionError
        A promise is broken; the message says which.

    Examples
    --------
    >>> import torch
    >>> check_prior(Prior(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Unflatten(1, (1, 2, 2))), 3))
    """
    x = prior.sample(3, seed=1)
    require(
        tuple(x.shape[1:]) == prior.out_shape,
        f"draws have shape {tuple(x.shape)}, out_shape is {prior.out_shape}",
    )
    require(torch.equal(x, prior.sample(3, seed=1)), "the same seed drew other candidates")
    require(not torch.equal(x, prior.sample(3, seed=2)), "another seed drew the same candidates")
    require(bool(x.isfinite().all()), "a draw is not finite")
    z = prior.sample_latent(3, seed=1)
    require(
        tuple(z.shape) == (3, prior.n_latent),
        f"latents have shape {tuple(z.shape)}, not (3, {prior.n_latent})",
    )
    with torch.no_grad():
        gap = float((prior(z[:1]) - prior(z)[:1]).abs().max())
    require(gap < 1e-4, f"a candidate changes by {gap:.1e} with the others in its batch")
    _check_gradient(prior)
    if prior.encoder is not None:
        latents = prior.encode(x)
        require(
            tuple(latents.shape) == (3, prior.n_latent), f"encoded latents have shape {tuple(latents.shape)}"
        )


def _check_gradient(prior: Prior) -> None:
    z = prior.sample_latent(2, seed=3).requires_grad_(True)
    (gradient,) = torch.autograd.grad(prior(z).sum(), z)
    require(bool(gradient.isfinite().all()), "the gradient in z is not finite")
    require(bool((gradient != 0).any()), "the generator does not depend on z")
    require(
        all(p.grad is None for p in prior.generator.parameters()),
        "a parameter of the generator got a gradient",
    )
