r"""
Jensen-Shannon against Wasserstein: two points
==============================================

Data at 0, a fake at a. The Jensen-Shannon divergence is ln 2 for every a but 0, so its gradient is 0 and a
generator is given no direction. Blurring both points by N(0, s²) gives it a gradient within a few s only. The
Wasserstein distance

.. math:: W_1 = |a| = \sup_{|f(x) - f(y)| \le |x - y|} f(0) - f(a)

has slope 1 at every distance, and a linear critic with its weight clipped to [-1, 1] learns it exactly: its
slope becomes -1, so the generator moves towards the data at constant speed.

**What to see:** left, the divergences flatten at ln 2 while W1 (dots: learnt) goes on. Right, their
gradients.

M. Arjovsky, S. Chintala, L. Bottou, *Wasserstein generative adversarial networks*, ICML 2017, Example 1 and
Eqs. 2 and 3.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch.nn.functional import softplus

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import Wasserstein
from sciadv.games.penalties import WeightClipping


# %%
# The divergence of N(0, s²) and N(a, s²), and its derivative in a, by quadrature.
def blurred(a: float, s: float) -> tuple[float, float]:
    shift = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    x = torch.linspace(-8 * s, 8 * s, 4001, dtype=torch.float64)
    log_ratio = (shift**2 - 2 * shift * x) / (2 * s**2)  # ln p/q at points of the data
    density = torch.exp(-((x / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))
    # ln 2p/(p + q) over the data; by symmetry the fakes add as much, and JSD is half of the sum.
    jsd = (density * (math.log(2) - softplus(-log_ratio))).sum() * (x[1] - x[0])
    (slope,) = torch.autograd.grad(jsd, shift)
    return float(jsd.detach()), float(slope)


# %%
# A linear critic with clipped weight, trained on the two points: the distance and its derivative in a.
def learnt(a: float) -> tuple[float, float]:
    slope = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([a], dtype=torch.float64, requires_grad=True)
    data, loss, optimizer = torch.zeros(1, dtype=torch.float64), Wasserstein(), torch.optim.SGD([slope], 0.5)
    for _ in range(40):
        optimizer.zero_grad()
        loss.discriminator_loss(slope * data, slope * fake.detach()).backward()
        optimizer.step()
        WeightClipping(1.0).project([slope])
    distance = -loss.discriminator_loss(slope * data, slope * fake)
    (gradient,) = torch.autograd.grad(distance, fake)
    return float(distance.detach()), float(gradient)


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    shifts = torch.linspace(0.02, 2, 25 if quick else 100).tolist()
    points = torch.linspace(0.1, 2, 11).tolist()
    distances = [learnt(a) for a in points]
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for s in (0.1, 0.3, 1.0):
        values, slopes = zip(*[blurred(a, s) for a in shifts], strict=True)
        left.plot(shifts, values, label=f"JSD, noise s = {s}")
        right.semilogy(shifts, slopes)
    left.axhline(math.log(2), color="0.7", linestyle="--", label="ln 2")
    left.plot(points, [distance for distance, _ in distances], "k.", label="W1, learnt")
    left.set(
        xlabel="distance a of data and fake",
        ylabel="divergence",
        title="How far",
        ylim=(0, 1.3),
    )
    left.legend(fontsize="small")
    right.semilogy(points, [gradient for _, gradient in distances], "k.")
    right.set(xlabel="distance of data and fake", ylabel="derivative", title="The way there", ylim=(1e-8, 10))
    return {
        "learnt W1 at a = 1.7": (learnt(1.7)[0], 1.7),
        "derivative of the learnt W1": (learnt(1.7)[1], 1.0),
        "derivative of JSD at a = 1, s = 0.1": (blurred(1.0, 0.1)[1], 2.2e-5),
        "derivative of JSD at a = 1, s = 0.01": (blurred(1.0, 0.01)[1], 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
