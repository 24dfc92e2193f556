r"""
The game's value is 2 JSD - 2 ln 2
==================================

With the optimal discriminator put in, the value of the game of the first GAN is

.. math:: V(D^*, G) = 2\,\mathrm{JSD}(p, q) - 2 \ln 2,

least, -1.386294, where q = p and D* = 1/2 everywhere. The Jensen-Shannon divergence cannot exceed ln 2, which
it nearly reaches as soon as two densities hardly overlap: from there on the value says nothing about how far
the fakes are from the data.

**What to see:** the objective's own losses, integrated with the optimal discriminator (line), agree with the
divergence computed from its definition (dots); beyond a shift of 6 standard deviations the curve is flat.

I. Goodfellow et al., *Generative adversarial nets*, NeurIPS 2014, Theorem 1.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import Minimax

GRID = torch.linspace(-14, 24, 20001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


# %%
# Two ways to the same number: the definition of the divergence, and the value of the game
def normal(mean: float) -> Tensor:
    return torch.exp(-((GRID - mean) ** 2) / 2) / math.sqrt(2 * math.pi)


def divergence(p: Tensor, q: Tensor) -> float:
    m = (p + q) / 2 + 1e-300
    terms = torch.xlogy(p, p / m) + torch.xlogy(q, q / m)
    return float(terms.sum() * STEP / 2)


def value(a: float) -> float:
    logits = (-a * GRID + a**2 / 2).unsqueeze(1)
    never = torch.full((1,), -1e4, dtype=torch.float64)  # a logit of a sample that costs nothing
    of_real = torch.func.vmap(lambda logit: Minimax().discriminator_loss(logit, never))(logits)
    of_fake = torch.func.vmap(lambda logit: Minimax().discriminator_loss(-never, logit))(logits)
    return -float((normal(0) * of_real + normal(a) * of_fake).sum() * STEP)


# %%
# The table and the curve
def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    shifts = torch.linspace(0, 9, 10 if quick else 37).tolist()
    values = [value(a) for a in shifts]
    sums = [2 * divergence(normal(0), normal(a)) - 2 * math.log(2) for a in shifts]

    _, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(shifts, values, "C0", label="V(D*), by quadrature of the losses")
    axes.plot(shifts, sums, "k.", label="2 JSD - 2 ln 2")
    axes.axhline(0, color="0.7", linestyle="--", label="JSD = ln 2: no overlap")
    axes.set(xlabel="shift a of the fakes, standard deviations", ylabel="V", title="N(0, 1) against N(a, 1)")
    axes.legend()
    known = {0.5: 0.030311, 1.0: 0.111421, 2.0: 0.336831, 4.0: 0.632720, 8.0: 0.693054}
    return {
        "V at q = p": (value(0.0), -2 * math.log(2)),
        "V(D*) at a = 1": (value(1.0), -1.163451),
        "V(D*) - (2 JSD - 2 ln 2)": (max(abs(v - s) for v, s in zip(values, sums, strict=True)), 0.0),
        **{f"JSD at a = {a:g}": (divergence(normal(0), normal(a)), jsd) for a, jsd in known.items()},
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
