"""Adhesive contact against Johnson's closed form, Tamaas and finite differences."""

import math

import pytest
import torch

from sciadv.errors import InputError
from sciadv.physics.contact import sinusoidal_contact
from sciadv.physics.rough.adhesion import Adhesion
from sciadv.physics.rough.by_tamaas import tamaas_pressure
from sciadv.physics.rough.rough_contact import rough_contact_pressure

AMPLITUDE = 0.01
FULL = math.pi * AMPLITUDE  # with E* = lambda = 1


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def adhesion(alpha, tabor):
    """Return the adhesion of a sine with Johnson's number and Tabor's parameter."""
    work = (alpha * math.pi * AMPLITUDE) ** 2 / 2
    radius = 1 / (4 * math.pi**2 * AMPLITUDE)
    return Adhesion(work, (radius * work**2) ** (1 / 3) / tabor)


def wavy(n, rows=1, *, extra=0.0):
    x = torch.arange(n, dtype=torch.float64) / n
    wave = AMPLITUDE * torch.cos(2 * math.pi * x) + extra * torch.sin(6 * math.pi * x)
    return wave.expand(rows, n).clone()


def solve(height, load, attraction):
    return rough_contact_pressure(
        height, load, spacing=1 / height.shape[-1], contact_modulus=1.0, adhesion=attraction
    )


def test_adhesion_of_a_short_range_is_johnsons():
    loads = double(0.05, 0.2)
    attraction = adhesion(0.3, 5.0)
    pressure = solve(wavy(512, 2), loads * FULL, attraction)
    exact = sinusoidal_contact(loads, torch.full_like(loads, 0.3), torch.full_like(loads, FULL))
    area = (pressure > 0).double().mean(1)
    torch.testing.assert_close(area, exact.fraction, rtol=0.02, atol=0)
    net = pressure.amax(1) - attraction.work / attraction.reach
    torch.testing.assert_close(net, exact.peak_pressure, rtol=5e-3, atol=0)


def test_beyond_the_branch_that_johnson_finds_contact_jumps_to_full():
    pressure = solve(wavy(256, 2), double(0.3, 0.9) * FULL, adhesion(0.3, 2.0))
    assert (pressure > 0).all(1).tolist() == [False, True]


@pytest.mark.parametrize("load", [0.05, 0.5])
def test_pressures_are_those_of_tamaas(load):
    pytest.importorskip("tamaas")
    height = wavy(256, extra=0.003)
    attraction = Adhesion(2e-5, 1e-3)
    pressure = solve(height, double(load * FULL), attraction)[0]
    theirs = tamaas_pressure(
        height[0], load * FULL, spacing=1 / 256, contact_modulus=1.0, adhesion=attraction
    )
    assert float((pressure - theirs).norm() / theirs.norm()) <= 1e-6


def test_a_weak_attraction_is_none():
    height = wavy(128, extra=0.003)
    load = double(0.2 * FULL)
    plain = rough_contact_pressure(height, load, spacing=1 / 128, contact_modulus=1.0)
    torch.testing.assert_close(solve(height, load, Adhesion(1e-12, 1e-3)), plain, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("shape", [(96,), (24, 24)])
def test_gradients_are_finite_differences(shape):
    attraction = Adhesion(2e-5, 2e-3)
    height = wavy(shape[-1], 2, extra=0.003)
    if len(shape) == 2:
        height = height[:, None] + 0.5 * height[:, :, None].roll(3, 1)
    load = double(0.1, 0.4) * FULL
    along = torch.randn(height.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    along = 1e-3 * torch.fft.irfft(torch.fft.rfft(along)[..., :5], n=shape[-1])

    def shear(h, p):
        return -torch.expm1(-solve(h, p, attraction) / FULL).flatten(1).mean(1)

    _, tangent = torch.func.jvp(shear, (height, load), (along, 0.3 * load))
    errors = []
    for step in (1e-5, 1e-6):
        ahead = shear(height + step * along, (1 + 0.3 * step) * load)
        behind = shear(height - step * along, (1 - 0.3 * step) * load)
        errors.append(((ahead - behind) / (2 * step) / tangent - 1).abs())
    assert float(torch.stack(errors).amin(0).max()) <= 1e-6
    gradients = torch.func.vjp(shear, height, load)[1](torch.ones_like(load))
    pulled = (gradients[0] * along).flatten(1).sum(1) + gradients[1] * 0.3 * load
    torch.testing.assert_close(pulled, tangent, rtol=1e-9, atol=0)


def test_a_nan_spoils_no_other_surface():
    height = wavy(64, 3)
    load = double(0.2, 0.2, 0.2) * FULL
    attraction = Adhesion(2e-5, 3e-3)
    clean = solve(height, load, attraction)
    height[1, 5] = math.nan
    spoilt = solve(height, load, attraction)
    assert spoilt.isnan().any(1).tolist() == [False, True, False]
    torch.testing.assert_close(spoilt[::2], clean[::2], rtol=1e-8, atol=1e-12)


def test_what_cannot_be_resolved_or_found_is_said():
    load = double(0.1 * FULL)
    with pytest.raises(InputError, match=r"is not resolved by points 0\.015625 m apart: take a reach of"):
        solve(wavy(64), load, Adhesion(2e-5, 1e-5))
    with pytest.raises(InputError, match="must be positive, but are 0 and 1"):
        Adhesion(0.0, 1.0)


def test_what_does_not_come_to_rest_is_nan_and_said_and_changes_no_other(caplog):
    load = double(0.02 * FULL, 0.1 * FULL)  # the first takes five steps, the second four
    few = Adhesion(2e-5, 3e-3, n_steps=4)
    alone = solve(wavy(64), load[1:], few)
    found = solve(wavy(64, 2), load, few)
    assert found.isnan().all(1).tolist() == [True, False]
    torch.testing.assert_close(found[1:], alone)
    assert "1 of 2 contacts have not settled within the steps allowed" in caplog.text
