"""Periodic cells of a medium: the spectrum of its patches' latents, and the share of its second phase."""

from __future__ import annotations

import copy
import time
from typing import Any, cast, final

import torch
from torch import Tensor

from sciadv.metrics.media.two_phase import two_point_probability
from sciadv.nets.spatial.decoder import SpatialDecoder
from sciadv.nets.spatial.encoder import SpatialEncoder
from sciadv.nets.spatial.torus_decoder import TorusDecoder
from sciadv.prior import Prior
from sciadv.trainings.data_order import Stream, step_generator


@final
class CellTraining:
    """Encode patches of a medium, batch by batch; follows `sciadv.trainings.Training`.

    What is learned is the mean power of the latents at each wave of the map, posterior variances included.
    Cells of such latents are finer than the medium: posterior variances are white. So the power is moved to
    longer waves, by ``|k|^-a`` with as much power in all (the mean of a cell, k = 0, keeps its own), until
    samples have the medium's mean two-point probability over distances up to a quarter of the shorter side;
    the logits are shifted by as much as gives its share of the second phase. No network is trained.

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
        Cells by which the exponent a and the shift are found.
    n_halvings
        Halvings of the interval of the exponent.
    exponents
        Ends of that interval.
    seed
        Seed of these.

    Notes
    -----
    Patches end where a torus goes on, which smears the spectrum by about one wave.
    """

    def __init__(  # noqa: PLR0913  # the training's numbers
        self,
        source: Prior,
        patches: Tensor,
        *,
        batch: int = 100,
        least_power: float = 0.1,
        n_samples: int = 512,
        n_halvings: int = 6,
        exponents: tuple[float, float] = (-0.5, 1.0),
        seed: int = 0,
    ) -> None:
        self.source, self.patches, self.batch = source, patches, batch
        self.least_power, self.n_samples, self.seed = least_power, n_samples, seed
        self.n_halvings, self.exponents = n_halvings, exponents
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
        started = time.process_time()
        generator = self._generator()
        untilted = generator.amplitude.clone()
        distance = min(self.patches.shape[2:]) // 4
        wanted = two_point_probability(self.patches[:, 0] > 127, distance)[1:].mean()
        low, high = self.exponents
        for _ in range(self.n_halvings):
            middle = (low + high) / 2
            generator.amplitude.copy_(tilted(untilted, middle, generator.sides[1]))
            made = two_point_probability(self._shifted(generator), distance)[1:].mean()
            low, high = (middle, high) if made < wanted else (low, middle)
        self.cpu_seconds += time.process_time() - started
        return Prior(generator.eval(), generator.n_latent, name=name)

    def _generator(self) -> TorusDecoder:
        """Return the generator with the spectrum of the encoded patches."""
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
        self._shifted(generator)
        return generator

    @torch.no_grad()
    def _shifted(self, generator: TorusDecoder) -> Tensor:
        """Shift a generator's logits to the patches' share of the second phase; return samples of that."""
        numbers = step_generator(self.seed, 0, stream=Stream.MEASUREMENT)
        z = torch.randn(self.n_samples, generator.n_latent, generator=numbers)
        generator.shift.zero_()
        logits = torch.cat([generator.logits(part)[:, 0] for part in torch.split(z, 64)])
        share = float((self.patches > 127).double().mean())
        rank = min(max(1, round((1 - share) * logits.numel())), logits.numel())
        generator.shift.copy_(-logits.flatten().kthvalue(rank).values)
        return logits + generator.shift > 0

    def samples(self, n: int) -> Tensor | None:
        """Return cells at latents that never change, of the spectrum as encoded; None before any patches."""
        if self.n_done == 0:
            return None
        generator = self._generator()
        prior = Prior(generator.eval(), generator.n_latent, name="")
        return prior.sample(n, seed=step_generator(self.seed, 0, stream=Stream.GRID))

    def measure(self) -> dict[str, float]:
        """Return nothing: the card's numbers are measured at the end."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Say which maps of latents vary."""
        maps = self._generator().maps
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


def tilted(amplitude: Tensor, exponent: float, width: int) -> Tensor:
    """Return amplitudes ``(maps, height, width // 2 + 1)`` times ``|k|^-exponent``, of the same power in all.

    Wave 0 keeps its own.

    Parameters
    ----------
    amplitude
        Of the waves of a real transform over ``(height, width)``.
    exponent
        How much longer waves gain over shorter ones.
    width
        Of the map.
    """
    down = torch.fft.fftfreq(amplitude.shape[1]) * amplitude.shape[1]
    right = torch.arange(amplitude.shape[2])
    wave = (down[:, None].square() + right.square()).sqrt()
    weight = torch.full_like(wave, 2.0)  # waves that a real transform leaves out are as large as these
    weight[:, 0] = 1.0
    if width % 2 == 0:
        weight[:, -1] = 1.0
    weight[0, 0] = 0.0
    gain = wave.clamp_min(1).pow(-exponent)
    power = weight * amplitude.square()
    gain = gain * (power.sum((1, 2)) / (power * gain.square()).sum((1, 2))).sqrt()[:, None, None]
    gain[:, 0, 0] = 1.0
    moved: Tensor = amplitude * gain
    return moved
