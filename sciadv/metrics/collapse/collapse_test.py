"""Whether samples are as diverse as real data, by a test whose false alarms are set beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.arguments.values import shown
from sciadv.errors import InputError
from sciadv.metrics.collapse.feature_maps import FeatureMap, feature_map
from sciadv.metrics.collapse.neighbourhoods import OVERLAP, Neighbours, Reach, measure_overlap
from sciadv.types import as_generator


@dataclass(frozen=True)
class CollapseRule:
    """How samples are tested.

    Parameters
    ----------
    level
        Probability of an alarm over samples that are as good as real data.
    n_splits
        Splits of the real data into two halves, which give the distribution under no fault.
    n_repeats
        Splits, among them, over which the samples' numbers are averaged.
    least_loss
        By how much a share (coverage, recall, ...) must at least be below that of real data: smaller faults
        are no alarm however many samples show them.
    least_narrowing
        The same of the logarithm of a standard deviation.
    fitted
        Part of the real data from which the features are learnt; the rest is split.
    fewest
        Real samples, and samples, at least.
    near
        Part of real data that lies nearer to another one than the distance of a repeat.
    """

    level: float = 0.02
    n_splits: int = 150
    n_repeats: int = 8
    least_loss: float = 0.05
    least_narrowing: float = 0.05
    fitted: float = 0.3
    fewest: int = 20
    near: float = 0.05


@final
@dataclass(frozen=True)
class CollapseReport:
    """What was found of samples.

    Parameters
    ----------
    p_value
        Share of the splits of real data that look as faulty as the samples do, or more.
    values, floors
        The numbers of `sciadv.metrics.collapse.neighbourhoods.OVERLAP` of the samples, and their means over
        splits of real data.
    faults
        Names of the numbers that are below what real data show, the clearest first; empty is good.
    n_real, n_fake
        Samples of each kind that were compared.
    """

    p_value: float
    values: dict[str, float]
    floors: dict[str, float]
    faults: tuple[str, ...]
    n_real: int
    n_fake: int

    @property
    def fired(self) -> bool:
        """Whether the samples are less diverse than real data, or off them."""
        return bool(self.faults)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say each fault with its number, and that of real data."""
        return tuple(self._sentence(name) for name in _spoken(self.faults))

    def _sentence(self, name: str) -> str:
        value, floor = self.values[name], self.floors[name]
        if name in ("spread", "thinnest"):
            where = "" if name == "spread" else " in some directions"
            ratio = float(torch.tensor(value - floor).exp())
            return f"samples vary less than the data{where}: {ratio:.0%} of their standard deviation"
        return f"{_WORDS[name]}: {value:.0%} (real data: {floor:.0%})"


_WORDS = {
    "coverage": "parts of the data have no samples near them, coverage",
    "recall": "data lie outside of what is generated, recall",
    "precision": "samples lie off the data, precision",
    "distinct": "samples repeat each other, distinct ones",
    "new": "samples copy the data, new ones",
    "density": "some parts of the data have too few samples, share of those expected in the emptiest tenth",
}


def _spoken(faults: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out what another fault says already."""
    said = {"thinnest": "spread", "density": "coverage"}
    return tuple(name for name in faults if said.get(name) not in faults)


@final
class CollapseTest:
    """Tests samples against real data: modes missing, samples narrow, blurred, repeated or copied.

    Features are learnt from a part of the real data. The rest is split into A and B many times: how B
    lies among A is what good samples may show, whatever the data, their number and the features are. The
    samples take the place of B; an alarm is a number further below than the lowest of all numbers in all but
    a share `CollapseRule.level` of the splits.

    Parameters
    ----------
    real
        Samples ``(n, ...)``, floats; uint8 count as such. Some hundred or thousand.
    features
        What samples are compared in; learnt by `feature_map` if left out.
    n_fake
        Samples that will be tested; half of the real ones that are split if left out, and not more.
    rule
        How.
    seed
        Seed of the splits.

    Raises
    ------
    InputError
        Too few real samples, NaN or Inf, or all are alike.

    Notes
    -----
    The lowest standardised number is compared with its own distribution over the splits, so that several
    numbers raise no more false alarms than one (Westfall and Young, Resampling-based multiple testing, 1993,
    section 2.5). Costs are those of sorting the distances of all samples, and of `CollapseRule.n_splits`
    counts.

    Examples
    --------
    >>> draws = torch.Generator().manual_seed(0)
    >>> ring = torch.nn.functional.normalize(torch.randn(400, 2, generator=draws), dim=1)
    >>> test = CollapseTest(ring[:300], n_fake=100)
    >>> test(ring[300:]).fired, test(ring[300:] * torch.tensor([1.0, 0.0])).fired
    (False, True)
    """

    def __init__(
        self,
        real: Tensor,
        *,
        features: FeatureMap | None = None,
        n_fake: int | None = None,
        rule: CollapseRule = CollapseRule(),
        seed: int | torch.Generator = 0,
    ) -> None:
        real = _checked(real, "real samples", 2 * rule.fewest)
        numbers = as_generator(seed)
        order = torch.randperm(len(real), generator=numbers)
        n_fitted = 0 if features is not None else round(rule.fitted * len(real))
        if bool((real == real[:1]).all()):
            raise InputError(f"all {len(real)} real samples are the same one; there is nothing to compare")
        self.rule = rule
        self.features = features or feature_map(real[order[:n_fitted]])
        self.known = Neighbours.of(self.features(real[order[n_fitted:]]).double())
        n = len(self.known.features)
        self.n_fake = min(n // 2, n_fake or n)
        self.n_real = n - self.n_fake
        self.splits = [torch.randperm(n, generator=numbers) for _ in range(rule.n_splits)]
        self.reach = self._reach()
        null = torch.stack([self._measure(self.known, *self._halves(split)) for split in self.splits])
        self.mean = null.mean(0)
        self.deviation = null.std(0).clamp_min(1e-9)
        self.lowest = ((null - self.mean) / self.deviation).amin(1).sort().values

    def _halves(self, split: Tensor) -> tuple[Tensor, Tensor]:
        return split[: self.n_real], split[self.n_real : self.n_real + self.n_fake]

    def _reach(self) -> Reach:
        """Choose balls of about three fakes each, and the distances of repeats and copies."""
        real, fake = self._halves(self.splits[0])
        in_real, in_fake = (
            torch.zeros(len(self.known.features), dtype=torch.bool).index_fill_(0, rows, True)
            for rows in (real, fake)
        )
        own, other = (self.known.nearest(fake, among) for among in (in_fake, in_real))
        k_real = min(max(5, round(3 * len(real) / len(fake))), max(1, len(real) // 4))
        near = self.rule.near
        return Reach(k_real, 3, 0.05, float(own.quantile(near)), float(other.quantile(near)))

    def _measure(self, known: Neighbours, real: Tensor, fake: Tensor) -> Tensor:
        return measure_overlap(known, real, fake, self.reach)

    def __call__(self, fake: Tensor, *, seed: int | torch.Generator = 0) -> CollapseReport:
        """Test samples.

        Parameters
        ----------
        fake
            ``(m, ...)``, as many as were announced, or more, of which some are then drawn.
        seed
            Draws them.

        Raises
        ------
        InputError
            Too few samples, of another shape, or with NaN or Inf.
        """
        fake = _checked(fake, "samples (as many as n_fake of the test)", self.n_fake)
        numbers = as_generator(seed)
        n = len(self.known.features)
        both = Neighbours.of(torch.cat([self.known.features, self.features(fake).double()]))
        found = []
        for split in self.splits[: self.rule.n_repeats]:
            chosen = torch.randperm(len(fake), generator=numbers)[: self.n_fake]
            found.append(self._measure(both, split[: self.n_real], n + chosen))
        return self._report(torch.stack(found).mean(0))

    def _report(self, values: Tensor) -> CollapseReport:
        scores = (values - self.mean) / self.deviation
        n_lower = int((self.lowest <= scores.min()).sum())
        limit = self.lowest[max(0, int(self.rule.level * len(self.lowest)) - 1)]
        least = torch.tensor([self._least(name) for name in OVERLAP])
        is_fault = (scores < limit) & (self.mean - values >= least)
        faults = [OVERLAP[i] for i in scores.argsort().tolist() if is_fault[i]]
        return CollapseReport(
            (1 + n_lower) / (1 + len(self.lowest)),
            dict(zip(OVERLAP, values.tolist(), strict=True)),
            dict(zip(OVERLAP, self.mean.tolist(), strict=True)),
            tuple(faults),
            self.n_real,
            self.n_fake,
        )

    def _least(self, name: str) -> float:
        return self.rule.least_narrowing if name in ("spread", "thinnest") else self.rule.least_loss


def _checked(samples: Tensor, what: str, fewest: int) -> Tensor:
    """Return samples as floats."""
    if not isinstance(samples, Tensor) or samples.ndim < 2 or len(samples) < fewest:
        raise InputError(f"{what} must be a tensor (n, ...) of n >= {fewest}, but are {shown(samples)}")
    samples = samples.detach().cpu()
    samples = samples.float() / 255 if samples.dtype == torch.uint8 else samples.float()
    bad = (~samples.flatten(1).isfinite().all(1)).nonzero().flatten()
    if len(bad):
        raise InputError(f"{what} hold NaN or Inf, the first in sample {int(bad[0])}; repair or leave it out")
    return samples
