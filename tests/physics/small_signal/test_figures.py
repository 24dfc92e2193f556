"""Figures of amplifiers, poles, zeros and noise against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from sciadv.physics.small_signal.analysis import grouped
from sciadv.physics.small_signal.elements import assemble
from sciadv.physics.small_signal.figures import figures, transfer
from sciadv.physics.small_signal.netlist import elements_of, output_of
from sciadv.physics.small_signal.noise import integrated, output_noise
from sciadv.physics.small_signal.poles_and_zeros import closed, damping, finite_eigenvalues, poles_and_zeros
from sciadv.physics.small_signal.spice_reader import read_spice


def cascade(poles, gain):
    """Return an amplifier of inverting stages with one real pole each [rad/s]."""
    lines = ["cascade", "V1 in 0 ac 1"]
    nodes = ["in", *(f"n{i}" for i in range(1, len(poles))), "out"]
    for i, pole in enumerate(poles):
        before, after = nodes[i : i + 2]
        lines += [f"G{i} {after} 0 {before} 0 {gain if i == 0 else 1.0!r}", f"R{i} {after} 0 1"]
        lines += [f"C{i} {after} 0 {1 / -pole!r}"]
    return read_spice("\n".join(lines))


def solved(netlist):
    (group,) = grouped([netlist], ["out"])
    return group.system, group.output


def test_one_pole_has_its_bandwidth_and_a_margin_of_90_degrees():
    found = figures(*solved(cascade([-1e3], 1e4)))
    assert float(found.gain) == pytest.approx(-1e4, rel=1e-4)
    assert float(found.bandwidth) == pytest.approx(1e3 / (2 * math.pi), rel=1e-3)
    assert float(found.unity_gain_frequency) == pytest.approx(1e7 / (2 * math.pi), rel=1e-6)
    assert math.degrees(float(found.phase_margin)) == pytest.approx(90, abs=0.5)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_margin_counts_whole_turns(n):
    poles = [-1e4] * n
    found = figures(*solved(cascade(poles, 1e6)))
    omega = 2 * math.pi * float(found.unity_gain_frequency)
    first = 2 * math.pi
    wanted = 180 - n * math.degrees(math.atan(omega / 1e4) - math.atan(first / 1e4))
    assert math.degrees(float(found.phase_margin)) == pytest.approx(wanted, abs=1e-6)


def test_a_resonance_narrower_than_the_grid_turns_the_phase_by_half_a_turn():
    text = "resonance\nV1 in 0 ac 1\nE1 a 0 in 0 10\nR1 a b 1m\nL1 b out 1m\nC1 out 0 1n"  # Q = 1e6
    found = figures(*solved(read_spice(text)))
    omega0 = 1e6
    assert float(found.unity_gain_frequency) == pytest.approx(11**0.5 * omega0 / (2 * math.pi), rel=1e-6)
    assert math.degrees(float(found.phase_margin)) == pytest.approx(0, abs=1e-3)


def test_poles_of_a_cascade_are_those_of_its_stages():
    wanted = [-1e2, -3e4, -2e6, -5e9]
    system, output = solved(cascade(wanted, 10.0))
    found = poles_and_zeros(system, output).poles[0]
    found = found[found.isfinite()].real.sort(descending=True).values
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-7)


def test_the_zero_of_a_miller_amplifier_is_in_the_right_half_plane():
    text = """miller
V1 in 0 ac 1
G1 a 0 in 0 1m
R1 a 0 100k
G2 out 0 a 0 5m
R2 out 0 10k
C2 out 0 2p
Cc a out 1p"""
    system, output = solved(read_spice(text))
    zeros = poles_and_zeros(system, output).zeros[0]
    zeros = zeros[zeros.isfinite()]
    assert zeros.real.tolist() == pytest.approx([5e-3 / 1e-12], rel=1e-9)


@pytest.mark.parametrize(("gain", "is_stable"), [(7.9, True), (8.1, False)])
def test_three_equal_poles_are_stable_in_feedback_below_a_gain_of_8(gain, is_stable):
    system, output = solved(cascade([-1e3] * 3, gain))
    loop = closed(system, output, -torch.ones(1, dtype=torch.float64))  # three stages invert
    found = damping(finite_eigenvalues(loop.conductance, loop.susceptance))
    assert bool(found > 0) is is_stable


def test_figures_have_the_derivatives_of_finite_differences():
    system, output = solved(cascade([-1e3, -1e5], 1e4))

    def both(scale):
        found = figures(replace(system, conductance=system.conductance * scale), output)
        every = [found.unity_gain_frequency.log(), found.bandwidth.log(), found.phase_margin]
        return torch.stack(every)[:, 0]

    scale = torch.ones(1, dtype=torch.float64, requires_grad=True)
    exact = torch.autograd.functional.jacobian(both, scale)[:, 0]
    h = 1e-6
    more, less = (both(torch.tensor([1 + step], dtype=torch.float64)) for step in (h, -h))
    differences = (more - less) / (2 * h)
    torch.testing.assert_close(exact, differences, rtol=1e-5, atol=1e-7)


def test_what_does_not_amplify_has_no_unity_gain_frequency():
    found = figures(*solved(cascade([-1e3], 0.5)))
    assert bool(found.unity_gain_frequency.isnan().all())
    assert bool(found.bandwidth.isfinite().all())


@pytest.mark.parametrize("R", [1.0, 1e6])
def test_noise_of_a_resistor_and_a_capacitor_is_kT_over_C(R):
    one = read_spice(f"noise\nV1 in 0 ac 1\nR1 in out {R!r}\nC1 out 0 1p")
    elements = elements_of([one])
    system = assemble(elements)
    f = torch.logspace(0, 16, 6001, dtype=torch.float64)
    output = output_of([one], "out", system.source.shape[1])
    total = integrated(output_noise(elements, system, output, 2j * math.pi * f), f)
    assert float(total) == pytest.approx(1.380649e-23 * 300.15 / 1e-12, rel=2e-3)


def test_noise_of_a_transconductance_is_that_of_its_gamma():
    one = read_spice("noise\nV1 in 0 ac 1\nG1 out 0 in 0 1m\nR1 out 0 1k")
    elements = elements_of([one])
    system = assemble(elements)
    output = output_of([one], "out", system.source.shape[1])
    density = output_noise(
        elements,
        system,
        output,
        torch.zeros(1, dtype=torch.complex128),
        gamma=2 / 3,
    )
    kT = 1.380649e-23 * 300.15
    assert float(density) == pytest.approx(4 * kT * 1e3 * (1 + 2 / 3), rel=1e-9)


def test_transfer_is_that_of_the_poles_and_zeros():
    system, output = solved(cascade([-1e3, -1e6], 100.0))
    s = 2j * math.pi * torch.logspace(0, 9, 10, dtype=torch.float64)[None]
    wanted = 100 / ((1 + s / 1e3) * (1 + s / 1e6))
    torch.testing.assert_close(transfer(system, output, s), wanted, rtol=1e-9, atol=0)
