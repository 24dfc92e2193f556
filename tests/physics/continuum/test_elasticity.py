import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward.design.beam import compliance_by_skfem
from sciadv.physics.continuum.elasticity import (
    Plate,
    cantilever,
    compliance,
    displacement,
    element_stiffness,
    half_beam,
    modulus_of,
)


def densities(batch, height, width, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, height, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("make", "height", "width", "position"),
    [(half_beam, 6, 13, 0.0), (half_beam, 11, 5, 0.37), (cantilever, 7, 12, 0.5), (cantilever, 12, 6, 0.9)],
)
def test_compliance_is_that_of_scikit_fem(make, height, width, position):
    pytest.importorskip("skfem")
    modulus = modulus_of(densities(1, height, width))
    plate = make(height, width, position)
    expected = compliance_by_skfem(modulus[0].numpy(), plate)
    assert float(compliance(modulus, plate)) == pytest.approx(expected, rel=1e-8)


def test_element_is_the_published_one():
    nu = 0.3
    k = np.array([1 / 2 - nu / 6, 1 / 8 + nu / 8, -1 / 4 - nu / 12, -1 / 8 + 3 * nu / 8])
    k = np.concatenate([k, [-1 / 4 + nu / 12, -1 / 8 - nu / 8, nu / 6, 1 / 8 - 3 * nu / 8]])
    np.testing.assert_allclose(element_stiffness(nu)[0], k / (1 - nu**2), atol=1e-15)


def test_slender_cantilever_bends_as_timoshenkos_beam():
    height, length = 16, 160
    got = compliance(torch.ones(1, height, length, dtype=torch.float64), cantilever(height, length))
    bending = 4 * length**3 / height**3
    shear = 6 / 5 * length / height * 2 * 1.3
    assert float(got) == pytest.approx(bending + shear, rel=0.01)


def test_batch_with_its_own_loads_is_a_loop():
    modulus = modulus_of(densities(3, 5, 8))
    positions = torch.tensor([0.0, 0.4, 1.0])
    got = compliance(modulus, half_beam(5, 8, positions))
    one = [compliance(modulus[i : i + 1], half_beam(5, 8, float(positions[i]))) for i in range(3)]
    torch.testing.assert_close(got, torch.cat(one), atol=0, rtol=1e-6)


def test_gradient_is_the_finite_difference_in_both_modes():
    modulus = (0.1 + densities(2, 4, 5)).requires_grad_()
    plate = half_beam(4, 5, torch.tensor([0.0, 0.5]))
    assert torch.autograd.gradcheck(lambda m: compliance(m, plate), modulus, check_forward_ad=True)


def test_gradient_goes_through_functional_transforms():
    x = densities(1, 4, 5)
    plate = cantilever(4, 5)
    direction = densities(1, 4, 5, seed=1)

    def value(x):
        return compliance(modulus_of(x), plate)

    _, along = torch.func.jvp(value, (x,), (direction,))
    _, pull = torch.func.vjp(value, x)
    torch.testing.assert_close(along, (pull(torch.ones(1, dtype=torch.float64))[0] * direction).sum()[None])


def test_loads_and_supports_are_where_they_are_asked_for():
    plate = half_beam(3, 4, 0.25)
    assert plate.load[0, 0, 1].tolist() == [0.0, -1.0]
    assert float(plate.load.sum()) == -1.0
    u = displacement(torch.ones(1, 3, 4, dtype=torch.float64), plate)
    assert float(u[0][plate.fixed].abs().max()) == 0.0
    assert float(u[0, 0, 1, 1]) < 0


def test_what_cannot_be_solved_is_said():
    modulus = torch.ones(1, 3, 4, dtype=torch.float64)
    with pytest.raises(InputError, match="modulus must be"):
        compliance(modulus, half_beam(4, 3))
    with pytest.raises(InputError, match="part of the edge"):
        half_beam(3, 4, 1.2)
    with pytest.raises(InputError, match="2 loads"):
        compliance(modulus, half_beam(3, 4, torch.tensor([0.0, 1.0])))
    loose = Plate(torch.zeros(4, 5, 2, dtype=torch.bool), half_beam(3, 4).load)
    with pytest.raises(InputError, match="equilibrium"):
        compliance(modulus, loose)
    with pytest.raises(InputError, match="fixed must be"):
        Plate(loose.fixed, loose.load[:, 1:])


def test_single_precision_is_solved_in_double():
    modulus = modulus_of(densities(1, 5, 9).float())
    got = compliance(modulus, half_beam(5, 9))
    assert got.dtype == torch.float32
    assert float(got) == pytest.approx(float(compliance(modulus.double(), half_beam(5, 9))), rel=1e-5)
