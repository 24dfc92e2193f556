r"""
A limited discriminator is blind
================================

The game is won when the discriminator can tell no difference, not when there is none. With a linear critic
:math:`D(x) = w x,\ |w| \le 1`, the objective

.. math:: \min_b \max_{|w| \le 1}\ w\,(E_p x - E_q x)

is 0 as soon as the *means* agree. Here the data are two peaks, the generator is one Gaussian with a mean to
learn. Features (x, x²) see the variances too, all 1-Lipschitz functions see :math:`W_1 = \int |F^{-1} -
G^{-1}|\,dt`.

**What to see:** at the end of the game the linear critic's objective is 0 to nine digits, and the
distribution is wrong: W1 is 1.2. The optimum of every class of critics is exact here, so this is no failure
of training.

S. Arora et al., *Generalization and equilibrium in generative adversarial nets*, ICML 2017, section 3.
"""

import matplotlib.pyplot as plt
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import Wasserstein
from sciadv.games.penalties import WeightClipping
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Extragradient


# %%
# Data of two peaks at -1 and 3, a generator N(b, 1), a critic w x
def quantiles(n: int) -> Tensor:
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)


def play(data: Tensor, noise: Tensor) -> tuple[Tensor, list[float]]:
    b = torch.tensor([-4.0], dtype=torch.float64, requires_grad=True)
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    critic = Wasserstein()
    game = FunctionGame(
        ([b], [w]),
        (
            lambda: critic.generator_loss(w * (noise + b), w * data),
            lambda: critic.discriminator_loss(w * data, w * (noise + b)),
        ),
    )
    update, optimizers = Extragradient(), (torch.optim.SGD([b], 0.7), torch.optim.SGD([w], 0.7))
    state, objective = update.init(game), []
    for _ in range(150):
        state = update.step(game, optimizers, state)
        WeightClipping(1.0).project([w])
        objective.append(float((data.mean() - noise.mean() - b).abs().detach()))  # its max over |w| <= 1
    return b.detach(), objective


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    n = 2000 if quick else 20_000
    noise = quantiles(n)
    data = torch.cat([0.3 * quantiles(n // 2) - 1, 0.3 * quantiles(n // 2) + 3]).sort().values
    b, objective = play(data, noise)
    fake = noise + b
    moments = torch.stack([x.pow(k).mean() for x in (data, fake) for k in (1, 2)]).view(2, 2)
    quadratic = float((moments[0] - moments[1]).norm())  # max over |w| <= 1 of w . (differences of moments)
    lipschitz = float((data - fake.sort().values).abs().mean())

    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for x, name in ((data, "data"), (fake, "generator at the end of the game")):
        left.hist(x.numpy(), bins=100, range=(-4, 6), density=True, alpha=0.6, label=name)
    left.set(
        xlabel="x", ylabel="density", title=f"Linear critic: objective 0, W1 = {lipschitz:.2f}", ylim=(0, 0.9)
    )
    left.legend(fontsize="small")
    right.semilogy(objective, "C0", label="linear, D = w x")
    right.axhline(quadratic, color="C1", label="quadratic, D = w1 x + w2 x²")
    right.axhline(lipschitz, color="C2", label="all 1-Lipschitz functions: W1")
    right.set(xlabel="step of the linear game", ylabel="best critic's objective", title="Who sees what")
    right.legend(fontsize="small", loc=(0.45, 0.62))
    return {
        "objective of the linear critic": (objective[-1], 0.0),
        "mean of the generator": (float(b), 1.0),
        "objective of the quadratic critic": (quadratic, 4 + 0.3**2 - 1),
        "W1, sorted quantiles": (lipschitz, float(wasserstein_distance(data.numpy(), fake.numpy()))),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
