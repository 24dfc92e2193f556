"""Where latent searches start: a codebook of prior draws, the encoded linear estimate, or given latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solvers.linear import linear_estimate

#: Codebook entries per restart among which starts are spread.
_PER_START = 5


def codebook_starts(problem: Problem, n_restarts: int, *, seed: int, n_codes: int = 2000) -> Tensor:
    """Return prior draws that explain each measurement well and lie far apart; ``(batch, restarts, latent)``.

    The draws go through ``F(G(z))`` once and are shared by all measurements. The first start minimises the
    objective over the codebook; each further one is, among the `_PER_START` best draws a restart, the
    farthest from those taken before, since the very best often lie in one basin.
    """
    codes = problem.prior.sample_latent(n_codes, seed=seed)
    with torch.no_grad():
        predicted = torch.cat([problem.forward(problem.prior(z)) for z in torch.split(codes, 500)])
        weight = 0.5 * problem.latent_weight * codes.square().sum(1)
        energies = [problem.likelihood.energy(predicted, y[None]) for y in problem.measurements]
        scores = torch.stack(energies) + weight
    n_best = min(n_codes, 1 if n_restarts == 1 else _PER_START * n_restarts)
    return _spread(codes[scores.topk(n_best, dim=1, largest=False).indices], n_restarts)


def _spread(ranked: Tensor, n_restarts: int) -> Tensor:
    """Take the first of ``(batch, codes, latent)``, then again and again the farthest from all taken."""
    rows = torch.arange(len(ranked), device=ranked.device)
    taken = [ranked[:, 0]]
    distance = torch.full_like(ranked[..., 0], torch.inf)
    for _ in range(n_restarts - 1):
        distance = torch.minimum(distance, (ranked - taken[-1][:, None]).square().sum(2))
        taken.append(ranked[rows, distance.argmax(1)])
    return torch.stack(taken, dim=1)


@dataclass(frozen=True)
class Starts:
    """Where a search starts, and how it thins its restarts out.

    Parameters
    ----------
    restarts
        Starts per measurement.
    where
        "codebook": the prior draws that explain the data best. "encoder": the encoded linear estimate of the
        image, then the codebook. "auto": "encoder" where the prior has one and the operator is linear, else
        "codebook". "random": draws, the same for every measurement. Or latents ``(batch, restarts, latent)``.
    halve_at
        Iterations after which only the better half of a measurement's restarts goes on.
    """

    restarts: int
    where: str | Tensor = "auto"
    halve_at: tuple[int, ...] = ()

    @property
    def origin(self) -> str:
        """Where, in a word."""
        return self.where if isinstance(self.where, str) else "given"


def choose_starts(problem: Problem, starts: Starts, *, seed: int) -> Tensor:
    """Return the starting latents ``(batch, restarts, latent)``.

    Raises
    ------
    InputError
        `starts.where` is no known word, or latents of the wrong shape.
    """
    expected = (problem.n_problems, starts.restarts, problem.prior.n_latent)
    if isinstance(starts.where, Tensor):
        if starts.where.shape != expected:
            raise InputError(
                f"starts have shape {tuple(starts.where.shape)}, but (batch, restarts, latent) is {expected}"
            )
        return starts.where.to(problem.prior.device, problem.prior.dtype)
    has_encoder = problem.prior.encoder is not None and problem.forward.is_linear
    if starts.where == "codebook" or (starts.where == "auto" and not has_encoder):
        return codebook_starts(problem, starts.restarts, seed=seed)
    if starts.where == "random":
        return problem.prior.sample_latent(starts.restarts, seed=seed).expand(expected)  # whatever the batch
    if starts.where in ("encoder", "auto"):
        return _encoder_starts(problem, starts.restarts, seed=seed)
    raise InputError(
        f"starts must be 'auto', 'codebook', 'encoder', 'random' or latents of shape {expected}, "
        f"but got {starts.where!r}"
    )


def _encoder_starts(problem: Problem, n_restarts: int, *, seed: int) -> Tensor:
    """First start: the encoded linear estimate of the image; the others from the codebook."""
    if not problem.forward.is_linear:
        raise InputError("starts='encoder' needs a linear operator, which gives a first image")
    first = problem.prior.encode(_first_image(problem))[:, None]
    if n_restarts == 1:
        return first
    return torch.cat([first, codebook_starts(problem, n_restarts - 1, seed=seed)], dim=1)


def _first_image(problem: Problem) -> Tensor:
    """Return the linear estimate where the prior has moments, else the adjoint image, scaled to the data."""
    forward, likelihood = problem.forward, problem.likelihood
    shape = (-1, *forward.in_shape)
    if (
        problem.prior.moments is not None
        and isinstance(likelihood, Gaussian)
        and likelihood.sigma is not None
    ):
        return linear_estimate(problem).to(problem.prior.dtype).reshape(shape)
    with torch.no_grad():
        zero = torch.zeros(1, *forward.in_shape, dtype=forward.dtype, device=forward.device)
        back = forward.vjp(zero, problem.measurements)
        again = real_view(forward(back))
        fit = (again * real_view(problem.measurements)).sum(1) / again.square().sum(1).clamp_min(1e-30)
        return (back.flatten(1) * fit[:, None]).reshape(shape)
