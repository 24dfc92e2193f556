r"""
Data of your own: an array becomes a prior, the prior an answer
===============================================================

`sciadv.train` reads an array or a folder, of signals, images or volumes, chooses networks and a schedule
by their number and size, and holds some out. The prior comes with an encoder, its residual's statistics
and a card. Here the data are 300 damped oscillations :math:`e^{-t/\tau} \sin(\omega t + \phi)` that were
made for this page.

**What to see:** new signals, of which every fifth value was measured with noise, and the answers.

**The number:** the squared error of the answers is below a quarter of that of the mean signal. (Two
hundred steps of training; a real one takes some thousand: see *My own images*.)
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import sciadv
from sciadv.forward import Mask
from sciadv.recipes.images.own import OwnOptions

numbers = np.random.default_rng(0)
t = np.linspace(0, 1, 48)
tau, omega, phase = (numbers.uniform(low, high, (308, 1)) for low, high in ((0.3, 1), (10, 25), (0, 6.28)))
signals = (np.exp(-t / tau) * np.sin(omega * t + phase)).astype(np.float32)
prior = sciadv.train(signals[:300], options=OwnOptions(steps=80), every=80)
print(prior)

# %%
# New signals, measured and found again
new = torch.from_numpy(signals[300:, None])
is_seen = torch.zeros(1, 48, dtype=torch.bool)
is_seen[:, ::5] = True
forward = Mask(is_seen)
draw = torch.Generator().manual_seed(0)
y = forward(new) + 0.05 * torch.randn(8, *forward.out_shape, generator=draw)
problem = sciadv.Problem(prior, forward, sciadv.Gaussian(sigma=0.05), y)
found = sciadv.solve(problem, "representation-error", diagnose=None).x
mean = torch.from_numpy(signals[:300].mean(0))
print(f"mean squared error: {float((found - new).square().mean()):.4f}")
print(f"mean squared error of the mean signal: {float((mean - new).square().mean()):.4f}")

figure, axes = plt.subplots(2, 2, figsize=(8, 4), layout="constrained", sharex=True, sharey=True)
for k, axis in enumerate(axes.flat):
    axis.plot(t, new[k, 0], color="0.6", label="truth")
    axis.plot(t, found[k, 0], label="answer")
    axis.plot(t[::5], y[k].flatten(), "k.", label="measured")
axes[0, 0].legend(fontsize="small")
plt.show()
