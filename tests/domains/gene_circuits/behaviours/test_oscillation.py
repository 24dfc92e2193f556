"""Oscillation is told from damping, drift and rest; its numbers are those of closed forms and of LSODA."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.design.peer_lsoda import integrate
from sciadv.domains.gene_circuits.behaviours.behaviour import uneven_levels
from sciadv.domains.gene_circuits.behaviours.evaluation import measure, shows
from sciadv.domains.gene_circuits.behaviours.oscillation import Oscillation, swing
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.physics.regulation.kinetics import circuits_of, unpack
from sciadv.physics.regulation.trajectories import simulate

RING = -torch.eye(3).roll(1, 1)[None]


@given(period=st.floats(4.0, 60.0), phase=st.floats(0.0, 6.28), height=st.floats(0.1, 5.0))
@settings(max_examples=40, deadline=None)
def test_the_swing_of_a_sine_is_finer_than_its_samples(period, phase, height):
    t = torch.arange(400, dtype=torch.float64) * 0.5
    series = (3 + height * torch.sin(2 * math.pi * t / period + phase))[:, None]
    assert float(swing(series)) == pytest.approx(2 * height, rel=0.01)


def test_a_weakly_damped_ring_is_no_oscillation_however_long_it_takes_to_see():
    # rings of three alike below and above their Hopf point
    x = circuits_of(RING, places=0.0).repeat(30, 1, 1, 1)
    x[:, 2] = torch.linspace(-0.95, 0.6, 30)[:, None, None] * RING[0].abs()
    measured = measure(x, "oscillation")
    shown = Oscillation().shown(measured)
    onset = int(shown.int().argmax())
    assert 0 < onset < 29
    assert bool(shown[onset:].all())
    assert not bool(shown[:onset].any())
    assert bool((measured["amplitude"][onset:].diff() > -0.02).all())


def test_claims_are_confirmed_by_lsoda_after_a_long_time():
    x = random_circuits(300, 5, seed=3)
    measured = measure(x, "oscillation")
    row = int(Oscillation().shown(measured).int().argmax())
    kinetics = unpack(x[row : row + 1])
    late = integrate(kinetics, uneven_levels(x[row : row + 1]), t_end=1500.0, rtol=1e-9, atol=1e-9)
    again = simulate(kinetics, late.float(), t_end=60.0, n_kept=300)[:, 0]
    gene = int(measured["oscillating_gene"][row])
    amplitude = swing(again)[gene] / again[:, gene].mean()
    assert float(amplitude) == pytest.approx(float(measured["amplitude"][row]), rel=0.1)


@pytest.mark.slow
def test_the_batch_is_one_by_one_and_chunks_do_not_matter():
    x = random_circuits(150, 4, seed=5)
    together = measure(x, "oscillation")
    chunked = measure(x, Oscillation(chunk=80))
    shown = Oscillation().shown(together)
    assert torch.equal(Oscillation().shown(chunked), shown)
    for name in ("amplitude", "period", "duty"):
        torch.testing.assert_close(chunked[name][shown], together[name][shown], rtol=1e-3, atol=1e-3)
    assert bool(shows(x[3:4], "oscillation")) == bool(Oscillation().shown(together)[3])
