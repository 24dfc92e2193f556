r"""
Two populations of particles find a mixed equilibrium
=====================================================

In the game :math:`\min_x \max_y \cos(x - y)` one player hides, the other follows: no pair of points is an
equilibrium. Let each be a *population*, its distribution a mixed strategy. The Nikaido-Isoda gap, what both
could gain alone,

.. math:: \max_y E_p\, \ell(x, y) - \min_x E_q\, \ell(x, y),

is 0 at an equilibrium only. With entropies of weight τ (noise in the motion) it is a pair of Gibbs densities,
:math:`p \propto \exp(-E_q \ell / \tau),\ q \propto \exp(E_p \ell / \tau)`.

**What to see:** left, the gap vanishes. Right, noisy particles (dots) and Gibbs densities, a slope added.

C. Domingo-Enrich et al., *A mean-field analysis of two-player zero-sum games*, NeurIPS 2020.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Extragradient

TURN, BINS = 2 * torch.pi, 32


def coefficient(x: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(x), x).mean()


def gaps(n: int, steps: int) -> list[float]:
    numbers, update = torch.Generator().manual_seed(0), Extragradient()
    x, y = (torch.randn(n, generator=numbers, dtype=torch.float64).requires_grad_() for _ in range(2))
    payoff = lambda: (coefficient(x) * coefficient(y).conj()).real  # noqa: E731  the mean of cos(x - y)
    game = FunctionGame(([x], [y]), (payoff, lambda: -payoff()))
    optimizers, state = (torch.optim.SGD([x], 1.2 * n), torch.optim.SGD([y], 1.2 * n)), update.init(game)
    found: list[float] = []
    for _ in range(steps):
        found.append(float((coefficient(x).abs() + coefficient(y).abs()).detach()))
        state = update.step(game, optimizers, state)
    return found


def gibbs(x: Tensor, tau: float = 0.3) -> tuple[Tensor, Tensor]:
    payoff = torch.cos(x.unsqueeze(1) - x) + x.cos().unsqueeze(1) / 2
    p = q = torch.full_like(x, 1 / len(x))
    for _ in range(2000):
        p = 0.95 * p + 0.05 * torch.softmax(-payoff @ q / tau, 0)
        q = 0.95 * q + 0.05 * torch.softmax(payoff.T @ p / tau, 0)
    return p, q


def langevin(n: int, steps: int, rate: float = 0.1, tau: float = 0.3) -> tuple[Tensor, Tensor]:
    numbers, counts = torch.Generator().manual_seed(0), torch.zeros(2, BINS)
    x, y = TURN * torch.rand(2, n, generator=numbers, dtype=torch.float64)
    for step in range(steps):
        a, b = coefficient(x), coefficient(y)  # E cos(x - y) = Re(a conj(b))
        slopes = torch.stack([(x - b.angle()).sin() * b.abs() + x.sin() / 2, (a.angle() - y).sin() * a.abs()])
        noise = (2 * tau * rate) ** 0.5 * torch.randn(2, n, generator=numbers, dtype=torch.float64)
        x, y = torch.stack([x, y]) + rate * slopes + noise
        if step > steps // 3:
            counts = counts + torch.stack([torch.histc(z % TURN, BINS, 0, TURN) for z in (x, y)])
    return (counts / counts.sum(1, keepdim=True)).unbind()


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    extra = gaps(50, 300 if quick else 1000)
    grid = TURN * (torch.arange(BINS * 8, dtype=torch.float64) + 0.5) / (BINS * 8)
    densities = [one.view(BINS, 8).sum(1) for one in gibbs(grid)]
    particles = langevin(500 if quick else 5000, 600 if quick else 2000)
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    left.semilogy(extra)
    left.set(xlabel="step", ylabel="Nikaido-Isoda gap", title="50 particles each ")
    middle, scale = grid.view(BINS, 8).mean(1), BINS / (TURN)
    divergences = []
    for exact, found in zip(densities, particles, strict=True):
        divergences.append(float((found * (found / exact).log()).sum()))
        right.plot(middle, exact * scale, "-", middle, found * scale, "k.")
    right.set(xlabel="angle [rad]", ylabel="density [1/rad]", title="Gibbs, particles")
    return {
        "gap of extragradient particles": (extra[-1], 0.0),
        "larger KL of particles to a Gibbs density": (max(divergences), 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
