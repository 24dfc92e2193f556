import pytest
import torch
from sklearn.calibration import calibration_curve
from torch.nn.functional import one_hot

from sciadv.errors import InputError
from sciadv.metrics import (
    calibration_error,
    class_divergence,
    classifier_score,
    discriminator_calibration,
    n_modes,
)

EVEN = torch.arange(10).repeat(50)


def sure(classes: torch.Tensor) -> torch.Tensor:
    return 100.0 * one_hot(classes, 10)


def test_score_is_the_number_of_classes_for_sure_even_predictions() -> None:
    assert classifier_score(sure(EVEN)) == pytest.approx(10)


def test_score_is_one_for_one_mode_and_for_no_idea() -> None:
    assert classifier_score(sure(torch.zeros(50, dtype=torch.long))) == pytest.approx(1)
    assert classifier_score(torch.zeros(50, 10)) == pytest.approx(1)


def test_modes_count_classes_with_a_tenth_of_an_even_share() -> None:
    assert n_modes(EVEN, 10) == 10
    assert n_modes(EVEN % 3, 10) == 3
    assert n_modes(torch.cat([torch.zeros(999, dtype=torch.long), torch.ones(1, dtype=torch.long)]), 10) == 1


def test_class_divergence_is_zero_for_one_histogram_and_log_k_for_one_mode() -> None:
    assert class_divergence(EVEN, EVEN, 10) == pytest.approx(0)
    assert class_divergence(torch.zeros(9, dtype=torch.long), EVEN, 10) == pytest.approx(2.302585, abs=1e-5)


def test_a_class_without_reference_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[3\]"):
        class_divergence(EVEN[:4], EVEN[:3], 10)


def test_calibration_error_matches_sklearn() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(5000, generator=generator, dtype=torch.float64)
    hit = torch.rand(5000, generator=generator) < p**2
    share, mean = calibration_curve(hit.numpy(), p.numpy(), n_bins=15)
    count = torch.histc(p, 15, 0, 1).numpy()
    assert calibration_error(p, hit) == pytest.approx(
        float((count * abs(share - mean)).sum() / 5000), abs=1e-9
    )


def test_probabilities_that_are_true_are_calibrated() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(100_000, generator=generator)
    assert calibration_error(p, torch.rand(100_000, generator=generator) < p) < 0.01


def test_the_optimal_discriminator_is_calibrated_and_a_sharpened_one_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 20_000, generator=generator) + torch.tensor([[0.5], [-0.5]])
    # log p(x) / q(x) of N(1/2, 1) and N(-1/2, 1) is x
    assert discriminator_calibration(real, fake) < 0.02
    assert discriminator_calibration(5 * real, 5 * fake) > 0.15


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        calibration_error(torch.rand(3), torch.ones(4, dtype=torch.bool))


def test_a_class_with_a_twentieth_of_all_is_a_mode_of_ten() -> None:
    classes = torch.cat([torch.zeros(95, dtype=torch.long), torch.ones(5, dtype=torch.long)])
    assert n_modes(classes, 10) == 2  # 5 % is half of an even share
    assert n_modes(classes, 10, least=0.6) == 1
