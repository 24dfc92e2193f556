"""Every designer passes its suite, and the suite finds broken promises."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.design.nanotexture_reference import Reference
from sciadv import Prior, Problem, Tolerance
from sciadv.catalogue import load_problem
from sciadv.designs import PropertySearch
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings
from sciadv.forward import GeneCircuit
from sciadv.nets import build_seeded
from sciadv.testing import check_designer
from sciadv.verbs.design import DESIGNERS, designer_of

NAME = "nanotexture-friction"


@pytest.fixture(scope="module")
def textures() -> Problem:
    return load_problem(NAME)


@pytest.fixture(scope="module")
def switches() -> Problem:
    net = build_seeded({"kind": "circuit-generator", "n_genes": 3, "width": 16}, 0)
    prior = Prior(net, int(net.n_latent))
    forward = GeneCircuit(prior.out_shape, "bistability", n_sets=3)
    return Problem(prior, forward, Tolerance(1.0), torch.ones(1, 3), latent_weight=0.01, name="switches")


def check_textures(problem: Problem, designer: PropertySearch) -> None:
    reference = Reference.of(problem)

    def model(x):
        rows = torch.tensor([reference(*row) for row in x.tolist()], dtype=torch.float64)
        return {"friction_coefficient": rows[:, 0], "contact_pressure": rows[:, 1]}

    check_designer(
        designer,
        problem,
        {"friction_coefficient": 0.1},
        bad_targets={"give a target": {}, "fricton": {"fricton": 0.1}, "above 0": {"contact_fraction": -1.0}},
        model=model,
    )


def check_circuits(problem: Problem, designer: CircuitSearch) -> None:
    check_designer(designer, problem, {}, bad_targets={"is named 'perod'": {"perod": 3.0}}, n=2)


QUICK_CIRCUITS = CircuitSearch(
    pool=PoolSettings(n_draws=200, n_rounds=1),
    choice=ChoiceSettings(n_tested=10, n_sets=6, n_near=2),
    robustness=RobustnessSettings(n_sets=4),
)
#: What checks each registered designer; the property search is that of every other forward.
CHECKED = {"gene-circuit": CircuitSearch}


def test_every_registered_designer_passes_a_suite():
    assert {name: DESIGNERS[name] for name in DESIGNERS} == CHECKED


def test_property_search_passes(textures):
    assert isinstance(designer_of(textures.forward), PropertySearch)
    check_textures(textures, PropertySearch())


def test_circuit_search_passes(switches):
    assert isinstance(designer_of(switches.forward), CircuitSearch)
    check_circuits(switches, QUICK_CIRCUITS)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda found: replace(found, feasible=~found.feasible), "feasible is not where every margin"),
        (lambda found: replace(found, messages=()), "messages or rows"),
        (lambda found: replace(found, facts={}), "do not hold the settings"),
        (lambda found: replace(found, reason="too high"), "cannot be reached is hit"),
        (
            lambda found: replace(found, values={**found.values, "friction_coefficient": 2 * found.hit}),
            "differs",
        ),
    ],
)
def test_a_broken_promise_is_found(textures, broken, words):
    class Broken:
        def memory(self, problem, n):
            return n

        def __call__(self, *arguments, **settings):
            return broken(PropertySearch()(*arguments, **settings))

    with pytest.raises(AssertionError, match=words):
        check_textures(textures, Broken())
