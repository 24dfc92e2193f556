"""Where latent searches start: prior draws, an encoded or a regressed estimate, or given latents."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError, require_at_least
from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solvers.amortised.latent_regression import amortised_starts
from sciadv.solvers.linear.gaussian_estimate import linear_estimate
from sciadv.solvers.linear.jacobian import latent_jacobian
from sciadv.solvers.linear.linearised_draws import (
    LinearisedDraws,
    linearised_draws,
    n_linearised,
    objectives,
    predicted_objectives,
)
from sciadv.solvers.size import check_held


def codebook_starts(
    problem: Problem, n_restarts: int, *, seed: int, n_codes: int = 2000, n_per_start: int = 5
) -> Tensor:
    """Return prior draws that explain each measurement well and lie far apart; ``(batch, restarts, latent)``.

    The draws go through ``F(G(z))`` once and are shared by all measurements. The first start minimises the
    objective over the codebook; each further one is, among the `n_per_start` best draws a restart, the
    farthest from those taken before, since the very best often lie in one basin.
    """
    codes = problem.prior.sample_latent(n_codes, seed=seed)
    with torch.no_grad():
        predicted = torch.cat([problem.forward(problem.prior(z)) for z in torch.split(codes, 500)])
        scores = objectives(problem, codes, predicted)
    n_best = min(n_codes, 1 if n_restarts == 1 else n_per_start * n_restarts)
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
        "codebook". "linearised-draws": as "auto", but instead of the codebook the draws whose models of the
        objective have the lowest minima, where latents are short enough for enough of them. "amortised":
        latents regressed on the measurements by samples of the generator, kept in the cache folder for each
        generator (`sciadv.solvers.amortised`), then others as far from them as the regression errs. "random":
        draws, the same for every measurement. Or latents ``(batch, restarts, latent)``.
    halve_at
        Iterations after which only the better half of a measurement's restarts goes on. From a third of
        the first on, a restart that has met a better one ends too.
    """

    restarts: int
    where: str | Tensor = "auto"
    halve_at: tuple[int, ...] = ()

    @property
    def origin(self) -> str:
        """Where, in a word."""
        return self.where if isinstance(self.where, str) else "given"


@dataclass(frozen=True)
class StartPoints:
    """Starting latents `z` ``(batch, restarts, latent)``, and which of the `draws` each is, -1 for none."""

    z: Tensor
    draws: LinearisedDraws | None = None
    draw: Tensor | None = None

    def jacobian(self, problem: Problem, rows: Tensor) -> Tensor:
        """Return the Jacobians at the starts of `rows` of the flattened batch; a draw's is known."""
        z = self.z.flatten(0, 1)[rows]
        if self.draws is None or self.draw is None:
            return latent_jacobian(problem, z)
        draw = self.draw.flatten()[rows]
        jacobian = self.draws.jacobian[draw.clamp_min(0)]
        unknown = (draw < 0).nonzero().squeeze(1)
        if len(unknown):
            jacobian = jacobian.index_copy(0, unknown, latent_jacobian(problem, z[unknown]))
        return jacobian


def choose_starts(problem: Problem, starts: Starts, *, seed: int) -> Tensor:
    """Return the starting latents ``(batch, restarts, latent)``, see `start_points`."""
    return start_points(problem, starts, seed=seed).z


def start_points(problem: Problem, starts: Starts, *, seed: int) -> StartPoints:
    """Choose where a search starts.

    Raises
    ------
    InputError
        `starts.where` is no known word, or latents of the wrong shape, or there is no start.
    """
    require_at_least(starts, {"restarts": 1})
    check_held(problem, starts)
    where, n, prior = starts.where, starts.restarts, problem.prior
    expected = (problem.n_problems, n, prior.n_latent)
    if isinstance(where, Tensor):
        if where.shape != expected:
            raise InputError(
                f"starts have shape {tuple(where.shape)}, but (batch, restarts, latent) is {expected}"
            )
        return StartPoints(where.to(prior.device, prior.dtype))
    if where == "random":
        return StartPoints(prior.sample_latent(n, seed=seed).expand(expected))  # whatever the batch
    if where == "amortised":
        return StartPoints(amortised_starts(problem, n, seed=seed))
    if where not in ("auto", "linearised-draws", "encoder", "codebook"):
        raise InputError(
            f"starts must be 'auto', 'linearised-draws', 'codebook', 'encoder', 'amortised', 'random' or "
            f"latents of shape {expected}, but got {where!r}"
        )
    has_encoder = prior.encoder is not None and problem.forward.is_linear
    first = _encoded(problem) if where == "encoder" or (has_encoder and where != "codebook") else None
    n_drawn = n if first is None else n - 1
    if where == "linearised-draws" and n_drawn and n_linearised(problem) >= 4 * n_drawn:  # a choice of four
        return _linearised_starts(problem, n_drawn, first, seed=seed)
    drawn = [codebook_starts(problem, n_drawn, seed=seed)] if n_drawn else []
    return StartPoints(torch.cat([*([] if first is None else [first]), *drawn], dim=1))


def _linearised_starts(problem: Problem, n_drawn: int, first: Tensor | None, *, seed: int) -> StartPoints:
    """Return `first` and the draws whose models of the objective have the lowest minima."""
    draws = linearised_draws(problem, seed=seed)
    draw = predicted_objectives(problem, draws).topk(n_drawn, dim=1, largest=False).indices
    z = draws.z[draw]
    if first is not None:
        z = torch.cat([first, z], dim=1)
        draw = torch.cat([torch.full_like(draw[:, :1], -1), draw], dim=1)
    return StartPoints(z, draws, draw)


def _encoded(problem: Problem) -> Tensor:
    """Return the encoded linear estimate of the image ``(batch, 1, latent)``."""
    if not problem.forward.is_linear:
        raise InputError("starts='encoder' needs a linear operator, which gives a first image")
    return problem.prior.encode(_first_image(problem))[:, None]


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
