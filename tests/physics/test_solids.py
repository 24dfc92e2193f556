import pytest

from sciadv.errors import UnknownNameError
from sciadv.physics.solids import SOLIDS, contact_modulus, find_solid


def test_an_unknown_solid_is_refused_with_the_known_names():
    with pytest.raises(
        UnknownNameError, match=r"no solid is named 'pmna' \(did you mean 'pmma'\?\).*silicon"
    ):
        find_solid("pmna")


def test_every_solid_is_plausible_and_has_sources():
    for name, solid in SOLIDS.items():
        assert 1e8 < solid.youngs_modulus < 1.3e12, name
        assert 0 < solid.poissons_ratio < 0.5, name
        assert 0.01 < solid.hardness / solid.youngs_modulus < 0.1, name
        assert len(solid.source) > 10, name
        assert solid.hardness_test, name


def test_contact_moduli_add_like_springs():
    steel, silica = find_solid("bearing-steel"), find_solid("fused-silica")
    both = contact_modulus(steel, silica)
    assert 1 / both == pytest.approx((1 - 0.3**2) / 207e9 + (1 - 0.16**2) / 72.7e9)
    assert contact_modulus(steel) == pytest.approx(207e9 / 0.91)
