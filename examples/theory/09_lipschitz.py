r"""
Clipping, penalty, spectral norm: three ways to bound a critic's slope
======================================================================

A chain of layers has a slope of at most the product of its layers' spectral norms. *Clipping* all weights to
[-c, c] bounds an m by n layer by :math:`c\sqrt{mn}`: with c = 0.01 and layers 16-128-128-1 the bound is
0.065536, and the slope in fact far lower: the critic is crippled, not tamed. *Spectral normalisation* divides
each weight by its largest singular value, found by power iteration: errors of a few per cent a layer still
multiply to about 1. The *gradient penalty* :math:`\lambda E(|\nabla D| - 1)^2` asks for slope 1 where the
samples are.

**What to see:** three critics after the same training between two rings. With the penalty the slopes gather
at 1, with spectral norms they stay below it, with clipping they are a thousand times too small.

M. Arjovsky et al., *Wasserstein GAN*, ICML 2017, Algorithm 1; I. Gulrajani et al., NeurIPS 2017, Eq. 3; T.
Miyato et al., *Spectral normalization for generative adversarial networks*, ICLR 2018, Eq. 8.
"""

import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from sciadv.drawing.example_pages import run_page
from sciadv.games.diagnostics import clip_bound, layer_norms, lipschitz_bound, measured_slopes
from sciadv.games.objectives import Wasserstein
from sciadv.games.penalties import WassersteinGradientPenalty, WeightClipping
from sciadv.games.penalties.penalty import mix, slopes
from sciadv.nets.layers import spectrally_normalised


def chain(*sizes: int) -> nn.Sequential:
    numbers, layers = torch.Generator().manual_seed(0), []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m), nn.LeakyReLU(0.2)]
        nn.init.kaiming_uniform_(layers[-2].weight, generator=numbers)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


# %%
# A critic between two rings of radius 1 and 2, held in one of three ways.
def trained(how: str, steps: int) -> tuple[nn.Module, Tensor]:
    numbers, penalty = torch.Generator().manual_seed(1), WassersteinGradientPenalty(10.0)
    points = torch.randn(2, 256, 2, generator=numbers)
    real, fake = points / points.norm(dim=2, keepdim=True) * torch.tensor([1.0, 2.0]).view(2, 1, 1)
    critic = chain(2, 64, 64, 1)
    if how == "spectral norm":
        spectrally_normalised(critic, generator=numbers)
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.9))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = Wasserstein().discriminator_loss(critic(real), critic(fake))
        if how == "gradient penalty":
            loss = loss + penalty(critic, real, fake, generator=numbers)
        loss.backward()
        optimizer.step()
        if how == "clipping":
            WeightClipping(0.01).project(critic.parameters())
    for _ in range(20):  # more power iterations: one a step follows the weights with a lag
        critic(real)
    return critic.requires_grad_(False), mix(real, fake, generator=numbers)


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    _, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    found = {}
    for how in ("clipping", "spectral norm", "gradient penalty"):
        critic, between = trained(how, 250 if quick else 1500)
        found[how] = measured_slopes(critic, between)
        axes.hist(slopes(critic, between).detach(), bins=torch.logspace(-4, 0.5, 80).tolist(), alpha=0.7)
        if how == "spectral norm":
            norms = [norm for name, norm in layer_norms(critic, between[:1]).items() if int(name) % 2 == 0]
    axes.set(xscale="log", xlabel="slope |grad D| between data and fakes", ylabel="samples")
    axes.legend([f"{how}, mean {slope.mean:.2g}" for how, slope in found.items()], loc="upper left")
    signs = chain(16, 128, 128, 1)
    for p in signs.parameters():
        p.data = 0.01 * p.data.sign()
    return {
        "bound by clipping, 16-128-128-1": (clip_bound(signs.parameters(), 0.01), 0.065536),
        "true bound of random signs": (lipschitz_bound(signs, torch.zeros(1, 16)), 0.00366),
        "product of the norms after normalisation": (math.prod(norms), 1.0),
        "mean slope with gradient penalty": (found["gradient penalty"].mean, 1.0),
        "spread of the slope with gradient penalty": (found["gradient penalty"].std, 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
