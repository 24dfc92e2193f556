r"""
Outliers: Student's t against a Gaussian
========================================

One datum in twenty is off by far more than the noise, as a dead detector pixel is. A Gaussian likelihood
lets it pull the answer; Student's t with few degrees of freedom does not, :math:`-\log p(r) = \tfrac{\nu
+ 1}{2} \log(1 + r^2 / (\nu\sigma^2))`.

**What to see:** truth, the answer under each likelihood, and the errors.

**The number:** the error under Student's t is less than half of that under the Gaussian.
"""

import torch

import sciadv
from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows
from sciadv.forward import GaussianSensing

prior = sciadv.Prior.load("mnist-vae")
forward = GaussianSensing(prior.out_shape, 150, seed=0)
draw = torch.Generator().manual_seed(0)
truth = prior.sample(6, seed=1)
y = forward(truth) + 0.1 * torch.randn(6, 150, generator=draw)
is_off = torch.rand(y.shape, generator=draw) < 0.05
y = torch.where(is_off, y + 60 * torch.randn(y.shape, generator=draw), y)

# %%
# The same search under two likelihoods
answers = {}
for name, likelihood in {
    "Gaussian": sciadv.Gaussian(sigma=0.1),
    "Student's t": sciadv.StudentT(sigma=0.1, freedom=3.0),
}.items():
    problem = sciadv.Problem(prior, forward, likelihood, y)
    answers[name] = sciadv.solve(problem, "levenberg-marquardt", restarts=10, diagnose=None).x

error = {name: float((x - truth).square().mean()) for name, x in answers.items()}
print("mean squared error", error)
ratio = error["Student's t"] / error["Gaussian"]
print(f"error under Student's t over that under the Gaussian: {ratio:.2f}")
rows = [PanelRow(name, x.numpy(), "image") for name, x in {"truth": truth, **answers}.items()]
show(draw_rows(rows, titles=[""] * 6, heading="digits from 150 projections, 5 % of them off"))
