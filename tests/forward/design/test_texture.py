import math

import pytest
import torch
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import NonlinearForward, Texture, compose
from sciadv.forward.design.quantity import PropertyModel
from sciadv.testing import check_forward

MATERIAL = {"contact_modulus": 3.5e9, "nominal_pressure": 20e6, "shear_strength": 5e6}
ADHESIVE = {**MATERIAL, "work_of_adhesion": 0.05, "loss_factor": 0.1}
LOWER, UPPER = (2e-9, 2e-7), (2e-7, 1e-5)


class Places(NonlinearForward):
    """Places in [0, 1] to designs between bounds: candidates of an ordinary size for the suite."""

    def forward(self, x: Tensor) -> Tensor:
        low, high = x.new_tensor(LOWER), x.new_tensor(UPPER)
        return low * (high / low) ** x


@pytest.mark.parametrize(
    "name", ["friction_coefficient", "contact_pressure", "contact_fraction", "max_slope"]
)
@pytest.mark.parametrize("settings", [MATERIAL, ADHESIVE, {**MATERIAL, "surface": "wavy"}])
def test_texture_keeps_the_promises_of_a_forward(name, settings):
    check_forward(compose(Texture(properties=(name,), **settings), Places((2,), (2,))), seed=1)


def test_friction_is_that_of_the_table():
    A = Texture(**ADHESIVE, dtype=torch.float64)
    x = torch.tensor([[20e-9, 1e-6], [10e-9, 2e-6], [5e-9, 5e-6]], dtype=torch.float64)
    torch.testing.assert_close(
        A(x)[:, 0], torch.tensor([0.06257390, 0.14810778, 0.25001374], dtype=torch.float64), atol=1e-8, rtol=0
    )
    assert A.regime(x).tolist() == [0, 0, 1]


def test_without_adhesion_or_losses_only_the_aspect_ratio_matters():
    A = Texture(properties=("friction_coefficient", "contact_pressure"), **MATERIAL, dtype=torch.float64)
    x = torch.tensor([[20e-9, 1e-6]], dtype=torch.float64)
    torch.testing.assert_close(A(x), A(7 * x))


def test_properties_come_in_the_order_asked_for():
    both = Texture(properties=("max_slope", "contact_fraction"), **ADHESIVE)
    x = torch.tensor([[20e-9, 1e-6]])
    swapped = both.with_properties(("contact_fraction", "max_slope"))
    torch.testing.assert_close(swapped(x), both(x).flip(1))
    assert float(both(x)[0, 0]) == pytest.approx(2 * math.pi * 0.02)
    assert both.properties == ("max_slope", "contact_fraction")
    assert isinstance(both, PropertyModel)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nominal_pressure": -1.0}, "nominal_pressure must be a finite number > 0, but it is -1.0"),
        ({"contact_modulus": float("nan")}, "contact_modulus must be a finite number > 0"),
        ({"work_of_adhesion": -0.1}, "work_of_adhesion must be a finite number >= 0"),
        ({"surface": "fractal"}, "surface must be one of"),
        ({"properties": ()}, "needs one property or more"),
        ({"in_shape": (3,)}, "in_shape is"),
        ({"surface": "wavy", "loss_factor": 0.1}, "no closed form"),
    ],
)
def test_bad_settings_are_refused_in_words(change, words):
    with pytest.raises(InputError, match=words):
        Texture(**{**MATERIAL, **change})


def test_unknown_property_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"friction_coefficient.*max_slope"):
        Texture(properties=("fricton",), **MATERIAL)
