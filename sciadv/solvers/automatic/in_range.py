"""Whether a measurement is of an image in the generator's range: by the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.past_range import search_to_minimum
from sciadv.solvers.beyond_range.whitening import Whitened, latent_problem
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.posterior.laplace_mixture import half_log_determinant


@dataclass(frozen=True, eq=False)
class InRange:
    """Candidates in the generator's range, and the evidence for them.

    Parameters
    ----------
    x
        ``G(z)``, at the likeliest z of a generator that makes every image exactly.
    z
        That latent.
    gain
        Log evidence of such a generator, minus that of one with its representation error [nats] ``(batch,)``;
        minus infinity where ``G(z)`` is far from the data.
    """

    x: Tensor
    z: Tensor
    gain: Tensor


def in_range(
    problem: Problem,
    whitened: Whitened,
    found: Solution,
    *,
    restarts: int | None,
    near_noise: float,
    run: Run,
) -> InRange:
    """Search the likeliest latent of a generator that makes every image exactly, and weigh it.

    By Laplace's approximation both ways: MacKay, Information Theory, Inference, and Learning Algorithms,
    2003, chapters 27 and 28. An image of the generator's own has a larger evidence without the representation
    error, by as many nats as that error's covariance adds to the data's.

    Parameters
    ----------
    problem
        What is solved.
    whitened
        The same with the representation error in its noise.
    found
        Its latent search.
    restarts
        Starts of the search, as in `RepresentationError`.
    near_noise
        Candidates with a larger misfit [standard deviations of the noise] are not weighed.
    run
        The run that this belongs to.
    """
    assert found.z is not None  # a latent search has latents
    exact_prior = replace(problem.prior, residual=None)
    exact = latent_problem(replace(problem, prior=exact_prior, latent_weight=1.0), "auto")
    ranged = search_to_minimum(exact, restarts).solve(exact, seed=run.seed, monitor=run)
    assert ranged.z is not None
    gain = torch.full_like(ranged.misfit, -torch.inf)
    rows = (ranged.misfit <= near_noise).nonzero().squeeze(1)
    if len(rows):
        half_log_noise = 0.5 * noise_variance(problem, "auto").log().sum()
        without = _cost(exact.subset(rows), ranged.z[rows]) + half_log_noise
        beyond = _cost(whitened.problem.subset(rows), found.z[rows]) + whitened.half_log_det
        gain[rows] = (beyond - without).to(gain)
    return InRange(ranged.x, ranged.z, gain)


def _cost(problem: Problem, z: Tensor) -> Tensor:
    """Return minus the log evidence by Laplace, without the noise's constant ``(batch,)``."""
    with torch.no_grad():
        predicted = problem.forward(problem.prior(z.double()))
    misfit = problem.likelihood.misfit(predicted, problem.measurements)
    chi_square = problem.n_measurements * misfit.square()
    return 0.5 * (chi_square + z.double().square().sum(1)) + half_log_determinant(problem, z)
