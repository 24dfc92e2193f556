r"""
Adversarial examples, and training against them
===============================================

A small change of an image in the direction that raises a classifier's loss most, for changes of at most ε a
pixel,

.. math:: x' = x + \varepsilon\, \mathrm{sign}\, \nabla_x L(x, y),

changes what it says, though hardly what is seen. Training on such images is a two-player game, :math:`\min_w
\max_{|\delta|_\infty \le \varepsilon} L(x + \delta, y)`, its inner player the change.

**What to see:** accuracy on 300 held-out 8 x 8 digits against the size of the change, of a classifier trained
as usual and of one trained against its own adversary; above, one digit and its changed copy. The defence
costs little on clean images; at ε = 0.15 it decides.

I. Goodfellow, J. Shlens, C. Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015; A. Madry et
al., *Towards deep learning models resistant to adversarial attacks*, ICLR 2018, Eq. 2.1.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sciadv.data.datasets import load_images
from sciadv.drawing.example_pages import run_page
from sciadv.games.two_player import derivative
from sciadv.nets import build_seeded


# %%
# The adversary: one step along the sign of the gradient; grey values stay in [0, 1].
def attacked(net: nn.Module, x: Tensor, y: Tensor, size: float) -> Tensor:
    x = x.clone().requires_grad_()
    (gradient,) = derivative(cross_entropy(net(x), y), [x])
    return (x + size * gradient.sign()).clamp(0, 1).detach()


# %%
# Two classifiers: one sees the images, the other its adversary's.
def trained(x: Tensor, y: Tensor, steps: int, size: float) -> nn.Module:
    net = build_seeded({"kind": "conv-classifier", "image_shape": (1, 8, 8), "channels": 8}, 0)
    optimizer, numbers = torch.optim.Adam(net.parameters(), lr=3e-3), torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = torch.randint(len(x), (64,), generator=numbers)
        shown = attacked(net, x[batch], y[batch], size) if size else x[batch]
        optimizer.zero_grad()
        cross_entropy(net(shown), y[batch]).backward()
        optimizer.step()
    return net


def accuracy(net: nn.Module, x: Tensor, y: Tensor, size: float) -> float:
    return float((net(attacked(net, x, y, size)).argmax(1) == y).double().mean())


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    data = load_images("digits-8")
    x, y = data.grey(), torch.from_numpy(data.labels.astype("int64"))
    steps, sizes = 300 if quick else 2000, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    nets = {
        name: trained(x[:1000], y[:1000], steps, size)
        for name, size in (("usual training", 0.0), ("adversarial training", 0.15))
    }
    curves = {name: [accuracy(net, x[1000:], y[1000:], size) for size in sizes] for name, net in nets.items()}
    figure = plt.figure(figsize=(6.5, 5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 2))
    net = nets["usual training"]
    changed = attacked(net, x[1000:], y[1000:], 0.15)
    fooled = int(((net(x[1000:]).argmax(1) == y[1000:]) & (net(changed).argmax(1) != y[1000:])).nonzero()[0])
    for axes, image in zip(above.subplots(1, 2), (x[1000 + fooled], changed[fooled]), strict=True):
        axes.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set(title=f"read as {int(net(image.unsqueeze(0)).argmax())}", xticks=[], yticks=[])
    axes = below.subplots()
    for name, curve in curves.items():
        axes.plot(sizes, curve, "o-", label=name)
    axes.set(xlabel="largest change ε of a pixel [grey values 0 to 1]", ylabel="accuracy", ylim=(0, 1.02))
    axes.legend()
    usual, hardened = curves["usual training"], curves["adversarial training"]
    return {
        "accuracy, usual training, clean": (usual[0], 1.0),
        "accuracy, usual training, attacked by 0.15": (usual[3], 0.0),
        "accuracy, adversarial training, clean": (hardened[0], 1.0),
        "accuracy, adversarial training, attacked by 0.15": (hardened[3], 1.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
