import math

import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.physics.optics.dispersion import refractive_index
from sciadv.physics.optics.thin_film import Illumination, reflectance, reflectance_and_slope, spectrum


def stacks(n_stacks, n_films, n_wavelengths, *, absorption=0.0):
    generator = torch.Generator().manual_seed(0)
    thickness = 0.3 * torch.rand(n_stacks, n_films, generator=generator, dtype=torch.float64)
    index = 1.3 + 1.4 * torch.rand(n_stacks, n_films, 1, generator=generator, dtype=torch.float64)
    loss = absorption * torch.rand(n_stacks, n_films, 1, generator=generator, dtype=torch.float64)
    wavelength = torch.linspace(0.3, 2.5, n_wavelengths, dtype=torch.float64)
    return thickness, (index + 1j * loss).expand(-1, -1, n_wavelengths), wavelength


@pytest.mark.parametrize("absorption", [0.0, 0.3])
@pytest.mark.parametrize("is_real", [False, True])
@pytest.mark.parametrize("polarisation", ["s", "p"])
@pytest.mark.parametrize(
    ("angle", "ambient", "substrate"),
    [(0.0, 1.0, 1.0), (0.7, 1.0, 1.5), (0.4, 1.5, 1.0), (1.2, 1.0, 3.5 + 0.2j), (0.9, 1.6, 1.0)],
)
def test_agrees_with_tmm(absorption, is_real, polarisation, angle, ambient, substrate):
    tmm = pytest.importorskip("tmm")
    thickness, index, wavelength = stacks(2, 9, 4, absorption=absorption)
    index = index.real if is_real else index
    got = spectrum(thickness, index, wavelength, Illumination(angle, polarisation, ambient, substrate))
    for stack, films in enumerate(thickness):
        for i, length in enumerate(wavelength):
            n = [ambient, *index[stack, :, i].tolist(), substrate]
            d = [np.inf, *films.tolist(), np.inf]
            expected = tmm.coh_tmm(polarisation, n, d, angle, float(length))
            assert float(got.reflectance[stack, i]) == pytest.approx(expected["R"], abs=1e-12)
            assert float(got.transmittance[stack, i]) == pytest.approx(expected["T"], abs=1e-12)


def test_thirty_films_of_published_materials_agree_with_tmm():
    tmm = pytest.importorskip("tmm")
    wavelength = torch.linspace(0.45e-6, 1.5e-6, 5, dtype=torch.float64)
    pair = [refractive_index(material, wavelength) for material in ("TiO2", "MgF2")]
    index = torch.stack(pair * 15)[None]
    thickness = stacks(1, 30, 1)[0] * 1e-6
    got = reflectance(thickness, index, wavelength)[0]
    for i, length in enumerate(wavelength):
        n = [1.0, *index[0, :, i].tolist(), 1.0]
        expected = tmm.coh_tmm("s", n, [np.inf, *thickness[0].tolist(), np.inf], 0.0, float(length))["R"]
        assert float(got[i]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("polarisation", ["s", "p"])
def test_bare_interface_is_fresnels(polarisation):
    angle = torch.linspace(0, 1.5, 7, dtype=torch.float64)
    inside = (angle.sin() / 1.5).asin()
    first, second = (1.0, 1.5) if polarisation == "s" else (1.5, 1.0)
    expected = (first * angle.cos() - second * inside.cos()) / (first * angle.cos() + second * inside.cos())
    none = torch.zeros(1, 1, dtype=torch.float64)
    light = Illumination(angle, polarisation, substrate_index=1.5)
    got = reflectance(none, torch.ones(1, 1, 7, dtype=torch.float64), torch.ones_like(angle), light)
    torch.testing.assert_close(got[0], expected.square(), atol=1e-14, rtol=0)


def test_quarter_wave_mirror_has_its_closed_form():
    pairs = 6
    index = torch.tensor([2.4, 1.4] * pairs, dtype=torch.float64)[None, :, None]
    got = reflectance(0.25 / index[:, :, 0], index, torch.ones(1, dtype=torch.float64))
    contrast = (2.4 / 1.4) ** (2 * pairs)
    assert float(got) == pytest.approx(((contrast - 1) / (contrast + 1)) ** 2, abs=1e-14)


@pytest.mark.parametrize("polarisation", ["s", "p"])
def test_power_is_conserved_without_absorption_and_lost_with_it(polarisation):
    light = Illumination(0.8, polarisation, substrate_index=1.5)
    lossless = spectrum(*stacks(8, 20, 30), light)
    assert float(lossless.absorptance.abs().max()) < 1e-12
    lossy = spectrum(*stacks(8, 20, 30, absorption=0.1), light)
    assert float(lossy.absorptance.min()) > 1e-4


def test_light_beyond_the_critical_angle_is_reflected_and_tunnels_through_a_thin_gap():
    gap = torch.tensor([[0.05], [50.0]], dtype=torch.float64)
    light = Illumination(math.radians(60), "p", ambient_index=1.5, substrate_index=1.5)
    got = spectrum(gap, torch.ones(1, 1, 1, dtype=torch.float64), torch.ones(1, dtype=torch.float64), light)
    assert float(got.transmittance[0]) > 0.5
    assert float(got.reflectance[1]) == pytest.approx(1.0, abs=1e-12)


def test_thick_metal_is_opaque_and_its_gradient_finite():
    thickness = torch.tensor([[1.0, 1e4]], dtype=torch.float64, requires_grad=True)
    index = torch.tensor([1.5, 0.2 + 5.0j], dtype=torch.complex128)[None, :, None]
    got = spectrum(thickness, index, torch.ones(1, dtype=torch.float64))
    got.reflectance.sum().backward()
    assert float(got.transmittance.detach()) == 0.0
    assert bool(thickness.grad.isfinite().all())
    film = torch.tensor([1.5], dtype=torch.complex128)[None, :, None]
    metal = Illumination(substrate_index=0.2 + 5.0j)
    expected = reflectance(thickness[:, :1].detach(), film, torch.ones(1, dtype=torch.float64), metal)
    assert float(got.reflectance.detach()) == pytest.approx(float(expected), abs=1e-14)


@pytest.mark.parametrize("polarisation", ["s", "p"])
def test_gradients_in_thickness_and_index(polarisation):
    thickness, index, wavelength = stacks(2, 3, 4, absorption=0.1)
    light = Illumination(0.5, polarisation, substrate_index=1.5)

    def both(thickness, index):
        got = spectrum(thickness, index, wavelength, light)
        return got.reflectance, got.transmittance

    inputs = (thickness.requires_grad_(), index.clone().requires_grad_())
    assert torch.autograd.gradcheck(both, inputs)


@pytest.mark.parametrize("absorption", [0.0, 0.2])
@pytest.mark.parametrize(("polarisation", "angle"), [("s", 0.0), ("p", 0.9), ("s", 1.3)])
def test_slopes_are_the_gradients(absorption, polarisation, angle):
    thickness, index, wavelength = stacks(2, 5, 3, absorption=absorption)
    index = index if absorption else index.real
    light = Illumination(angle, polarisation, ambient_index=1.2, substrate_index=1.6)
    value, slope = reflectance_and_slope(thickness, index, wavelength, light)
    expected = reflectance(thickness.requires_grad_(), index, wavelength, light)
    torch.testing.assert_close(value, expected.detach(), atol=1e-13, rtol=0)
    for i in range(len(wavelength)):
        (gradient,) = torch.autograd.grad(expected[:, i].sum(), thickness, retain_graph=True)
        torch.testing.assert_close(slope[:, :, i], gradient, atol=1e-11, rtol=0)


def test_single_precision_follows_double():
    thickness, index, wavelength = stacks(4, 30, 20)
    exact = reflectance(thickness, index, wavelength)
    single = reflectance(thickness.float(), index.to(torch.complex64), wavelength.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, atol=2e-4, rtol=0)


def test_a_shared_index_is_broadcast_over_the_batch():
    thickness, index, wavelength = stacks(3, 4, 5)
    got = reflectance(thickness, index[:1], wavelength)
    torch.testing.assert_close(got, reflectance(thickness, index[:1].expand(3, -1, -1), wavelength))


def test_what_does_not_fit_is_said():
    thickness, index, wavelength = stacks(2, 3, 4)
    with pytest.raises(InputError, match="index"):
        reflectance(thickness, index[:, :2], wavelength)
    with pytest.raises(InputError, match="angle"):
        Illumination(angle=2.0)
    with pytest.raises(InputError, match="polarisation"):
        Illumination(polarisation="x")
