r"""
The game turns: a continuous rotation, a discrete spiral, and the cures
=======================================================================

Near an equilibrium every two-player game is, up to its curvature, bilinear: :math:`\min_u \max_v \sigma u v`.
Its flow :math:`(u', v') = (-\sigma v, \sigma u)` is a rotation that never arrives. A gradient step of rate η
follows the tangent instead of the circle, so each one multiplies the radius by :math:`\sqrt{1 + s^2}, s =
\eta\sigma`: a spiral outwards. The cures change the point where the gradient is taken, average, or add a
gradient that points inwards; their factors are known: extragradient :math:`\sqrt{1 - s^2 + s^4}`, optimistic
the root of :math:`\lambda^2 - (1 + 2is)\lambda + is`, consensus :math:`|1 - \gamma\eta\sigma^2 + is|`.

**What to see:** eight updates of the package from one point. Simultaneous steps spiral out, alternating ones
stay on an ellipse, all others come in, each at the rate of its formula (s = 0.3).

L. Mescheder et al., *The numerics of GANs*, NeurIPS 2017, Lemma 4; G. Gidel et al., *A variational inequality
perspective on GANs*, ICLR 2019; T. Chavdarova et al., *Taming GANs with lookahead-minmax*, ICLR 2021.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.diagnostics import game_jacobian, rotation_share
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import UPDATES, Lookahead, Simultaneous


def bilinear() -> FunctionGame:
    u, v = (torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in (1.0, 0.3))
    return FunctionGame(([u], [v]), (lambda: u @ v, lambda: -(u @ v)))


# %%
# Trajectories under each update
def trajectory(name: str, rate: float, steps: int) -> Tensor:
    game = bilinear()
    update = Lookahead(Simultaneous(), k=6) if name == "lookahead" else UPDATES[name]()
    optimizers = tuple(torch.optim.SGD(player, rate) for player in game.players)
    state, path = update.init(game), [(1.0, 0.3)]
    for _ in range(steps):
        state = update.step(game, optimizers, state)
        path.append(tuple(float(w.detach()) for player in game.players for w in player))
    return torch.tensor(path, dtype=torch.float64)


def factor(path: Tensor) -> float:  # a step, by a straight line through the logarithms of the radius
    radius = path.norm(dim=1)[len(path) // 4 :].log().numpy()
    return float(np.exp(np.polyfit(np.arange(len(radius)), radius, 1)[0]))


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    s, steps = 0.3, 240 if quick else 960
    optimistic = np.abs(np.roots([1, -(1 + 2j * s), 1j * s])).max()
    theory = {
        "simultaneous": np.sqrt(1 + s**2), "alternating": 1.0, "extragradient": np.sqrt(1 - s**2 + s**4),
        "optimistic": optimistic, "past-extragradient": optimistic, "consensus": abs(1 - s + 1j * s),
        "symplectic": abs(1 - s + 1j * s), "lookahead": abs(0.5 + 0.5 * (1 + 1j * s) ** 6) ** (1 / 6),
    }  # fmt: skip
    paths = {name: trajectory(name, s, steps) for name in theory}
    J, eye = game_jacobian(bilinear()), torch.eye(2, dtype=torch.float64)
    midpoint = torch.linalg.solve(
        eye + 0.005 * J, eye - 0.005 * J
    )  # one implicit midpoint step of the flow, 0.01
    turn = [torch.tensor([1.0, 0.3], dtype=torch.float64)]
    for _ in range(628):
        turn.append(midpoint @ turn[-1])
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    left.plot(*torch.stack(turn).T, "k", linewidth=2)
    for name, path in paths.items():
        label = f"{name}: {factor(path):.4f} ({theory[name]:.4f})"
        left.plot(*path[:25].T, ".-", linewidth=0.8, markersize=3)
        right.semilogy(path[:241].norm(dim=1), label=label)
    left.set(xlabel="u", ylabel="v", title="25 steps; black: the flow", xlim=(-3, 3), ylim=(-3, 3))
    right.set(
        xlabel="step", ylabel="distance to the equilibrium", ylim=(1e-20, 1e25), title="Factor (theory)"
    )
    right.legend(loc="upper left", fontsize="x-small")
    numbers = torch.Generator().manual_seed(0)
    return {
        "drift of the flow's radius in a turn": (float(turn[-1].norm() / turn[0].norm()) - 1, 0.0),
        **{f"factor of {name}": (factor(path), float(theory[name])) for name, path in paths.items()},
        "rotation share of the bilinear game": (rotation_share(bilinear(), generator=numbers), 1.0),
        "best factor of extragradient": (factor(trajectory("extragradient", 0.5**0.5, 120)), 0.75**0.5),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
