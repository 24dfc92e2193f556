r"""
Is the end of a run an equilibrium?
===================================

A point is *stationary* when both gradients vanish, :math:`\varepsilon = |F|^2 = 0`; a local *Nash
equilibrium* when neither player can gain alone either: both Hessians of the own losses are positive;
*variationally stable* with slack δ when the field points back to it from all around, :math:`\langle F(w), w -
w^* \rangle \ge -\delta`.

**What to see:** a GAN with R1 on data of two peaks. ε falls by orders of magnitude; the generator's least
curvature stays below 0, so it could gain if the discriminator stood still. But the game as a whole is
attracted: no eigenvalue of its Jacobian has a real part well below 0.

H. Berard et al., *A closer look at the optimization landscapes of GANs*, ICLR 2020; P. Mertikopoulos, Z.
Zhou, Math. Programming 173, 2019.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from sciadv.drawing.example_pages import run_page
from sciadv.games.diagnostics import game_jacobian, local_nash, variational_stability
from sciadv.games.objectives import NonSaturating
from sciadv.games.penalties import R1
from sciadv.games.two_player import FunctionGame, copies, parameters
from sciadv.games.updates import Alternating


def net(seed: int) -> nn.Module:
    numbers = torch.Generator().manual_seed(seed)
    module = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    for p in module.parameters():
        nn.init.normal_(p, std=0.7, generator=numbers)
    return module


def two_peaks() -> FunctionGame:
    noise = torch.special.ndtri((torch.arange(64, dtype=torch.float64) + 0.5) / 64).unsqueeze(1)
    real = torch.cat([0.4 * noise[::2] - 1.0, 0.4 * noise[1::2] + 1.0])
    G, D, loss, penalty = net(0), net(1), NonSaturating(), R1(0.5)
    first = lambda: loss.generator_loss(D(G(noise)), D(real))  # noqa: E731
    second = lambda: loss.discriminator_loss(D(real), D(G(noise))) + penalty(D, real, real)  # noqa: E731
    return FunctionGame((list(G.parameters()), list(D.parameters())), (first, second))


def known_slack(curvature: float) -> float:
    u, v = (torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    losses = (lambda: u @ v + curvature / 2 * u @ u, lambda: -u @ v + curvature / 2 * v @ v)
    return slack(FunctionGame(([u], [v]), losses), (torch.zeros(1, dtype=torch.float64),) * 2)


def slack(game: FunctionGame, at: tuple[Tensor, ...]) -> float:
    return variational_stability(game, at, radius=0.1, n_samples=100, generator=torch.Generator())


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    game, update, rows = two_peaks(), Alternating(), []
    optimizers = tuple(torch.optim.SGD(player, 0.1) for player in game.players)
    state, steps = update.init(game), 400 if quick else 6000
    for step in range(steps + 1):
        if step % (steps // 10) == 0:
            nash = local_nash(game, generator=torch.Generator().manual_seed(0))
            rows.append((step, nash.epsilon, *(extremes.least for extremes in nash.curvature)))
        state = update.step(game, optimizers, state)
    J, n = game_jacobian(game), sum(p.numel() for p in game.players[0])
    least = float(torch.linalg.eigvalsh(J[:n, :n]).min())
    spectrum, nash = torch.linalg.eigvals(J), local_nash(game, generator=torch.Generator().manual_seed(0))
    at, epsilon, *curvatures = zip(*rows, strict=True)
    _, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    axes[0].semilogy(at, epsilon)
    axes[0].set(xlabel="step", ylabel="ε = |F|²", title="Nearly stationary")
    axes[1].plot(at, list(zip(*curvatures, strict=True)), label=["generator", "discriminator"])
    axes[1].set(xlabel="step", ylabel="least own curvature", title="Blue: generator, orange: discriminator")
    axes[2].plot(spectrum.real, spectrum.imag, ".")
    axes[2].set(xlabel="real part", ylabel="imaginary part", title="Eigenvalues of the Jacobian")
    return {
        "generator's least curvature, Lanczos less dense": (nash.curvature[0].least - least, 0.0),
        "slack of the bilinear game": (known_slack(0.0), 0.0),
        "slack of the monotone game > 0 (1: yes)": (float(known_slack(1.0) > 0), 1.0),
        "least real part of the Jacobian": (float(spectrum.real.min()), 0.0),
        "epsilon at the end": (epsilon[-1], 0.0),
        "slack at the end": (slack(game, copies(parameters(game))), 0.0),
        "the generator could gain alone (1: yes)": (float(least < -1e-6), 1.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
