r"""
GAN, flow, diffusion, autoregression on one toy
===============================================

Four ways to learn eight Gaussians on a ring, each with about 10,000 weights for drawing and about the same
processor time of training: a **GAN**, x = G(z), has no likelihood; a **coupling flow** has

.. math:: \log p(x) = \log N(z; 0, I) - \log |\det dx / dz|;

**diffusion** evaluates its network 2 n - 1 times for n = 10 steps; **autoregression** has the likelihood
:math:`p(x_1)\, p(x_2 | x_1)`, of mixtures. The data's own is :math:`-\ln (8 \cdot 2 \pi e\, \sigma^2)`.

**What to see:** a flow is a continuous map of one Gaussian and leaves threads between the modes.

L. Dinh et al., *Real NVP*, ICLR 2017; T. Karras et al., *Elucidating the design space of diffusion-based
generative models*, NeurIPS 2022; C. M. Bishop, *Mixture density networks*, 1994.
"""

import math
import time

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from sciadv.drawing.example_pages import run_page
from sciadv.metrics.transport.sliced_distance import sliced_wasserstein
from sciadv.nets.equal_length.coupling_flow import CouplingFlow
from sciadv.nets.equal_length.few_step_diffusion import FewStepDiffusion
from sciadv.trainings.game.game import Game
from sciadv.trainings.stacked import ring

DATA, DRAW = ring(), torch.Generator().manual_seed(0)


def perceptron(n_in: int, n_out: int, n: int = 96) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, n_out))


class Autoregression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList([perceptron(1, 48, 1), perceptron(1, 48, 80)])

    def factor(self, k: int, x: Tensor) -> torch.distributions.Distribution:
        w, m, s = self.nets[k](x[:, :1] * k).chunk(3, 1)
        each, which = torch.distributions.Normal(m, s.exp()), torch.distributions.Categorical(logits=w)
        return torch.distributions.MixtureSameFamily(which, each)

    def log_density(self, x: Tensor) -> Tensor:
        return sum(self.factor(k, x).log_prob(x[:, k]) for k in (0, 1))

    def forward(self, z: Tensor) -> Tensor:
        x = torch.zeros_like(z)
        for k in (0, 1):
            x[:, k] = self.factor(k, x).sample()
        return x


def train(model: nn.Module, steps: int) -> object:
    if isinstance(model, nn.Sequential):
        parts = [{"kind": kind, "gamma": 0.1} for kind in ("r1", "r2")]
        game = Game(model, perceptron(2, 1), penalties=parts, learning_rate=1e-3, ema=0, n_latent=2)
        return game.fit(DATA, steps=steps)
    optimizer, denoises = torch.optim.Adam(model.parameters(), 2e-3), isinstance(model, FewStepDiffusion)
    for _ in range(steps):
        optimizer.zero_grad()
        x = DATA(256, DRAW)
        (model.denoising_loss(x, generator=DRAW) if denoises else -model.log_density(x).mean()).backward()
        optimizer.step()


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    real, held_out, n = DATA(4000, DRAW), DATA(4000, DRAW), 1 if quick else 12
    floor, entropy = sliced_wasserstein(real, held_out).value, math.log(8 * 2 * math.pi * math.e * 0.05**2)
    _, axes = plt.subplots(1, 4, figsize=(14, 4), layout="constrained", sharex=True, sharey=True)
    torch.manual_seed(0)
    diffusion = FewStepDiffusion(n_latent=2, hidden=64, n_steps=10, sigma_data=0.7, sigma_max=10)
    flow, auto, numbers = CouplingFlow(n_latent=2, hidden=32), Autoregression(), {}
    models = (perceptron(2, 2), 200), (flow, 300), (diffusion, 800), (auto, 400)
    names = "GAN", "flow", "diffusion", "autoregression"
    for axis, name, (model, steps) in zip(axes, names, models, strict=True):
        start = time.process_time()
        train(model, n * steps)
        title = f"{name}: {time.process_time() - start:.1f} CPU s"
        x = model(torch.randn(4000, 2, generator=DRAW)).detach()
        axis.scatter(*x.T, s=1)
        axis.set(title=title, aspect="equal", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
        numbers[f"{name}: modes"] = float(DATA.cover(x[None]).n_modes), 8.0
        numbers[f"{name}: within 3 sigma"] = float(DATA.cover(x[None]).quality), 0.989
        numbers[f"{name}: sliced W1"] = sliced_wasserstein(real, x).value, floor
        if model in (flow, auto):
            numbers[f"{name}: log p"] = model.log_density(held_out).mean().item(), -entropy
    side = torch.linspace(-1.8, 1.8, 289)
    density = flow.log_density(torch.cartesian_prod(side, side)).exp().detach()
    return {**numbers, "integral of the flow's density": (float(density.sum() * 0.0125**2), 1.0)}


if __name__ == "__main__":
    print("\n".join(run_page(main)))
