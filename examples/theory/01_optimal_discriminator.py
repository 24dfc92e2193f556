r"""
The optimal discriminator is a density ratio
============================================

Against a fixed generator of density q, the discriminator of data of density p that maximises

.. math:: V(D) = E_p \log D(x) + E_q \log(1 - D(x))

is :math:`D^*(x) = p(x) / (p(x) + q(x))`. Its logit is :math:`\ln p(x)/q(x)`: with equally many real and fake
samples, D* is the posterior probability that x is real, so a trained discriminator must be *calibrated*.
Between N(0, 1) and N(a, 1) the logit is the straight line :math:`-a x + a^2/2`, 0.2 at x = 0.3 for a = 1.

**What to see:** a small network, which knows nothing of Gaussians, lies on both curves; and of the samples to
which it gives a probability of 70 %, 70 % are real.

I. Goodfellow et al., *Generative adversarial nets*, NeurIPS 2014, Proposition 1.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import Minimax
from sciadv.metrics import discriminator_calibration


# %%
# Real samples from N(0, 1), fakes from N(1, 1)
# Quantiles stand for samples, so the fit has no sampling error; new random samples test the calibration.
def quantiles(n: int, mean: float) -> Tensor:
    levels = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return (mean + torch.special.ndtri(levels)).unsqueeze(1)


def trained(real: Tensor, fake: Tensor) -> nn.Module:
    net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    numbers = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5, generator=numbers)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = Minimax().discriminator_loss(net(real), net(fake))
        loss.backward()
        return loss

    optimizer.step(closure)
    return net.requires_grad_(False)


# %%
# Its logit beside theory's
def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    a = 1.0
    n = 1000 if quick else 5000
    net = trained(quantiles(n, 0.0), quantiles(n, a))
    x = torch.cat([quantiles(n, 0.0), quantiles(n, a)]).sort(0).values
    theory = -a * x + a**2 / 2
    numbers = torch.Generator().manual_seed(1)
    fresh = torch.randn(2, 20_000, 1, generator=numbers, dtype=torch.float64)
    real, fake = net(fresh[0]), net(fresh[1] + a)

    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot(x, theory.sigmoid(), "0.7", linewidth=5, label="p / (p + q)")
    left.plot(x, net(x).sigmoid(), "C3", label="trained network")
    for mean, name in ((0.0, "real: N(0, 1)"), (a, "fake: N(1, 1)")):
        density = torch.exp(-((x - mean) ** 2) / 2) / 2.5066
        left.fill_between(x[:, 0], density[:, 0], alpha=0.2, label=name)
    left.set(xlabel="x", ylabel="D(x), density", title="The discriminator is a posterior probability")
    left.legend(fontsize="small")
    logits, is_real = torch.cat([real, fake]), torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    order = logits[:, 0].argsort()
    bins = [(logits[rows].sigmoid().mean(), is_real[rows].mean()) for rows in order.chunk(15)]
    right.plot([0, 1], [0, 1], "k--", label="calibrated")
    right.plot(*zip(*bins, strict=True), "o", color="C0", label="15 bins of 40,000 new samples")
    right.set(xlabel="D(x), mean of a bin", ylabel="share of real samples", title="... and calibrated")
    right.legend(fontsize="small")
    return {
        "logit at x = 0.3": (float(net(torch.tensor([[0.3]], dtype=torch.float64))), 0.2),
        "RMSE of the logit": (float((net(x) - theory).square().mean().sqrt()), 0.0),
        "calibration error of D": (discriminator_calibration(real, fake), 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
