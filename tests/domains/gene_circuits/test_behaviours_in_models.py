"""Behaviours of circuits in a model of the user's: the same tests, with its equations, ranges and times."""

import json
from dataclasses import dataclass, replace

import pytest
import torch

import sciadv
from sciadv.domains.gene_circuits.behaviours.evaluation import behaviour_of, in_model, measure, shows
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_search import _aim
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, circuit_set
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_reading import network_from_sbml
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.forward import GeneCircuit
from sciadv.physics.regulation.circuit_model import CircuitModel, Range, Ranges
from sciadv.physics.regulation.kinetics import circuits_of, pack, unpack
from sciadv.physics.regulation.published import Edge, Gene, from_description, published

RING = -torch.eye(3).roll(1, 1)[None]
NAMES = ("oscillation", "bistability", "multistability", "stability", "switching", "ultrasensitivity")


def test_repressilator_of_elowitz_and_leibler_oscillates_with_its_period():
    gene = Gene(production=30.0, degradation=0.0693147, mrna_degradation=0.346574, translation=6.93147)
    names = ("LacI", "TetR", "cI")
    edges = [
        Edge(one, other, "represses", threshold=40.0, hill=2.0, fold=1000.0)
        for one, other in zip(names, names[1:] + names[:1], strict=True)
    ]
    ranges = Ranges(
        degradation=Range(0.05, 0.1),
        mrna_degradation=Range(0.346574, 0.346574),
        translation=Range(6.93147, 6.93147),
    )
    model = CircuitModel(expression="mrna", ranges=ranges)
    kinetics = published(dict.fromkeys(names, gene), edges, model)
    found = measure(pack(kinetics), behaviour_of("oscillation", kinetics.model).coarser())
    assert float(found["period"]) == pytest.approx(125.354, rel=5e-3)  # BIOMD0000000012 by libroadrunner
    assert not bool(shows(pack(kinetics), "oscillation"))  # read in RACIPE's ranges it is another circuit


@pytest.mark.parametrize("name", NAMES)
def test_the_standard_model_changes_no_behaviour(name):
    standard = behaviour_of(name)
    assert in_model(standard, CircuitModel()) == standard


@pytest.mark.parametrize("name", ["bistability", "stability", "switching"])
@pytest.mark.slow
def test_a_behaviour_is_measured_in_a_model(name):
    model = CircuitModel(expression="mrna", logic="or", n_maturation=1, ranges=Ranges(delay=Range(1.0, 1.0)))
    found = measure(random_circuits(2, 2, seed=0), behaviour_of(name, model).coarser())
    assert all(value.shape == (2,) for value in found.values())


def test_times_are_stretched_with_the_models_genes():
    slow = CircuitModel(ranges=Ranges(degradation=Range(0.01, 0.1)))
    assert slow.slowness == pytest.approx(10)
    test = behaviour_of("oscillation", slow)
    assert test.t_end == pytest.approx(4000)
    assert test.settling.times == pytest.approx((500.0,))


def test_ring_with_mrna_oscillates_where_that_of_protein_does_not():
    # of three alike a ring of one stage needs a slope of 2, of two stages alike 4 / 3: cos(pi / n)^-n
    x = circuits_of(RING, places=0.0)
    ranges = Ranges(hill=Range(1.0, 2.8), mrna_degradation=Range(0.55, 0.55))
    one, two = (CircuitModel(expression=expression, ranges=ranges) for expression in ("protein", "mrna"))
    assert not bool(shows(x, behaviour_of("oscillation", one).coarser()))
    assert bool(shows(x, behaviour_of("oscillation", two).coarser()))


def test_a_behaviour_without_a_model_is_said_in_words():
    @dataclass(frozen=True)
    class Bare:
        def measure(self, x):
            return {"genes": unpack(x).n_genes.double()}

        def shown(self, measured):
            return measured["genes"] > 0

        def coarser(self):
            return replace(self)

    with pytest.raises(InputError, match="Bare has no field `model`"):
        behaviour_of(Bare(), CircuitModel())


def test_a_set_of_circuits_is_tested_described_and_drawn_in_its_model():
    pytest.importorskip("libsbml", reason="writes the circuits as SBML")
    model = CircuitModel(expression="mrna", logic="competitive", time_unit="min")
    aim = CircuitAim.read("stability", {}, model=model)
    x = circuits_of(RING, places=-0.5)
    found = circuit_set(x, aim, settings=RobustnessSettings(n_sets=2))
    assert found.facts["model"] == "competitive"
    again = from_description(json.loads(found.files["circuit-001.json"]))
    network = network_from_sbml(found.files["circuit-001.xml"])
    assert network.species.keys() == {"A", "B", "C", "A_mrna", "B_mrna", "C_mrna"}
    assert network.units.defined["unit_of_time"][0].multiplier == 60
    exists = x[:, 0] != 0
    torch.testing.assert_close(again.fold[exists], unpack(x.double(), model).fold[exists])
    assert bool(found.hit) == bool(shows(x, behaviour_of("stability", model)))
    found.plot().draw_without_rendering()


def test_designs_of_a_problem_with_a_model_are_aimed_in_that_model():
    problem = sciadv.load_problem("gene-oscillator")
    shape = problem.forward.in_shape
    forward = GeneCircuit(shape, "oscillation", n_sets=6, n_anywhere=18, model={"logic": "and"})
    aim = _aim(replace(problem, forward=forward), {})
    assert aim.model.logic == aim.test.model.logic == "and"
