"""TV: total variation, the classical prior of images that are piecewise smooth; no network, no training set.

Rudin, Osher and Fatemi, Nonlinear total variation based noise removal algorithms, Physica D 60 (1992)
259-268; by the fast gradient projections of Beck and Teboulle, Fast gradient-based algorithms for constrained
total variation image denoising and deblurring problems, IEEE Transactions on Image Processing 18 (2009)
2419-2434.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward, LinearForward, expect_grid
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.gaussian_estimate import noise_variance, require_linear
from sciadv.types import Count, NotNegative, Rows


@dataclass(frozen=True, eq=False)
class Smooth:
    """The smooth half of the objective: ``|A x - y|^2 / (2 sigma^2)`` and its largest curvature."""

    problem: Problem
    forward: LinearForward
    curvature: float

    def gradient(self, x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient at images of the measurements `rows`, and their misfit."""
        y, likelihood, prediction = self.problem.measurements[rows], self.problem.likelihood, self.forward(x)
        gradient = self.forward.adjoint(likelihood.gradient(prediction, y)).to(x.dtype)
        return gradient, likelihood.misfit(prediction, y)


@dataclass(frozen=True)
class Iterates(Rows):
    """Images `x`, the points `here` from which they go on, and the misfit where the last step began.

    `dual` ``(rows, axes, *in_shape)`` is that of the last denoising, `momentum` ``(rows,)`` Nesterov's
    number.
    """

    x: Tensor
    here: Tensor
    dual: Tensor
    momentum: Tensor
    misfit: Tensor
    objective: None = None


TVState = State[Smooth, Iterates, None]


@checked
@dataclass(frozen=True)
class TV:
    """Minimise ``|A x - y|^2 / (2 sigma^2) + weight * sum_pixels |grad x|`` over x within bounds.

    Of signals, images and volumes, real or complex. The gradient is of forward differences, 0 past the edges,
    its length Euclidean over the axes; channels count by themselves. Beck and Teboulle's MFISTA without the
    check, restarted where the objective rises; each of its steps denoises by projected gradients on the dual.

    Parameters
    ----------
    weight
        Weight of the total variation [1 / unit of x], > 0. Under a prior ``p ~ exp(-weight |grad x|)``
        gradients have a mean length of ``2 / weight``. Choose it on images other than those compared.
    bounds
        Range of x; None for none, as for complex images.
    n_iterations
        Steps at most.
    tolerance
        A measurement has converged when a step moves x by less than this part of its length.
    n_dual
        Projected steps on the dual of each denoising, which goes on from the dual of the one before.
    n_power, curvature_margin
        Power iterations for the largest curvature, and the factor that it is raised by for not having
        converged.

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

    weight: NotNegative = 30.0
    bounds: tuple[float, float] | None = (0.0, 1.0)
    n_iterations: Count = 500
    tolerance: NotNegative = 1e-4
    n_dual: Count = 10
    n_power: Count = 30
    curvature_margin: NotNegative = 1.02
    name: str = "tv"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.weight > 0:
            raise InputError(f"the weight of the total variation must be > 0, but it is {self.weight}")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise InputError(f"bounds must be (low, high) with low < high, but they are {self.bounds}")

    @staticmethod
    def of_images(images: Tensor, factor: float, *, n_iterations: int) -> TV:
        """Return that of images ``(n, *in_shape)``, within their values.

        Parameters
        ----------
        images
            Of the kind.
        factor
            Weight in units of the one under which the images' gradients have their mean length.
        n_iterations
            As above.
        """
        length = float(gradient(images).square().sum(0).sqrt().mean().clamp_min(1e-12))
        bounds = (float(images.min()), float(images.max()))
        return TV(weight=factor * 2 / length, bounds=bounds, n_iterations=n_iterations)

    def init(self, problem: Problem, run: Run) -> TVState:
        """Start from x = 0."""
        forward = _grid_operator(problem.forward, self.name)
        if self.bounds is not None and forward.dtype.is_complex:
            raise InputError("complex images have no bounds; give TV(bounds=None)")
        noise_variance(problem, self.name)  # the noise is Gaussian and known
        assert isinstance(problem.likelihood, Gaussian)
        n, shape, device = problem.n_problems, forward.in_shape, problem.measurements.device
        x = torch.zeros(n, *shape, dtype=forward.dtype, device=device)
        with torch.no_grad():
            curvature = self.curvature_margin * _largest_curvature(problem, self.n_power)
            smooth = Smooth(problem, forward, curvature)
            misfit = smooth.gradient(x, every_row(x))[1]
        first = Iterates(x, x, x.new_zeros(n, len(shape) - 1, *shape), misfit.new_ones(n), misfit)
        return State(smooth, run, first, every_row(x), None, self.n_iterations)

    def step(self, state: TVState) -> TVState:
        """Do one step of MFISTA on every active row."""
        smooth, rows = state.search, state.active
        at = state.best.take(rows)
        with torch.no_grad():
            gradient, misfit = smooth.gradient(at.here, rows)
            weight = self.weight / smooth.curvature
            aim = at.here - gradient / smooth.curvature
            there, dual = _denoise(aim, at.dual.transpose(0, 1), weight, self.bounds, self.n_dual)
        # O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes (2015), eq. 13
        goes_back = ((at.here - there) * (there - at.x).conj()).real.flatten(1).sum(1) > 0
        momentum = torch.where(goes_back, 1.0, at.momentum)
        following = (1 + (1 + 4 * momentum**2).sqrt()) / 2
        pull = ((momentum - 1) / following).reshape(-1, *([1] * (there.ndim - 1)))
        going = (there - at.x).flatten(1).norm(dim=1) > self.tolerance * there.flatten(1).norm(dim=1)
        here = there + pull * (there - at.x)
        best = state.best.put(rows, Iterates(there, here, dual.transpose(0, 1), following, misfit))
        return state.after(best, None, rows[going])

    def result(self, state: TVState) -> Solution:
        """Score the images."""
        return score(state.search.problem, state.best.x, ended=state.ended)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Minimise for every measurement of the problem.

        Raises
        ------
        InputError
            The operator is not linear, the candidates are no images, or the noise is not Gaussian of known
            sigma.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)


def _grid_operator(forward: Forward, method: str) -> LinearForward:
    require_linear(forward, method)
    assert isinstance(forward, LinearForward)
    expect_grid(forward.in_shape, method)
    return forward


def _largest_curvature(problem: Problem, n_power: int) -> float:
    """Return the largest eigenvalue of ``A* A / sigma^2``, by power iterations from a fixed start."""
    forward, likelihood = problem.forward, problem.likelihood
    draw = torch.Generator().manual_seed(0)
    v = torch.randn(1, *forward.in_shape, generator=draw).to(forward.device, forward.dtype)
    size = 1.0
    for _ in range(n_power):
        v = v / v.norm()
        data = forward(v)
        v = forward.vjp(v, data * likelihood.curvature(data, data)).to(v.dtype)
        size = float(v.norm())
    return max(size, torch.finfo(v.dtype).tiny)


def gradient(x: Tensor) -> Tensor:
    """Return the forward differences ``(axes, batch, channels, *space)`` along each axis, 0 past the edges.

    Parameters
    ----------
    x
        Signals, images or volumes ``(batch, channels, *space)``.
    """
    differences = x.new_zeros(x.ndim - 2, *x.shape)
    for part, dim in zip(differences, range(2, x.ndim), strict=True):
        n = x.shape[dim] - 1
        part.narrow(dim, 0, n).copy_(x.narrow(dim, 1, n)).sub_(x.narrow(dim, 0, n))
    return differences


def divergence(dual: Tensor) -> Tensor:
    """Return minus the adjoint of `gradient`, ``(batch, channels, *space)``."""
    total = torch.zeros_like(dual[0])
    for part, dim in zip(dual, range(2, dual.ndim - 1), strict=True):
        n = part.shape[dim] - 1
        inside = part.narrow(dim, 0, n)
        total.narrow(dim, 0, n).add_(inside)
        total.narrow(dim, 1, n).sub_(inside)
    return total


def _denoise(
    aim: Tensor, dual: Tensor, weight: float, bounds: tuple[float, float] | None, n_dual: int
) -> tuple[Tensor, Tensor]:
    """Return the minimiser of ``|x - aim|^2 / 2 + weight TV(x)`` within bounds, and its dual.

    Fast gradient projection, Beck and Teboulle's section IV.B, on duals of length 1 at most.
    """

    def primal(p: Tensor) -> Tensor:
        x = divergence(p).mul_(weight).add_(aim)
        return x if bounds is None else x.clamp_(*bounds)

    here, t = dual, 1.0
    largest = 4 * len(dual)  # bound of the eigenvalues of the gradient's square
    for _ in range(n_dual):
        ahead = gradient(primal(here)).div_(largest * weight).add_(here)
        length = (ahead * ahead.conj()).real.sum(0).sqrt_()
        projected = ahead.div_(length.clamp_min_(1))
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        here = torch.add(projected, projected - dual, alpha=(t - 1) / following)
        dual, t = projected, following
    return primal(dual), dual
