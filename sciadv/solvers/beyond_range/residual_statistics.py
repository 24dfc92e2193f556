"""Learn what a generator cannot represent, once per prior, from training images and without any operator."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS, Moments, Residual, moments_of
from sciadv.errors import InputError
from sciadv.forward.base import Scaling
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.output_activation import OutputActivation, output_activation
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt

#: Images that pass the networks at once; bounds the memory.
_CHUNK = 1000


def learn_residual(  # noqa: PLR0913  # each is a number of the statistics
    prior: Prior,
    images: Tensor,
    *,
    n_reference: int = 300,
    n_iterations: int = 8,
    margin: float = 0.01,
    jitter: float = 0.02,
    shrink: bool = False,
    seed: int = 0,
) -> Residual:
    """Learn mean and covariance of ``nu = x - G(z*)``, in the image and before the output's activation.

    ``z*`` minimises ``|x - G(z)|^2 / (2 s^2) + |z|^2 / 2`` by Levenberg-Marquardt from the encoder's latent
    (or from a codebook), with ``s^2 = tr(C_0^2) / tr(C_0)`` of the residuals' covariance C_0 where the search
    starts: neighbouring residuals go together, and so count less than independent ones. Before the
    activation, nu is the smallest change of the logits that makes the image, up to `margin`.

    Parameters
    ----------
    prior
        The generator.
    images
        Training images ``(n, *out_shape)``, several times more than pixels for a full covariance.
    n_reference
        The last so many are not learned from but kept: `sciadv.diagnosis` compares measurements with them.
    n_iterations
        Jacobians an image at most; 0 for the latents where the search starts.
    margin
        A value this near to the end of the output's range, as a part of it, counts as saturated.
    jitter
        Variance added to each logit: what the smallest residual leaves out.
    shrink
        Whether covariances are drawn towards the identity as their samples are few
        (`sciadv.data.moments.shrinkage`).
    seed
        Seed of the codebook of a prior without an encoder.

    Raises
    ------
    InputError
        The images do not fit the prior, or there are fewer than ``n_reference + 2``.

    Examples
    --------
    >>> import torch
    >>> prior = Prior(torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.Sigmoid()), 2)
    >>> images = torch.rand(40, 9, generator=torch.Generator().manual_seed(0))
    >>> learn_residual(prior, images, n_reference=10).image.covariance.shape
    torch.Size([9, 9])
    """
    if tuple(images.shape[1:]) != prior.out_shape or len(images) < n_reference + 2:
        raise InputError(
            f"images have shape {tuple(images.shape)}, expected (at least {n_reference + 2}, "
            f"{', '.join(map(str, prior.out_shape))}), as prior {prior.name!r} generates them"
        )
    x = images[: len(images) - n_reference].to(prior.device, prior.dtype)
    latents = _first_latents(prior, x, seed)
    if n_iterations > 0:
        with torch.no_grad():
            start = moments_of(x - _by_chunks(prior, latents)).covariance.double()
        s = float((start.square().sum() / start.trace().clamp_min(1e-30)).clamp_min(1e-12).sqrt())
        latents = torch.cat([_nearest(prior, part, s, n_iterations, seed) for part in torch.split(x, _CHUNK)])
    with torch.no_grad():
        image = moments_of(x - _by_chunks(prior, latents), shrink=shrink)
        change = _logit_residual(prior, output_activation(prior), x, latents, margin)
        logits = moments_of(change, shrink=shrink)
    added = jitter * torch.eye(len(logits.covariance))
    return Residual(
        image,
        Moments(logits.mean, logits.covariance + added),
        images[len(images) - n_reference :].cpu(),
    )


def _first_latents(prior: Prior, x: Tensor, seed: int) -> Tensor:
    if prior.encoder is not None:
        return torch.cat([prior.encode(part) for part in torch.split(x, _CHUNK)])
    codes = prior.sample_latent(2000, seed=seed)
    drawn = _by_chunks(prior, codes).flatten(1)
    nearest = [torch.cdist(part.flatten(1), drawn).argmin(1) for part in torch.split(x, _CHUNK)]
    return codes[torch.cat(nearest)]


def _by_chunks(prior: Prior, z: Tensor) -> Tensor:
    return torch.cat([prior(part) for part in torch.split(z, _CHUNK)])


def _nearest(prior: Prior, x: Tensor, s: float, n_iterations: int, seed: int) -> Tensor:
    identity = Scaling(prior.out_shape, 1.0, dtype=x.dtype, device=x.device)
    starts = _first_latents(prior, x, seed)[:, None]
    solver = LevenbergMarquardt(
        restarts=1, n_iterations=n_iterations, starts=starts, tolerance=1e-3, stop_at_noise=False
    )
    solution = solver.solve(Problem(prior, identity, Gaussian(s), x))
    assert solution.z is not None  # a latent search has latents
    return solution.z


def _logit_residual(
    prior: Prior, output: OutputActivation, x: Tensor, latents: Tensor, margin: float
) -> Tensor:
    """Return the smallest change of the logits that makes the images, ``(n, *in_shape)``."""
    logits = torch.cat([output.logits(prior, part) for part in torch.split(latents, _CHUNK)])
    flat = x.flatten(1)
    if output.name == "identity":
        return (flat - logits).reshape(x.shape)
    lowest, highest = (
        torch.as_tensor(limit).to(flat).expand(flat.shape[1]) for limit in (output.low, output.high)
    )
    distance = margin * (highest - lowest)
    low, high = lowest + distance, highest - distance
    change = output.invert(flat.clamp(low, high)) - logits
    ends = output.invert(torch.stack([low, high]))
    saturated = ((flat <= low) & (logits <= ends[0])) | ((flat >= high) & (logits >= ends[1]))
    return torch.where(saturated, 0, change).reshape(x.shape)


def with_residual(prior: Prior, images: Tensor) -> Prior:
    """Return a trained prior with the statistics of what it cannot represent: the step after a training.

    Parameters
    ----------
    prior
        The trained prior.
    images
        Its training images ``(n, *out_shape)`` in the generator's range; a ninth of them is for reference,
        of large images 300 at most.

    Notes
    -----
    The nearest latent of a large image is its encoder's: a search would take an hour for 8000 of 64 x 64.
    """
    is_large = prior.encoder is not None and images[0].numel() > DENSE_PIXELS
    n_reference = min(300 if is_large else 1000, len(images) // 9)
    n_iterations = 0 if is_large else 8
    return replace(
        prior, residual=learn_residual(prior, images, n_reference=n_reference, n_iterations=n_iterations)
    )


def residual_facts(prior: Prior, n_images: int, *, is_held_out: bool = False) -> dict[str, str]:
    """Return what a card states of statistics learned from `n_images`; nothing where a prior has none.

    Parameters
    ----------
    prior
        The prior.
    n_images
        Training images at most that they were learned from.
    is_held_out
        Whether the reference images were held out of the training.
    """
    if prior.residual is None:
        return {}
    kept, variance = len(prior.residual.reference), prior.residual.image.covariance.diagonal().mean()
    which = f"{kept} held out for reference" if is_held_out else f"the last {kept} for reference"
    return {
        "residual": f"of the first {n_images} training images or all, {which}",
        "residual_variance": f"{float(variance):.6f}",
    }
