"""Circuits of every model as reaction networks: they move alike, and come back from SBML and Antimony."""

import pytest
import torch

from sciadv.domains.gene_circuits.exchange.kinetic.antimony_networks import (
    network_from_antimony,
    network_to_antimony,
)
from sciadv.domains.gene_circuits.exchange.kinetic.circuit_network import circuit_network
from sciadv.domains.gene_circuits.exchange.kinetic.circuit_units import units_of
from sciadv.domains.gene_circuits.exchange.kinetic.recognised import recognised_circuit
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_reading import network_from_sbml
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_writing import network_to_sbml
from sciadv.errors import InputError
from sciadv.physics.reactions.network import UnitFactor
from sciadv.physics.reactions.stiff import trajectories
from sciadv.physics.regulation.circuit_model import CircuitModel
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import circuits_of, unpack
from sciadv.physics.regulation.trajectories import simulate

pytest.importorskip("libsbml")
pytest.importorskip("antimony")

#: Two activators and a repressor of the first gene, one of each of the second, nothing regulates the third.
SIGNS = torch.tensor([[[1.0, -1, 0], [1, 0, 0], [-1, 1, 0]]], dtype=torch.float64)
LOGICS = ("multiplicative", "and", "or", "additive", "competitive", "two-site")
EVERY_STAGE = {"expression": "mrna", "n_maturation": 2, "ranges": {"delay": [1, 3]}}


def circuit(**settings):
    ranges = {"basal": [0.02, 0.02], "second_site": [0.1, 0.1], **settings.pop("ranges", {})}
    model = CircuitModel.of({**settings, "ranges": ranges})
    places = torch.rand(1, 7, 3, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 0.5
    return unpack(circuits_of(SIGNS, places=places), model)


@pytest.mark.parametrize("logic", LOGICS)
@pytest.mark.parametrize("stages", [{}, EVERY_STAGE], ids=["protein", "all"])
def test_a_network_moves_as_its_circuit_and_comes_back_from_sbml(logic, stages):
    kinetics = circuit(logic=logic, level_unit="nM", time_unit="min", **stages)
    levels = torch.tensor([0.3, 0.7, 0.1], dtype=torch.float64) * kinetics.largest[0]
    network = circuit_network(kinetics, genes=["lacI", "time", "cI"], initial=levels)
    start = HillEquations.of(kinetics).state(levels[:, None])[None, :, 0]
    ours = simulate(kinetics, start, t_end=6.0, n_kept=3, rtol=1e-9, atol=1e-12)[:, 0]
    times = [2.0, 4.0, 6.0]
    moved = trajectories(network, times, names=["lacI", "time_", "cI"])
    torch.testing.assert_close(moved.levels[..., 0], ours[:, :3], rtol=1e-6, atol=1e-9)
    again = network_from_sbml(network_to_sbml(network))
    assert again.reactions == network.reactions
    values, units = (
        {key: getattr(one, what) for key, one in network.parameters.items()} for what in ("value", "units")
    )
    assert {key: one.units for key, one in again.parameters.items()} == units
    assert {key: one.value for key, one in again.parameters.items()} == pytest.approx(values, rel=1e-14)
    assert again.units.defined["unit_of_time"] == (UnitFactor("second", multiplier=60.0),)


def test_antimony_of_another_model_moves_as_the_circuit():
    kinetics = circuit(logic="competitive", expression="mrna")
    network = circuit_network(kinetics)
    again = network_from_antimony(network_to_antimony(network))
    one, other = (trajectories(some, [5.0], names=["A", "B", "C"]).levels for some in (network, again))
    torch.testing.assert_close(one, other)
    assert "SBML has no unit 'level'; levels are written without one" in network.notes


def test_a_circuit_of_the_standard_model_is_recognised_in_its_network():
    x = circuits_of(-torch.eye(3, dtype=torch.float64).roll(1, 1)[None], places=0.3)
    found = recognised_circuit(circuit_network(unpack(x), genes=["a", "b", "c"]))
    torch.testing.assert_close(found.circuit, x[0], rtol=0, atol=1e-6)
    assert found.genes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"genes": ["a", "a", "b"]}, "different names"),
        ({"genes": ["g_b", "b", "c"]}, "rename them"),
        ({"initial": torch.ones(2)}, "one a gene"),
    ],
)
def test_names_and_levels_that_do_not_fit_are_refused_in_words(changes, words):
    with pytest.raises(InputError, match=words):
        circuit_network(circuit(), **changes)


@pytest.mark.parametrize(
    ("words", "factors"),
    [
        (("nM", "min"), (UnitFactor("mole", scale=-9), UnitFactor("second", multiplier=60.0))),
        (("molecules", "h"), (UnitFactor("item"), UnitFactor("second", multiplier=3600.0))),
        (("copies", "s"), (UnitFactor("item"), UnitFactor("second", multiplier=1.0))),
        (("level", "generation"), (UnitFactor("dimensionless"), UnitFactor("dimensionless"))),
    ],
)
def test_words_for_units_become_those_of_sbml(words, factors):
    units, notes = units_of(CircuitModel(level_unit=words[0], time_unit=words[1]))
    assert units.defined["unit_of_level"][0] == factors[0]
    assert units.defined["unit_of_time"] == factors[1:]
    assert len(notes) == sum(factor.kind == "dimensionless" for factor in factors)
