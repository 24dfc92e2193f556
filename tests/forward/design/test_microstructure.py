import pytest
import torch

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import Microstructure
from sciadv.forward.design.quantity import PropertyModel
from sciadv.nets import SmoothField
from sciadv.physics.continuum.homogenisation import hashin_shtrikman
from sciadv.testing import check_forward

PHASES = {"conductivities": (1.0, 20.0)}
EVERY = ("conductivity_xx", "conductivity_yy", "volume_fraction")


def images(n, size, *, seed=0, **settings):
    net = SmoothField(size, size, **settings).double()
    generator = torch.Generator().manual_seed(seed)
    return net(torch.randn(n, net.n_latent, generator=generator, dtype=torch.float64))


def test_microstructure_keeps_the_promises_of_a_forward():
    check_forward(Microstructure((1, 6, 5), conductivities=(1.0, 5.0), properties=EVERY, tolerance=1e-11))


def test_predictions_are_those_of_scikit_fem():
    pytest.importorskip("skfem")
    A = Microstructure((1, 32, 32), properties=EVERY, **PHASES)
    x = images(2, 32, n_waves=2, sharpness=30.0)
    verified = A.verify(x)
    predicted = A.with_properties(tuple(verified)).double()(x)
    torch.testing.assert_close(predicted, torch.stack(list(verified.values()), 1), rtol=0.01, atol=0)


def test_prediction_is_near_that_on_a_finer_grid_where_an_element_alone_is_not():
    A = Microstructure((1, 32, 32), **PHASES, dtype=torch.float64)
    x = (images(3, 32, n_waves=2, seed=1) > 0.5).double()
    fine = x.repeat_interleave(4, 2).repeat_interleave(4, 3)
    expected = Microstructure((1, 128, 128), **PHASES, dtype=torch.float64)(fine)
    lower, upper = A.bounds(x)
    assert float((A(x) / expected - 1).abs().max()) < 0.003
    assert float((upper[:, :1, 0] / expected - 1).min()) > 0.01
    assert bool((lower[:, :1, 0] < expected).all())


def test_properties_come_in_the_order_asked_for():
    A = Microstructure((1, 8, 8), properties=EVERY, **PHASES, dtype=torch.float64)
    x = images(2, 8, n_waves=1)
    torch.testing.assert_close(A.with_properties(EVERY[::-1])(x), A(x).flip(1))
    torch.testing.assert_close(A(x)[:, 2], x.mean((1, 2, 3)))
    assert isinstance(A, PropertyModel)
    assert A.regime(x).tolist() == [0, 0]


def test_bad_settings_are_refused_in_words():
    with pytest.raises(InputError, match="one channel"):
        Microstructure((3, 8, 8), **PHASES)
    with pytest.raises(InputError, match="conductivities"):
        Microstructure((1, 8, 8), conductivities=(1.0, 0.0))
    with pytest.raises(UnknownNameError, match="volume_fraction"):
        Microstructure((1, 8, 8), **PHASES, properties=("volume",))


def test_half_the_trace_is_within_the_bounds_of_hashin_and_shtrikman():
    names = ("conductivity", "conductivity_xx", "conductivity_yy")
    A = Microstructure((1, 16, 16), properties=names, **PHASES, dtype=torch.float64)
    x = (images(6, 16, n_waves=2) > 0.5).double()
    middle, along, across = A(x).T
    torch.testing.assert_close(middle, (along + across) / 2)
    low, high = hashin_shtrikman(*PHASES["conductivities"], x.mean((1, 2, 3)))
    assert bool(((low <= middle) & (middle <= high)).all())


def test_parts_as_made_are_eroded_or_dilated_and_without_scatter_there_are_none():
    A = Microstructure((1, 32, 32), **PHASES, scatter=1.0)
    square = torch.zeros(1, 1, 32, 32)
    square[..., 8:24, 8:24] = 1
    parts = A.as_made(square, 200, seed=0)
    sides = parts.sum((1, 2, 3)).sqrt()
    assert parts.shape == (200, 1, 32, 32)
    assert float(sides.mean()) == pytest.approx(16, abs=0.5)
    assert float(sides.std()) == pytest.approx(2, abs=0.4)
    assert Microstructure((1, 32, 32), **PHASES).as_made(square, 2, seed=0) is None


def test_cells_are_written_as_bitmaps_and_for_paraview():
    files = Microstructure((1, 2, 3), **PHASES).files(torch.tensor([[[[0.0, 1, 0], [1, 1, 0]]]]))
    assert sorted(files) == ["cell-001.pbm", "cell-001.vtk"]
    assert files["cell-001.pbm"] == "P1\n3 2\n0 1 0\n1 1 0\n"
    assert "DIMENSIONS 4 3 1\n" in files["cell-001.vtk"]
    assert files["cell-001.vtk"].endswith("LOOKUP_TABLE default\n1 1 0\n0 1 0\n")
