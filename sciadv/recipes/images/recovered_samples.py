"""Whether a search finds a prior's own samples again: what no image of a user's can tell."""

from __future__ import annotations

from math import prod

from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.solvers.many_latents.choice import CostModel, choose_search
from sciadv.solvers.many_latents.recovery import own_problem


def recovery_sentence(
    prior: Prior, *, n_samples: int = 8, times: int = 4, noise: float = 0.01, seed: int = 0
) -> str:
    """Say how many of a prior's own samples are found again from random projections.

    Parameters
    ----------
    prior
        The prior.
    n_samples
        Samples.
    times
        Projections for each number of the latent; no more than the samples have numbers.
    noise
        Standard deviation of the noise, in units of that of the samples.
    seed
        Seed of samples, projections, noise and search.
    """
    n_pixels = prod(prior.out_shape)
    n_measured = min(n_pixels, times * prior.n_latent)
    sigma = noise * float(prior.sample(64, seed=seed).std())
    forward = GaussianSensing(prior.out_shape, n_measured, seed=seed)
    problem = own_problem(prior, forward, Gaussian(sigma), n_samples=n_samples, seed=seed)
    choice = choose_search(problem, model=CostModel(n_trials=n_samples), seed=seed)
    assert choice.recovery is not None  # it was tried
    return f"from {n_measured} random projections, {choice.recovery}"
