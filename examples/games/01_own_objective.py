r"""
An objective, an update and two networks of one's own in a game
===============================================================

The objective is the squared Hellinger distance between data p and generator q,

.. math:: H^2(p, q) = \sum (\sqrt p - \sqrt q)^2 = \max_v \; E_p (1 - e^{-v}) - E_q (e^v - 1),

by the variational form of f-GAN (S. Nowozin et al., *f-GAN*, NeurIPS 2016, Table 1). The best
discriminator is :math:`v = \tfrac12 \ln(p / q)`. The generator maximises :math:`E_q (1 - e^{-v})`, which
has a gradient where it is losing. Nothing in the package is changed.

**What to see:** data and samples.

**The number:** all 8 modes are found.
"""

# %%
# The problem: eight Gaussians on a circle
import sys

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from sciadv.drawing.example_pages import show
from sciadv.games.objectives import Objective
from sciadv.games.two_player import TwoPlayerGame, evaluate
from sciadv.games.updates import Alternating, Optimizers, Update, UpdateState
from sciadv.games.updates.update import move
from sciadv.trainings.game.game import Game
from sciadv.trainings.stacked import ring

quick = "--quick" in sys.argv  # seconds instead of minutes
steps = 250 if quick else 1500
data = ring()


# %%
# An objective: two losses, both minimised
class Hellinger(Objective):
    divergence = "sum (sqrt p - sqrt q)^2"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return (-real_logits).exp().mean() + fake_logits.exp().mean() - 2

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002
        return (-fake_logits).exp().mean() - 1


# %%
# An update: in the first steps the discriminator moves `n` times more, then they alternate
class WarmUp(Update):
    def __init__(self, n_steps: int, n: int) -> None:
        self.n_steps, self.n, self.later = n_steps, n, Alternating()

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        for _ in range(self.n if state.n_steps < self.n_steps else 0):
            game.draw()
            move(optimizers[1], game.players[1], evaluate(game, 1)[1])
        return self.later.step(game, optimizers, state)


# %%
# Two networks
def perceptron(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(n_in, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, n_out)
    )


torch.manual_seed(0)
generator, discriminator = perceptron(2, 2), perceptron(2, 1)

# %%
# The game
game = Game(
    generator,
    discriminator,
    objective=Hellinger(),
    penalties=["r1", "r2"],
    update=WarmUp(50, 2),
    learning_rate=1e-3,
    n_latent=2,
    batch=96,
)
report = game.fit(data, steps=steps).check()
prior = game.prior(name="ring, Hellinger")
samples = prior.sample(4000, seed=0)
coverage = data.cover(samples[None])

# %%
# One figure and one number
figure = Figure(figsize=(5, 5), layout="constrained")
axes = figure.subplots()
axes.scatter(*data(4000, torch.Generator().manual_seed(1)).numpy().T, s=2, color="0.7", label="data")
axes.scatter(*samples.numpy().T, s=2, color="C0", label="generator")
axes.set(aspect="equal", title=f"{steps} steps, {float(coverage.quality):.0%} within 3 sigma")
axes.legend(loc="center")
show(figure)
print("\n".join(report.diagnosis))
print(f"modes found: {int(coverage.n_modes)} of 8")
