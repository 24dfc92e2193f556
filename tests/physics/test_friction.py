import math

import pytest
import torch

from sciadv.physics.contact import contact_pressure, sinusoidal_contact
from sciadv.physics.friction import (
    limited_shear_friction,
    ploughing_friction,
    rough_contact_fraction,
    shear_friction,
)


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def test_rough_contact_is_perssons():
    got = rough_contact_fraction(double(20e6, 100e6, 1e6), 3.5e9, double(0.05, 0.05, 0.1))
    torch.testing.assert_close(got, double(0.18079797, 0.74690209, 0.00455932), atol=1e-8, rtol=0)


def test_rough_contact_gives_amontons_law_at_small_loads():
    low, high = rough_contact_fraction(double(1e3, 2e3), 3.5e9, double(0.05, 0.05))
    assert float(high / low) == pytest.approx(2.0, rel=1e-6)
    assert float(low) == pytest.approx(math.sqrt(8 / math.pi) * 1e3 / (3.5e9 * 0.05), rel=1e-6)


def test_friction_of_small_loads_falls_with_the_root_of_the_pressure():
    full = double(1e9)
    for pressure in (1e4, 1e5):
        f = sinusoidal_contact(pressure / full, double(0.0), full).fraction
        expected = 2 * 5e6 / math.pi / math.sqrt(pressure * 1e9)
        assert float(shear_friction(f, pressure, 5e6)) == pytest.approx(expected, rel=1e-4)


def test_pressure_dependent_shear_adds_its_coefficient():
    f = double(0.3)
    assert float(shear_friction(f, 2e7, 5e6, 0.04) - shear_friction(f, 2e7, 5e6)) == pytest.approx(0.04)


def test_limited_shear_is_amontons_at_small_and_constant_shear_at_large_pressure():
    position = (torch.arange(2**14, dtype=torch.float64) + 0.5) / 2**14
    profile = contact_pressure(position, double(0.2), double(1.0))
    fraction = float(sinusoidal_contact(double(0.2), double(0.0), double(1.0)).fraction)
    weak = limited_shear_friction(1e-6 * profile, 1.0, 0.4)
    strong = limited_shear_friction(1e6 * profile, 1.0, 0.4)
    assert float(weak) == pytest.approx(0.4, rel=1e-5)
    assert float(strong) == pytest.approx(fraction / 0.2e6, rel=1e-3)


def test_ploughing_of_a_cone():
    assert float(ploughing_friction(double(0.5))) == pytest.approx(0.31830989)
