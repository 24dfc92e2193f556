"""TV: total variation, the classical prior of images that are piecewise smooth; no network, no training set.

Rudin, Osher and Fatemi, Nonlinear total variation based noise removal algorithms, Physica D 60 (1992)
259-268; by the fast gradient projections of Beck and Teboulle, Fast gradient-based algorithms for constrained
total variation image denoising and deblurring problems, IEEE Transactions on Image Processing 18 (2009)
2419-2434.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward, LinearForward
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.latent.scoring import direct_solution, outcome
from sciadv.solvers.linear.gaussian_estimate import noise_variance, require_linear

#: Power iterations for the largest curvature, and what it is raised by for not having converged.
_N_POWER, _MARGIN = 30, 1.02
#: Projected steps on the dual of each denoising, which goes on from the dual of the one before.
_N_DUAL = 10


@dataclass(frozen=True)
class TV:
    """Minimise ``|A x - y|^2 / (2 sigma^2) + weight * sum_pixels |grad x|`` over x within bounds.

    The gradient is of forward differences, 0 past the edges, its length Euclidean over rows and columns;
    channels count by themselves. Beck and Teboulle's MFISTA without the check, restarted where the objective
    rises; each of its steps denoises by projected gradients on the dual.

    Parameters
    ----------
    weight
        Weight of the total variation [1 / unit of x], > 0. A law ``p ~ exp(-weight |grad x|)`` has gradients
        of mean length ``2 / weight``. Choose it on images that are not those to be judged.
    bounds
        Range of x; None for none.
    n_iterations
        Steps at most.
    tolerance
        A measurement has converged when a step moves x by less than this part of its length.

    Raises
    ------
    InputError
        The weight is not positive, or the bounds are not low < high.

    Notes
    -----
    Cost per step: one call of A and one of its adjoint. Each measurement ends by itself.

    Examples
    --------
    Denoising: most of the noise goes, the step of height 1 stays.

    >>> import torch
    >>> from sciadv import Gaussian, Prior, Problem
    >>> from sciadv.forward import Mask
    >>> x = torch.zeros(1, 1, 8, 8).index_fill(3, torch.arange(4, 8), 1.0)
    >>> y = (x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))).flatten(1)
    >>> prior = Prior(torch.nn.Unflatten(1, (1, 8, 8)), 64)
    >>> problem = Problem(prior, Mask(torch.ones(1, 8, 8, dtype=torch.bool)), Gaussian(0.1), y)
    >>> found = TV(weight=10.0).solve(problem).x
    >>> bool((found - x).square().mean() < 0.3 * (y.reshape(x.shape) - x).square().mean())
    True
    """

    weight: float = 30.0
    bounds: tuple[float, float] | None = (0.0, 1.0)
    n_iterations: int = 500
    tolerance: float = 1e-4
    name: str = "tv"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.weight > 0:
            raise InputError(f"the weight of the total variation must be > 0, but it is {self.weight}")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise InputError(f"bounds must be (low, high) with low < high, but they are {self.bounds}")

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:  # noqa: ARG002  # nothing is random
        """Minimise for every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the candidates are no images, or the noise is not Gaussian of known
            sigma.
        """
        started = time.perf_counter()
        forward = _image_operator(problem.forward, self.name)
        noise_variance(problem, self.name)  # the noise is Gaussian and known
        assert isinstance(problem.likelihood, Gaussian)
        likelihood, y = problem.likelihood, problem.measurements

        def slope(x: Tensor, rows: Tensor) -> Tensor:
            return forward.adjoint(likelihood.gradient(forward(x), y[rows])).to(x.dtype)

        with torch.no_grad():
            x, ended = self._minimise(problem, slope, monitor)
        settings: dict[str, object] = {
            "weight": self.weight,
            "bounds": self.bounds,
            "n_iterations": self.n_iterations,
            "tolerance": self.tolerance,
        }
        solution = direct_solution(
            problem, x, method=self.name, started=started, settings=settings, monitor=None
        )
        scored = zip(solution.misfit, ended, strict=True)
        return replace(solution, status=[outcome(float(m), problem, was) for m, was in scored])

    def _minimise(
        self, problem: Problem, slope: Callable[[Tensor, Tensor], Tensor], monitor: Monitor | None
    ) -> tuple[Tensor, list[Status]]:
        """Return the minimisers ``(batch, *in_shape)`` and how each search ended."""
        began, n = time.perf_counter(), problem.n_problems
        shape, device = problem.forward.in_shape, problem.measurements.device
        x = torch.zeros(n, *shape, dtype=problem.forward.dtype, device=device)
        curvature = _largest_curvature(problem)
        active, step = torch.arange(n, device=device), 0
        here = previous = x
        dual, momentum = x.new_zeros(2, n, *shape), x.new_ones(n)
        unfinished = Status.MAX_ITERATIONS
        try:
            while len(active) and step < self.n_iterations:
                step += 1
                aim = here - slope(here, active) / curvature
                there, dual = _denoise(aim, dual, self.weight / curvature, self.bounds)
                # O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes (2015), eq. 13
                goes_back = ((here - there) * (there - previous)).flatten(1).sum(1) > 0
                momentum = torch.where(goes_back, 1.0, momentum)
                following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
                pull = ((momentum - 1) / following).reshape(-1, *([1] * len(shape)))
                moved = (there - previous).flatten(1).norm(dim=1)
                here = there + pull * (there - previous)
                x = x.index_copy(0, active, there)
                going = moved > self.tolerance * there.flatten(1).norm(dim=1)
                active, here, previous = active[going], here[going], there[going]
                dual, momentum = dual[:, going], following[going]
                if monitor is not None:
                    monitor(self._progress(problem, x, step, len(active), time.perf_counter() - began))
        except KeyboardInterrupt:
            unfinished = Status.INTERRUPTED
        running = set(active.tolist())
        return x, [unfinished if row in running else Status.CONVERGED for row in range(n)]

    def _progress(self, problem: Problem, x: Tensor, step: int, n_alive: int, seconds: float) -> Progress:
        misfit = problem.likelihood.misfit(problem.forward(x), problem.measurements)
        return Progress(step, self.n_iterations, n_alive, len(x), float(misfit.median()), seconds)


def _image_operator(forward: Forward, method: str) -> LinearForward:
    require_linear(forward, method)
    assert isinstance(forward, LinearForward)
    if len(forward.in_shape) != 3:
        raise InputError(
            f"{method} needs images (channels, height, width), but in_shape is {forward.in_shape}"
        )
    return forward


def _largest_curvature(problem: Problem) -> float:
    """Return the largest eigenvalue of ``A* A / sigma^2``, by power iterations from a fixed start."""
    forward, likelihood = problem.forward, problem.likelihood
    draw = torch.Generator().manual_seed(0)
    v = torch.randn(1, *forward.in_shape, generator=draw).to(forward.device, forward.dtype)
    size = 1.0
    for _ in range(_N_POWER):
        v = v / v.norm()
        data = forward(v)
        v = forward.vjp(v, data * likelihood.curvature(data, data)).to(v.dtype)
        size = float(v.norm())
    return _MARGIN * max(size, torch.finfo(v.dtype).tiny)


def gradient(x: Tensor) -> Tensor:
    """Return the forward differences ``(2, ..., height, width)`` along rows and columns, 0 past the edges."""
    down = torch.nn.functional.pad(x.diff(dim=-2), (0, 0, 0, 1))
    right = torch.nn.functional.pad(x.diff(dim=-1), (0, 1))
    return torch.stack([down, right])


def divergence(dual: Tensor) -> Tensor:
    """Return minus the adjoint of `gradient`, ``(..., height, width)``."""
    down = torch.nn.functional.pad(dual[0][..., :-1, :], (0, 0, 1, 1)).diff(dim=-2)
    right = torch.nn.functional.pad(dual[1][..., :-1], (1, 1)).diff(dim=-1)
    return down + right


def _denoise(
    aim: Tensor, dual: Tensor, weight: float, bounds: tuple[float, float] | None
) -> tuple[Tensor, Tensor]:
    """Return the minimiser of ``|x - aim|^2 / 2 + weight TV(x)`` within bounds, and its dual.

    Fast gradient projection, Beck and Teboulle's section IV.B, on duals of length 1 at most.
    """

    def primal(p: Tensor) -> Tensor:
        x = aim + weight * divergence(p)
        return x if bounds is None else x.clamp(*bounds)

    here, t = dual, 1.0
    for _ in range(_N_DUAL):
        ahead = here + gradient(primal(here)) / (8 * weight)
        projected = ahead / ahead.square().sum(0).sqrt().clamp_min(1)
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        here = projected + (t - 1) / following * (projected - dual)
        dual, t = projected, following
    return primal(dual), dual
