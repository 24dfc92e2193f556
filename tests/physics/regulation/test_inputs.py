"""An input scales production or activity of a gene: closed forms of a free gene, and equivalences."""

import math

import pytest
import torch

from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.inputs import Input, induced, simulate_induced
from sciadv.physics.regulation.kinetics import circuits_of, unpack
from sciadv.physics.regulation.trajectories import simulate

FREE = circuits_of(torch.zeros(1, 1, 1))


def test_a_free_gene_follows_a_step_as_its_closed_form_does():
    kinetics = unpack(FREE)
    k, g = float(kinetics.degradation), float(kinetics.production)
    start = torch.tensor([[g / k]])
    times, levels = simulate_induced(kinetics, start, Input.step(0, 3.0, start=4.0), t_end=10.0, n_kept=50)
    expected = [g / k * (1 + 2 * (1 - math.exp(-k * max(0.0, t - 4)))) for t in times.tolist()]
    assert levels[:, 0, 0].tolist() == pytest.approx(expected, rel=1e-4)
    assert float(times[-1]) == pytest.approx(10.0)


def test_production_scales_the_rate_and_keeps_thresholds_in_levels():
    kinetics = unpack(random_circuits(6, 3, seed=1))
    x = torch.rand(3, 6, generator=torch.Generator().manual_seed(0)) * 50
    plain = HillEquations.of(kinetics)
    scaled = HillEquations.of(induced(kinetics, 1, 5.0))
    torch.testing.assert_close(scaled.regulation(x), plain.regulation(x), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(scaled.production[1], 5 * plain.production[1])
    torch.testing.assert_close(scaled.production[0], plain.production[0])


def test_activity_is_seen_by_the_targets_alone():
    kinetics = unpack(random_circuits(6, 3, seed=2))
    x = torch.rand(3, 6, generator=torch.Generator().manual_seed(0)) * 50
    seen = x * torch.tensor([[1.0], [1.0], [4.0]])
    active = HillEquations.of(induced(kinetics, 2, 4.0, acts_on="activity"))
    torch.testing.assert_close(active.regulation(x), HillEquations.of(kinetics).regulation(seen))


def test_each_circuit_may_have_its_own_gene_and_dose():
    kinetics = unpack(random_circuits(4, 3, seed=3))
    genes, doses = torch.tensor([0, 1, 2, 0]), torch.tensor([2.0, 3.0, 0.5, 1.0])
    together = induced(kinetics, genes, doses)
    for k in range(4):
        alone = induced(kinetics.rows([k]), int(genes[k]), float(doses[k]))
        torch.testing.assert_close(together.production[k : k + 1], alone.production)
        torch.testing.assert_close(together.threshold[k : k + 1], alone.threshold)


def test_a_constant_dose_of_one_changes_nothing():
    kinetics = unpack(random_circuits(3, 3, seed=4))
    start = 0.2 * kinetics.production
    _, levels = simulate_induced(kinetics, start, Input.constant(0, 1.0), t_end=20.0, n_kept=10)
    torch.testing.assert_close(levels, simulate(kinetics, start, t_end=20.0, n_kept=10))


def test_schedules_have_the_dose_of_their_time():
    pulse = Input.pulse(0, 10.0, start=5.0, end=8.0)
    assert [pulse.at(t) for t in (0.0, 4.9, 5.0, 7.9, 8.0, 99.0)] == [1, 1, 10, 10, 1, 1]
    ramp = Input.ramp(0, 0.01, 100.0, t_end=50.0, n_steps=5)
    assert ramp.doses == pytest.approx((0.01, 0.1, 1.0, 10.0, 100.0))
    assert ramp.times == (0.0, 10.0, 20.0, 30.0, 40.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Input(0, (0.0, 5.0), (1.0,)), "one dose for each time"),
        (lambda: Input(0, (1.0,), (1.0,)), "rise from 0"),
        (lambda: Input(0, (0.0, 5.0, 5.0), (1.0, 2.0, 3.0)), "rise from 0"),
        (lambda: Input.constant(0, 0.0), "dose"),
        (lambda: Input.constant(-1, 1.0), "gene"),
        (lambda: Input(0, acts_on="mood"), "production or activity"),
        (lambda: Input.ramp(0, -1.0, 1.0, t_end=5.0), "first"),
        (
            lambda: simulate_induced(unpack(FREE), torch.ones(1, 1), Input.constant(3, 2.0)),
            "gene 3, counted from 0, but there are circuits of 1 genes",
        ),
    ],
)
def test_bad_inputs_are_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()
