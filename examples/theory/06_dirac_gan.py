r"""
The smallest GAN, and which penalties make it converge
======================================================

Data at 0, one fake at θ, a linear discriminator D(x) = ψ x with the non-saturating loss: near its equilibrium
(0, 0) this game is bilinear, its flow has the eigenvalues ±i/2 and circles for ever. The penalty R1,
:math:`\frac{\gamma}{2} E_p |\nabla_x D|^2 = \frac{\gamma}{2} \psi^2`, damps the discriminator:

.. math:: \lambda = -\frac{\gamma}{2} \pm \sqrt{\frac{\gamma^2}{4} - \frac{1}{4}},

critical at γ = 1. WGAN-GP, which wants a slope of 1, has none at its equilibrium: it goes on circling.

**What to see:** alternating steps from one point. Without a penalty they turn and hardly come nearer, with R1
they spiral into the equilibrium, with WGAN-GP they enter a cycle. The eigenvalues are those of the Jacobian,
by automatic differentiation.

L. Mescheder, A. Geiger, S. Nowozin, *Which training methods for GANs do actually converge?*, ICML 2018, Lemma
2.3, section 4.1 and Figure 3.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.diagnostics import game_jacobian
from sciadv.games.objectives import NonSaturating, Objective, Wasserstein
from sciadv.games.penalties import R1, Penalty, WassersteinGradientPenalty
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Alternating


# %%
# The game: two numbers
def dirac(at: tuple[float, float], loss: Objective, penalty: Penalty) -> FunctionGame:
    theta, psi = (torch.tensor([[x]], dtype=torch.float64, requires_grad=True) for x in at)
    data = torch.zeros(1, 1, dtype=torch.float64)

    def discriminator_loss() -> Tensor:
        steepness = penalty(lambda x: x * psi, data, theta.detach())
        return loss.discriminator_loss(data * psi, theta * psi) + steepness

    generator_loss = lambda: loss.generator_loss(theta * psi, data * psi)  # noqa: E731
    return FunctionGame(([theta], [psi]), (generator_loss, discriminator_loss))


# %%
# Alternating gradient steps
def trajectory(loss: Objective, penalty: Penalty, steps: int) -> Tensor:
    game, update = dirac((1.0, 0.5), loss, penalty), Alternating()
    optimizers = tuple(torch.optim.SGD(player, 0.1) for player in game.players)
    state, path = update.init(game), [(1.0, 0.5)]
    for _ in range(steps):
        state = update.step(game, optimizers, state)
        path.append(tuple(float(player[0].detach()) for player in game.players))
    return torch.tensor(path)


def eigenvalues(gamma: float) -> Tensor:
    return -torch.linalg.eigvals(game_jacobian(dirac((0.0, 0.0), NonSaturating(), R1(gamma))))


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    kinds = {
        "no penalty": (NonSaturating(), R1(0.0)),
        "R1, gamma = 0.3": (NonSaturating(), R1(0.3)),
        "R1, gamma = 1": (NonSaturating(), R1(1.0)),
        "WGAN-GP, lambda = 0.3": (Wasserstein(), WassersteinGradientPenalty(0.3)),
    }
    paths = {name: trajectory(*kind, 160 if quick else 1000) for name, kind in kinds.items()}
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for name, path in paths.items():
        left.plot(*path[:250].T, ".-", markersize=3, linewidth=0.7)
        right.semilogy(path.norm(dim=1), label=name)
    left.set(xlabel="fake θ", ylabel="slope ψ of the discriminator", title="From (1, 0.5)", aspect="equal")
    right.set(xlabel="step", ylabel="distance to the equilibrium", title="Who arrives")
    right.legend()
    return {
        "eigenvalue without penalty, imaginary part": (float(eigenvalues(0.0).imag.max()), 0.5),
        "eigenvalue at gamma = 0.1, imaginary part": (float(eigenvalues(0.1).imag.max()), 0.497494),
        "eigenvalue at gamma = 2": (float(eigenvalues(2.0).real.min()), -1.866025),
        "end with R1, gamma = 1": (float(paths["R1, gamma = 1"][-1].norm()), 0.0),
        "WGAN-GP is still away (1: yes)": (float(paths["WGAN-GP, lambda = 0.3"][-1].norm() > 0.1), 1.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
