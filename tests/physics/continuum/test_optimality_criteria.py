import pytest
import torch

from sciadv.errors import InputError
from sciadv.physics.continuum.elasticity import cantilever, compliance, half_beam, modulus_of
from sciadv.physics.continuum.optimality_criteria import optimality_criteria


@pytest.mark.parametrize(
    ("height", "width", "radius", "filtered", "published"),
    [
        (20, 60, 2.4, "sensitivity", 216.81),
        pytest.param(20, 60, 2.4, "density", 233.71, marks=pytest.mark.slow),
        pytest.param(50, 150, 6.0, "sensitivity", 219.52, marks=pytest.mark.slow),
    ],
)
def test_published_compliances_are_reproduced(height, width, radius, filtered, published):
    found = optimality_criteria(half_beam(height, width), 0.5, radius=radius, filtered=filtered)
    assert float(found.compliance) == pytest.approx(published, abs=0.006)
    assert float(found.density.mean()) == pytest.approx(0.5, abs=5e-4)


def test_plates_of_a_batch_are_independent():
    positions = torch.tensor([0.0, 0.5])
    volumes = torch.tensor([0.4, 0.5])
    both = optimality_criteria(half_beam(8, 16, positions), volumes, radius=1.5, n_steps=15)
    one = optimality_criteria(half_beam(8, 16, 0.5), 0.5, radius=1.5, n_steps=15)
    torch.testing.assert_close(both.density[1], one.density[0], atol=1e-9, rtol=0)


def test_stiffer_than_the_even_plate():
    plate = cantilever(10, 16)
    even = compliance(modulus_of(torch.full((1, 10, 16), 0.5, dtype=torch.float64)), plate)
    found = optimality_criteria(plate, 0.5, radius=1.5, n_steps=40)
    assert float(found.compliance) < 0.4 * float(even)
    assert int(found.n_steps) <= 40


def test_unknown_filter_is_said():
    with pytest.raises(InputError, match="'sensitivity' or 'density'"):
        optimality_criteria(half_beam(3, 4), 0.5, radius=1.5, filtered="none")
