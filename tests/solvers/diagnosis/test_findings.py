"""Findings from checks of measurements beside those of the reference images: rare where there is nothing."""

from dataclasses import replace

import pytest
import torch

from sciadv.diagnosis import CheckSettings, Findings
from sciadv.solvers.diagnosis.conformal import find
from sciadv.solvers.diagnosis.contradictions import Contradictions
from sciadv.solvers.diagnosis.noise_checks import NoiseChecks

N_KNOWN = 60


def checks(n: int, seed: int) -> NoiseChecks:
    """Return checks of measurements that are as stated."""
    generator = torch.Generator().manual_seed(seed)
    noise, outlying, noise_gain, unit_gain, move_gain, quiet_gain = (
        torch.randn(n, dtype=torch.float64, generator=generator) for _ in range(6)
    )
    nothing = torch.zeros_like(noise)
    return NoiseChecks(
        noise=(0.1 * noise).exp(),
        noise_evidence=-CheckSettings().factors.log().square().expand(n, -1),
        noise_gain=noise_gain,
        quiet_gain=quiet_gain,
        outlyingness=outlying.abs(),
        n_outliers=nothing,
        unit_gain=unit_gain,
        unit_factor=nothing + 1,
        move_gain=move_gain,
        move=torch.zeros(n, 2, dtype=torch.float64),
    )


def found(measured: NoiseChecks, alone: Contradictions | None = None) -> Findings:
    return find(checks(N_KNOWN, 0), measured, alone, CheckSettings())


def test_measurements_as_stated_are_hardly_ever_called_wrong_together() -> None:
    n_batches, size = 300, 8
    n_together = 0
    for seed in range(n_batches):
        said = find(checks(N_KNOWN, 2 * seed), checks(size, 2 * seed + 1), None, CheckSettings())
        n_together += sum(bool(mask.all()) for mask in (said.is_loud, said.is_quiet, said.has_outliers))
    assert n_together == 0


@pytest.mark.parametrize(("factor", "loud_and_quiet"), [(4.0, (True, False)), (0.25, (False, True))])
def test_noise_is_looked_at_from_both_sides(factor: float, loud_and_quiet: tuple[bool, bool]) -> None:
    many = replace(checks(8, 1), noise=torch.full((8,), factor, dtype=torch.float64))
    said = found(many)
    assert (bool(said.is_loud.all()), bool(said.is_quiet.all())) == loud_and_quiet


def test_one_measurement_is_called_wrong_by_its_own_p_value_alone() -> None:
    alone = Contradictions(torch.tensor([0.02, 0.04, 0.001]), torch.tensor([1, 1, 4]))
    said = found(checks(3, 1), alone)
    assert said.is_loud.tolist() == [True, False, False]
    assert said.has_other_unit.tolist() == [False, False, True]
    assert said.any.tolist() == [True, False, True]
    assert not bool(found(checks(3, 1)).any.any())


def test_a_shift_that_no_measurement_shows_alone_is_found_in_many() -> None:
    highest = checks(N_KNOWN, 0).noise.max()
    noise, gain = (0.9 * highest.log()).exp().expand(40), torch.full((40,), 9.0, dtype=torch.float64)
    shifted = replace(checks(40, 1), noise=noise, noise_gain=gain)
    assert bool(found(shifted).is_loud.all())
    assert not bool(found(shifted.take(torch.arange(1))).is_loud)


def test_of_two_reasons_the_one_of_more_evidence_is_said() -> None:
    wrong = torch.full((4,), 50.0, dtype=torch.float64)
    both = replace(checks(4, 1), noise=wrong, noise_gain=wrong, unit_gain=2 * wrong, unit_factor=2 * wrong)
    assert (bool(found(both).is_loud.any()), bool(found(both).has_other_unit.all())) == (False, True)
    other = replace(both, noise_gain=3 * wrong)
    assert (bool(found(other).is_loud.all()), bool(found(other).has_other_unit.any())) == (True, False)


def test_smaller_noise_is_named_by_the_most_that_it_can_be() -> None:
    settings = CheckSettings()
    measured = checks(8, 1)
    nothing_tells = torch.where(settings.factors < 0.5, 0.0, -100.0).double()
    quiet = replace(
        measured,
        noise=measured.noise * 0.01,
        quiet_gain=measured.quiet_gain + 50,
        noise_evidence=nothing_tells.expand(8, -1),
    )
    findings = found(quiet)
    assert bool(findings.is_quiet.all())
    torch.testing.assert_close(findings.noise_factor, torch.full((8,), 0.48).double(), rtol=0.05, atol=0)
    assert "by 2.1 or more" in findings.words(0)[0]
