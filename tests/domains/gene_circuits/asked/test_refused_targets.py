"""Targets that no circuit can meet are refused, or said with what was found."""

import pytest
import torch

from sciadv.catalogue import load_problem
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, circuit_set
from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.regulation.kinetics import circuits_of


def test_genes_that_no_circuit_has_are_refused_in_words():
    with pytest.raises(InputError, match="3 to 5 genes"):
        CircuitSearch()(load_problem("gene-oscillator"), {"genes": 7}, 2)


def test_a_number_of_states_that_contradicts_the_behaviour_is_refused_in_words():
    with pytest.raises(InputError, match="multistability"):
        CircuitAim.read("bistability", {"n_states": 3})


def test_a_target_on_the_hysteresis_of_a_switch_asks_that_it_switches_too():
    toggle = circuits_of(torch.tensor([[[0.0, -1], [-1, 0]]]))
    aim = CircuitAim.read("bistability", {"hysteresis_width": ">=0.5"})
    assert aim.meets(toggle).tolist() == [True]
    wider = CircuitAim.read("bistability", {"hysteresis_width": ">=5"})
    assert wider.meets(toggle).tolist() == [False]
    with pytest.raises(UnknownNameError, match="rarest_share"):
        CircuitAim.read("bistability", {"hysteresis_breadth": 1})


def test_a_target_that_is_missed_is_said_with_what_was_found():
    ring = circuits_of(-torch.eye(3).roll(1, 1)[None], places=0.5)
    aim = CircuitAim.read("oscillation", {"period": 0.01})
    messages = circuit_set(ring, aim, settings=RobustnessSettings(n_sets=1), cores=ring).messages
    assert any("it is 4.99 to 4.99 in all of them, 0.009 to 0.011" in line for line in messages)
