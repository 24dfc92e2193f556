"""Collapse is seen, real data are not accused, and bad input is refused in words."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.metrics import CollapseTest, manifold_metrics
from sciadv.metrics.collapse.collapse_test import CollapseRule
from sciadv.metrics.collapse.neighbourhoods import OVERLAP, Neighbours, Reach, measure_overlap

QUICK = CollapseRule(n_splits=60)


def ring(n: int, seed: int, n_modes: int = 8) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    angle = torch.randint(0, n_modes, (n,), generator=draws) * 2 * math.pi / 8
    centres = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    return centres + 0.1 * torch.randn(n, 2, generator=draws)


@pytest.fixture(scope="module")
def of_ring() -> CollapseTest:
    return CollapseTest(ring(600, 0), n_fake=200, rule=QUICK)


def test_overlap_is_that_of_the_manifold_metrics() -> None:
    real, fake = ring(60, 1), ring(50, 2, 5)
    known = Neighbours.of(torch.cat([real, fake]).double())
    reach = Reach(5, 3, 0.05, 0.0, 0.0)
    found = dict(
        zip(OVERLAP, measure_overlap(known, torch.arange(60), torch.arange(60, 110), reach), strict=True)
    )
    by_five, by_three = (manifold_metrics(real, fake, k=k) for k in (5, 3))
    assert float(found["coverage"]) == pytest.approx(by_five.coverage)
    assert float(found["precision"]) == pytest.approx(by_five.precision)
    assert float(found["recall"]) == pytest.approx(by_three.recall)


def test_false_alarms_are_as_seldom_as_the_level_says(of_ring: CollapseTest) -> None:
    n_alarms = sum(of_ring(ring(200, 100 + seed)).fired for seed in range(12))
    assert n_alarms <= 2  # 0.2 expected at a level of 0.02, and 3 or more have a probability of 0.002


@pytest.mark.parametrize(
    ("fake", "fault", "words"),
    [
        (ring(200, 3, 4), "coverage", "parts of the data have no samples near them"),
        (0.5 * ring(200, 3), "recall", "samples vary less than the data"),
        (ring(2, 3).repeat(100, 1), "distinct", "samples repeat each other"),
        (ring(600, 0)[:200], "new", "samples copy the data"),
        (ring(200, 3) + 10, "precision", "samples lie off the data"),
    ],
    ids=["half the modes", "contracted", "two repeated", "copies", "elsewhere"],
)
def test_each_fault_is_found_and_named(of_ring: CollapseTest, fake: Tensor, fault: str, words: str) -> None:
    found = of_ring(fake)
    assert fault in found.faults
    assert any(words in sentence for sentence in found.sentences)
    assert found.p_value < 0.02


def test_columns_of_vectors_count_alike_whatever_their_unit() -> None:
    units = torch.tensor([1e-6, 1e6])
    test = CollapseTest(ring(300, 0) * units, n_fake=100, rule=QUICK)
    assert not test(ring(100, 5) * units).fired
    assert test(ring(100, 5, 4) * units).fired


def test_textures_that_lost_their_detail_are_found() -> None:
    draws = torch.Generator().manual_seed(0)
    noise = torch.randn(500, 1, 12, 12, generator=draws).sign()
    test = CollapseTest(noise[:400], n_fake=100, rule=QUICK)
    smooth = torch.nn.functional.avg_pool2d(noise[400:], 3, 1, 1)
    assert not test(noise[400:]).fired
    assert test(smooth * noise.std() / smooth.std()).fired  # of equal deviation


@pytest.mark.parametrize(
    ("real", "words"),
    [
        (torch.ones(100, 3), "the same one"),
        (torch.randn(10, 3), "n >= 40"),
        (torch.cat([torch.zeros(17, 3), torch.full((83, 3), float("nan"))]), "the first in sample 17"),
    ],
    ids=["constant", "too few", "NaN"],
)
def test_real_samples_that_say_nothing_are_refused(real: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        CollapseTest(real)
