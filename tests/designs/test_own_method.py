"""A model's own method goes on where the range of a generator ends."""

import numpy as np
import pytest
import torch
from scipy import ndimage

import sciadv
from sciadv.catalogue import untrained_prior
from sciadv.forward import Beam
from sciadv.likelihood import Tolerance
from sciadv.physics.continuum.elasticity import half_beam
from sciadv.physics.continuum.optimality_criteria import optimality_criteria
from sciadv.problem import Problem


@pytest.fixture(scope="module")
def beam():
    model = Beam((1, 10, 20), volume=0.4, radius=1.5, n_waves=2)
    known = torch.full((1, 1), 100.0)
    return Problem(untrained_prior(model), model, Tolerance(0.01, is_relative=True), known, 0.0, "beam")


@pytest.fixture(scope="module")
def simple():
    """Give the compliance of the simple method, from even density."""
    found = optimality_criteria(
        half_beam(10, 20, 0.0), 0.4, radius=1.5, filtered="density", tolerance=0.025, n_steps=100
    )
    return float(found.compliance[0])


def test_stiffest_beam_does_not_lose_to_the_simple_method(beam, simple):
    found = sciadv.design(beam, {"compliance": "minimise"}, 1)
    assert float(found.values["compliance"].min()) < 1.0001 * simple
    density = beam.forward.density(found.x)
    assert abs(float(density.mean()) - 0.4) < 1e-9
    for one in density:
        assert ndimage.label(one.numpy() > 0.5, structure=np.ones((3, 3)))[1] == 1


@pytest.mark.parametrize("target", ["<= {:.1f}", "{:.1f}"])
def test_targets_past_the_range_of_the_generator_are_met(beam, simple, target):
    reach = beam.forward(beam.prior(beam.prior.sample_latent(256, seed=0)))
    goal = 1.1 * simple
    assert goal < float(reach.min())
    found = sciadv.design(beam, {"compliance": target.format(goal)}, 2)
    assert not found.reason
    assert found.n_good == 2
