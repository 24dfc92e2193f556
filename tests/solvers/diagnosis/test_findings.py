"""Findings from checks of measurements beside those of the reference images: rare where there is nothing."""

from dataclasses import replace

import pytest
import torch

from sciadv.diagnosis import CheckSettings, Findings
from sciadv.solvers.diagnosis.conformal import find
from sciadv.solvers.diagnosis.noise_checks import NoiseChecks

N_KNOWN = 60


def checks(n: int, seed: int) -> NoiseChecks:
    """Return checks of measurements that are as stated."""
    generator = torch.Generator().manual_seed(seed)
    noise, outlying, noise_gain, unit_gain, move_gain = (
        torch.randn(n, dtype=torch.float64, generator=generator) for _ in range(5)
    )
    nothing = torch.zeros_like(noise)
    return NoiseChecks(
        noise=(0.1 * noise).exp(),
        noise_factor=nothing + 1,
        noise_gain=noise_gain,
        outlyingness=outlying.abs(),
        n_outliers=nothing,
        unit_gain=unit_gain,
        unit_factor=nothing + 1,
        move_gain=move_gain,
        move=torch.zeros(n, 2, dtype=torch.float64),
    )


def found(measured: NoiseChecks) -> Findings:
    return find(checks(N_KNOWN, 0), measured, CheckSettings())


def test_measurements_as_stated_are_hardly_ever_called_wrong_together() -> None:
    n_batches, size = 300, 8
    n_together = 0
    for seed in range(n_batches):
        said = find(checks(N_KNOWN, 2 * seed), checks(size, 2 * seed + 1), CheckSettings())
        n_together += sum(bool(mask.all()) for mask in (said.is_loud, said.is_quiet, said.has_outliers))
    assert n_together == 0


@pytest.mark.parametrize(("factor", "loud_and_quiet"), [(4.0, (True, False)), (0.25, (False, True))])
def test_noise_is_looked_at_from_both_sides(factor: float, loud_and_quiet: tuple[bool, bool]) -> None:
    one = replace(checks(1, 1), noise=torch.full((1,), factor, dtype=torch.float64))
    assert (bool(found(one).is_loud), bool(found(one).is_quiet)) == loud_and_quiet


def test_one_measurement_is_called_wrong_beyond_every_reference_image_and_not_before() -> None:
    highest, second = checks(N_KNOWN, 0).noise.sort(descending=True).values[:2]
    beyond = replace(checks(1, 1), noise=1.01 * highest[None])
    between = replace(checks(1, 1), noise=0.5 * (highest + second)[None])
    assert bool(found(beyond).is_loud)
    assert not bool(found(between).is_loud)


def test_a_shift_that_no_measurement_shows_alone_is_found_in_many() -> None:
    highest = checks(N_KNOWN, 0).noise.max()
    noise, gain = (0.9 * highest.log()).exp().expand(40), torch.full((40,), 9.0, dtype=torch.float64)
    shifted = replace(checks(40, 1), noise=noise, noise_gain=gain)
    assert bool(found(shifted).is_loud.all())
    assert not bool(found(shifted.take(torch.arange(1))).is_loud)


def test_of_two_reasons_the_one_of_more_evidence_is_said() -> None:
    wrong = torch.full((1,), 50.0, dtype=torch.float64)
    both = replace(checks(1, 1), noise=wrong, noise_gain=wrong, unit_gain=2 * wrong, unit_factor=2 * wrong)
    assert (bool(found(both).is_loud), bool(found(both).has_other_unit)) == (False, True)
    other = replace(both, noise_gain=3 * wrong)
    assert (bool(found(other).is_loud), bool(found(other).has_other_unit)) == (True, False)
