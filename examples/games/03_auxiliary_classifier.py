r"""
An auxiliary classifier asks the generator for classes
======================================================

The discriminator has a second output, the class, taught by the labels of real digits; the generator G(z, c)
is asked for samples that it takes for c,

.. math:: \min_G L_G - E \log p(c | G(z, c)), \qquad \min_D L_D - E_{data} \log p(c | x).

An independent classifier, which the game never saw, reads the samples.

**What to see:** a column for each class; the samples of a class resemble each other more than digits do: the
auxiliary term wants samples that are sure.

**The number:** share of samples that the classifier reads as the class asked for, beside its accuracy on
held-out digits, and the spread of a class over that of the digits (1 for all of a class).

A. Odena et al., *Conditional image synthesis with auxiliary classifier GANs*, ICML 2017, Eqs. 2 and 3.
"""

# %%
import sys

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from sciadv.data.datasets import load_images
from sciadv.games.objectives import Relativistic
from sciadv.games.penalties import R1
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Alternating
from sciadv.metrics.classifier import accuracy
from sciadv.nets import ConvClassifier

quick = "--quick" in sys.argv  # seconds instead of minutes
share, objective, now = 1 if quick else 6, Relativistic(), {}
train, test = load_images("digits-8"), load_images("digits-8", "test")
images, labels = train.grey(), torch.from_numpy(train.labels.astype("int64"))
torch.manual_seed(0)
layers = [nn.Linear(26, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 64), nn.Sigmoid()]
G = nn.Sequential(*layers)
layers = [nn.Linear(64, 256), nn.LeakyReLU(0.2), nn.Linear(256, 256), nn.LeakyReLU(0.2), nn.Linear(256, 11)]
D = nn.Sequential(*layers)


# %%
# The game: D's first output is the logit of "real", the others are those of the classes
def latents(c: Tensor) -> Tensor:
    return torch.cat([torch.randn(len(c), 16), one_hot(c, 10)], 1)


def draw_batch() -> None:
    rows = torch.randint(len(images), (64,))
    now["x"], now["class"], now["asked"] = images[rows].flatten(1), labels[rows], torch.randint(10, (64,))
    now["z"] = latents(now["asked"])


def generator_loss() -> Tensor:
    fake = D(G(now["z"]))
    return objective.generator_loss(fake[:, 0], D(now["x"])[:, 0]) + cross_entropy(fake[:, 1:], now["asked"])


def discriminator_loss() -> Tensor:
    fake, real = D(G(now["z"]).detach()), D(now["x"])
    slope = R1(0.3)(lambda x: D(x)[:, 0], now["x"], now["x"])
    game = objective.discriminator_loss(real[:, 0], fake[:, 0])
    return game + slope + cross_entropy(real[:, 1:], now["class"])


players, update = (list(G.parameters()), list(D.parameters())), Alternating()
game = FunctionGame(players, (generator_loss, discriminator_loss), draw_batch)
optimizers = tuple(torch.optim.Adam(player, 1e-3, betas=(0.5, 0.99)) for player in players)
state = update.init(game)
for _ in range(250 * share):
    state = update.step(game, optimizers, state)

# %%
# The independent classifier
judge = ConvClassifier(image_shape=(1, 8, 8), channels=16)
optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3)
for _ in range(150 * share):
    rows = torch.randint(len(images), (64,))
    optimizer.zero_grad()
    cross_entropy(judge(images[rows]), labels[rows]).backward()
    optimizer.step()
asked = torch.arange(10).repeat(100)
samples = G(latents(asked)).detach().reshape(-1, 1, 8, 8)
pairs = (samples, asked), (images, labels)
spread = [torch.stack([x[c == k].var(0).sum() for k in range(10)]) for x, c in pairs]
read = accuracy(judge, test.grey(), torch.from_numpy(test.labels.astype("int64")))
print(f"accuracy of the classifier on held-out digits: {read:.3f}")
print(f"samples read as the class asked for: {accuracy(judge, samples, asked):.3f}")
print(f"spread of a class over that of digits: {(spread[0] / spread[1]).mean():.3f}")
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.imshow(samples[:50, 0].reshape(5, 10, 8, 8).permute(0, 2, 1, 3).reshape(40, 80).numpy(), cmap="gray")
axes.set(title="a column for each class asked for", xticks=[], yticks=[])
plt.show()
