r"""
Pix2Pix and CycleGAN: low-dose to full-dose tomography
======================================================

Head CT slices x of 32 x 32 pixels, and u, their filtered back-projections from 32 views of 2,000 photons a
detector pixel. **Pix2Pix** knows pairs: :math:`x = u + G(u)` by the error :math:`|x - u - G(u)|` and a game
against D(u, x). **CycleGAN** knows x and u of different heads: a map and a game each way; cycles lead back.
The trivial rivals are u itself, the best linear map, and Pix2Pix without its game.

**What to see:** held-out slices: truth, u, and the answer of each method.

**The number:** squared errors on held-out slices, and misfits to the line integrals in standard deviations of
their noise. Pix2Pix is far better than the linear map, and not for its game; CycleGAN is worse than it.

P. Isola et al., *Image-to-image translation with conditional adversarial networks*, CVPR 2017; J.-Y. Zhu et
al., *Unpaired image-to-image translation using cycle-consistent adversarial networks*, ICCV 2017.
"""

# %%
import sys

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, softplus

from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows
from sciadv.forward import ParallelBeam
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Alternating
from sciadv.prior import Prior
from sciadv.solvers.classical.fbp import filtered_back_projection

steps = 50 if "--quick" in sys.argv else 1000  # seconds instead of minutes
full = avg_pool2d(Prior.load("ct-head").residual.reference.float(), 2)
full = full[torch.randperm(300, generator=torch.Generator().manual_seed(0))]
A = ParallelBeam((1, 32, 32), n_angles=32, pixel_size=0.1)
photons = 2000 * torch.exp(-A(full))
lines = -(torch.poisson(photons, generator=torch.Generator().manual_seed(1)).clamp_min(1) / 2000).log()
(x, x_test), (u, u_test) = (one.split([240, 60]) for one in (full, filtered_back_projection(A, lines)))


# %%
# The networks, and the game of one training
def network(n_in: int, n: int = 12) -> nn.Sequential:
    layers = [nn.Conv2d(n_in, n, 3, padding=1)]
    layers += [nn.Conv2d(n, n, 3, padding=wide, dilation=wide) for wide in (2, 4)]
    layers = [part for one in layers for part in (one, nn.LeakyReLU(0.2))]
    return nn.Sequential(*layers, nn.Conv2d(n, 1, 3, padding=1))


class Move(nn.Sequential):
    def forward(self, image: Tensor) -> Tensor:
        return image + super().forward(image)


def train(weight: float, *, is_paired: bool) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    there, back = Move(network(1)), Move(network(1))
    critics = (network(2),) if is_paired else (network(1), network(1))
    now: dict[str, Tensor] = {}

    def draw_batch() -> None:
        rows = torch.randint(len(u), (8,))
        now["u"], now["x"] = u[rows], x[rows]
        if not is_paired:
            now["u"], now["x"] = u[torch.randint(120, (8,))], x[120 + torch.randint(120, (8,))]

    def compared() -> list[tuple[Tensor, Tensor]]:  # what each critic sees: real, generated
        if is_paired:
            return [tuple(torch.cat([now["u"], image], 1) for image in (now["x"], there(now["u"])))]
        return [(now["x"], there(now["u"])), (now["u"], back(now["x"]))]

    def generator_loss() -> Tensor:
        ways = [(there(now["u"]), now["x"])]
        if not is_paired:
            ways = [(back(there(now["u"])), now["u"]), (there(back(now["x"])), now["x"])]
        fooled = (softplus(-D(fake)).mean() for D, (_, fake) in zip(critics, compared(), strict=True))
        return sum((made - image).abs().mean() for made, image in ways) + weight * sum(fooled)

    def discriminator_loss() -> Tensor:
        seen = zip(critics, compared(), strict=True)
        return sum((softplus(-D(real)) + softplus(D(fake.detach()))).mean() for D, (real, fake) in seen)

    nets = [there] if is_paired else [there, back]
    players = tuple([p for net in side for p in net.parameters()] for side in (nets, critics))
    game = FunctionGame(players, (generator_loss, discriminator_loss), draw_batch)
    optimizers = tuple(torch.optim.Adam(player, 1e-3, betas=(0.5, 0.99)) for player in players)
    state = (update := Alternating()).init(game)
    for _ in range(steps):
        state = update.step(game, optimizers, state)
    return there, back


# %%
# The answers, their errors and their misfits
known, wanted = u.flatten(1), (x - u).flatten(1)
linear = torch.linalg.solve(known.T @ known + 2.4 * torch.eye(1024), known.T @ wanted)
trainings = {"Pix2Pix": (0.03, True), "Pix2Pix without game": (0.0, True), "CycleGAN": (0.03, False)}
nets = {name: train(weight, is_paired=paired) for name, (weight, paired) in trainings.items()}
answers = {"low dose": u_test, "linear": u_test + (u_test.flatten(1) @ linear).view_as(u_test)}
answers |= {name: there(u_test).detach() for name, (there, _) in nets.items()}
for name, image in {**answers, "truth": x_test}.items():
    misfit = ((A(image) - lines[240:]) * photons[240:].sqrt()).square().mean().sqrt()
    print(f"{name}, squared error: {(image - x_test).square().mean():.5f}")
    print(f"{name}, misfit [sigma]: {misfit:.2f}")
cycle = nets["CycleGAN"][1](answers["CycleGAN"]) - u_test
print(f"squared error of the cycle: {cycle.square().mean():.5f}")
rows = [PanelRow(name, image[:4].numpy(), "image") for name, image in {"truth": x_test, **answers}.items()]
show(draw_rows(rows, titles=[""] * 4, heading="low-dose to full-dose head CT"))
