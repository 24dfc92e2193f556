"""Redesign: circuits near a given one show what was asked, and their fixed parts stay."""

import pytest
import torch

from sciadv.domains.gene_circuits.behaviours.evaluation import shows
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.redesign import RedesignSettings, redesign
from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.regulation.kinetics import check_circuits, circuits_of

QUICK = RedesignSettings(n_rounds=6, n_near=100)


def chain(n_genes: int) -> torch.Tensor:
    """A cascade of repressions, which comes to rest in one state."""
    signs = torch.zeros(n_genes, n_genes)
    signs[range(n_genes - 1), range(1, n_genes)] = -1
    return circuits_of(signs[None], places=0.2)[0]


def test_a_cascade_of_seven_genes_becomes_a_switch_with_its_edges_kept():
    given = chain(7)
    fixed = given[0] != 0
    found, shown = redesign(given, "multistability", 3, fixed=fixed, settings=QUICK)
    check_circuits(found)
    assert bool(shown.any())
    assert shows(found, "multistability").equal(shown)
    for circuit in found:
        assert circuit[:4, fixed].equal(given[:4, fixed])


def test_the_given_circuit_comes_back_where_it_does_already():
    given = circuits_of(torch.tensor([[[0.0, -1], [1, 0]]]))[0]
    found, shown = redesign(given, "stability", 1, settings=QUICK)
    assert bool(shown.all())
    assert found[0, 0].equal(given[0])


def test_targets_on_sizes_are_kept():
    aim = CircuitAim.read("stability", {"edges": "<=4"})
    found, shown = redesign(chain(4), aim, 3, settings=QUICK)
    assert bool(shown.all())
    assert int((found[:, 0] != 0).sum((1, 2)).max()) <= 4


def test_the_same_seed_gives_the_same_circuits():
    one, other = (redesign(chain(3), "stability", 2, settings=QUICK, seed=4)[0] for _ in range(2))
    assert one.equal(other)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: redesign(chain(3), "dancing", 1), "no behaviour is named 'dancing'"),
        (lambda: redesign(torch.nan * chain(3), "stability", 1), "circuits hold NaN"),
        (lambda: redesign(circuits_of(torch.zeros(1, 2, 2))[0], "stability", 1), "do not hang together"),
        (lambda: redesign(chain(3), "stability", 1, fixed=torch.ones(3, 3)), "fixed must be True or False"),
        (lambda: CircuitAim.read("stability", {"perid": 3}), "is named 'perid'"),
        (lambda: RedesignSettings(n_rounds=0), "n_rounds"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        call()
