"""Boundary elements against closed forms, finite differences and Tamaas."""

import math
from functools import partial

import pytest
import torch

from sciadv.errors import InputError
from sciadv.physics.friction import rough_contact_fraction
from sciadv.physics.rough.active_set import Accuracy
from sciadv.physics.rough.by_tamaas import tamaas_pressure
from sciadv.physics.rough.rough_contact import rough_contact_pressure
from sciadv.physics.rough.self_affine import SelfAffine, root_mean_square_slope, self_affine_surfaces
from sciadv.physics.wavy import TABLE

MODULUS = 2.5
#: 5 % of E* times a slope of 0.1.
LOAD = 0.0125
LOADS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 1.5)


def double(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def places(n):
    return torch.arange(n, dtype=torch.float64) / n


def surfaces(shape, n, *, seed, cut_off=8, slope=0.1):
    """Rough surfaces of side 1, and a load of 5 % of E* times the slope."""
    height = self_affine_surfaces(
        shape,
        SelfAffine(hurst=0.8, roll_off=4 * math.pi, cut_off=2 * math.pi * cut_off, rms_slope=slope),
        n=n,
        spacing=1 / shape[-1],
        seed=seed,
    )
    return height, torch.full((n,), 10 * LOAD * slope, dtype=torch.float64)


def solve(height, load, **settings):
    return rough_contact_pressure(
        height, load, spacing=1 / height.shape[-1], contact_modulus=MODULUS, **settings
    )


@pytest.mark.parametrize(("n", "error"), [(256, 1e-3), (1024, 1e-5)])
def test_a_sine_is_westergaards_contact(n, error):
    amplitude = 0.01
    full = math.pi * MODULUS * amplitude
    loads = double(*(load for load in LOADS if load >= 0.1 or n == 256))
    wave = amplitude * torch.cos(2 * math.pi * places(n)).expand(len(loads), n)
    pressure = solve(wave, loads * full)
    expected = torch.where(loads < 1, 2 * loads.sqrt(), 1 + loads) * full
    assert float((pressure.amax(1) / expected - 1).abs().max()) <= error
    area = torch.where(loads < 1, 2 / math.pi * loads.clamp_max(1).sqrt().asin(), 1.0)
    assert float(((pressure > 0).double().mean(1) - area).abs().max()) <= 1.5 / n
    torch.testing.assert_close(pressure.mean(1), loads * full, rtol=1e-10, atol=0)


def test_waves_in_two_directions_are_the_table_of_finer_solutions():
    rows = [row for row in TABLE if row[0] in (0.05, 0.2, 0.5, 0.9)]
    loads, fractions, peaks = (double(*column) for column in zip(*rows, strict=True))
    wave = torch.cos(2 * math.pi * places(128))
    height = (0.01 * wave[:, None] * wave).expand(len(rows), 128, 128)
    full = math.sqrt(2) * math.pi * MODULUS * 0.01
    pressure = solve(height, loads * full) / full
    torch.testing.assert_close(pressure.flatten(1).amax(1), peaks, rtol=5e-3, atol=0)
    torch.testing.assert_close((pressure > 0).double().mean((1, 2)), fractions, rtol=0.02, atol=0)


@pytest.mark.parametrize("shape", [(512,), (128, 128)])
def test_pressures_are_those_of_tamaas(shape):
    pytest.importorskip("tamaas")
    height, load = surfaces(shape, 2, seed=3)
    ours = solve(height, load)
    for one, surface, mean in zip(ours, height, load.tolist(), strict=True):
        theirs = tamaas_pressure(
            surface, mean, spacing=1 / shape[-1], contact_modulus=MODULUS, tolerance=1e-13
        )
        assert float((one - theirs).norm() / theirs.norm()) <= 1e-9


def test_contact_is_complementary_on_profiles_rough_down_to_points():
    height, load = surfaces((2048,), 8, seed=1, cut_off=1024, slope=1.0)
    pressure = solve(height, load)
    assert bool((pressure >= 0).all())
    torch.testing.assert_close(pressure.mean(1), load, rtol=1e-9, atol=0)
    wave = 2 * math.pi * torch.fft.rfftfreq(2048, 1 / 2048, dtype=torch.float64)
    compliance = torch.where(wave > 0, 2 / (MODULUS * wave.clamp_min(1)), 0.0)
    gap = torch.fft.irfft(torch.fft.rfft(pressure) * compliance, n=2048) - height
    gap = gap - gap.amin(1, keepdim=True)
    size = height.amax(1) - height.amin(1)
    assert float(((gap * (pressure > 0)).amax(1) / size).max()) <= 1e-9


def test_contact_of_rough_surfaces_lies_about_perssons_law():
    height, load = surfaces((128, 128), 4, seed=0, cut_off=16)
    fraction = (solve(height, load) > 0).double().mean((1, 2))
    persson = rough_contact_fraction(load, MODULUS, root_mean_square_slope(height, 1 / 128))
    assert bool((fraction / persson > 1).all() and (fraction / persson < 1.6).all())


def friction(height, load):
    """A smooth number of the pressures, like limited shear."""
    return -torch.expm1(-0.3 * solve(height, load) / LOAD).flatten(1).mean(1)


@pytest.mark.parametrize("shape", [(256,), (48, 32)])
@pytest.mark.parametrize(
    "function", [friction, lambda h, p: solve(h, p).flatten(1).amax(1)], ids=["mean", "max"]
)
def test_gradients_are_finite_differences(shape, function):
    height, load = surfaces(shape, 4, seed=5, cut_off=4)
    load = load * double(0.3, 1, 5, 30)  # a few per cent of the area to all of it
    along, more = surfaces(shape, 4, seed=6, cut_off=4)[0], load * double(0.5, -0.3, 1, 0.7)
    _, tangent = torch.func.jvp(function, (height, load), (along, more))
    errors = []
    for step in (1e-5, 1e-6, 1e-7):
        ahead, behind = (
            function(height + step * along, load + step * more),
            function(height - step * along, load - step * more),
        )
        errors.append(((ahead - behind) / (2 * step) / tangent - 1).abs())
    assert float(torch.stack(errors).amin(0).max()) <= 1e-6
    gradients = torch.func.vjp(function, height, load)[1](torch.ones_like(load))
    pulled = (gradients[0] * along).flatten(1).sum(1) + gradients[1] * more
    torch.testing.assert_close(pulled, tangent, rtol=1e-10, atol=0)


def test_second_derivatives_and_vmap_are_those_of_loops():
    height, load = surfaces((128,), 3, seed=2)
    scale = double(1.0)[0]

    def total(s):
        return friction(s * height, load).sum()

    second = torch.func.jacfwd(torch.func.grad(total))(scale)
    step = 1e-5
    ahead, behind = (torch.func.grad(total)(scale + sign * step) for sign in (1, -1))
    assert float(second) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-5)
    push = partial(torch.func.jvp, partial(friction, load=load), (height,))
    mapped = torch.func.vmap(lambda along: push((along.expand_as(height),))[1])(height)
    for along, row in zip(height, mapped, strict=True):
        torch.testing.assert_close(row, push((along.expand_as(height),))[1])
    jacobian = torch.func.jacrev(partial(solve, height))(load)
    torch.testing.assert_close(
        torch.einsum("ijk,k->ij", jacobian, load), torch.func.jvp(partial(solve, height), (load,), (load,))[1]
    )


def test_a_batch_is_its_members_and_one_with_a_nan_spoils_no_other():
    height, load = surfaces((96,), 5, seed=4)
    together = solve(height, load)
    alone = torch.cat([solve(height[i : i + 1], load[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)
    height[2, 7] = math.nan
    spoilt = solve(height, load)
    assert spoilt.isnan().any(1).tolist() == [False, False, True, False, False]
    torch.testing.assert_close(spoilt[:2], together[:2], rtol=1e-10, atol=1e-12)


def test_flat_and_barely_touching_surfaces_carry_their_load():
    flat = torch.full((1, 64), 3.0, dtype=torch.float64)
    assert solve(flat, double(2.0)).unique().tolist() == [2.0]
    height, load = surfaces((32, 32), 2, seed=8)
    light = solve(height, 1e-9 * load)
    assert (light > 0).sum((1, 2)).tolist() == [1, 1]
    torch.testing.assert_close(light.mean((1, 2)), 1e-9 * load, rtol=1e-6, atol=0)


def test_single_precision_is_double_precision_rounded():
    height, load = surfaces((128,), 2, seed=9)
    single = solve(height.float(), load.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), solve(height, load), rtol=2e-4, atol=1e-4)


def test_what_cannot_be_solved_is_said():
    height, load = surfaces((64,), 2, seed=0)
    with pytest.raises(InputError, match="one mean pressure each"):
        solve(height, load[:1])
    with pytest.raises(InputError, match=r"mean pressures must be > 0, but the least is -0\.4"):
        solve(height, -torch.ones_like(load))
    with pytest.raises(InputError, match="spacing must be > 0, but is 0"):
        rough_contact_pressure(height, load, spacing=0.0, contact_modulus=1.0)


def test_what_has_not_settled_is_nan_and_said_and_changes_no_other(caplog):
    height, load = surfaces((64,), 2, seed=0)
    height[1] *= 1e-3  # closed, which is found at once
    accuracy = Accuracy(n_steps=4)
    height = height.requires_grad_(True)
    found = solve(height, load, accuracy=accuracy)
    assert found.isnan().all(1).tolist() == [True, False]
    assert "1 of 2 contacts have not settled within the steps allowed" in caplog.text
    torch.testing.assert_close(found[1:], solve(height[1:], load[1:], accuracy=accuracy))
    (slope,) = torch.autograd.grad(found[1].square().sum(), height)
    assert bool(slope[1].isfinite().all())
