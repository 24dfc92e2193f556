"""Textures of many waves: closed forms, symmetries, derivatives, and Tamaas on a doubled grid."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sciadv.errors import InputError, MissingPackageError, UnknownNameError
from sciadv.files.formats.height_maps import read_height_map
from sciadv.forward import HarmonicTexture, Matrix, NonlinearForward, PropertyModel, compose
from sciadv.forward.design.harmonic_texture import peak_between_points
from sciadv.physics.contact import contact_pressure, full_contact_pressure, sinusoidal_contact
from sciadv.physics.friction import limited_shear_friction
from sciadv.physics.rough.active_set import Accuracy
from sciadv.testing import check_forward

MATERIAL = {"contact_modulus": 3.5e9, "nominal_pressure": 20e6, "shear_strength": 20e6}
EVERY = tuple(quantity.name for quantity in HarmonicTexture.PROPERTIES)


class Coefficients(NonlinearForward):
    """Places in [0, 1] to coefficients: candidates of an ordinary size for the suite."""

    def forward(self, x: Tensor) -> Tensor:
        return 8e-9 * (x - 0.4)


def texture(n=2, **settings):
    settings = {"points": 16 * n, "properties": EVERY, "dtype": torch.float64} | MATERIAL | settings
    return HarmonicTexture(n_harmonics=n, **settings)


def designs(model, count, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    bounds = torch.tensor([variable.high for variable in model.variables], dtype=torch.float64)
    return (2 * torch.rand(count, len(bounds), generator=generator, dtype=torch.float64) - 1) * bounds


def test_textures_keep_the_promises_of_a_forward():
    scale = torch.tensor([1, 1e-8, 1, 1, 1, 1e-8], dtype=torch.float64)  # pressures in 100 MPa
    in_units = Matrix(torch.diag(scale), dtype=torch.float64)
    model = compose(texture(1), Coefficients((8,), (8,), dtype=torch.float64))
    check_forward(compose(in_units, model), seed=2)


@pytest.mark.parametrize("directions", [1, 2])
def test_one_wave_is_westergaards_contact(directions):
    shape = (8,) if directions == 1 else (24,)
    model = HarmonicTexture(
        shape, properties=EVERY, directions=directions, points=256, dtype=torch.float64, **MATERIAL
    )
    first = [variable.name for variable in model.variables].index(
        "cosine_1" if directions == 1 else "cosine_1_0"
    )
    x = torch.zeros(1, *shape, dtype=torch.float64)
    x[0, first] = 20e-9
    friction, peak, fraction, rms_slope, max_slope, attraction = model(x)[0].tolist()
    full = full_contact_pressure(x[:, first], torch.tensor([1e-6]), 3.5e9)
    exact = sinusoidal_contact(20e6 / full, torch.zeros_like(full), full)
    assert peak == pytest.approx(float(exact.peak_pressure), rel=1e-3)
    assert fraction == pytest.approx(float(exact.fraction), rel=0.02)
    fine = contact_pressure((torch.arange(2**14).double() + 0.5) / 2**14, 20e6 / full, full)
    assert friction == pytest.approx(float(limited_shear_friction(fine, 20e6, 0.5)), rel=2e-3)
    assert rms_slope == pytest.approx(math.sqrt(2) * math.pi * 0.02)
    assert max_slope == pytest.approx(2 * math.pi * 0.02)
    assert attraction == 0


def shifted(model, x, along):
    phase = 2 * math.pi * (model.waves.vectors @ torch.tensor(along, dtype=torch.float64))
    a, b = x.chunk(2, 1)
    return torch.cat([a * phase.cos() + b * phase.sin(), b * phase.cos() - a * phase.sin()], 1)


def reflected(field, axis):
    """Return a periodic field seen from the other side: point i is that at -i."""
    return field.flip(axis).roll(1, axis)


def test_shifts_mirrors_and_swaps_change_no_property():
    model = texture()
    x = designs(model, 3)
    height = model.heights(x)
    moved = shifted(model, x, (3 / 32, 5 / 32))
    torch.testing.assert_close(model.heights(moved), height.roll((-5, -3), (1, 2)), rtol=0, atol=1e-20)
    images = [
        torch.cat([one.real, one.imag], 1) for one in model.waves._images(torch.complex(*x.chunk(2, 1)))
    ]
    mirrored = [height, reflected(height, 1), reflected(height, 2), reflected(reflected(height, 1), 2)]
    fields = [field for one in mirrored for field in (one, one.mT)]
    assert len(images) == len(fields) == 8
    for one in images:
        assert sum(torch.allclose(model.heights(one), field, rtol=0, atol=1e-20) for field in fields) == 1
    found = model(torch.cat([x, moved, *images])).unflatten(0, (10, 3))
    torch.testing.assert_close(found, found[:1].expand_as(found), rtol=1e-6, atol=0)


def test_one_design_stands_for_all_that_symmetry_makes_equal():
    model = texture()
    x = designs(model, 3)
    chosen = model.canonical(x)
    torch.testing.assert_close(model(chosen)[:, :4], model(x)[:, :4], rtol=2e-2, atol=0)
    for image in model.waves._images(torch.complex(*x.chunk(2, 1))):
        other = shifted(model, torch.cat([image.real, image.imag], 1), (0.123, 0.77))
        torch.testing.assert_close(model.canonical(other), chosen, rtol=0, atol=1e-17)
    assert not torch.allclose(model.canonical(1.01 * x), chosen, rtol=1e-3, atol=0)


def test_single_precision_is_double_precision_rounded():
    model = texture()
    x = designs(model, 2)
    single = texture(dtype=torch.float32)
    torch.testing.assert_close(single(x.float()).double(), model(x), rtol=1e-4, atol=0)


def test_derivatives_along_and_across_agree_for_repeated_designs():
    model = texture()
    x = designs(model, 2).repeat(3, 1)
    tangent = designs(model, 6, seed=1)
    along = model.jvp(x, tangent)
    step = 1e-5
    difference = (model(x + step * tangent) - model(x - step * tangent)) / (2 * step)
    torch.testing.assert_close(along, difference, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(along, torch.func.jvp(model, (x,), (tangent,))[1], rtol=1e-8, atol=0)


def test_the_grid_error_shrinks_and_is_that_of_the_finest_grid():
    model = texture(points=32)
    x = designs(model, 4)
    coarse, fine = model.grid_error(x), model.with_points(64).grid_error(x)
    assert bool((fine[:, :3] < coarse[:, :3]).float().mean() > 0.7)
    assert float(coarse[:, 0].max()) < 0.02
    torch.testing.assert_close(coarse[:, 3], torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-12)


def test_tamaas_verifies_on_the_doubled_grid():
    pytest.importorskip("tamaas")
    model = texture()
    x = designs(model, 3)
    verified = model.verify(x)
    fine = model.with_points(64).with_properties(tuple(verified))(x)
    torch.testing.assert_close(torch.stack(list(verified.values()), 1), fine, rtol=1e-8, atol=0)


def test_adhesion_adds_friction_and_is_verified_too():
    pytest.importorskip("tamaas")
    sticky = texture(1, work_of_adhesion=0.02, adhesion_range=2e-9)
    x = 0.8 * designs(sticky, 2)
    assert bool((sticky(x)[:, [0, 2]] > texture(1)(x)[:, [0, 2]]).all())
    verified = sticky.verify(x, tolerance=1e-12)
    fine = sticky.with_points(32).with_properties(tuple(verified))(x)
    torch.testing.assert_close(torch.stack(list(verified.values()), 1), fine, rtol=1e-6, atol=0)
    flat = torch.zeros(1, 8, dtype=torch.float64)
    assert sticky.regime(torch.cat([x, flat])).tolist() == [0, 0, 1]
    both = sticky.with_regime(torch.cat([x, flat]))
    torch.testing.assert_close(both[0], sticky(torch.cat([x, flat])))
    assert both[1].tolist() == [0, 0, 1]
    pull = both[0][:, EVERY.index("adhesive_pressure")]
    torch.testing.assert_close(pull[2], torch.tensor(0.02 / 2e-9, dtype=torch.float64))
    assert bool(((pull[:2] > 0) & (pull[:2] < pull[2])).all())
    step = 1e-5
    difference = (sticky((1 + step) * x) - sticky((1 - step) * x)) / (2 * step)
    torch.testing.assert_close(sticky.jvp(x, x), difference, rtol=1e-5, atol=1e-7)


def test_a_hertzian_peak_is_found_between_the_points():
    x = torch.arange(16, dtype=torch.float64)
    along = (x - 0.2 + 8) % 16 - 8  # the peak is at an edge, over which the field goes on
    distance = (x[:, None] - 7.3).square() + along.square()
    field = 3.0 * (1 - distance / 25).clamp_min(0).sqrt()
    fields = torch.stack([field, field.T.roll(5, 1), torch.full_like(field, 2.0)])
    assert float(fields[0].max()) < 2.995
    torch.testing.assert_close(peak_between_points(fields), torch.tensor([3.0, 3.0, 2.0]).double())


def test_random_textures_are_smooth_and_rough_alike_between_the_bounds():
    model = texture()
    x = model.library(400, seed=3)
    bound = torch.tensor([one.high for one in model.variables], dtype=torch.float64)
    size = (x / bound).abs().amax(1)
    assert bool((size <= 1).all())
    for share in (0.25, 0.5, 0.75):
        assert abs(float((size < share).double().mean()) - share) < 0.1
    assert torch.equal(x, model.library(400, seed=3))


def test_without_tamaas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tamaas", None)
    with pytest.raises(MissingPackageError, match=r"sciadv\[design\]"):
        texture().verify(designs(texture(), 1))


def test_properties_come_in_the_order_asked_for():
    model = texture()
    x = designs(model, 2)
    two = model.with_properties(("max_slope", "friction_coefficient"))
    torch.testing.assert_close(two(x), model(x)[:, [4, 0]])
    assert isinstance(model, PropertyModel)
    assert model.regime(x).tolist() == [0, 0]
    assert len(model.variables) == 24
    lengths = model.waves.lengths
    high = torch.tensor([variable.high for variable in model.variables], dtype=torch.float64)
    torch.testing.assert_close(high, 10e-9 / lengths**2)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"in_shape": (78,)}, InputError, r"n harmonics in 2 directions has the shape \(4 n \(n \+ 1\),\)"),
        ({"in_shape": (5,), "directions": 1}, InputError, r"in 1 direction has the shape \(2 n,\)"),
        ({"points": 30}, InputError, "4 harmonics need an even number of points, 32 or more"),
        ({"points": 65}, InputError, "an even number"),
        ({"properties": ("friction",)}, UnknownNameError, "no property of a texture is named 'friction'"),
        ({"work_of_adhesion": 1.0, "adhesion_range": 1e-11}, InputError, "is not resolved by points"),
        ({"contact_modulus": -1.0}, InputError, "contact_modulus"),
    ],
)
def test_what_is_no_texture_is_said(changes, error, words):
    settings = {"in_shape": (80,)} | MATERIAL | changes
    with pytest.raises(error, match=words):
        HarmonicTexture(settings.pop("in_shape"), **settings)


@pytest.mark.parametrize("directions", [1, 2])
def test_textures_are_written_as_tables_and_as_solids(tmp_path, directions):
    model = texture(directions=directions)
    x = designs(model, 2)
    files = model.files(x)
    assert list(files) == ["texture-001.csv", "texture-001.stl", "texture-002.csv", "texture-002.stl"]
    height = model.heights(x)[1].numpy()
    (tmp_path / "map.csv").write_text(files["texture-002.csv"], encoding="utf-8")
    again = read_height_map(tmp_path / "map.csv", unit=1e-9)
    np.testing.assert_allclose(again.squeeze(), height, rtol=1e-8, atol=1e-20)
    raw = files["texture-002.stl"]
    floats = np.ndarray((len(raw[84:]) // 50, 12), "<f4", raw, 84, (50, 4))
    assert len(floats) == int.from_bytes(raw[80:84], "little")
    corners = 1e-6 * floats[:, 3:].reshape(-1, 3).astype(float)
    assert (corners[:, 0].max(), corners[:, 2].max()) == pytest.approx((1e-6, height.max()), rel=1e-6)
    assert corners[:, 2].min() == pytest.approx(height.min() - 0.1 * (1e-6 + 1e-6 / 32), rel=1e-5)
    top = corners[corners[:, 2] >= 1.001 * height.min()]
    column, row = np.round(top[:, :2].T * 32 / 1e-6).astype(int)
    closed = np.pad(height, (0, 1), mode="wrap")
    at = closed[row, column] if directions == 2 else closed[column]
    np.testing.assert_allclose(top[:, 2], at, atol=2e-14)


#: A texture of a training whose energies, as exact as its contact, kept the last step back for ever [fm].
STUCK = """
3903017 -527609 492664 147995 187681 42764 460996 -1122616 -1203552 992956 303965 137559 173578
-238227 330177 -137685 -179942 -131067 -37093 536370 194462 -186241 -101475 68869 187616 -488555
487868 -28321 394793 -322461 -52921 45965 44603 -271413 355047 -116982 396730 -183707 -174646 208554
-3750862 715309 -316707 39562 129697 -48279 682739 1322094 -1927424 -745541 -38547 -383365 311444
139912 -249368 426438 -313529 53073 -643599 115680 -53259 271586 -96474 -193808 362858 -343140
-181122 -17081 348596 165297 -213502 -2822 199242 -232382 -77163 24933 -26706 351787 -226942 -107103
"""


def test_a_contact_comes_to_rest_where_its_energies_are_only_as_exact_as_asked_for():
    settings = {"work_of_adhesion": 0.02, "points": 32, "properties": ("friction_coefficient",)}
    loose, exact = (texture(4, tolerance=tolerance, **settings) for tolerance in (1e-5, 1e-9))
    x = 1e-15 * torch.tensor([[float(number) for number in STUCK.split()]], dtype=torch.float64)
    torch.testing.assert_close(loose(x), exact(x), rtol=1e-4, atol=0)


def test_a_texture_whose_contact_is_not_found_has_no_properties_and_others_have_theirs():
    model = texture(properties=("friction_coefficient", "contact_pressure"))
    x = model.library(64, seed=0)
    every = model(x)
    model.accuracy = Accuracy(n_steps=40)
    found = model(x)
    is_lost = found.isnan().any(1)
    assert 0 < int(is_lost.sum()) < 64
    torch.testing.assert_close(found[~is_lost], every[~is_lost])
    assert bool(found[is_lost].isnan().all())
