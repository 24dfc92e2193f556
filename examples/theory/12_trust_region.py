r"""
A trust region turns an explosion into a slow drift
===================================================

On the bilinear game a simultaneous gradient step is at right angles to the way to the equilibrium, so it adds
its own square to that of the radius. A step of length :math:`\eta r` gives :math:`r_{t+1}^2 = (1 + \eta^2)
r_t^2`, exponential growth; a step that is cut to the length Δ gives

.. math:: r_T^2 = r_0^2 + T \Delta^2,

growth like the square root of T. A trust region so keeps a game from exploding, which is what large steps of
a generator do; but it does not converge by itself: for that the direction must change (page *The game
turns*), and a region around an extragradient step does no harm.

**What to see:** the free game is at 151 after a thousand steps, the cut one where the formula says; cut
extragradient arrives.

J. Schulman et al., *Trust region policy optimization*, ICML 2015; J. Nocedal, S. J. Wright, *Numerical
optimization*, 2006, Eq. 4.3.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Extragradient, Simultaneous, TrustRegion, Update


# %%
# The bilinear game from (1, 0.3) at a rate of 0.1.
def radius(update: Update, steps: int) -> Tensor:
    u, v = (torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in (1.0, 0.3))
    game = FunctionGame(([u], [v]), (lambda: u @ v, lambda: -(u @ v)))
    optimizers = (torch.optim.SGD([u], 0.1), torch.optim.SGD([v], 0.1))
    state, path = update.init(game), [(1.0, 0.3)]
    for _ in range(steps):
        state = update.step(game, optimizers, state)
        path.append((float(u.detach()), float(v.detach())))
    return torch.tensor(path, dtype=torch.float64).norm(dim=1)


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    steps, squared = 300 if quick else 1000, 1.0**2 + 0.3**2
    t = torch.arange(steps + 1)
    free = radius(Simultaneous(), steps)
    cut = {reach: radius(TrustRegion(reach), steps) for reach in (0.05, 0.02)}
    cured = radius(TrustRegion(0.05, inner=Extragradient()), steps)
    _, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    axes.semilogy(t, free, label="simultaneous gradient steps")
    for reach, path in cut.items():
        axes.semilogy(t, path, label=f"cut to {reach}")
        axes.semilogy(t, (squared + t * reach**2).sqrt(), "k:")
    axes.semilogy(t, cured, label="extragradient, cut to 0.05")
    axes.plot([], [], "k:", label="(r0² + T Δ²)^(1/2)")
    axes.set(
        xlabel="step T",
        ylabel="distance to the equilibrium",
        title="Bilinear game, rate 0.1",
        ylim=(1e-3, None),
    )
    axes.legend()
    return {
        "radius of free steps over theory's": (float(free[-1]) / (squared**0.5 * 1.01 ** (steps / 2)), 1.0),
        "squared radius, cut to 0.05": (float(cut[0.05][-1] ** 2), squared + steps * 0.05**2),
        "squared radius, cut to 0.02": (float(cut[0.02][-1] ** 2), squared + steps * 0.02**2),
        "cut extragradient comes nearer (1: yes)": (float(cured[-1] < 0.5 * cured[0]), 1.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
