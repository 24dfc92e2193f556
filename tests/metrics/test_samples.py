"""The report, and the trap: a collapsed generator with a perfect Frechet distance must be flagged."""

import pytest
import torch
from torch.nn.functional import one_hot

from sciadv.errors import InputError
from sciadv.metrics import ClassifierOutput, compare_samples

N, K = 1200, 6
CENTRES = 8.0 * torch.eye(K, 8)


def clusters(seed: int, *, only: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw from `K` clusters in 8 dimensions, or from one of them; return points and classes."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(K, (N,), generator=generator) if only is None else torch.full((N,), only)
    return CENTRES[classes] + torch.randn(N, 8, generator=generator), classes


def drawn(seed: int, features: torch.Tensor | None = None, *, only: int | None = None) -> ClassifierOutput:
    points, classes = clusters(seed, only=only)
    return ClassifierOutput(points if features is None else points @ features, 20.0 * one_hot(classes, K))


def test_samples_of_the_same_law_raise_no_flag() -> None:
    train = drawn(3).features
    report = compare_samples(drawn(0), drawn(1), drawn(2), train=train, n_manifold=600)
    assert report.flags == ()
    assert report.n_modes == K
    assert report.frechet == pytest.approx(report.frechet_floor, abs=0.2)
    assert report.kid.low < 0 < report.kid.high


def test_a_collapsed_generator_is_flagged_by_honest_features() -> None:
    report = compare_samples(drawn(0, only=1), drawn(1), drawn(2), n_manifold=600)
    assert report.frechet > 20 * report.frechet_floor
    assert report.manifold.precision > 0.8
    assert len(report.flags) == 3  # recall, coverage, modes
    assert not any("near its floor" in flag for flag in report.flags)


def test_a_collapsed_generator_with_constant_features_has_distance_zero_and_is_flagged() -> None:
    flawed = torch.zeros(8, 4)
    report = compare_samples(drawn(0, flawed, only=1), drawn(1, flawed), drawn(2, flawed), n_manifold=600)
    assert report.frechet == 0
    assert any("effective rank 0" in flag for flag in report.flags)
    assert any("near its floor" in flag and "coverage is 0.00" in flag for flag in report.flags)
    assert any("near its floor" in flag and f"1 of {K} classes" in flag for flag in report.flags)


def test_a_collapsed_generator_in_features_blind_to_classes_is_flagged_by_its_modes() -> None:
    blind = torch.eye(8)[:, K:]  # the two directions in which all clusters have the same mean
    report = compare_samples(drawn(0, blind, only=1), drawn(1, blind), drawn(2, blind), n_manifold=600)
    assert report.frechet < 0.05
    assert any("near its floor" in flag and f"1 of {K} classes" in flag for flag in report.flags)


def test_copies_of_the_training_set_are_flagged() -> None:
    train = drawn(3)
    report = compare_samples(train, drawn(1), drawn(2), train=train.features, n_manifold=600)
    assert any("may be copies" in flag for flag in report.flags)


def test_the_dict_is_flat_numbers() -> None:
    numbers = compare_samples(drawn(0), drawn(1), drawn(2), n_manifold=300).as_dict()
    assert all(isinstance(value, int | float) for value in numbers.values())
    assert {"frechet", "kid_low", "coverage", "coverage_floor", "modes", "class_divergence"} <= set(numbers)


def test_a_second_set_of_another_size_is_refused() -> None:
    second = drawn(2)
    with pytest.raises(InputError, match="give equally many"):
        compare_samples(drawn(0), drawn(1), ClassifierOutput(second.features[:10], second.logits[:10]))
