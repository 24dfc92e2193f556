import numpy as np
import pytest
import torch

from sciadv.designs.wishes import read_wishes
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import Beam
from sciadv.forward.design.quantity import PropertyModel
from sciadv.testing import check_forward

EVERY = ("compliance", "volume_fraction")


def images(n, height, width, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 0.2 + 0.6 * torch.rand(n, 1, height, width, generator=generator, dtype=torch.float64)


def test_beam_keeps_the_promises_of_a_forward():
    check_forward(Beam((1, 4, 6), properties=EVERY, radius=1.5, void=0.1, penalty=2.0))


@pytest.mark.parametrize("settings", [{}, {"support": "cantilever", "load_position": 0.3, "volume": 0.4}])
def test_compliance_is_that_of_scikit_fem(settings):
    pytest.importorskip("skfem")
    A = Beam((1, 6, 9), radius=1.5, dtype=torch.float64, **settings)
    x = images(2, 6, 9)
    torch.testing.assert_close(A(x)[:, 0], A.verify(x)["compliance"], rtol=1e-8, atol=0)


def test_asked_volume_is_met_exactly():
    A = Beam((1, 8, 10), volume=0.35, radius=2.0, properties=EVERY, dtype=torch.float64)
    x = images(3, 8, 10).requires_grad_()
    volume = A(x)[:, 1]
    torch.testing.assert_close(volume, torch.full_like(volume, 0.35), atol=1e-12, rtol=0)
    assert torch.autograd.gradcheck(lambda x: A(x)[:, 0], x[:1].detach().requires_grad_())


def test_an_image_that_is_not_finite_has_no_compliance():
    A = Beam((1, 4, 6), dtype=torch.float64)
    x = images(2, 4, 6)
    x[1, 0, 2, 3] = torch.nan
    assert A(x).isnan().flatten().tolist() == [False, True]


def test_generator_makes_its_images():
    A = Beam(height=10, width=16, n_waves=3)
    net = A.generator()
    x = net(torch.randn(2, net.n_latent, generator=torch.Generator().manual_seed(0)))
    assert x.shape == (2, 1, 10, 16)
    assert bool(A(x).isfinite().all())


def test_properties_come_in_the_order_asked_for():
    A = Beam((1, 4, 6), properties=EVERY, dtype=torch.float64)
    x = images(2, 4, 6)
    torch.testing.assert_close(A.with_properties(EVERY[::-1])(x), A(x).flip(1))
    torch.testing.assert_close(A(x)[:, 1], x.mean((1, 2, 3)))
    assert isinstance(A, PropertyModel)
    assert A.regime(x).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"in_shape": (2, 4, 6)}, "one channel"),
        ({"support": "bridge"}, "support must be one of"),
        ({"volume": 1.0}, "volume must be between"),
    ],
)
def test_bad_settings_are_refused_in_words(change, words):
    with pytest.raises(InputError, match=words):
        Beam(**change)


def test_unknown_property_lists_the_known():
    with pytest.raises(UnknownNameError, match="volume_fraction"):
        Beam(properties=("stiffness",))


def test_beams_are_written_as_densities_and_as_solids_of_their_volume():
    A = Beam((1, 8, 10), volume=0.35, radius=2.0, dtype=torch.float64)
    x = images(2, 8, 10)
    files = A.files(x)
    assert list(files) == ["beam-001.vtk", "beam-001.stl", "beam-002.vtk", "beam-002.stl"]
    for i, density in enumerate(A.density(x).numpy(), 1):
        numbers = files[f"beam-{i:03d}.vtk"].split("default\n")[1].split()
        again = np.array(numbers, float).reshape(8, 10)[::-1]
        np.testing.assert_allclose(again, density, rtol=1e-5)
        raw = files[f"beam-{i:03d}.stl"]
        floats = np.ndarray((len(raw[84:]) // 50, 12), "<f4", raw, 84, (50, 4)).astype(float)
        a, b, c = floats[:, 3:6], floats[:, 6:9], floats[:, 9:12]
        assert np.einsum("ni,ni->", a, np.cross(b, c)) / 6 == pytest.approx(28)  # elements of 80, and 1 thick
        filled = density > np.sort(density, axis=None)[-29]
        up = floats[(floats[:, 2] > 0.9)][:, 3:].reshape(-1, 3, 3).mean(1)
        assert set(zip(*np.nonzero(filled), strict=True)) == {(7 - int(y), int(x)) for x, y, _ in up}


def test_a_target_beside_the_volume_of_every_beam_is_refused():
    A = Beam((1, 8, 10), volume=0.35, radius=2.0)
    size = {"tolerance": 0.01, "name": "beams", "size": None}
    with pytest.raises(InputError, match=r"not possible: volume_fraction is always 0\.35$"):
        read_wishes(A, {"volume_fraction": 0.3}, **size)
    assert read_wishes(A, {"volume_fraction": 0.35}, **size)[0].value == 0.35
    assert read_wishes(A, {"volume_fraction": "<= 0.4"}, **size)[0].high == 0.4
    assert read_wishes(Beam((1, 8, 10)), {"volume_fraction": 0.3}, **size)[0].value == 0.3
