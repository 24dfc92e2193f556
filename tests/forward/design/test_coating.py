import pytest
import torch
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import Coating, NonlinearForward, compose
from sciadv.forward.design.quantity import PropertyModel
from sciadv.testing import check_forward

BANDS = [(0.5e-6, 0.7e-6, 6, 0.0), (0.7e-6, 1.5e-6, 9, 1.0)]
SETTINGS = {"bands": BANDS, "materials": ("TiO2", "MgF2"), "substrate": "BK7"}


class Thicknesses(NonlinearForward):
    """Places in [0, 1] to thicknesses: candidates of an ordinary size for the suite."""

    def forward(self, x: Tensor) -> Tensor:
        return 1e-7 + 2e-8 * x


def designs(n, n_films, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3e-7 * torch.rand(n, n_films, generator=generator, dtype=torch.float64)


def test_coating_keeps_the_promises_of_a_forward():
    names = ("figure_of_merit", "wanted_reflectance", "unwanted_reflectance")
    check_forward(compose(Coating((3,), properties=names, **SETTINGS), Thicknesses((3,), (3,))), seed=1)


@pytest.mark.parametrize("polarisation", ["s", "p", "unpolarised"])
def test_properties_are_those_of_tmm(polarisation):
    pytest.importorskip("tmm")
    A = Coating((7,), angles=(0.0, 0.6), polarisation=polarisation, dtype=torch.float64, **SETTINGS)
    x = designs(2, 7)
    verified = A.verify(x)
    predicted = A.with_properties(tuple(verified))(x)
    torch.testing.assert_close(predicted, torch.stack(list(verified.values()), 1), atol=1e-12, rtol=0)


def test_figure_of_merit_is_the_mean_square_of_the_residuals_and_their_slopes_its_gradient():
    A = Coating((6,), angles=(0.0, 0.5), polarisation="unpolarised", dtype=torch.float64, **SETTINGS)
    x = designs(3, 6).requires_grad_()
    error, slope = A.residuals(x)
    value = A(x)[:, 0]
    torch.testing.assert_close(error.square().mean(1), value.detach(), atol=1e-14, rtol=0)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    by_slopes = 2 * (slope * error[:, None]).mean(2)
    torch.testing.assert_close(by_slopes, gradient, rtol=1e-9, atol=1e-9 * float(gradient.abs().max()))


def test_free_materials_are_variables_of_their_own():
    fixed = Coating((4,), dtype=torch.float64, **SETTINGS)
    free = Coating((8,), has_free_materials=True, dtype=torch.float64, **SETTINGS)
    x = designs(2, 4)
    order = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64).expand(2, -1)
    torch.testing.assert_close(free(torch.cat([x, order], 1)), fixed(x))
    assert free.variables[4].choices == ("TiO2", "MgF2")
    assert [variable.name for variable in fixed.variables] == [f"thickness_{i}" for i in range(1, 5)]


def test_properties_come_in_the_order_asked_for():
    A = Coating((4,), properties=("total_thickness", "figure_of_merit"), **SETTINGS)
    x = designs(2, 4).float()
    torch.testing.assert_close(A.with_properties(("figure_of_merit", "total_thickness"))(x), A(x).flip(1))
    torch.testing.assert_close(A(x)[:, 0], x.sum(1))
    assert isinstance(A, PropertyModel)
    assert A.regime(x).tolist() == [0, 0]


def test_a_cast_model_keeps_the_indices_of_double_precision():
    single = Coating((5,), **SETTINGS)
    x = designs(2, 5)
    exact = Coating((5,), dtype=torch.float64, **SETTINGS)(x)
    torch.testing.assert_close(single.to(torch.float64)(x), exact, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bands": [(0.7e-6, 0.5e-6, 5, 1.0)]}, "a band must be"),
        ({"bands": [(0.3e-6, 0.5e-6, 5, 1.0)]}, "TiO2.*0.43 to 1.53 um"),
        ({"angles": (2.0,)}, "angle"),
        ({"polarisation": "circular"}, "polarisation must be one of"),
        ({"in_shape": (2, 3)}, "in_shape"),
        ({"in_shape": (3,), "has_free_materials": True}, "twice the number"),
    ],
)
def test_bad_settings_are_refused_in_words(change, words):
    with pytest.raises(InputError, match=words):
        Coating(**{**SETTINGS, **change})


def test_unknown_names_list_the_known():
    with pytest.raises(UnknownNameError, match="figure_of_merit"):
        Coating(**SETTINGS, properties=("figure_of_merits",))
    with pytest.raises(UnknownNameError, match="MgF2"):
        Coating(**{**SETTINGS, "materials": ("MgF",)})
