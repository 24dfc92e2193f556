"""A conditional generator gives what is asked for; targets choose its classes."""

import math

import pytest
import torch

from sciadv import Prior
from sciadv.catalogue import load_problem
from sciadv.domains.gene_circuits.asked.asked_classes import asked_classes, class_among, families
from sciadv.domains.gene_circuits.asked.asked_prior import asked_of, asked_prior
from sciadv.domains.gene_circuits.asked.asked_shares import shares_as_asked
from sciadv.domains.gene_circuits.asked.circuit_likelihood import negative_log_likelihood
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings
from sciadv.errors import InputError
from sciadv.nets import build_seeded
from sciadv.nets.graph import latent_of, signs_and_presence
from sciadv.physics.regulation.kinetics import circuits_of


def test_sizes_and_classes_are_those_asked_for():
    net = build_seeded({"kind": "circuit-generator", "n_genes": 5, "width": 8, "n_classes": 12}, 0)
    prior = asked_prior(Prior(net, net.n_latent), [1, 2], [4])
    z = prior.sample_latent(200, seed=0)
    assert set(signs_and_presence(prior(z))[1].sum(1).tolist()) == {4.0}
    inner = prior.generator
    assert inner.classes.tolist() == [2, 3, 4, 5]  # two codes each
    whole = torch.cat([latent_of(torch.full((200, 1), 1), 3), z[:, 1:-1], z[:, -1:]], 1)
    assert not torch.equal(inner.inner(whole), prior(z))


def test_a_generator_without_classes_is_refused_in_words():
    with pytest.raises(InputError, match="no classes that can be asked for"):
        asked_prior(Prior.load("gene-circuits"), [0], [3])


def test_classes_of_a_family_exclude_one_another():
    ring = circuits_of(-torch.eye(3).roll(1, 1)[None], places=0.5)
    toggle = circuits_of(torch.tensor([[[0.0, -1], [-1, 0]]]), places=0.5)
    classes = asked_classes()
    oscillators, states = families(classes)
    assert int(class_among(ring, classes, oscillators)[0]) in oscillators
    assert int(class_among(ring, classes, states)[0]) == -1
    assert classes[int(class_among(toggle, classes, states)[0])].name == "two stable states"
    assert shares_as_asked(toggle, 4, n_sets=2)["as_drawn"] == 1.0


def test_likelihood_prefers_the_signs_and_places_that_the_generator_has():
    net = build_seeded(
        {"kind": "circuit-generator", "n_genes": 3, "n_classes": 1, "n_node": 4, "width": 8}, 0
    )
    net.requires_grad_(False)
    net.edge.weight.zero_()
    net.edge.bias.copy_(torch.tensor([3.0, 0, 0, *[0.5] * 3, *[math.log(0.3)] * 3]))
    node, none = torch.zeros(2, 3, 4), torch.zeros(2, dtype=torch.long)
    repressing = -torch.ones(2, 3, 3)
    places = torch.tensor([math.erf(0.5 / math.sqrt(2)), -0.5])
    x = circuits_of(repressing, places=places[:, None, None, None])
    loss = negative_log_likelihood(net, x, node, none)
    assert float(loss[0]) < float(loss[1])
    other = negative_log_likelihood(net, circuits_of(-repressing, places=float(places[0])), node, none)
    assert float(loss[0]) < float(other[0])


@pytest.mark.parametrize(
    ("behaviour", "targets", "classes", "sizes"),
    [
        ("oscillation", {"period": 20, "genes": 4}, [2], [4]),
        ("oscillation", {"period": "7..9"}, [0, 1], [3, 4, 5]),
        ("oscillation", {"genes": "<=4"}, [0, 1, 2], [3, 4]),
        ("bistability", {"genes": 3}, [4], [3]),
        ("multistability", {"n_states": 4}, [5], [3, 4, 5]),
    ],
)
def test_targets_choose_classes_and_sizes(behaviour, targets, classes, sizes):
    problem = load_problem("gene-oscillator")
    found = asked_of(problem, CircuitAim.read(behaviour, targets), "asked-circuits").prior.generator
    n_codes = found.inner.n_classes // len(asked_classes())
    assert sorted({int(code) // n_codes for code in found.classes}) == classes
    assert found.sizes.tolist() == sizes


@pytest.mark.parametrize("targets", [{}, {"edges": "<=5"}, {"amplitude": ">=1"}])
def test_without_such_targets_the_problem_stays_as_it_is(targets):
    problem = load_problem("gene-oscillator")
    assert asked_of(problem, CircuitAim.read("oscillation", targets), "asked-circuits") is problem


@pytest.mark.slow
def test_a_design_for_a_period_says_how_many_draws_had_it():
    search = CircuitSearch(
        pool=PoolSettings(n_draws=100, draws_per_design=0, n_rounds=1, n_near=60, near_per_design=0),
        robustness=RobustnessSettings(n_sets=4),
    )
    found = search(load_problem("gene-oscillator"), {"period": 20, "genes": 4}, 3)
    assert any("as it drew them" in line for line in found.messages)
    assert all(row["genes"] == 4 for row in found.table)
    assert found.n_good == 3
