r"""
Pix2Pix and CycleGAN: low-dose to full-dose tomography
======================================================

Head CT slices of 32 x 32 pixels are measured by 32 views of 2,000 photons a detector pixel (Beer and
Lambert's law, Poisson noise) and reconstructed by filtered back-projection: the low-dose images u of
full-dose images x. **Pix2Pix** knows pairs; its generator :math:`x = u + G(u)` is taught by

.. math:: E |x - u - G(u)| + w\, \ln(1 + e^{-D(u, u + G(u))}).

**CycleGAN** knows x and u of different heads, and has a generator each way, :math:`x = G(u)`, :math:`u =
F(x)`; beside a game for each, F(G(u)) = u and G(F(x)) = x are asked for. The trivial rivals are u itself,
the best linear map of u, and Pix2Pix without its game.

**What to see:** a held-out slice: truth, u, and the answer of each method.

**The number:** squared errors on held-out slices, the cycle's error, and the misfit: the deviation of the
measured line integrals from those of the answer, in standard deviations of their noise. Pix2Pix is far
better than the linear map, and not better for its game; CycleGAN is worse than the linear map, and leaves
the data.

P. Isola et al., *Image-to-image translation with conditional adversarial networks*, CVPR 2017; J.-Y. Zhu et
al., *Unpaired image-to-image translation using cycle-consistent adversarial networks*, ICCV 2017.
"""

# %%
import sys
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, softplus

from sciadv.drawing.example_pages import show
from sciadv.drawing.panels import PanelRow, draw_rows
from sciadv.forward import ParallelBeam
from sciadv.games.two_player import FunctionGame
from sciadv.games.updates import Alternating
from sciadv.metrics import mse
from sciadv.prior import Prior
from sciadv.solvers.classical.fbp import filtered_back_projection

steps = 50 if "--quick" in sys.argv else 1000  # seconds instead of minutes
residual = Prior.load("ct-head").residual
assert residual is not None
full = avg_pool2d(residual.reference.float(), 2)
full = full[torch.randperm(len(full), generator=torch.Generator().manual_seed(0))]
A = ParallelBeam((1, 32, 32), n_angles=32, pixel_size=0.1)
photons = 2000 * torch.exp(-A(full))
counts = torch.poisson(photons, generator=torch.Generator().manual_seed(1)).clamp_min(1)
lines = -(counts / 2000).log()
low = filtered_back_projection(A, lines)
x, u, x_test, u_test = full[:240], low[:240], full[240:], low[240:]
pairs = torch.cat([u, x], 1)


# %%
# The networks, and the game of one training
def network(n_in: int, n: int = 12) -> nn.Sequential:
    ends = nn.Conv2d(n_in, n, 3, padding=1), nn.Conv2d(n, 1, 3, padding=1)
    middle = (nn.Conv2d(n, n, 3, padding=2, dilation=2), nn.Conv2d(n, n, 3, padding=4, dilation=4))
    return nn.Sequential(*chain(*((layer, nn.LeakyReLU(0.2)) for layer in (ends[0], *middle))), ends[1])


def train(weight: float, *, is_paired: bool) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    there, back = network(1), network(1)
    critics = (network(2),) if is_paired else (network(1), network(1))
    now: dict[str, Tensor] = {}

    def draw_batch() -> None:
        now["u"], now["x"] = pairs[torch.randint(len(u), (8,))].split(1, 1)
        if not is_paired:
            now["u"], now["x"] = u[torch.randint(120, (8,))], x[120 + torch.randint(120, (8,))]

    def moved(net: nn.Module, image: Tensor) -> Tensor:
        return image + net(image)

    def compared() -> list[tuple[Tensor, Tensor]]:  # what each critic sees: real, generated
        made = moved(there, now["u"])
        if is_paired:
            return [(torch.cat([now["u"], now["x"]], 1), torch.cat([now["u"], made], 1))]
        return [(now["x"], made), (now["u"], moved(back, now["x"]))]

    def generator_loss() -> Tensor:
        made = moved(there, now["u"])
        error = (made - now["x"]).abs().mean()
        if not is_paired:
            cycles = moved(back, made) - now["u"], moved(there, moved(back, now["x"])) - now["x"]
            error = sum(cycle.abs().mean() for cycle in cycles)
        fooled = (softplus(-D(fake)).mean() for D, (_, fake) in zip(critics, compared(), strict=True))
        return error + weight * sum(fooled) if weight else error

    def discriminator_loss() -> Tensor:
        return sum(
            softplus(-D(real)).mean() + softplus(D(fake.detach())).mean()
            for D, (real, fake) in zip(critics, compared(), strict=True)
        )

    nets = [there] if is_paired else [there, back]
    players = tuple([p for net in side for p in net.parameters()] for side in (nets, critics))
    game = FunctionGame(players, (generator_loss, discriminator_loss), draw_batch)
    optimizers = tuple(torch.optim.Adam(player, 1e-3, betas=(0.5, 0.99)) for player in players)
    update = Alternating()
    state = update.init(game)
    for _ in range(steps):
        state = update.step(game, optimizers, state)
    return there, back


# %%
# The answers, their errors and their misfits
linear = torch.linalg.lstsq(
    torch.cat([u.flatten(1), 0.1 * len(u) ** 0.5 * torch.eye(1024)]),
    torch.cat([(x - u).flatten(1), torch.zeros(1024, 1024)]),
).solution
answers = {"low dose": u_test, "linear": u_test + (u_test.flatten(1) @ linear).view_as(u_test)}
trainings = {"Pix2Pix": (0.03, True), "Pix2Pix without game": (0.0, True), "CycleGAN": (0.03, False)}
with_cycles = {name: train(weight, is_paired=paired) for name, (weight, paired) in trainings.items()}
answers |= {name: (u_test + there(u_test)).detach() for name, (there, _) in with_cycles.items()}
deviation = photons[240:].rsqrt()
for name, image in answers.items():
    misfit = ((A(image) - lines[240:]) / deviation).square().mean().sqrt()
    print(f"{name}, squared error: {mse(image, x_test).mean():.5f}")
    print(f"{name}, misfit [sigma]: {misfit:.2f}")
made = answers["CycleGAN"]
back = with_cycles["CycleGAN"][1]
print(f"squared error of the cycle: {mse((made + back(made)).detach(), u_test).mean():.5f}")
true_misfit = ((A(x_test) - lines[240:]) / deviation).square().mean().sqrt()
print(f"truth, misfit [sigma]: {true_misfit:.2f}")

rows = [PanelRow(name, image[:4].numpy(), "image") for name, image in {"truth": x_test, **answers}.items()]
show(draw_rows(rows, titles=[""] * 4, heading="low-dose to full-dose head CT"))
