r"""
Mode collapse is a flat direction
=================================

Data of two peaks, :math:`\frac{1}{2} N(\pm 3, 0.5^2)`; a generator of two peaks, at c ± s. It covers both at
(c, s) = (0, 3) and has collapsed onto one at (3, 0). The optimal discriminator makes the generator descend
the divergence, a function of c and s. Its curvatures at the collapsed point are

.. math:: \partial_c^2\,\mathrm{JSD} = 2/3, \qquad \partial_s^2\,\mathrm{JSD} = 0:

any move of the centre costs, and the move apart, which would heal, is not felt at all (a second difference of
step 0.02 gives 0.6665 and 0.0005). At full cover both are 1, in the middle both are below 0.

**What to see:** left, the valley of the collapsed point; the way to the cover leads over a saddle. Right,
from the collapsed point, the divergence is curved along c and level along s.

L. Metz et al., *Unrolled generative adversarial networks*, ICLR 2017, section 1; J. Li et al., *On the
limitations of first-order approximation in GAN dynamics*, ICML 2018, for mixtures of two Gaussians.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from sciadv.drawing.example_pages import run_page
from sciadv.games.diagnostics import Anisotropy, hessian_anisotropy


# %%
# The divergence by quadrature; its curvatures by automatic differentiation of the quadrature.
def two_peaks(x: Tensor, centre: Tensor, half: Tensor) -> Tensor:
    return sum(
        torch.exp(-(((x - centre - sign * half) / 0.5) ** 2) / 2) / (math.sqrt(2 * math.pi) * 0.5) / 2
        for sign in (-1, 1)
    )


def divergence(centre: Tensor, half: Tensor, n: int = 4001) -> Tensor:
    """Return JSD of data and generator; c and s may have shapes (k, 1)."""
    x = torch.linspace(-12, 12, n, dtype=torch.float64)
    p, q = two_peaks(x, torch.zeros(1), torch.tensor(3.0)), two_peaks(x, centre, half)
    m = (p + q) / 2 + 1e-300
    inside = p * ((p + 1e-300) / m).log() + q * ((q + 1e-300) / m).log()
    return inside.sum(-1) / 2 * (x[1] - x[0])


def curvatures(c: float, s: float, step: float | None = None) -> Anisotropy:
    at = torch.tensor([c, s], dtype=torch.float64, requires_grad=True)
    contract, spread = torch.eye(2, dtype=torch.float64)
    directions = {"contract": (contract,), "spread": (spread,)}
    return hessian_anisotropy(lambda: divergence(at[0], at[1]), [at], directions, step=step)


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    n = 41 if quick else 121
    c, s = torch.linspace(-4, 4, n, dtype=torch.float64), torch.linspace(0, 4, n, dtype=torch.float64)
    surface = torch.stack([divergence(c.unsqueeze(1), one, 801) for one in s])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    shown = left.contourf(c, s, surface, 30, cmap="viridis")
    figure.colorbar(shown, label="JSD")
    for place, name in (((3, 0), "collapsed"), ((0, 3), "covers both"), ((0, 0), "middle")):
        left.plot(*place, "wo", clip_on=False)
        left.annotate(name, place, color="w", xytext=(0, 8), textcoords="offset points", ha="center")
    left.set(xlabel="centre c", ylabel="half distance s", title="What the generator descends")
    move = torch.linspace(-1.5, 1.5, 101, dtype=torch.float64).unsqueeze(1)
    right.plot(move, divergence(3 + move, torch.zeros(1)), label="move the centre c")
    right.plot(move, divergence(torch.full_like(move, 3), move), label="spread the peaks s")
    right.set(xlabel="distance from the collapsed point (3, 0)", ylabel="JSD", title="Curved, and flat")
    right.legend()
    collapsed, cover, middle = curvatures(3, 0), curvatures(0, 3), curvatures(0, 0)
    differences = curvatures(3, 0, step=0.02).curvatures
    return {
        "JSD at the collapsed point": (float(divergence(torch.tensor(3.0), torch.tensor(0.0))), 0.21576),
        "collapsed: curvature in c": (collapsed.curvatures["contract"], 2 / 3),
        "collapsed: curvature in s": (collapsed.curvatures["spread"], 0.0),
        "collapsed: second difference in c": (differences["contract"], 0.66655),
        "collapsed: second difference in s": (differences["spread"], 0.00053),
        "cover: curvature in c": (cover.curvatures["contract"], 1.0),
        "cover: curvature in s": (cover.curvatures["spread"], 1.0),
        "middle: curvature in c": (middle.curvatures["contract"], -0.0514),
        "middle: curvature in s": (middle.curvatures["spread"], -0.1083),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
