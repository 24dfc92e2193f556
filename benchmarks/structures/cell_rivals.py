"""What the bench of microstructures measures beside the prior of cells: random fields, free pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

import sciadv.forward.design.microstructure as operator
from sciadv.forward import Microstructure
from sciadv.forward.design.microstructure import periodic_blur
from sciadv.nets import SmoothField
from sciadv.physics.continuum.homogenisation import conductivity_bounds, effective_stiffness
from sciadv.types import as_generator

Goals = Mapping[str, float]


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the cells whose conductivity or stiffness is computed."""
    numbers: list[int] = []

    def counting(original: Callable[..., Any]) -> Callable[..., Any]:
        def count(cells: Tensor, **settings: Any) -> Any:
            numbers.append(len(cells))
            return original(cells, **settings)

        return count

    conductivity, stiffness = counting(conductivity_bounds), counting(effective_stiffness)
    with (
        patch.object(operator, "conductivity_bounds", conductivity),
        patch.object(operator, "effective_stiffness", stiffness),
    ):
        yield numbers


def rounded(logits: Tensor) -> Tensor:
    """Return 1 where logits are above 0, with the derivative of a sigmoid."""
    soft = torch.sigmoid(logits)
    return (logits > 0).to(soft) + (soft - soft.detach())


@final
class RoundedWaves(nn.Module):
    """Cells of a few waves with random coefficients, of zeros and ones: nothing is known of the medium."""

    def __init__(self) -> None:
        super().__init__()
        self.field = SmoothField(64, 64, n_waves=4)
        self.n_latent = self.field.n_latent

    def forward(self, z: Tensor) -> Tensor:
        """Return cells ``(batch, 1, 64, 64)``."""
        return rounded(torch.logit(self.field(z), eps=1e-6))


@final
class CutField(nn.Module):
    """A periodic Gaussian field with the two-point statistics of patches, cut at their share: no network.

    The field's correlations are those that become the patches' when it is cut.

    References
    ----------
    J. A. Quiblier, A new three-dimensional modeling technique for studying porous media, J. Colloid
    Interface Sci. 98, 1984, 84-102.
    """

    amplitude: Tensor

    def __init__(self, patches: Tensor) -> None:
        super().__init__()
        share = float(patches.mean())
        level = -math.sqrt(2) * float(torch.erfinv(torch.tensor(2 * share - 1, dtype=torch.float64)))
        grid = np.linspace(-0.999, 0.9999, 4000)
        slope = np.exp(-(level**2) / (1 + grid)) / (2 * np.pi * np.sqrt(1 - grid**2))
        step = np.diff(grid, prepend=grid[0])
        cut = np.cumsum(slope * step)
        cut -= np.interp(0.0, grid, cut)
        field = np.interp(self._covariance(patches, share).numpy(), cut, grid)
        power = torch.fft.rfft2(torch.from_numpy(field)).real.clamp_min(0)
        self.register_buffer("amplitude", power.sqrt().float())
        self.n_latent = 64 * 64
        self.level = level

    @staticmethod
    def _covariance(patches: Tensor, share: float) -> Tensor:
        """Return the covariance on a torus, from pairs that do not cross an edge, tapered to half a side."""
        wide = torch.zeros(len(patches), 128, 128, dtype=torch.float64)
        wide[:, :64, :64] = patches.double() - share
        pairs = torch.fft.irfft2(torch.fft.rfft2(wide).abs().square().mean(0), s=(128, 128))
        ones = torch.zeros(128, 128, dtype=torch.float64)
        ones[:64, :64] = 1
        number = torch.fft.irfft2(torch.fft.rfft2(ones).abs().square(), s=(128, 128))
        at = torch.fft.fftfreq(64, 1 / 64).long()
        near: Tensor = (pairs / number.clamp_min(1))[at][:, at]
        distance = torch.hypot(at[:, None].double(), at[None].double())
        return near * (1 - (distance / 32).clamp(0, 1)) ** 0.5

    def forward(self, z: Tensor) -> Tensor:
        """Return cells ``(batch, 1, 64, 64)``."""
        white = z.reshape(-1, 64, 64)
        field = torch.fft.irfft2(torch.fft.rfft2(white) * self.amplitude, s=(64, 64))
        return rounded(8 * (field - self.level))[:, None]


def free_pixels(model: Microstructure, goals: Goals, n: int, seed: int, *, radius: float = 2.0) -> Tensor:
    """Return cells ``(n, 1, height, width)`` by topology optimisation: every pixel is free.

    From even grey with a little noise, through a filter of a radius and a rounding.
    """
    numbers = as_generator(seed)
    field = 0.1 * torch.randn(n, 1, *model.in_shape[1:], generator=numbers, dtype=torch.float64)
    field = field + 0.1 * torch.randn(n, 1, 1, 1, generator=numbers, dtype=torch.float64)
    return by_shortest_steps(model, lambda z: rounded(periodic_blur(z, radius) / 0.02), field, goals)


def from_draws(model: Microstructure, net: nn.Module, goals: Goals, n: int, seed: int) -> Tensor:
    """Return cells ``(n, 1, height, width)`` of random latents of a generator, moved to the goals."""
    n_latent = int(net.n_latent)  # type: ignore[arg-type]  # typed Tensor | Module
    z = torch.randn(n, n_latent, generator=as_generator(seed), dtype=torch.float64)
    return by_shortest_steps(model, net, z, goals)


def by_shortest_steps(
    model: Microstructure,
    generate: Callable[[Tensor], Tensor],
    z: Tensor,
    goals: Goals,
    *,
    n_steps: int = 40,
    enough: float = 0.004,
) -> Tensor:
    """Return cells from latents ``(n, ...)`` by the shortest Gauss-Newton steps to goals, the best of all.

    A cell is done where it is within `enough` of every goal.
    """
    exact = model.with_properties(list(goals)).to("cpu", torch.float64)
    wanted = torch.tensor(list(goals.values()), dtype=torch.float64)
    best, error = generate(z), torch.full((len(z),), torch.inf, dtype=torch.float64)
    for _ in range(n_steps):
        going = (error > enough).nonzero().squeeze(1)
        if not len(going):
            break
        here = z[going].requires_grad_(True)
        x = generate(here)
        off = exact(x) / wanted - 1
        size = off.detach().abs().amax(1)
        better = size < error[going]
        best[going[better]], error[going[better]] = x.detach()[better], size[better]
        parts = [torch.autograd.grad(one.sum(), here, retain_graph=True)[0] for one in off.unbind(1)]
        slope = torch.stack(parts, 1).flatten(2)
        inverse = torch.linalg.pinv(slope @ slope.transpose(1, 2), rtol=1e-9)
        step = slope.transpose(1, 2) @ inverse @ off.detach()[:, :, None]
        z = z.index_put((going,), here.detach() - step.reshape(here.shape))
    return best
