r"""
An operator of your own, in NumPy
=================================

Any function of a batch can be the operator F of :math:`y = F(x) + \text{noise}`. Here it sums an image
along its rows, its columns and both diagonals: four projections, 166 numbers of 784 pixels. A NumPy
function must be linear; it is tried on random images, and its adjoint is found by writing it out as a
matrix.

**What to see:** digits that another generator drew (truth), the answers, and their deviation.

**The number:** the misfit is about 1 in units of the noise, and the error is below that of the best
linear estimate (`lmmse`).
"""

import numpy as np
import torch

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.forward import as_forward


def projections(x):  # (batch, 1, 28, 28) -> (batch, 166)
    diagonals = [
        np.trace(image, k, axis1=-2, axis2=-1)[:, 0] for image in (x, x[..., ::-1]) for k in range(-27, 28)
    ]
    return np.concatenate([x.sum(-1)[:, 0], x.sum(-2)[:, 0], np.stack(diagonals, 1)], 1)


prior = sciadv.Prior.load("mnist-vae")
forward = as_forward(projections, in_shape=prior.out_shape)
truth = sciadv.Prior.load("mnist").sample(6, seed=1)
noise = 0.1 * torch.randn(6, 166, generator=torch.Generator().manual_seed(0))
problem = sciadv.Problem(
    prior, forward, sciadv.Gaussian(sigma=0.1), forward(truth) + noise, name="projections"
)

# %%
# Solve with the generator, and without it
solution = sciadv.solve(problem, "levenberg-marquardt", diagnose=None)
linear = sciadv.solve(problem, "lmmse", diagnose=None)
print(f"misfit [sigma]: {float(solution.misfit.mean()):.2f}")
print(f"mean squared error: {float((solution.x - truth).square().mean()):.4f}")
print(f"mean squared error of lmmse: {float((linear.x - truth).square().mean()):.4f}")
show(solution.plot(truth=truth))
