"""What a prior does in a solve: compressed sensing in CSGM's setting, and why it fails where it does."""

from __future__ import annotations

from torch import Tensor

from benchmarks.reconstruct.compressed_sensing import csgm_objective, make_problem
from sciadv.metrics import mse
from sciadv.prior import Prior
from sciadv.solvers import LevenbergMarquardt

#: Objectives differ if one is above the other by this factor.
_ABOVE = 1.01


def sensing(prior: Prior, images: Tensor, m: int, *, seed: int) -> dict[str, float]:
    """Reconstruct images ``(n, *out_shape)`` from m Gaussian measurements each, and judge the search.

    A second search begins at the true image's own latent, which only the encoder of the whole image knows.
    Where it ends lower, the solver failed: it did not find the minimum. Where the solver ended lower, the
    objective failed: another image than the true one has a better one.

    Returns
    -------
    ``sensing_error_<m>``, the mean squared error per pixel; with an encoder also ``search_failures_<m>`` and
    ``wrong_minima_<m>``, the shares of images of these two kinds, and ``sensing_error_<m>_found``, the error
    that a solver would have that always found the lower of both minima.
    """
    problem = make_problem(prior, images, m=m, seed=seed)
    solution = LevenbergMarquardt().solve(problem, seed=seed)
    error = mse(solution.x, images)
    numbers = {f"sensing_error_{m}": float(error.mean())}
    if prior.encoder is None:
        return numbers
    informed = LevenbergMarquardt(restarts=1, starts=prior.encode(images)[:, None]).solve(problem)
    assert solution.z is not None  # a latent search has one
    assert informed.z is not None
    ours, theirs = (
        csgm_objective(problem, x, z) for x, z in ((solution.x, solution.z), (informed.x, informed.z))
    )
    failed, wrong = ours > _ABOVE * theirs, theirs > _ABOVE * ours
    found = error.where(~failed, mse(informed.x, images))
    return numbers | {
        f"sensing_error_{m}_found": float(found.mean()),
        f"search_failures_{m}": float(failed.float().mean()),
        f"wrong_minima_{m}": float(wrong.float().mean()),
    }
