r"""
InfoGAN: a code that the generator must show
============================================

Part of the latent is a code c, here one of eight. A network Q reads it from the sample, and the generator
minimises its own loss minus a lower bound on the mutual information,

.. math:: I(c; G(z, c)) \ge H(c) + E \log Q(c | G(z, c)).

Without labels the code then stands for the modes of the data. ACGAN's auxiliary classifier is the same term,
with Q taught by labels of the real data too.

**What to see:** eight Gaussians on a ring, a colour for each value of the code. With the term the bound
reaches :math:`H(c) = \ln 8`: each value makes its own mode.

X. Chen et al., *InfoGAN*, NeurIPS 2016, Eq. 5; A. Odena et al., *Conditional image synthesis*, ICML 2017.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import Relativistic
from sciadv.games.penalties import R1, R2
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Alternating
from sciadv.trainings.stacked import ring


def perceptron(n_in: int, n_out: int, draw: torch.Generator) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(n_in, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, n_out))
    for layer in net[::2]:
        nn.init.normal_(layer.weight, std=(2 / layer.in_features) ** 0.5, generator=draw)
    return net


def latents(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    code = torch.randint(8, (n,), generator=draw)
    return torch.cat([torch.randn(n, 4, generator=draw), one_hot(code, 8)], 1), code


# %%
# The game with and without the term: samples, their codes, the bound [nats]
def play(weight: float, steps: int, seed: int = 0) -> tuple[Tensor, Tensor, float]:
    draw = torch.Generator().manual_seed(seed)
    G, D, Q = (perceptron(n_in, n_out, draw) for n_in, n_out in ((12, 2), (2, 1), (2, 8)))
    data, objective = ring(), Relativistic()
    batch: dict[str, Tensor] = {}

    def sample() -> None:
        batch["z"], batch["code"] = latents(128, draw)
        batch["real"] = data(128, draw)

    def generator_loss() -> Tensor:
        fake = G(batch["z"])
        loss = objective.generator_loss(D(fake).squeeze(1), D(batch["real"]).squeeze(1))
        return loss + weight * cross_entropy(Q(fake if weight else fake.detach()), batch["code"])

    def discriminator_loss() -> Tensor:
        real, fake = batch["real"], G(batch["z"]).detach()
        loss = objective.discriminator_loss(D(real).squeeze(1), D(fake).squeeze(1))
        loss = loss + R1(0.1)(D, real, fake) + R2(0.1)(D, real, fake)
        return loss + cross_entropy(Q(fake), batch["code"])

    players, update = (list(G.parameters()), [*D.parameters(), *Q.parameters()]), Alternating()
    game = FunctionGame(players, (generator_loss, discriminator_loss), sample)
    optimizers = tuple(torch.optim.Adam(player, 1e-3, betas=(0.0, 0.99)) for player in players)
    state = update.init(game)
    for _ in range(steps):
        state = update.step(game, optimizers, state)
    z, code = latents(2000, draw)
    return G(z).detach(), code, math.log(8) - cross_entropy(Q(G(z)), code).item()


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    steps = 250 if quick else 1500
    found = {weight: play(weight, steps) for weight in (0.0, 1.0)}
    _, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained", sharex=True, sharey=True)
    for axis, (weight, (x, code, bound)) in zip(axes, found.items(), strict=True):
        axis.scatter(*x.T, c=code, s=4, cmap="tab10")
        words = "with the term" if weight else "without the term"
        axis.set(title=f"{words}: I $\\geq$ {bound:.2f} nats", xlabel="x", ylabel="y", aspect="equal")
    return {"bound on the information [nats]": (found[1.0][2], math.log(8))}


if __name__ == "__main__":
    print("\n".join(run_page(main)))
