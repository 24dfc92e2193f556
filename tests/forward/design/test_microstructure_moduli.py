import sys
from importlib.util import find_spec

import pytest
import torch

import sciadv
from sciadv.catalogue import untrained_prior
from sciadv.errors import MissingPackageError, UnknownNameError
from sciadv.forward import Microstructure
from sciadv.likelihood import Tolerance
from sciadv.problem import Problem
from sciadv.testing import check_forward

ELASTIC = ("youngs_modulus_xx", "youngs_modulus_yy", "shear_modulus", "youngs_modulus")


def model(**settings):
    return Microstructure((1, 8, 8), conductivities=(1.0, 3.0), moduli=(10.0, 2.0), **settings)


def test_moduli_keep_the_promises_of_a_forward():
    check_forward(model(properties=ELASTIC[:3], tolerance=1e-6))


def test_layers_have_the_moduli_of_the_closed_form():
    """Along layers of one Poisson's ratio the arithmetic mean; across, of the layers' constrained moduli."""
    layers = torch.tensor([0.0, 1.0]).double().repeat(4)[:, None].expand(1, 1, 8, 8)
    along, across, shear, mean = model(properties=ELASTIC, dtype=torch.float64)(layers)[0].tolist()
    assert along == pytest.approx(6.0, rel=1e-4)
    assert across < along
    assert shear == pytest.approx(
        2 / (1 / 10 + 1 / 2) / (2 * 1.3), rel=1e-4
    )  # G = E / (2 (1 + nu)), in series
    assert mean == pytest.approx((along + across) / 2)


def test_moduli_are_those_of_scikit_fem_and_are_verified_where_they_are_predicted():
    pytest.importorskip("skfem")
    cells = Microstructure((1, 32, 32), conductivities=(1.0, 3.0), moduli=(95.6e9, 5e9), n_waves=2)
    x = (untrained_prior(cells)(untrained_prior(cells).sample_latent(2, seed=1)) > 0.5).double()
    asked = cells.with_properties(ELASTIC).to("cpu", torch.float64)
    found = asked.verify(x)
    assert set(found) == {"conductivity", "conductivity_xx", "conductivity_yy", *ELASTIC}
    verified = torch.stack([found[name] for name in ELASTIC], 1)
    torch.testing.assert_close(asked(x), verified, rtol=0.01, atol=0)
    assert set(cells.verify(x)) == {"conductivity", "conductivity_xx", "conductivity_yy"}


def test_moduli_are_not_known_without_those_of_the_phases():
    with pytest.raises(UnknownNameError, match="volume_fraction"):
        Microstructure((1, 8, 8), conductivities=(1.0, 3.0), properties=("youngs_modulus",))


def test_cells_are_designed_for_a_modulus_by_few_evaluations():
    cells = model(n_waves=3)
    known = torch.full((1, 1), 2.0)
    problem = Problem(untrained_prior(cells), cells, Tolerance(0.01, is_relative=True), known, 0.0, "cells")
    drawn = problem.prior(problem.prior.sample_latent(64, seed=9))
    goal = float(cells.with_properties(["youngs_modulus"])(drawn).median())
    found = sciadv.design(problem, {"youngs_modulus": goal}, 3)
    assert found.n_good == 3
    assert found.facts["n_distinct"] == 3
    assert found.facts["n_evaluated"] < cells.n_library
    if find_spec("skfem"):
        off = found.facts["certificate"]["largest_relative_deviations"]
        assert off["youngs_modulus"] < 0.05  # cells of eight pixels


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_draws_that_do_by_themselves_what_is_asked_count_once(share):
    cells = model(n_waves=3)
    known = torch.full((1, 1), 2.0)
    problem = Problem(untrained_prior(cells), cells, Tolerance(0.01, is_relative=True), known, 0.0, "cells")
    drawn = problem.prior(problem.prior.sample_latent(64, seed=9))
    values = cells.with_properties(["youngs_modulus"])(drawn)
    low = float(values.quantile(1 - share)) - 1e-3
    found = sciadv.design(problem, {"youngs_modulus": (low, float(values.max()) + 5.0)}, 8)
    assert found.n_good == found.facts["n_distinct"] == 8


def test_without_scikit_fem_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skfem", None)
    cells = model(properties=ELASTIC, dtype=torch.float64)
    with pytest.raises(MissingPackageError, match=r"pip install 'sciadv\[design\]'"):
        cells.verify(torch.zeros(1, 1, 8, 8))
