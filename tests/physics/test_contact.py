"""Closed forms against published and independently computed values."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from sciadv.physics.contact import (
    adhesion_number,
    contact_pressure,
    elastic_energy,
    full_contact_pressure,
    largest_partial_load,
    sinusoidal_contact,
    tabor_parameter,
)
from sciadv.physics.friction import hysteresis_friction, shear_friction

MODULUS, PRESSURE, SHEAR, ADHESION, LOSS = 3.5e9, 20e6, 5e6, 0.05, 0.1  # Pa, Pa, Pa, J/m^2, 1

# r, contact fraction, p_max / p*: Westergaard's contact, exact.
WESTERGAARD = [
    (0.01, 0.063769, 0.200000),
    (0.10, 0.204833, 0.632456),
    (0.25, 0.333333, 1.000000),
    (0.50, 0.500000, 1.414214),
    (0.75, 0.666667, 1.732051),
    (0.90, 0.795167, 1.897367),
    (1.50, 1.0, 2.5),
]
# A and lambda [nm], p* [MPa], r, f, p_max [MPa], alpha, f and p_max with adhesion, U [J/m^2],
# mu without and with adhesion; computed in NumPy apart from this package.
TABLE = [
    (
        20, 1000, 219.911486, 0.090946, 0.19502274, 132.638301, 0.085072,
        0.24924155, 136.327677, 5.270289e-2, 0.04901920, 0.06257390,
    ),
    (
        50, 1000, 549.778714, 0.036378, 0.12217157, 209.719568, 0.034029,
        0.14777802, 213.414234, 6.936943e-2, 0.03088974, 0.03729135,
    ),
    (
        20, 500, 439.822972, 0.045473, 0.13680561, 187.578884, 0.060155,
        0.18008119, 194.415979, 3.265532e-2, 0.03452795, 0.04534685,
    ),
    (
        10, 2000, 54.977871, 0.363783, 0.41217118, 66.319150, 0.240620,
        0.59188138, 69.016917, 5.497479e-2, 0.10318023, 0.14810778,
    ),
    (
        5, 5000, 10.995574, 1.818914, 1.0, 30.995574, 0.760906,
        1.0, 30.995574, 1.374447e-2, 0.25001374, 0.25001374,
    ),
    (
        100, 1500, 733.038286, 0.027284, 0.10563959, 242.163298, 0.020838,
        0.12233661, 244.719650, 1.119032e-1, 0.02678291, 0.03095716,
    ),
]  # fmt: skip


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@pytest.mark.parametrize(("load", "fraction", "peak"), WESTERGAARD)
def test_contact_without_adhesion_is_westergaards(load, fraction, peak):
    contact = sinusoidal_contact(double(load), double(0.0), double(1.0))
    assert abs(float(contact.fraction) - fraction) < 1e-6
    assert abs(float(contact.peak_pressure) - peak) < 1e-6


@pytest.mark.parametrize("row", TABLE)
def test_table_of_designs_is_met(row):
    height, length, full, load, fraction, peak, alpha, fraction_j, peak_j, energy, mu, mu_j = row
    amplitude, wavelength = double(height * 1e-9), double(length * 1e-9)
    p_full = full_contact_pressure(amplitude, wavelength, MODULUS)
    r, a = PRESSURE / p_full, adhesion_number(amplitude, wavelength, MODULUS, ADHESION)
    plain, sticky = sinusoidal_contact(r, 0 * a, p_full), sinusoidal_contact(r, a, p_full)
    u = elastic_energy(r, amplitude, p_full)
    lost = hysteresis_friction(u, wavelength, PRESSURE, LOSS)
    got = {
        "p*": (p_full / 1e6, full),
        "r": (r, load),
        "f": (plain.fraction, fraction),
        "p_max": (plain.peak_pressure / 1e6, peak),
        "alpha": (a, alpha),
        "f with adhesion": (sticky.fraction, fraction_j),
        "p_max with adhesion": (sticky.peak_pressure / 1e6, peak_j),
        "U": (u, energy),
        "mu": (shear_friction(plain.fraction, PRESSURE, SHEAR) + lost, mu),
        "mu with adhesion": (shear_friction(sticky.fraction, PRESSURE, SHEAR) + lost, mu_j),
    }
    for name, (value, expected) in got.items():
        assert abs(float(value) - expected) <= 1e-6 * max(1.0, abs(expected)), name


def test_energy_equals_the_work_of_loading_and_the_fourier_sum():
    """U / (A p*) against an integral that knows only the pressure: sum |p_k|^2 / (E* q_k), per mode."""
    for load in (0.1, 0.5, 0.9):
        n = 2**14
        position = torch.arange(n, dtype=torch.float64) / n
        pressure = contact_pressure(position, double(load), double(1.0))[0].numpy()
        modes = np.fft.rfft(pressure)[1:] / n
        wave = 2 * np.pi * np.arange(1, len(modes) + 1)
        # p* = A = lambda = 1, so that E* = 1 / pi; the displacement of a mode is 2 p_k / (E* q)
        energy = float((2 * np.abs(modes) ** 2 / (wave / np.pi)).sum())
        assert energy == pytest.approx(
            float(elastic_energy(double(load), double(1.0), double(1.0))), rel=2e-4
        )


def test_pressure_carries_the_load_and_peaks_at_the_crest():
    for load in (0.05, 0.4, 0.95, 1.7):
        mean = quad(
            lambda s, r=load: float(contact_pressure(double(s), double(r), double(3.0))), -0.5, 0.5, limit=400
        )[0]
        assert mean == pytest.approx(3.0 * load, rel=1e-5)
        peak = float(contact_pressure(double(0.0), double(load), double(3.0)))
        assert peak == pytest.approx(
            float(sinusoidal_contact(double(load), double(0.0), double(3.0)).peak_pressure)
        )


@settings(max_examples=60)
@given(load=st.floats(1e-3, 0.95), alpha=st.floats(1e-4, 0.55))
def test_root_is_the_one_that_brents_method_finds(load, alpha):
    def curve(psi):
        return math.sin(psi) ** 2 - alpha * math.sqrt(math.tan(psi))

    grid = np.linspace(1e-6, math.pi / 2 - 1e-6, 20001)
    values = np.array([curve(psi) for psi in grid])
    top = int(values[grid > math.atan(math.sqrt(0.6))].argmax()) + int(
        (grid <= math.atan(math.sqrt(0.6))).sum()
    )
    contact = sinusoidal_contact(double(load), double(alpha), double(1.0))
    if abs(values[top] - load) < 1e-6:
        return  # too near to the jump to say which side
    assert bool(contact.is_full) == (load > values[top])
    if load < values[top]:
        psi = brentq(lambda s: curve(s) - load, math.asin(math.sqrt(load)), grid[top], xtol=1e-15)
        assert float(contact.fraction) == pytest.approx(2 * psi / math.pi, abs=1e-9)


def test_contact_closes_by_itself_above_johnsons_adhesion_number():
    assert float(largest_partial_load(double(0.56))) > 0
    assert float(largest_partial_load(double(0.58))) < 0
    assert float(largest_partial_load(double(0.0))) == pytest.approx(1.0)


def test_derivatives_are_those_of_the_implicit_function():
    load, alpha = double(0.05, 0.2, 0.4).requires_grad_(), double(0.2, 0.1, 0.03).requires_grad_()

    def fraction(r, a):
        return sinusoidal_contact(r, a, torch.ones_like(r)).fraction

    def peak(r, a):
        return sinusoidal_contact(r, a, torch.ones_like(r)).peak_pressure

    for function in (fraction, peak):
        assert torch.autograd.gradcheck(function, (load, alpha), rtol=1e-6, check_forward_ad=True)


def test_gradients_are_finite_in_full_contact_and_beside_it():
    load = double(2.0, 0.3, 1.0).requires_grad_()
    alpha = double(0.1, 0.9, 0.0).requires_grad_()
    contact = sinusoidal_contact(load, alpha, double(1.0, 1.0, 1.0))
    assert contact.is_full.tolist()[:2] == [True, True]
    gradients = torch.autograd.grad((contact.fraction + contact.peak_pressure).sum(), (load, alpha))
    assert all(bool(g.isfinite().all()) for g in gradients)


def test_hardness_bounds_the_aspect_ratio_in_closed_form():
    hardness = 0.25e9
    ratio = hardness**2 / (4 * math.pi * MODULUS * PRESSURE)  # A / lambda at which p_max = H
    full = full_contact_pressure(double(ratio), double(1.0), MODULUS)
    peak = sinusoidal_contact(PRESSURE / full, double(0.0), full).peak_pressure
    assert float(peak) == pytest.approx(hardness, rel=1e-12)


def test_tabor_parameter_of_a_known_crest():
    # R = lambda^2 / (4 pi^2 A) = 1.2665e-6 m at A = 20 nm, lambda = 1 um
    value = tabor_parameter(double(20e-9), double(1e-6), 3.5e9, 0.05, 3e-10)
    assert float(value) == pytest.approx((1.26651e-6 * (0.05 / 3.5e9) ** 2 / 2.7e-29) ** (1 / 3), rel=1e-5)
