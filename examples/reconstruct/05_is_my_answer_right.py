r"""
Is my answer right: coverage of credible intervals
==================================================

A posterior is calibrated when its 90 % intervals hold the truth in 90 % of cases. Draws of the prior are
truths whose posterior is known to be right in theory, so that what is missing is the sampler's error.

**What to see:** the share of pixels within the intervals, over the level that these state; calibrated is
the diagonal.

**The number:** 90 % intervals hold 85 to 95 % of the pixels, and squared errors are 0.7 to 1.4 of the
variance.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import torch

import sciadv
from sciadv.forward import GaussianSensing
from sciadv.metrics import calibration
from sciadv.solvers import Laplace

# Its own draws have no representation error, so that its statistics are left out
prior = replace(sciadv.Prior.load("mnist-vae"), residual=None)
forward = GaussianSensing(prior.out_shape, 30, seed=0)
truth = prior.sample(40, seed=1)
y = forward(truth) + 0.1 * torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.1), y)

# %%
# A mixture of Gaussians around the minima, weighted by their evidence
solution = sciadv.solve(problem, Laplace(n_samples=200), diagnose=None)
draws = solution.posterior.samples
is_active = draws.std(1) > 0.01  # pixels that the data leave open
levels = [0.1, 0.3, 0.5, 0.7, 0.9]
found = [calibration(draws, truth, level=level, mask=is_active) for level in levels]
print(f"coverage of 90 % intervals: {found[-1].coverage:.3f}")
print(f"squared error over variance: {found[-1].variance_ratio:.2f}")

figure, axis = plt.subplots(figsize=(4.4, 4), layout="constrained")
axis.plot(levels, [one.coverage for one in found], "o-", label="Laplace mixture")
axis.plot([0, 1], [0, 1], color="0.7", label="calibrated")
axis.set(xlabel="stated level", ylabel="share of true pixels inside", aspect="equal")
axis.legend()
plt.show()
