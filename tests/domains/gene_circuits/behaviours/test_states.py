"""Stable states are counted with their shares; the toggle has two, two toggles four."""

import pytest
import torch
from scipy.optimize import brentq

from sciadv.domains.gene_circuits.behaviours.evaluation import measure, shows
from sciadv.domains.gene_circuits.behaviours.states import StateSearch
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.physics.regulation.kinetics import Kinetics, pack, unpack
from sciadv.physics.regulation.rest import settle
from sciadv.physics.regulation.trajectories import simulate

TOGGLE = -torch.eye(2).roll(1, 1)[None]
RING = -torch.eye(3).roll(1, 1)[None]


def symmetric(signs: torch.Tensor, hill: float = 3.0, threshold: float = 0.1) -> torch.Tensor:
    n = signs.shape[-1]
    edge, gene = torch.ones_like(signs), torch.ones(1, n)
    return pack(Kinetics(signs, threshold * edge, hill * edge, 100 * edge, 50 * gene, gene, gene))


def test_the_toggle_has_two_states_at_the_roots_of_its_equation():
    found = StateSearch().find(symmetric(TOGGLE))

    def repressed(y: float) -> float:
        return 0.01 + 0.99 / (1 + (y / 0.1) ** 3)

    low = brentq(lambda y: repressed(repressed(y)) - y, 1e-4, 0.05)
    states = found.levels[:2, 0] / 50
    assert int(found.n_states) == 2
    assert sorted(states.flatten().tolist()) == pytest.approx([low, low, *[repressed(low)] * 2], rel=1e-3)
    assert float(found.shares[:2].sum()) == 1
    assert float(found.shares[1]) == pytest.approx(0.5, abs=0.1)  # by symmetry
    assert bool(found.levels[2:].isnan().all())


def test_two_toggles_have_four_states_and_are_not_bistable():
    x = symmetric(torch.block_diag(TOGGLE[0], TOGGLE[0])[None])
    measured = measure(x, "bistability")
    assert int(measured["n_states"]) == 4
    assert float(measured["rarest_share"]) == pytest.approx(0.25, abs=0.1)
    assert not bool(shows(x, "bistability"))
    assert bool(shows(x, "multistability", targets={"n_states": 4}))
    assert not bool(shows(x, "multistability", targets={"n_states": 3}))


@pytest.mark.slow
def test_an_oscillating_ring_has_no_stable_state():
    measured = measure(symmetric(RING, 4.0), "bistability")
    assert int(measured["n_states"]) == 0
    assert float(measured["share_at_rest"]) == 0
    assert not bool(shows(symmetric(RING, 4.0), "stability"))
    assert bool(shows(symmetric(RING, 1.5), "stability"))


def test_settled_levels_are_where_a_long_trajectory_ends():
    x = random_circuits(20, 3, seed=2)
    kinetics = unpack(x)
    initial = 0.3 * kinetics.production / kinetics.degradation
    ends, at_rest = settle(kinetics, initial)
    long = simulate(kinetics, initial, t_end=800.0)[-1]
    assert float(at_rest.double().mean()) > 0.8
    torch.testing.assert_close(ends[at_rest], long[at_rest], rtol=1e-3, atol=1e-4)


def test_the_interval_of_the_rarest_share_holds_it():
    measured = measure(random_circuits(30, 3, seed=4), "bistability")
    low, share, high = (measured[f"rarest_share{end}"] for end in ("_low", "", "_high"))
    assert bool(((low <= share) & (share <= high + 1e-6)).all())
