r"""
Networks have no minimax theorem, mixtures of networks do
=========================================================

Von Neumann's theorem, :math:`\min_G \max_D V = \max_D \min_G V`, asks for a value that is convex in G and
concave in D. In the *weights* of networks it is neither, and with pure strategies who moves last wins. Here a
generator can make one point only and the data have two; every discriminator is a sigmoid bump of a small
network. As a matrix game over both players' choices, with *mixtures* allowed, von Neumann's theorem holds,
and both sides are linear programs.

**What to see:** left, the payoff of each generator against each discriminator: no saddle point. Right, the
mixtures that solve the game: the generators' has its weight where the data are. Below a value of 0 the
discriminator would gain nothing.

J. von Neumann, *Zur Theorie der Gesellschaftsspiele*, Math. Annalen 100, 1928; S. Arora et al.,
*Generalization and equilibrium in generative adversarial nets*, ICML 2017, section 4.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import Wasserstein


# %%
# Generators: a point g. Discriminators: bumps around c, of two hidden units, of either sign.
def bump(x: Tensor, centre: Tensor) -> Tensor:
    return torch.sigmoid(8 * (x - centre + 0.4)) - torch.sigmoid(8 * (x - centre - 0.4))


def payoffs(n: int) -> tuple[Tensor, Tensor, np.ndarray]:
    """Return the generators' points, the discriminators' centres, and V = E_p D - D(g) for each pair."""
    points, centres = torch.linspace(-2, 2, n), torch.linspace(-2, 2, n)
    data = torch.tensor([-1.0, 1.0])
    value = -torch.func.vmap(
        lambda g: torch.func.vmap(
            lambda c: Wasserstein().discriminator_loss(bump(data, c), bump(g.unsqueeze(0), c))
        )(centres)
    )(points)
    return points, centres, torch.cat([value, -value], 1).double().numpy()


# %%
# The best mixture of rows against all columns: minimise t with (mixture V)_d <= t for every d.
def best_mixture(V: np.ndarray) -> tuple[float, np.ndarray]:
    n, m = V.shape
    answer = linprog(
        np.r_[np.zeros(n), 1],
        A_ub=np.c_[V.T, -np.ones(m)],
        b_ub=np.zeros(m),
        A_eq=np.r_[np.ones(n), 0][None],
        b_eq=[1],
        bounds=[(0, None)] * n + [(None, None)],
    )
    return answer.fun, answer.x[:n]


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    points, centres, V = payoffs(41 if quick else 81)
    min_max, max_min = V.max(1).min(), V.min(0).max()
    upper, generators = best_mixture(V)
    lower, _ = best_mixture(-V.T)
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    image = left.imshow(V[:, : len(centres)], extent=(-2, 2, 2, -2), cmap="RdBu", aspect="auto")
    plt.colorbar(image, label="V = E D(data) - D(g)")
    left.set(xlabel="centre of the discriminator's bump", ylabel="point g of the generator")
    left.set(title=f"pure: min max {min_max:.2f}, max min {round(max_min, 2) + 0.0:.2f}")
    right.bar(points, generators, 0.08, label="mixture of generators")
    for place in (-1, 1):
        right.axvline(place, color="k", linestyle="--", linewidth=0.8)
    right.set(
        xlabel="point g (dashed: the data)", ylabel="weight", title=f"mixed: both {round(upper, 2) + 0.0:.2f}"
    )
    near = generators[(points.abs() - 1).abs().numpy() < 0.06].sum()
    return {
        "gap of pure strategies is above 0.4 (1: yes)": (float(min_max - max_min > 0.4), 1.0),
        "gap of mixed strategies": (upper + lower, 0.0),
        "value of the mixed game": (upper, 0.0),
        "weight of the generators at the data": (float(near), 1.0),
        "exploitability of the mixture": (float((generators @ V).max() - upper), 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
