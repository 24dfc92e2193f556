r"""
Imitation: the discriminator's fakes are visits of states
=========================================================

A policy π visits state s and acts a with the discounted frequency :math:`\rho_\pi(s, a)`, its occupancy
measure, which determines it: :math:`\pi(a | s) = \rho(s, a) / \sum_a \rho(s, a)`. Imitating an expert is to
match measures, by the game of a GAN,

.. math:: \min_\pi \max_D\ E_{\rho_E} \log D + E_{\rho_\pi} \log(1 - D),

at whose equilibrium the value is -2 ln 2. The policy's part is reinforcement learning with the reward -log(1
- D); no reward of the expert's is known.

**What to see:** two states, two actions, all exact. Left, the value rises to -2 ln 2 and the measures agree.
Right, the policy finds the expert's action probabilities in both states.

J. Ho, S. Ermon, *Generative adversarial imitation learning*, NeurIPS 2016, Eqs. 14 and 16, Proposition 3.1.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn.functional import softplus

from sciadv.drawing.example_pages import run_page
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Extragradient

DISCOUNT = 0.9
MOVES = torch.tensor([[0.1, 0.8], [0.3, 0.95]]).double()  # probability of state 1 next, by state and action
EXPERT = torch.tensor([0.3, 0.8], dtype=torch.float64)  # probability of action 1, by state


# %%
# The occupancy of a policy solves the flow equation d = (1 - g) d0 + g P^T d, g the discount.
def occupancy(act: Tensor) -> Tensor:
    policy = torch.stack([1 - act, act], 1)
    to_one = (policy * MOVES).sum(1)
    P = torch.stack([1 - to_one, to_one], 1)
    eye = torch.eye(2, dtype=torch.float64)
    d = torch.linalg.solve(eye - DISCOUNT * P.T, (1 - DISCOUNT) * eye[0])  # from state 0
    return d.unsqueeze(1) * policy


def play(steps: int) -> tuple[list[float], Tensor, list[float]]:
    expert = occupancy(EXPERT)
    actor = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
    D = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)

    def value() -> Tensor:
        return -(expert * softplus(-D)).sum() - (occupancy(actor.sigmoid()) * softplus(D)).sum()

    game, update = FunctionGame(([actor], [D]), (value, lambda: -value())), Extragradient()
    optimizers, state = (torch.optim.SGD([actor], 2.0), torch.optim.SGD([D], 2.0)), update.init(game)
    values, path, distances = [], [], []
    for _ in range(steps):
        state = update.step(game, optimizers, state)
        values.append(float(value().detach()))
        path.append(actor.detach().sigmoid())
        distances.append(float((occupancy(path[-1]) - expert).abs().sum() / 2))
    return values, torch.stack(path), distances


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    values, path, distances = play(800 if quick else 3000)
    reward = torch.tensor([[1.0, -0.5], [0.2, 2.0]], dtype=torch.float64)
    _, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    left.semilogy(distances, label="total variation of occupancies")
    left.semilogy([abs(v + 2 * math.log(2)) for v in values], label="|value + 2 ln 2|")
    left.set(xlabel="step", ylabel="distance", title="Measures and value")
    left.legend()
    for s in (0, 1):
        right.plot(path[:, s], f"C{s}")
        right.axhline(float(EXPERT[s]), color=f"C{s}", linestyle="--")
    right.set(xlabel="step", ylabel="probability of action 1", title="Policy, expert (dashed)", ylim=(0, 1))
    returns = [float((occupancy(act) * reward).sum() / (1 - DISCOUNT)) for act in (path[-1], EXPERT)]
    return {
        "total variation of occupancies": (distances[-1], 0.0),
        "value of the game": (values[-1], -2 * math.log(2)),
        "action 1 in state 0": (float(path[-1, 0]), 0.3),
        "action 1 in state 1": (float(path[-1, 1]), 0.8),
        "return of the policy under a reward it never saw": (returns[0], returns[1]),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
