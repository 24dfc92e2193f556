"""Minimal cores, mutants, and the choice of robust circuits with different cores."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.domains.gene_circuits.behaviours.oscillation import Oscillation
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_choice import Candidates, ChoiceSettings, _different_cores, choose
from sciadv.domains.gene_circuits.cores import minimal_cores, without_idle_genes
from sciadv.domains.gene_circuits.mutation import Mutation
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import Kinetics, check_circuits, circuits_of, pack

OSCILLATION = CircuitAim("oscillation", Oscillation(t_end=80.0, n_kept=200, n_extensions=0))
BISTABILITY = CircuitAim.read("bistability", {})


def repressilator_with(extra: torch.Tensor) -> torch.Tensor:
    """Pack a ring of three strong repressions, and other edges that barely act."""
    signs = torch.where(extra != 0, extra, -torch.eye(3).roll(1, 1))
    is_ring = (torch.eye(3).roll(1, 1) != 0) & (extra == 0)
    ones = torch.ones(1, 3, 3)
    kinetics = Kinetics(
        signs[None],
        threshold=0.05 * ones,
        hill=4 * ones,
        fold=torch.where(is_ring, 80.0, 1.01)[None],
        production=50 * torch.ones(1, 3),
        degradation=torch.ones(1, 3),
        presence=torch.ones(1, 3),
    )
    return pack(kinetics)


@pytest.mark.slow
def test_the_core_of_a_repressilator_with_weak_edges_is_the_repressilator():
    extra = torch.tensor([[1.0, 0, -1], [0, -1, 0], [0, 1, 0]])
    x = repressilator_with(extra)
    assert bool(OSCILLATION.shows(x))
    core = minimal_cores(x, OSCILLATION.shows)
    assert canonical_keys(core[:, 0]) == canonical_keys(-torch.eye(3).roll(1, 1)[None])


def test_a_core_needs_each_of_its_edges():
    x = random_circuits(200, 3, seed=3)
    x = x[BISTABILITY.shows(x)][:4]
    cores = minimal_cores(x, BISTABILITY.shows)
    assert bool(BISTABILITY.shows(cores).all())
    for core in cores:
        for i, j in core[0].nonzero().tolist():
            without = core[None].clone()
            without[0, :4, i, j] = 0
            assert not bool(BISTABILITY.shows(without))


def test_circuits_that_do_not_show_the_behaviour_stay_as_they_are():
    x = random_circuits(3, 4, seed=0)
    assert minimal_cores(x, lambda x: torch.zeros(len(x), dtype=torch.bool)).equal(x)


def test_idle_genes_are_removed_and_the_others_come_first():
    signs = torch.zeros(1, 4, 4)
    signs[0, 1, 3], signs[0, 3, 1] = -1, 1
    x = without_idle_genes(circuits_of(signs, places=0.3))
    expected = torch.tensor([[0.0, -1], [1, 0]])
    assert x[0, 0, :2, :2].equal(expected)
    assert signs_and_presence(x)[1].tolist() == [[1, 1, 0, 0]]
    check_circuits(x)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6), st.floats(0, 6), st.floats(0, 1))
def test_mutants_are_connected_circuits_of_the_same_genes(seed, n_genes, edges, parameters):
    parents = random_circuits(8, n_genes, seed=seed)
    parents = parents[are_connected(*signs_and_presence(parents))]
    mutants = Mutation(edges, parameters)(parents, generator=torch.Generator().manual_seed(seed))
    check_circuits(mutants)
    assert bool(are_connected(*signs_and_presence(mutants)).all())
    if edges == 0 and parameters == 0:
        assert mutants.equal(parents)


def test_mutants_differ_in_as_many_edges_as_asked():
    parents = random_circuits(2000, 5, seed=0)
    mutants = Mutation(edges=3.0, parameters=0.0)(parents, generator=torch.Generator().manual_seed(1))
    changed = (mutants[:, 0] != parents[:, 0]).sum((1, 2)).double().mean()
    assert float(changed) == pytest.approx(3 * 2 / 3, abs=0.1)  # a third of the draws is what was there


def test_candidates_are_matched_for_as_many_cores_as_there_are():
    names = ("x", "cores")
    blank = {name: torch.zeros(5, 1) for name in names}
    found = Candidates(
        topology=torch.tensor([0, 0, 1, 2, 2]),
        share=torch.tensor([0.9, 0.9, 0.8, 0.7, 0.7]),
        near=torch.tensor([0.9, 0.1, 0.5, 0.5, 0.5]),
        core=torch.tensor([0, 1, 0, 0, 1]),
        **blank,
    )
    rows = _different_cores(found, 2)
    assert set(found.core[rows].tolist()) == {0, 1}
    assert found.topology[rows].tolist() == [0, 1]
    three = _different_cores(found, 3)
    assert sorted(found.topology[three].tolist()) == [0, 1, 2]


def test_chosen_circuits_show_the_behaviour_with_cores_of_their_own():
    x = random_circuits(300, 3, seed=5)
    quick = ChoiceSettings(n_tested=60, n_sets=6, n_near=1, n_kept=4)
    chosen, cores = choose(x, BISTABILITY, 6, settings=quick)
    assert bool(BISTABILITY.meets(chosen).all())
    assert len(set(canonical_keys(*signs_and_presence(chosen)))) == 6
    assert len(set(canonical_keys(*signs_and_presence(cores)))) == 6


def test_a_pool_without_the_behaviour_is_returned_as_it_is():
    x = random_circuits(4, 3, seed=5)
    chosen, cores = choose(x, CircuitAim.read("oscillation", {"period": "<= 0.001"}), 6)
    assert chosen.equal(torch.cat([x, x[:2]]))
    assert cores.equal(chosen)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Mutation(edges=-1), "edges must be"),
        (lambda: Mutation(parameters=2), "parameters must be"),
        (lambda: ChoiceSettings(n_sets=0), "n_sets"),
    ],
)
def test_bad_settings_are_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()
