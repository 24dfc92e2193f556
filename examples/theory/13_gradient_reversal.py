r"""
Gradient reversal is a two-player game in one pass
==================================================

An encoder h shall keep what a task needs and forget the domain that a sample comes from; a discriminator D
tries to tell the domain from h(x). The game is

.. math:: \min_D L_{dom}(D, h), \qquad \min_{h, T} L_{task}(T, h) - \lambda L_{dom}(D, h).

A layer between h and D that is the identity forwards and multiplies the gradient by -λ backwards makes *one*
loss, :math:`L_{task} + L_{dom}`, give both players' gradients in *one* backward pass.

**What to see:** the gradients agree to rounding, and the layer does its work: with λ = 0 the domains lie
apart in the code, with λ = 1 one on the other.

Y. Ganin et al., *Domain-adversarial training of neural networks*, JMLR 17, 2016, Eqs. 13 to 18.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from sciadv.drawing.example_pages import run_page
from sciadv.games.two_player import FunctionGame, derivative
from sciadv.games.updates import OnePass
from sciadv.nets.layers import GradientReversal


def samples(n: int) -> tuple[Tensor, Tensor, Tensor]:
    numbers = torch.Generator().manual_seed(0)
    label, domain = torch.randint(0, 2, (2, n, 1), generator=numbers).double()
    x = torch.randn(n, 4, generator=numbers, dtype=torch.float64) * 0.5
    x[:, :1] += 2 * label - 1
    x[:, 1:2] += 2 * domain - 1  # the other two dimensions are noise
    return x, label, domain


def weights(seed: int) -> list[Tensor]:
    numbers = torch.Generator().manual_seed(seed)
    shapes = ((4, 2), (2, 1), (2, 8), (8, 1))  # encoder, task, discriminator's two layers
    return [(0.7 * torch.randn(s, generator=numbers, dtype=torch.float64)).requires_grad_() for s in shapes]


def task_loss(w: list[Tensor], x: Tensor, label: Tensor) -> Tensor:
    return cross_entropy(x @ w[0] @ w[1], label)


def domain_loss(w: list[Tensor], code: Tensor, domain: Tensor) -> Tensor:
    return cross_entropy((code @ w[2]).tanh() @ w[3], domain)


def train(lam: float, steps: int) -> Tensor:
    (x, label, domain), w, reverse = samples(400), weights(0), GradientReversal(lam)
    loss = lambda: task_loss(w, x, label) + domain_loss(w, reverse(x @ w[0]), domain)  # noqa: E731
    game = FunctionGame((w[:2], w[2:]), (loss, loss))
    optimizers, update = (torch.optim.Adam(w[:2], lr=0.01), torch.optim.Adam(w[2:], lr=0.02)), OnePass()
    state = update.init(game)
    for _ in range(steps):
        state = update.step(game, optimizers, state)
    return (x @ w[0]).detach()


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    (x, label, domain), w, lam = samples(400), weights(1), 0.7
    one = derivative(task_loss(w, x, label) + domain_loss(w, GradientReversal(lam)(x @ w[0]), domain), w)
    encoder = derivative(task_loss(w, x, label) - lam * domain_loss(w, x @ w[0], domain), w[:2])
    two = encoder + derivative(domain_loss(w, x @ w[0], domain), w[2:])
    difference = max(float((a - b).abs().max()) for a, b in zip(one, two, strict=True))
    _, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    distance = {}
    for axes, strength in zip(panels, (0.0, 1.0), strict=True):
        code = train(strength, 400 if quick else 2000)
        code = code / code.std(0)
        means = torch.stack([code[domain[:, 0] == d].mean(0) for d in (0, 1)])
        distance[strength] = float((means[0] - means[1]).norm())
        for kind in (0, 1, 2, 3):
            at, look = (2 * label + domain)[:, 0] == kind, {"c": f"C{kind // 2}", "marker": "ox"[kind % 2]}
            axes.scatter(*code[at].T, s=14, label=f"class {kind // 2}, domain {kind % 2}", **look)
        title = f"λ = {strength:g}: domains {distance[strength]:.2f} apart"
        axes.set(xlabel="code 1, standardised", ylabel="code 2, standardised", title=title)
    axes.legend(fontsize="small")
    return {
        "largest difference of gradients": (difference, 0.0),
        "distance of domains with λ = 1 over λ = 0": (distance[1.0] / distance[0.0], 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
