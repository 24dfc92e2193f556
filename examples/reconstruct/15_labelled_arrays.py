r"""
Answers as xarray, pandas and ArviZ have them
=============================================

A solution is a labelled data set, a table with a row per measurement, and, where it has draws, inference
data with chains and draws as ArviZ takes them. Markov chains report R-hat and the effective sample size.

**What to see:** trace of one latent in four chains, and the map of the standard deviation as xarray
draws it.

**The number:** the largest R-hat is below 1.2 after 200 draws a chain; ArviZ's own is the same.
"""

import arviz_stats
import matplotlib.pyplot as plt
import torch

import sciadv
from sciadv.forward import GaussianSensing
from sciadv.solvers import HMC
from sciadv.solvers.posterior.chains import Plan

prior = sciadv.Prior.load("mnist-vae")
forward = GaussianSensing(prior.out_shape, 30, seed=0)
y = forward(prior.sample(1, seed=5))
y = y + 0.5 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.5), y)
plan = Plan(n_samples=800, n_warmup=80, thin=1)
solution = sciadv.solve(problem, HMC(restarts=4, plan=plan), diagnose=None)

# %%
# The same answer, three ways
data = solution.to_xarray()
print(data)
print(solution.to_pandas())
tree = solution.to_inferencedata()
rhat = arviz_stats.rhat(tree, var_names=["z"]).dataset["z"]
print(f"largest R-hat: {float(solution.posterior.r_hat.max()):.3f}")
print(f"largest R-hat of ArviZ: {float(rhat.max()):.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
tree.posterior["z"].isel(measurement=0, latent=0).plot.line(x="draw", ax=left, linewidth=0.8)
data["posterior_x"].std(("chain", "draw")).isel(measurement=0, channel=0).plot(ax=right)
right.invert_yaxis()
plt.show()
