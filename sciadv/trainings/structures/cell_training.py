"""Periodic cells of a medium: the spectrum of its patches' latents, and the share of its second phase."""

from __future__ import annotations

import copy
import time
from typing import Any, cast, final

import torch
from torch import Tensor

from sciadv.nets.spatial.decoder import SpatialDecoder
from sciadv.nets.spatial.encoder import SpatialEncoder
from sciadv.nets.spatial.torus_decoder import TorusDecoder
from sciadv.prior import Prior
from sciadv.trainings.data_order import Stream, step_generator


@final
class CellTraining:
    """Encode patches of a medium, batch by batch; follows `sciadv.trainings.Training`.

    What is learned is the mean power of the latents at each wave of the map, posterior variances included,
    and then the shift of the logits at which samples have the medium's share of the second phase. No network
    is trained.

    Parameters
    ----------
    source
        Prior of kind "spatial", with its encoder, at the size of the patches.
    patches
        ``(n, 1, height, width)`` uint8.
    batch
        Patches a step.
    least_power
        Maps whose latents vary less than this part of their N(0, 1) stay at their mean, for the generator
        does not use them; the one that varies most is always kept.
    n_samples
        Cells by which the shift is found.
    seed
        Seed of these.

    Notes
    -----
    Patches end where a torus goes on, which smears the spectrum by about one wave.
    """

    def __init__(
        self,
        source: Prior,
        patches: Tensor,
        *,
        batch: int = 100,
        least_power: float = 0.1,
        n_samples: int = 512,
        seed: int = 0,
    ) -> None:
        self.source, self.patches, self.batch = source, patches, batch
        self.least_power, self.n_samples, self.seed = least_power, n_samples, seed
        self.inner = cast(SpatialDecoder, source.generator)
        self.encoder = cast(SpatialEncoder, source.encoder)
        self.map = self.inner.map
        sides = [side - 2 * self.map.margin for side in self.map.places]
        maps = self.map.maps
        double = torch.float64
        self.sums = {
            "power": torch.zeros(maps, sides[0], sides[1] // 2 + 1, dtype=double),
            "mean": torch.zeros(maps, dtype=double),
            "spread": torch.zeros(maps, dtype=double),
        }
        self.n_done, self.cpu_seconds = 0, 0.0

    @property
    def n_steps(self) -> int:
        """Steps until every patch was seen once."""
        return -(-len(self.patches) // self.batch)

    @property
    def phases(self) -> tuple[int, ...]:
        """One phase."""
        return (self.n_steps,)

    @torch.no_grad()
    def step(self) -> dict[str, float]:
        """Encode the next patches; return the variance of their mean latents and the mean power so far."""
        started = time.process_time()
        first = self.n_done * self.batch
        x = self.patches[first : first + self.batch].float() / 255
        margin = self.map.margin
        inside = (slice(None), slice(None), slice(margin, -margin), slice(margin, -margin))
        mean, log_variance = (
            part.reshape(-1, *self.map.shape)[inside].double() for part in self.encoder.posterior(x)
        )
        n = mean[0, 0].numel()
        self.sums["power"] += torch.fft.rfft2(mean).abs().square().sum(0) / n
        self.sums["mean"] += mean.mean((2, 3)).sum(0)
        self.sums["spread"] += log_variance.exp().mean((2, 3)).sum(0)
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        power = float(self.sums["power"].mean()) / self.n_done
        return {"variance of the latents": float(mean.var()), "power of the latents": power}

    @torch.no_grad()
    def prior(self, *, name: str) -> Prior:
        """Return the prior of periodic cells."""
        n = min(self.n_done * self.batch, len(self.patches))
        mean = self.sums["mean"] / n
        power = self.sums["power"] / n
        n_places = self.map.places[0] - 2 * self.map.margin
        power[:, 0, 0] = (power[:, 0, 0] - n_places**2 * mean.square()).clamp_min(0)
        size = power.mean((1, 2))
        maps = (size >= size.max().clamp_max(self.least_power)).nonzero().flatten().tolist()
        generator = TorusDecoder(inner=copy.deepcopy(self.inner), maps=maps)
        white = (self.sums["spread"] / n)[maps, None, None]
        generator.amplitude.copy_((power[maps] + white).sqrt())
        generator.mean.copy_(mean)
        numbers = step_generator(self.seed, 0, stream=Stream.MEASUREMENT)
        z = torch.randn(self.n_samples, generator.n_latent, generator=numbers)
        logits = torch.cat([generator.logits(part) for part in torch.split(z, 64)]).flatten()
        share = float((self.patches > 127).double().mean())
        rank = min(max(1, round((1 - share) * len(logits))), len(logits))
        generator.shift.copy_(-logits.kthvalue(rank).values)
        return Prior(generator.eval(), generator.n_latent, name=name)

    def samples(self, n: int) -> Tensor | None:
        """Return cells at latents that never change; None before the first patches."""
        if self.n_done == 0:
            return None
        return self.prior(name="").sample(n, seed=step_generator(self.seed, 0, stream=Stream.GRID))

    def measure(self) -> dict[str, float]:
        """Return nothing: the card's numbers are measured at the end."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Say which maps of latents vary."""
        maps = cast(TorusDecoder, self.prior(name="").generator).maps
        return (f"{len(maps)} of {self.map.maps} maps of latents vary",)

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"batch": self.batch, "seed": self.seed, "patches": len(self.patches)}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors = {name: total.clone() for name, total in self.sums.items()}
        return tensors, {"n_done": self.n_done, "cpu_seconds": self.cpu_seconds}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        self.sums = {name: tensors[name].clone() for name in self.sums}
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])
