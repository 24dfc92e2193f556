r"""
An operator of PyLops, SciPy, ODL or deepinv
============================================

Operators of other libraries are taken as they are. Here PyLops blurs along both axes; `as_forward` asks
for the shape of one image, checks the adjoint by a dot test and the linearity, and refuses with a
sentence what fails.

**What to see:** digits that another generator drew, blurred by PyLops, and what the search makes of
them.

**The number:** the dot test's relative error is below 1e-4, and the misfit is about 1 in units of the
noise.
"""

import numpy as np
import pylops
import torch

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.forward import as_forward

kernel = np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
kernel /= kernel.sum()
rows = pylops.signalprocessing.Convolve1D((28, 28), kernel, offset=4, axis=0, dtype="float32")
columns = pylops.signalprocessing.Convolve1D((28, 28), kernel, offset=4, axis=1, dtype="float32")

prior = sciadv.Prior.load("mnist-vae")
forward = as_forward(rows @ columns, in_shape=prior.out_shape)
print(forward)

# %%
# The dot test that it has passed
draw = torch.Generator().manual_seed(0)
x, y = torch.randn(1, *forward.in_shape, generator=draw), torch.randn(1, *forward.out_shape, generator=draw)
left, right = (forward(x) * y).sum(), (x * forward.adjoint(y)).sum()
print(f"dot test, relative error: {abs(float(left / right) - 1):.1e}")

# %%
# Solve
truth = sciadv.Prior.load("mnist").sample(6, seed=1)
noise = 0.1 * torch.randn(6, *forward.out_shape, generator=draw)
problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.1), forward(truth) + noise, name="PyLops")
solution = sciadv.solve(problem, "levenberg-marquardt", diagnose=None)
print(f"misfit [sigma]: {float(solution.misfit.mean()):.2f}")
print(f"mean squared error: {float((solution.x - truth).square().mean()):.4f}")
show(solution.plot(truth=truth))
