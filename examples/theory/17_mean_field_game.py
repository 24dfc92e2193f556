r"""
A mean-field game: Hamilton-Jacobi-Bellman against Fokker-Planck
================================================================

Very many equal players on a circle, each with a velocity α and noise, pay effort, uneven ground and crowd,
:math:`\int_0^T \frac{1}{2}|\alpha|^2 + f(x) + c\,m(t, x)\,dt`. The value u of one player and the density m of
all solve

.. math:: -\partial_t u - \nu u'' + \tfrac{1}{2} |u'|^2 = f + c m, \quad \partial_t m - \nu m'' - (m u')' = 0,

u backwards from 0 at T, m forwards. Like generator and discriminator, each is the other's problem.
*Fictitious play* averages: the best answer to the mean of all crowds so far. What a single player saves by
changing alone is the Nikaido-Isoda gap.

**What to see:** left, the gap falls to 0. Right, the density at T on the grid, and of particles that follow
-u', each with noise of its own.

J.-M. Lasry, P.-L. Lions, *Mean field games*, Japanese J. Math. 2, 2007; P. Cardaliaguet, S. Hadikhanloo,
*Learning in mean field games: the fictitious play*, ESAIM: COCV 23, 2017.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page

N, STEPS, NU, CROWD = 64, 400, 0.05, 0.2
WIDTH, DT = 1 / N, 0.5 / STEPS
X = torch.arange(N, dtype=torch.float64) / N
GROUND, START = 0.2 * torch.cos(4 * math.pi * X), torch.exp(-(((X - 0.4) / 0.1) ** 2) / 2)
START = START / START.mean()


# %%
# Backwards: the value, and the best speeds to the right and to the left, (STEPS, 2, N).
def best_answer(crowd: Tensor) -> tuple[Tensor, Tensor]:
    u, speeds = torch.zeros(N, dtype=torch.float64), []
    for m in crowd.flip(0):
        right, left = u.roll(-1) - u, u.roll(1) - u
        speeds.append(-torch.stack([right, left]).clamp(max=0) / WIDTH)
        u = u + DT * (NU * (right + left) / WIDTH**2 - speeds[-1].square().sum(0) / 2 + GROUND + CROWD * m)
    return u, torch.stack(speeds).flip(0)


# %%
# Forwards: the density, (STEPS + 1, N). The scheme is the transpose of the backward one, so mass is kept.
def crowd_of(speeds: Tensor) -> Tensor:
    path = [START]
    for rates in (speeds + NU / WIDTH) / WIDTH:
        right, left = path[-1] * rates
        path.append(path[-1] + DT * (right.roll(1) + left.roll(-1) - right - left))
    return torch.stack(path)


# %%
# Fictitious play: flows of mass are averaged. Then particles move as the averaged flow says.
def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    flux = torch.zeros(STEPS, 2, N, dtype=torch.float64)
    mean, gaps, rounds = crowd_of(flux), [], 12 if quick else 200
    for k in range(rounds):
        value, speeds = best_answer(mean[:-1])
        running = (flux / mean[:-1].unsqueeze(1)).square().sum(1) / 2 + GROUND + CROWD * mean[:-1]
        gaps.append(float((running * mean[:-1]).mean(1).sum() * DT - (value * START).mean()))
        flow, share = crowd_of(speeds), 2 / (k + 3)
        flux = (1 - share) * flux + share * speeds * flow[:-1].unsqueeze(1)
        mean = (1 - share) * mean + share * flow
    numbers, n = torch.Generator().manual_seed(0), 20_000 if quick else 200_000
    x = 0.4 + 0.1 * torch.randn(n, generator=numbers, dtype=torch.float64)
    for right, left in flux / mean[:-1].unsqueeze(1):
        noise = torch.randn(n, generator=numbers, dtype=torch.float64)
        x = x + DT * (right - left)[(x * N).round().long() % N] + (2 * NU * DT) ** 0.5 * noise
    seen = torch.bincount((x * N).round().long() % N, minlength=N).double() * N / n
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    left.loglog(range(1, rounds + 1), gaps, ".-")
    left.set(xlabel="round of fictitious play", ylabel="Nikaido-Isoda gap", title="What changing alone saves")
    right.plot(X, START, "0.7", X, mean[-1], "C0", X, seen, "C3.", X, 1 + GROUND, "k:")
    right.set(xlabel="place on the circle", ylabel="density", title="The crowd spreads, into the valleys")
    right.legend(["start", "Fokker-Planck at T", "particles at T", "1 + ground f"], fontsize="small")
    return {
        "gap at the end over the first": (gaps[-1] / gaps[0], 0.0),
        "mass at T": (float(mean[-1].mean()), 1.0),
        "total variation of particles and grid": (float((seen - mean[-1]).abs().mean() / 2), 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
