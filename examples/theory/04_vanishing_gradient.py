r"""
The vanishing gradient of a generator that is losing
====================================================

Let :math:`d = D(G(z))` be what the discriminator gives a fake. The gradients of the two generator losses in
its logit are

.. math:: \frac{d}{d\ell} \ln(1 - d) = -d, \qquad \frac{d}{d\ell}(-\ln d) = -(1 - d),

so where the generator loses, d near 0, the saturating loss of the minimax game teaches nothing and the
non-saturating one everything: their ratio is (1 - d)/d, 99 at d = 0.01. And where the supports are disjoint,
the discriminator wins outright: its accuracy goes to 1 and the slope of D at the fakes to 0.

**What to see:** left, the two gradients cross at d = 1/2. Right, while a discriminator is trained on two
separate clusters, its accuracy reaches 1 at once and the slope at the fakes decays; the package's alarm
fires.

I. Goodfellow et al., *Generative adversarial nets*, NeurIPS 2014, section 3; M. Arjovsky, L. Bottou, *Towards
principled methods for training generative adversarial networks*, ICLR 2017, Theorems 2.1 and 2.4.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from sciadv.drawing.example_pages import run_page
from sciadv.games.diagnostics import Alarm, measured_slopes, saturation
from sciadv.games.objectives import Minimax, NonSaturating, Objective


# %%
# The gradient in a fake's logit, by automatic differentiation
def gradient(objective: Objective, d: Tensor) -> Tensor:
    logit = torch.logit(d).requires_grad_()
    losses = torch.func.vmap(lambda one: objective.generator_loss(one, one))(logit.unsqueeze(1))
    return torch.autograd.grad(losses.sum(), logit)[0].abs()


# %%
# A discriminator between two clusters 6 apart, each of standard deviation 0.5
def watch(steps: int) -> tuple[list[float], list[Alarm]]:
    numbers = torch.Generator().manual_seed(0)
    real, fake = 0.5 * torch.randn(2, 256, 2, generator=numbers) + torch.tensor([[[-3.0, 0]], [[3.0, 0]]])
    net = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3, generator=numbers)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    alarms, slope = [], []
    for _ in range(steps):
        alarms.append(saturation(net(real), net(fake)))
        slope.append(measured_slopes(lambda x: net(x).sigmoid(), fake).mean)
        optimizer.zero_grad()
        Minimax().discriminator_loss(net(real), net(fake)).backward()
        optimizer.step()
    return slope, alarms


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    d = torch.logspace(-4, math.log10(0.9999), 200, dtype=torch.float64)
    slope, alarms = watch(200 if quick else 1000)
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.loglog(d, gradient(Minimax(), d), label="saturating: d")
    left.loglog(d, gradient(NonSaturating(), d), label="non-saturating: 1 - d")
    left.set(
        xlabel="d = D(G(z))", ylabel="|gradient in the logit|", title="What a fake teaches its generator"
    )
    left.legend()
    right.semilogy(slope, "C0", label="mean slope |dD/dx| at the fakes")
    right.semilogy([alarm.value for alarm in alarms], "C1", label="accuracy of D")
    right.axvline(
        [alarm.fired for alarm in alarms].index(True), color="k", linestyle="--", label="the alarm fires"
    )
    right.set(xlabel="step of the discriminator", title="Disjoint supports: D wins, the slope vanishes")
    right.legend()
    at = torch.tensor([0.01, 0.3], dtype=torch.float64)
    ratio = (gradient(NonSaturating(), at) / gradient(Minimax(), at)).tolist()
    logit = torch.logit(torch.tensor([0.3, 0.95], dtype=torch.float64))
    return {
        "ratio of gradients at d = 0.01": (ratio[0], 99.0),
        "ratio of gradients at d = 0.3": (ratio[1], 0.7 / 0.3),
        "generator's loss -ln 0.3": (float(NonSaturating().generator_loss(logit[:1], logit[:1])), 1.203973),
        "D's loss -ln 0.95 - ln 0.7": (float(Minimax().discriminator_loss(logit[1:], logit[:1])), 0.407968),
        "accuracy of D": (alarms[-1].value, 1.0),
        "slope of D at the fakes": (slope[-1], 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
