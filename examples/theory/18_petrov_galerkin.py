r"""
A weak solution is the equilibrium of a game
============================================

To solve :math:`-u'' = f,\ u(0) = u(1) = 0` weakly, the residual must vanish against every test function,

.. math:: \min_{u \in U} \max_{v \in V}\ r(u, v) - \tfrac{1}{2} |v|^2, \quad r = \int_0^1 f v - u' v'\,dx.

The trial function is the generator, the test function the critic: it points at where the equation is
violated. With finite elements of degree p for both, the equilibrium is Galerkin's solution; its residual is
orthogonal to all of V and its error falls like :math:`h^{p+1}`. In coordinates that are orthonormal in the
energy the game is bilinear with σ = 1, and the package's extragradient update solves it.

**What to see:** left, critic and error during the game: the critic dies out as the solution comes. Right,
errors in L² against the mesh width for p = 1 and 2, and the slopes of theory.

Y. Zang et al., *Weak adversarial networks for high-dimensional partial differential equations*, J. Comput.
Phys. 411, 2020, Eqs. 3 to 6.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Extragradient


# %%
# Elements of degree p on n cells: values and slopes of the basis functions at 6 Gauss points a cell.
def elements(n: int, p: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    s, w = np.polynomial.legendre.leggauss(6)
    s, nodes = (s + 1) / 2, np.linspace(0, 1, p + 1)
    values, steep = np.zeros((n * 6, n * p + 1)), np.zeros((n * 6, n * p + 1))
    for i, node in enumerate(nodes):
        others = np.delete(nodes, i)
        shape = np.poly1d(others, r=True) / np.prod(node - others)
        for cell in range(n):
            values[cell * 6 : cell * 6 + 6, cell * p + i] = shape(s)
            steep[cell * 6 : cell * 6 + 6, cell * p + i] = shape.deriv()(s) * n
    x = (np.arange(n)[:, None] + s).ravel() / n
    inner = slice(1, n * p)  # the ends are 0
    weights = np.tile(w / 2 / n, n)
    return tuple(torch.from_numpy(a) for a in (x, weights, values[:, inner], steep[:, inner]))


# %%
# The game, in coordinates in which the energy is the identity: errors and critics at each step.
def solve(n: int, p: int, steps: int = 80) -> tuple[float, float, list[float], list[float]]:
    x, weights, values, steep = elements(n, p)
    stiffness = steep.T @ (weights.unsqueeze(1) * steep)
    load = values.T @ (weights * (math.pi**2 * torch.sin(math.pi * x) + 2))
    whitener = torch.linalg.inv(torch.linalg.cholesky(stiffness))
    target = whitener @ load
    u, v = (torch.zeros_like(target, requires_grad=True) for _ in range(2))
    residual = lambda: (target - u) @ v - v @ v / 2  # noqa: E731
    game, update = FunctionGame(([u], [v]), (residual, lambda: -residual())), Extragradient()
    optimizers = (torch.optim.SGD([u], 0.6), torch.optim.SGD([v], 0.6))
    state, errors, critics = update.init(game), [], []
    for _ in range(steps):
        state = update.step(game, optimizers, state)
        difference = values @ (whitener.T @ u.detach()) - (torch.sin(math.pi * x) + x * (1 - x))
        errors.append(float((weights * difference**2).sum().sqrt()))
        critics.append(float(v.detach().norm()))
    return errors[-1], float((load - stiffness @ (whitener.T @ u.detach())).abs().max()), errors, critics


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    cells = [4, 8, 16] if quick else [4, 8, 16, 32, 64]
    _, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    found, rows, widths = {}, {}, [1 / n for n in cells]
    for p in (1, 2):
        rows[p] = [solve(n, p) for n in cells]
        errors = [row[0] for row in rows[p]]
        found[f"order of convergence, p = {p}"] = (float(np.log2(errors[-2] / errors[-1])), p + 1.0)
        ideal = [errors[-1] * (cells[-1] / n) ** (p + 1) for n in cells]
        right.loglog(widths, errors, "o-")
        right.loglog(widths, ideal, "k:")
        left.semilogy(rows[p][-1][2], f"C{p - 1}", rows[p][-1][3], f"C{p - 1}--")
    left.set(xlabel="step of the game", ylabel="norm", title="error in L², critic |v| (dashed)")
    right.set(xlabel="mesh width h", ylabel="error in L²", title="p = 1, p = 2; dotted: h², h³")
    worst = max(row[1] for p in (1, 2) for row in rows[p])
    return found | {"largest residual of a test function": (worst, 0.0)}


if __name__ == "__main__":
    print("\n".join(run_page(main)))
