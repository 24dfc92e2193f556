"""A diffusion model with a deterministic sampler of few steps: a generator from latents to samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from sciadv.nets.equal_length.sample_shape import shape_of_length
from sciadv.nets.sizes import keeps_settings
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive


@final
class FewStepDiffusion(nn.Module):
    """Latents to samples by Heun's method on ``dx / dsigma = (x - D(x, sigma)) / sigma``.

    D is the denoiser, which `denoising_loss` trains. The path starts at ``x = sigma_max z`` and ends at
    sigma = 0; a sample costs ``2 n_steps - 1`` evaluations of the network, and is differentiable in z.

    Parameters
    ----------
    n_latent
        Length of a latent, and of a sample's row of values.
    sample_shape
        Shape of a sample, of as many values; ``(n_latent,)`` if left out.
    hidden
        Width of the network's three hidden layers.
    n_steps
        Steps of the sampler. It may be changed after training: ``model.n_steps = 20``.
    sigma_data
        Standard deviation of the samples.
    sigma_min, sigma_max
        Least and largest noise of the path, in the samples' unit.
    most_deviations
        Denoised values are held to so many `sigma_data` from zero, where they have no gradient. A network is
        a function without bounds beyond what it has seen, and one step's excess is the next one's input.

    Raises
    ------
    InputError
        `sample_shape` has another number of values.

    Notes
    -----
    A few latents may still lead to samples at that bound: 7 and 4 of 20,000 on garments, two trainings of 60
    CPU seconds (``priors/README.md``).

    References
    ----------
    T. Karras, M. Aittala, T. Aila, S. Laine, Elucidating the design space of diffusion-based generative
    models, NeurIPS 2022, Table 1, Eq. 5 and Algorithm 1 (without noise added).

    Examples
    --------
    >>> model = FewStepDiffusion(n_latent=2, hidden=8, n_steps=3)
    >>> model(torch.zeros(5, 2)).shape, model.n_evaluations
    (torch.Size([5, 2]), 5)
    """

    kind = "diffusion-generator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(  # noqa: PLR0913  # what a diffusion model is made of
        self,
        *,
        n_latent: Count,
        sample_shape: Sequence[int] | None = None,
        hidden: Count = 128,
        n_steps: Count = 8,
        sigma_data: Positive = 1.0,
        sigma_min: Positive = 0.02,
        sigma_max: Positive = 20.0,
        most_deviations: Positive = 10.0,
    ) -> None:
        super().__init__()
        self.sample_shape = shape_of_length(n_latent, sample_shape)
        self.n_steps, self.sigma_data = n_steps, sigma_data
        self.sigma_min, self.sigma_max = sigma_min, sigma_max
        self.largest = most_deviations * sigma_data
        widths = [n_latent + 8, hidden, hidden, hidden]
        layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.SiLU())]
        self.net = nn.Sequential(*layers, nn.Linear(hidden, n_latent))

    @property
    def n_evaluations(self) -> int:
        """Evaluations of the network that a sample costs."""
        return 2 * self.n_steps - 1

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return ``E[x_0 | x]`` of rows ``(batch, n)`` with noise of ``sigma`` ``(batch, 1)``."""
        estimate = self._skip(sigma) * x + self._out(sigma) * self._network(x, sigma)
        return estimate.clamp(-self.largest, self.largest)

    def denoising_loss(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Return the weighted squared error of the denoiser on samples ``(batch, *sample_shape)``.

        ``ln sigma ~ N(-1.2 + ln(2 sigma_data), 1.2^2)``, Table 1 of the source, in units of the data; of
        every fifth sample, ln sigma is uniform over the path. The source's noises hardly reach the path's
        first steps, where a network that has not seen them starts some latents on a way without bounds.
        """
        rows = x.flatten(1)
        draws = torch.randn(len(rows), rows.shape[1] + 1, generator=generator).to(rows)
        sigma = 2 * self.sigma_data * (1.2 * draws[:, :1] - 1.2).exp()
        places = torch.rand(len(rows[::5]), 1, generator=generator).to(rows)
        sigma[::5] = self.sigma_min * (self.sigma_max / self.sigma_min) ** places
        noisy = rows + sigma * draws[:, 1:]
        target = (rows - self._skip(sigma) * noisy) / self._out(sigma)
        return (self._network(noisy, sigma) - target).square().mean()

    def forward(self, z: Tensor) -> Tensor:
        """Generate samples ``(batch, *sample_shape)`` from latents ``(batch, n)``."""
        sigmas = self._path().to(z)
        x = self.sigma_max * z
        for now, then in pairwise(sigmas):
            slope = self._slope(x, now)
            step = x + (then - now) * slope
            x = step if then == 0 else x + (then - now) * (slope + self._slope(step, then)) / 2
        return x.reshape(-1, *self.sample_shape)

    def _path(self) -> Tensor:
        """Return the noises of the steps, from the largest to 0, Eq. 5 with rho = 7."""
        high, low = self.sigma_max ** (1 / 7), self.sigma_min ** (1 / 7)
        path = torch.linspace(high, low, self.n_steps, dtype=torch.float64) ** 7
        return torch.cat([path, torch.zeros(1, dtype=torch.float64)])

    def _slope(self, x: Tensor, sigma: Tensor) -> Tensor:
        return (x - self.denoise(x, sigma.expand(len(x), 1))) / sigma

    def _skip(self, sigma: Tensor) -> Tensor:
        return self.sigma_data**2 / (sigma.square() + self.sigma_data**2)

    def _out(self, sigma: Tensor) -> Tensor:
        return sigma * self.sigma_data * (sigma.square() + self.sigma_data**2).rsqrt()

    def _network(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Evaluate the network at scaled samples and waves of ln sigma."""
        scaled = x * (sigma.square() + self.sigma_data**2).rsqrt()
        phase = sigma.log() / 4 * 2.0 ** torch.arange(4, device=x.device, dtype=x.dtype)
        result: Tensor = self.net(torch.cat([scaled, phase.cos(), phase.sin()], 1))
        return result
