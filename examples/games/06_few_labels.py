r"""
Does a generator help where labels are few?
===========================================

Of 1300 digits 20, 50 or 200 have a label, and the rest is not used. A conditional game (a generator
:math:`G(z, c)` and a projection discriminator) learns from the labelled ones; a classifier then learns from

- the labelled digits,
- these and as many generated digits, of even classes,
- these and copies that are scaled, sheared and shifted a little (no generator),
- generated digits alone: its accuracy is the *classification accuracy score* of the generator.

**What to see:** accuracy on 497 held-out digits against the number of labels.

**The number:** the mean gain in accuracy of each over the labelled digits alone, with its standard error
over the seeds. The generator has seen nothing that the classifier has not: its digits cost accuracy, and
distorted copies, which say what does not change a digit's class, help.

S. Ravuri, O. Vinyals, *Classification accuracy score for conditional generative models*, NeurIPS 2019.
"""

# %%
import sys

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sciadv.data.datasets import load_images
from sciadv.nets import ResidualDiscriminator, ResidualGenerator
from sciadv.trainings.fits.classifier_training import small_affine
from sciadv.trainings.game.game import Game

quick = "--quick" in sys.argv  # seconds instead of minutes
seeds, counts, steps = (2, (50,), 60) if quick else (5, (20, 50, 200), 1000)
train, test = load_images("digits-8"), load_images("digits-8", "test")
images, labels = train.grey(), torch.from_numpy(train.labels.astype("int64"))
held_out, true = test.grey(), torch.from_numpy(test.labels.astype("int64"))


# %%
# A classifier of a set, which is made anew for each batch by a function of the random numbers
def accuracy(draw: object, seed: int) -> float:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(300):
        optimizer.zero_grad()
        x, c = draw()
        cross_entropy(net(x), c).backward()
        optimizer.step()
    return float((net.eval()(held_out).argmax(1) == true).double().mean())


def accuracies(n: int, seed: int) -> list[float]:
    torch.manual_seed(seed)
    order, random = torch.randperm(len(images)), torch.Generator().manual_seed(seed)
    known = torch.cat([order[labels[order] == k][: n // 10] for k in range(10)])
    size = {"image_shape": (1, 8, 8), "channels": 16, "halvings": 1, "n_classes": 10}
    G, D = ResidualGenerator(n_latent=8, **size), ResidualDiscriminator(**size)
    game = Game(G, D, n_latent=8, seed=seed, batch=min(64, n), augment="diffaugment")
    game.fit(images[known], labels=labels[known], steps=steps)

    def real() -> tuple[Tensor, Tensor]:
        rows = known[torch.randint(n, (64,))]
        return images[rows], labels[rows]

    def generated() -> tuple[Tensor, Tensor]:
        c = torch.randint(10, (64,))
        with torch.no_grad():
            return game.averaged(torch.randn(64, 8), c), c

    def distorted() -> tuple[Tensor, Tensor]:
        x, c = real()
        return small_affine(x, random), c

    def both(other: object) -> object:
        return lambda: tuple(torch.cat(pair) for pair in zip(real(), other(), strict=True))

    return [accuracy(draw, seed) for draw in (real, both(generated), both(distorted), generated)]


# %%
# All of them, in pairs of the same labels
names = "labels alone", "and generated", "and distorted", "generated alone"
found = torch.tensor([[accuracies(n, seed) for seed in range(seeds)] for n in counts])
for n, of_count in zip(counts, found, strict=True):
    print(f"{n} labels, accuracy from the labels alone: {of_count[:, 0].mean():.3f}")
    for name, gain in zip(names[1:], (of_count[:, 1:] - of_count[:, :1]).T, strict=True):
        print(f"{n} labels, gain of {name}: {gain.mean():.3f} +- {gain.std() / seeds**0.5:.3f}")
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for k, name in enumerate(names):
    axes.errorbar(counts, found[:, :, k].mean(1), found[:, :, k].std(1) / seeds**0.5, marker="o", label=name)
axes.set(xlabel="digits with a label", ylabel="accuracy on held-out digits", xscale="log")
axes.legend(frameon=False)
plt.show()
