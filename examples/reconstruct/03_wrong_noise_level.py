r"""
A wrong noise level, and what the verdict says
==============================================

The noise level :math:`\sigma` says how closely the data are to be explained. Stated too small, noise is
explained as if it were structure; too large, structure is left out. The misfit tells: it is the residual in
units of the stated noise, about :math:`\sqrt{1 - k / m}` for m data and k latents where all is right.

**What to see:** the misfit for one image whose noise is right, five times larger, and five times smaller than
stated, and what the verdict says of each.

**The number:** misfits of about 0.9, 4.5 and 0.2, in units of the stated noise.
"""

import matplotlib.pyplot as plt
import torch

import sciadv
from sciadv.forward import GaussianSensing

prior = sciadv.Prior.load("mnist-vae")
forward = GaussianSensing(prior.out_shape, 100, seed=0)
clean = forward(prior.sample(1, seed=3))
noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

# %%
# Three measurements of one image, one stated noise level of 0.1
factors = (1.0, 5.0, 0.2)
y = torch.cat([clean + 0.1 * factor * noise for factor in factors])
problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.1), y)
solution = sciadv.solve(problem, "levenberg-marquardt", diagnose="quick")
for factor, misfit, words in zip(factors, solution.misfit, solution.diagnosis.words, strict=True):
    print(f"misfit where the noise is {factor} times the stated one: {float(misfit):.2f}")
    print("  ", words)

figure, axis = plt.subplots(figsize=(5, 4), layout="constrained")
axis.loglog(factors, solution.misfit, "o", label="found")
axis.loglog([0.1, 10], [0.1 * 0.8**0.5, 10 * 0.8**0.5], color="0.7", label="expected")
axis.set(xlabel="true noise over stated noise", ylabel="misfit [stated noise]")
axis.legend()
plt.show()
