import math

import pytest
import torch

from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.optics.dispersion import MATERIALS, refractive_index


@pytest.mark.parametrize(
    ("material", "wavelength", "index", "error"),
    [
        ("SiO2", 0.58756, 1.45846, 1e-5),  # Malitson 1965, n_d of his table
        ("BK7", 0.58756, 1.51680, 1e-5),  # Schott's n_d
        ("BK7", 1.06, 1.50669, 1e-5),  # Schott, at 1060 nm
        ("TiO2", 0.60, 2.6034, 0.003),  # Bond, J. Appl. Phys. 36, 1965, 1674: another crystal
        ("TiO2", 1.00, 2.4880, 0.003),
        ("MgF2", 0.5893, 1.37774, 5e-5),  # sodium D
        ("Al2O3", 0.5893, 1.7681, 2e-4),  # sodium D
    ],
)
def test_index_is_the_published_one(material, wavelength, index, error):
    got = refractive_index(material, torch.tensor(wavelength * 1e-6, dtype=torch.float64))
    assert float(got) == pytest.approx(index, abs=error)


@pytest.mark.parametrize("material", [name for name in MATERIALS if name != "vacuum"])
def test_dispersion_is_normal_within_the_range(material):
    matter = MATERIALS[material]
    wavelength = torch.linspace(matter.shortest, matter.longest, 100, dtype=torch.float64)
    index = refractive_index(material, wavelength)
    assert bool((index.diff() < 0).all())
    assert float(index.min()) > 1.2
    assert float(index.max()) < 3.5


def test_ends_of_the_range_are_inside_it_in_single_precision():
    for matter in ("SiC", "Si3N4", "TiO2"):
        ends = torch.tensor([MATERIALS[matter].shortest, MATERIALS[matter].longest])
        assert bool(refractive_index(matter, ends).isfinite().all())


def test_outside_the_range_only_where_asked():
    short = torch.tensor([0.3e-6], dtype=torch.float64)
    with pytest.raises(InputError, match=r"0\.4047 to 5 um.*extrapolate"):
        refractive_index("SiC", short)
    assert math.isfinite(float(refractive_index("SiC", short, extrapolate=True)))


def test_unknown_material_lists_the_known():
    with pytest.raises(UnknownNameError, match="SiO2"):
        refractive_index("unobtainium", torch.ones(1))
