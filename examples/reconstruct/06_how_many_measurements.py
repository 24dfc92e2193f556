r"""
How many measurements are needed
================================

Draw truths, simulate measurements of m numbers, solve, and look where the error stops to fall. With few
data the generator gives the picture; with many the best linear estimate, which needs no search,
overtakes any answer that stays in the generator's range.

**What to see:** the mean squared error over m, within the generator's range (`levenberg-marquardt`), out
of it by the learned statistics of the residual (`representation-error`), and without a generator
(`lmmse`).

**The number:** at m = 25 the search in the range has less error than the linear estimate, at m = 200
more than one and a half times as much. The truths are draws of another generator: no prior draws the
real world.
"""

import matplotlib.pyplot as plt
import torch

import sciadv
from sciadv.forward import GaussianSensing

prior = sciadv.Prior.load("mnist-vae")
truth = sciadv.Prior.load("mnist").sample(8, seed=1)
sizes = (10, 25, 50, 100, 200)
errors = {"levenberg-marquardt": [], "representation-error": [], "lmmse": []}
for m in sizes:
    forward = GaussianSensing(prior.out_shape, m, seed=0)
    y = forward(truth) + 0.1 * torch.randn(8, m, generator=torch.Generator().manual_seed(0))
    problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.1), y, latent_weight=10.0 * m)
    for method, found in errors.items():
        x = sciadv.solve(problem, method, diagnose=None).x
        found.append(float((x - truth).square().mean()))

for k, m in enumerate(sizes):
    ratio = errors["levenberg-marquardt"][k] / errors["lmmse"][k]
    print(f"error of the search over that of lmmse, m = {m}: {ratio:.2f}")

# %%
# The knee of the curve is the number of measurements that pays
figure, axis = plt.subplots(figsize=(5, 4), layout="constrained")
for method, values in errors.items():
    axis.loglog(sizes, values, "o-", label=method)
axis.set(xlabel="measurements m, of 784 pixels", ylabel="mean squared error per pixel")
axis.legend()
plt.show()
