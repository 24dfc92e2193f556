import pytest
import torch
from scipy.interpolate import PchipInterpolator

from sciadv.physics import wavy
from sciadv.physics.wavy import FIT_ERROR, TABLE, hertzian_limit, wavy_contact, wavy_full_contact_pressure


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def test_table_is_met_exactly():
    loads, fractions, peaks = (double(*column) for column in zip(*TABLE, strict=True))
    contact = wavy_contact(loads, torch.ones_like(loads))
    torch.testing.assert_close(contact.fraction, fractions, atol=1e-12, rtol=0)
    torch.testing.assert_close(contact.peak_pressure, peaks, atol=1e-12, rtol=0)


@pytest.mark.parametrize("left_out", range(len(TABLE) - 1))
def test_a_row_left_out_is_predicted_within_the_stated_error(left_out, monkeypatch):
    load, fraction, peak = TABLE[left_out]
    monkeypatch.setattr(wavy, "TABLE", TABLE[:left_out] + TABLE[left_out + 1 :])
    wavy._nodes.cache_clear()
    contact = wavy_contact(double(load), double(1.0))
    wavy._nodes.cache_clear()
    assert float(contact.fraction) == pytest.approx(fraction, rel=FIT_ERROR[0])
    assert float(contact.peak_pressure) == pytest.approx(peak, rel=FIT_ERROR[1])


def test_interpolation_is_scipys_monotone_one_in_logarithms():
    x, y, _ = wavy._nodes()
    at = torch.linspace(x[0] + 1e-9, -1e-9, 500, dtype=torch.float64)
    expected = PchipInterpolator(x, y[0])(at.numpy())
    got = wavy_contact(at.exp(), torch.ones_like(at)).fraction.log()
    torch.testing.assert_close(got, torch.as_tensor(expected), atol=1e-10, rtol=0)


def test_fraction_and_peak_rise_with_the_load_everywhere():
    loads = torch.logspace(-9, 0.3, 4000, dtype=torch.float64)
    contact = wavy_contact(loads, torch.ones_like(loads))
    assert bool((contact.fraction.diff() >= 0).all())
    assert bool((contact.peak_pressure.diff() > 0).all())


def test_small_loads_are_hertzian_and_large_ones_full():
    contact = wavy_contact(double(1e-8, 3.0), double(2.0, 2.0))
    fraction, peak = hertzian_limit(double(1e-8))
    assert float(contact.fraction[0]) == pytest.approx(float(fraction))
    assert float(contact.peak_pressure[0]) == pytest.approx(2 * float(peak))
    assert float(contact.fraction[1]) == 1.0
    assert float(contact.peak_pressure[1]) == 8.0


def test_design_of_the_table_agrees_with_the_boundary_elements():
    # A = 20 nm, lambda = 1 um, E* = 3.5 GPa, p = 20 MPa; Tamaas on 512 x 512 points: 0.136452, 239.076 MPa
    full = wavy_full_contact_pressure(double(20e-9), double(1e-6), 3.5e9)
    assert float(full) == pytest.approx(311.001806e6, rel=1e-8)
    contact = wavy_contact(20e6 / full, full)
    assert float(contact.fraction) == pytest.approx(0.136452, rel=FIT_ERROR[0])
    assert float(contact.peak_pressure) == pytest.approx(239.076e6, rel=FIT_ERROR[1])
