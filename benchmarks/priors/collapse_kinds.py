"""Ten and one kinds of collapse made of real samples, so that what is wrong is known exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.data.datasets import load_images
from sciadv.types import as_generator


@dataclass(frozen=True)
class Labelled:
    """Samples ``(n, ...)`` and the mode that each belongs to ``(n,)``."""

    samples: Tensor
    modes: Tensor

    def take(self, rows: Tensor) -> Labelled:
        """Return some of them."""
        return Labelled(self.samples[rows], self.modes[rows])


@dataclass(frozen=True)
class Making:
    """What fakes are made of.

    Parameters
    ----------
    fresh
        Real samples that the test has not seen.
    seen
        Real samples that it has.
    n
        Fakes to make.
    draws
        Random numbers.
    """

    fresh: Labelled
    seen: Tensor
    n: int
    draws: torch.Generator

    def any_of(self, mask: Tensor) -> Tensor:
        """Draw fresh samples of a mask, again and again where they are too few."""
        rows = mask.nonzero().flatten()
        rows = rows[torch.randperm(len(rows), generator=self.draws)]
        return self.fresh.samples[rows.repeat(-(-self.n // len(rows)))[: self.n]]

    def some_modes(self, n_kept: Callable[[int], int]) -> Tensor:
        """Draw fresh samples of some of the modes."""
        n_modes = int(self.fresh.modes.max()) + 1
        kept = torch.randperm(n_modes, generator=self.draws)[: n_kept(n_modes)]
        return self.any_of(torch.isin(self.fresh.modes, kept))

    def real(self) -> Tensor:
        """Draw fresh samples: no fault."""
        return self.any_of(torch.ones(len(self.fresh.modes), dtype=torch.bool))

    def centred(self, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Change fresh samples around their mean."""
        mean = self.fresh.samples.mean(0)
        return mean + change(self.real() - mean)


def _two_repeated(making: Making) -> Tensor:
    two = making.real()[:2]
    return two[torch.randint(0, 2, (making.n,), generator=making.draws)]


def _one_and_noise(making: Making) -> Tensor:
    one = making.real()[:1]
    noise = torch.randn(making.n, *one.shape[1:], generator=making.draws)
    return one + 0.05 * float(making.fresh.samples.std()) * noise


def _truncated(making: Making) -> Tensor:
    samples = making.fresh.samples.flatten(1)
    distance = (samples - samples.mean(0)).norm(dim=1)
    return making.any_of(distance < distance.median())


def _blurred(making: Making) -> Tensor:
    samples = making.real()
    if samples.ndim == 2:  # the mean over the nearest twentieth: what a network that averages gives
        scaled = making.fresh.samples / making.fresh.samples.std(0)
        near = torch.cdist(samples / making.fresh.samples.std(0), scaled).argsort(1)
        return making.fresh.samples[near[:, : len(scaled) // 20]].mean(1)
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = torch.nn.functional.pad(samples, (2, 2, 2, 2), mode="replicate")
    return torch.nn.functional.conv2d(padded, (line[:, None] * line)[None, None])


def _low_rank(making: Making) -> Tensor:
    flat = making.fresh.samples[:1000].flatten(1)
    _, _, axes = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    kept = axes[: 1 if flat.shape[1] < 5 else 5]
    return making.centred(lambda x: (x.flatten(1) @ kept.T @ kept).view_as(x))


def _duplicates(making: Making) -> Tensor:
    return making.real()[torch.randint(0, making.n // 4, (making.n,), generator=making.draws)]


def _copies(making: Making) -> Tensor:
    return making.seen[torch.randperm(len(making.seen), generator=making.draws)[: making.n]]


def _skewed(making: Making) -> Tensor:
    n_modes = int(making.fresh.modes.max()) + 1
    weights = torch.ones(n_modes)
    weights[int(torch.randint(0, n_modes, (1,), generator=making.draws))] = n_modes / 2
    rows = torch.multinomial(weights[making.fresh.modes], making.n, generator=making.draws)
    return making.fresh.samples[rows]


#: Each kind of collapse, by its name.
KINDS: dict[str, Callable[[Making], Tensor]] = {
    "one mode missing": lambda making: making.some_modes(lambda n: n - 1),
    "half the modes missing": lambda making: making.some_modes(lambda n: n // 2),
    "one mode only": lambda making: making.some_modes(lambda _: 1),
    "two samples repeated": _two_repeated,
    "one sample and noise": _one_and_noise,
    "contracted by 0.7": lambda making: making.centred(lambda x: 0.7 * x),
    "the nearer half only": _truncated,
    "blurred": _blurred,
    "each four times": _duplicates,
    "copies of the data": _copies,
    "rank 5 (1 in the plane)": _low_rank,
}
#: What is no collapse but not perfect either; its alarms are counted apart.
NEAR_MISSES: dict[str, Callable[[Making], Tensor]] = {
    "one mode a third of all": _skewed,
    "contracted by 0.97": lambda making: making.centred(lambda x: 0.97 * x),
}


def _images(name: str) -> Labelled:
    found = load_images(name, "train")
    samples = torch.from_numpy(found.images.copy())[:, None].float() / 255
    return Labelled(samples, torch.from_numpy(found.labels.astype("int64")))


def _head_ct() -> Labelled:
    """Slices of heads; a mode is one of ten groups of like ones."""
    from scipy.cluster.vq import kmeans2

    samples = _images("head-ct").samples
    coarse = torch.nn.functional.avg_pool2d(samples, 4).flatten(1).numpy()
    _, modes = kmeans2(coarse, 10, minit="++", seed=0)
    return Labelled(samples, torch.from_numpy(modes).long())


def _ring() -> Labelled:
    draws = as_generator(5)
    modes = torch.randint(0, 8, (12000,), generator=draws)
    angle = modes * 2 * math.pi / 8
    centres = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    return Labelled(centres + 0.1 * torch.randn(12000, 2, generator=draws), modes)


def _vectors() -> Labelled:
    """Ten correlated normal distributions in 20 dimensions, in columns of very different units."""
    draws = as_generator(6)
    modes = torch.randint(0, 10, (12000,), generator=draws)
    centres = 1.5 * torch.randn(10, 20, generator=draws)
    mixing = torch.randn(10, 20, 20, generator=draws) / 20**0.5
    samples = centres[modes] + torch.einsum(
        "nij,nj->ni", mixing[modes], torch.randn(12000, 20, generator=draws)
    )
    return Labelled(samples * torch.logspace(-3, 3, 20), modes)


#: Where samples come from; the thresholds were chosen on the first two only.
DATA: dict[str, Callable[[], Labelled]] = {
    "mnist": lambda: _images("mnist"),
    "ring": _ring,
    "fashion-mnist": lambda: _images("fashion-mnist"),
    "head-ct": _head_ct,
    "vectors": _vectors,
}
TUNED_ON = ("mnist", "ring")
