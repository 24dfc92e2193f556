r"""
Draws from the posterior, and maps of what is uncertain
=======================================================

Few data leave several answers. :math:`p(x | y)` is drawn from: each draw explains the data, and their
spread says which pixels the data fix.

**What to see:** for two digits, from ten random projections: the mean, the standard deviation, and
draws.

**The number:** every draw explains the data, with a misfit near 1, and the mean standard deviation is
above 0.02.
"""

import torch

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.forward import GaussianSensing
from sciadv.solvers import Laplace

prior = sciadv.Prior.load("mnist-vae")
forward = GaussianSensing(prior.out_shape, 10, seed=0)
truth = prior.sample(2, seed=5)
y = forward(truth) + 0.1 * torch.randn(2, 10, generator=torch.Generator().manual_seed(0))
problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.1), y, name="ten projections")
solution = sciadv.solve(problem, Laplace(n_samples=100), diagnose=None)

# %%
# The draws, their misfit, their intervals
draws = solution.posterior.samples
residual = forward(draws.flatten(0, 1)).unflatten(0, draws.shape[:2]) - y[:, None]
low, high = solution.posterior.interval(0.9)
print(f"misfit of the draws [sigma]: {float(residual.square().mean().sqrt() / 0.1):.2f}")
print(f"mean standard deviation: {float(solution.posterior.standard_deviation.mean()):.3f}")
print(f"pixels of which 90 % intervals are wider than 0.2: {float((high - low > 0.2).float().mean()):.0%}")
show(solution.plot("posterior"))
