"""Design by the latent search, what a set of circuits shows and exports, and how real networks are cut up."""

import csv
import gzip
import json
import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import sciadv
from sciadv import Gaussian, Prior, Problem, Tolerance
from sciadv.candidate_set import CandidateSet
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings
from sciadv.domains.gene_circuits.circuit_game import oscillation_feedback
from sciadv.domains.gene_circuits.circuit_pool import PoolSettings, draw_pool
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, circuit_set, topology_text
from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.domains.gene_circuits.exchange.graphs import from_pyg, to_networkx, to_pyg
from sciadv.domains.gene_circuits.populations.random_circuits import largest_samples, random_circuits
from sciadv.domains.gene_circuits.populations.regulatory_networks import (
    FILES,
    Network,
    Topologies,
    has_networks,
    load_networks,
    subgraphs,
)
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import GeneCircuit
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets import build_seeded
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import circuits_of, unpack
from sciadv.physics.regulation.trajectories import simulate
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions

SWITCHES = CircuitAim.read("bistability", {})
RING = -torch.eye(3).roll(1, 1)[None]


@pytest.fixture(scope="module")
def prior() -> Prior:
    net = build_seeded({"kind": "circuit-generator", "n_genes": 3, "width": 16}, 0)
    return Prior(net, int(net.n_latent))


@pytest.fixture(scope="module")
def problem(prior) -> Problem:
    forward = GeneCircuit(prior.out_shape, "bistability", n_sets=3, n_starts=16)
    return Problem(prior, forward, Tolerance(1.0), torch.ones(1, 3), latent_weight=0.01, name="switches")


@pytest.fixture(scope="module")
def designs(problem) -> CandidateSet:
    return CircuitSearch(robustness=RobustnessSettings(n_sets=8))(problem, {}, 4)


@pytest.mark.slow
def test_designed_switches_switch(designs):
    assert len(designs) == 4
    assert int(designs.hit.sum()) == 4
    assert designs.facts["n_different_topologies"] == 4
    assert float(designs.values["robustness"].mean()) > 0.5
    assert designs.facts["n_different_cores"] >= 3
    assert designs.facts["n_drawn"] > 500


@pytest.mark.parametrize("wanted", [{"edges": "<=4"}, {"edges": "minimise"}])
def test_designs_have_few_edges_where_that_is_asked(problem, wanted):
    quick = CircuitSearch(
        pool=PoolSettings(n_draws=200, n_near=50, n_rounds=2),
        choice=ChoiceSettings(n_tested=40, n_sets=6, n_near=1, n_kept=2),
        robustness=RobustnessSettings(n_sets=2),
    )
    found = quick(problem, wanted, 3)
    edges = [int(row["edges"]) for row in found.table]
    assert int(found.hit.sum()) == 3
    assert max(edges) <= 4
    if wanted["edges"] == "minimise":
        assert edges == sorted(edges)
        assert [row["core"] for row in found.table] == [row["topology"] for row in found.table]


def test_a_pool_has_every_topology_once_and_depends_on_the_seed(problem):
    few = PoolSettings(n_draws=200, n_near=50, n_rounds=2)
    ranked, was_interrupted = draw_pool(problem, SWITCHES, 4, seed=0, settings=few)
    assert not was_interrupted
    assert len(set(ranked.keys)) == len(ranked.keys)
    assert ranked.draws.shape == (len(ranked.keys), problem.prior.n_latent)
    assert bool((ranked.objective.diff() >= 0).all())
    again, other = (draw_pool(problem, SWITCHES, 4, seed=seed, settings=few)[0] for seed in (0, 1))
    assert torch.equal(ranked.draws, again.draws)
    assert not torch.equal(ranked.draws[:4], other.draws[:4])


def test_later_rounds_of_draws_find_better_circuits(problem):
    first, later = (
        draw_pool(problem, SWITCHES, 12, seed=0, settings=PoolSettings(n_draws=500, n_rounds=n_rounds))[0]
        for n_rounds in (0, 6)
    )
    best, early = later.objective[:12], first.objective[:12]
    assert bool((best <= early + 1e-6).all())
    assert float(best.mean()) < float(early.mean())


def test_random_circuits_alike_stand_beside_the_designed_ones(designs):
    mine, random = designs.beside
    name = "robustness anywhere in the ranges"
    assert mine[name] == pytest.approx(float(designs.values["robustness_anywhere"].mean()))
    assert 0 <= random[name] < mine[name]
    assert sum(sentence.startswith("baseline: random circuits") for sentence in designs.messages) == 1


def test_a_set_writes_what_it_promises(designs, tmp_path):
    folder = designs.save(tmp_path / "out")
    for name in ("designs.csv", "summary.json", "figure.png", "report.html", "circuit-001.ant"):
        assert (folder / name).stat().st_size > 100
    rows = list(csv.DictReader((folder / "designs.csv").read_text().splitlines()))
    assert len(rows) == 4
    assert rows[0]["topology"] == topology_text(designs.x[0, 0])
    assert [row["circuit"] for row in rows] == ["1", "2", "3", "4"]
    for number, row in enumerate(rows, 1):
        assert row["antimony"] == f"circuit-00{number}.ant"
        assert (folder / row["antimony"]).read_text().startswith(f"model circuit_{number}()")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["n_showing"] == int(designs.hit.sum())
    page = (folder / "report.html").read_text()
    assert "data:image/png" in page
    assert "<svg" in page
    assert "show bistability" in page


@pytest.mark.parametrize("n_genes", [1, 4])
def test_antimony_becomes_sbml_that_an_independent_solver_integrates_to_the_same_trajectory(n_genes):
    antimony, libsbml = pytest.importorskip("antimony"), pytest.importorskip("libsbml")
    for k, circuit in enumerate(random_circuits(3, n_genes, seed=11)):
        antimony.clearPreviousLoads()
        text = to_antimony(circuit, name="circuit_0")
        assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
        document = libsbml.readSBMLFromString(antimony.getSBMLString("circuit_0"))
        assert document.getNumErrors(libsbml.LIBSBML_SEV_ERROR) == 0, k
        rates, start = _sbml_equations(document.getModel(), libsbml)
        times = np.linspace(0, 20, 9)
        theirs = solve_ivp(rates, (0, 20), start, method="LSODA", t_eval=times, rtol=1e-10, atol=1e-12).y
        kinetics = unpack(circuit[None].double())
        ours = simulate(kinetics, torch.tensor([start]), t_end=20.0, n_kept=8)[:, 0]
        np.testing.assert_allclose(ours.numpy(), theirs.T[1:], rtol=1e-5)


def _sbml_equations(model, libsbml):
    """Read species, parameters and kinetic laws of an SBML model, and return its equations."""
    values = {p.getId(): p.getValue() for p in model.getListOfParameters()}
    values |= {c.getId(): c.getSize() for c in model.getListOfCompartments()}
    start = {s.getId(): s.getInitialConcentration() for s in model.getListOfSpecies()}
    laws = [(r, libsbml.formulaToL3String(r.getKineticLaw().getMath())) for r in model.getListOfReactions()]

    def rates(t, levels):
        names = {**values, **dict(zip(start, levels, strict=True))}
        change = dict.fromkeys(start, 0.0)
        for reaction, law in laws:
            rate = eval(law.replace("^", "**"), {"__builtins__": {}}, names)  # the model's own mathematics
            for species in reaction.getListOfProducts():
                change[species.getSpecies()] += species.getStoichiometry() * rate
            for species in reaction.getListOfReactants():
                change[species.getSpecies()] -= species.getStoichiometry() * rate
        return list(change.values())

    return rates, list(start.values())


def test_pyg_and_padded_batch_are_inverse():
    pytest.importorskip("torch_geometric")
    net = build_seeded({"kind": "circuit-generator", "width": 8}, 0)
    with torch.no_grad():
        x = net(torch.randn(20, int(net.n_latent), generator=torch.Generator().manual_seed(0)))
    graphs = to_pyg(x)
    assert {graph.num_nodes for graph in graphs} == {3, 4, 5}
    assert graphs[0].edge_index.shape[1] == int(x[0, 0].abs().sum())
    assert torch.equal(from_pyg(graphs, n_genes=5), x)


def test_networkx_graph_has_the_parameters():
    pytest.importorskip("networkx")
    x = circuits_of(RING, places=0.5)[0]
    graph = to_networkx(x)
    assert set(graph.edges) == {("A", "B"), ("B", "C"), ("C", "A")}
    assert graph.edges["A", "B"]["sign"] == -1
    assert math.isclose(graph.edges["A", "B"]["hill"], 1 + 5 * 0.75, rel_tol=1e-5)
    assert math.isclose(graph.nodes["A"]["degradation"], 0.1 + 0.9 * 0.75, rel_tol=1e-5)


def test_subgraphs_are_connected_induced_and_seeded():
    chain = np.zeros((6, 6), np.int8)
    chain[range(5), range(1, 6)] = [1, -1, 1, -1, 1]
    signs, presence = subgraphs([Network("chain", chain)], 30, seed=0)
    assert bool(are_connected(signs, presence).all())
    assert torch.equal(signs.abs().sum((1, 2)), presence.sum(1) - 1)  # a chain's parts are chains
    assert torch.equal(signs, subgraphs([Network("chain", chain)], 30, seed=0)[0])
    data = Topologies.of([Network("chain", chain)], 60)
    assert len(data.keys) == len(data.signs)
    x = data(16, torch.Generator().manual_seed(0))
    assert set(canonical_keys(*signs_and_presence(x))) <= data.keys


@pytest.mark.skipif(not has_networks(), reason="SCIADV_DATA has no regulatory networks")
def test_real_networks_are_in_one_split_only():
    train, test = ({network.name for network in load_networks(split)} for split in ("train", "test"))
    assert {"E. coli", "human"} <= test  # their terms bind what is learnt from them
    assert not train & test
    ecoli = next(network for network in load_networks("test") if network.name == "E. coli")
    assert ecoli.signs.shape == (178, 178)  # the count of regulators in the data's own README


def test_a_game_with_feedback_keeps_its_elite(prior):
    chain = np.zeros((6, 6), np.int8)
    chain[range(5), range(1, 6)] = [1, -1, 1, -1, 1]
    data = Topologies.of([Network("chain", chain)], 60, sizes=(3,))
    discriminator = build_seeded({"kind": "circuit-discriminator", "width": 8}, 1)
    generator = build_seeded({"kind": "circuit-generator", "n_genes": 3, "width": 8}, 2)
    feedback = oscillation_feedback(3, capacity=8, share=0.25)
    game = Game(generator, discriminator, batch=16, options=GameOptions(feedback=feedback))
    assert game.fit(data, steps=3).message == "all 3 steps done"
    assert len(feedback.elite.samples) == 8
    assert float(feedback.elite.scores[0]) == float(feedback.elite.scores.max())


def test_largest_samples_have_all_genes():
    net = build_seeded({"kind": "circuit-generator", "n_genes": 4, "smallest": 2, "width": 8}, 0)
    x = largest_samples(Prior(net, int(net.n_latent)), 50, seed=0)
    assert bool((signs_and_presence(x)[1].sum(1) == 4).all())


def image_prior() -> Prior:
    return Prior(torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Unflatten(1, (1, 4, 4))), 3)


def broken_files(folder, content: bytes) -> None:
    for name in FILES["test"]:
        (folder / "circuits" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "circuits" / name).write_bytes(content)


def test_missing_and_broken_networks_are_reported_in_words(tmp_path, monkeypatch):
    monkeypatch.delenv("SCIADV_DATA", raising=False)
    with pytest.raises(InputError, match="under SCIADV_DATA, which is not set"):
        load_networks("train")
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"has no biodivine_boolean/models\.jsonl\.gz, genenetweaver"):
        load_networks("test")
    broken_files(tmp_path, b"not gzip")
    with pytest.raises(InputError, match="cannot be read as gzipped text"):
        load_networks("train")
    broken_files(tmp_path, gzip.compress(b""))
    with pytest.raises(UnknownNameError, match="no split is named 'dev'"):
        load_networks("dev")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: sciadv.design(p, n=0), "n must be a whole number, at least 1"),
        (lambda p: circuit_set(p.prior.sample(2, seed=0)[:0], "stability"), "no circuits in this set"),
        (lambda p: circuit_set(p.prior.sample(2, seed=0), "dancing"), "no behaviour is named 'dancing'"),
        (lambda p: PoolSettings(changed=2.0), "changed must be a finite number"),
        (lambda p: to_antimony(p.prior.sample(1, seed=0)), "circuits have shape"),
        (lambda p: to_antimony(p.prior.sample(1, seed=0)[0], name="my model"), "letters, digits and _"),
        (lambda p: to_antimony(p.prior.sample(1, seed=0)[0], initial=-torch.ones(3)), "numbers >= 0"),
        (lambda p: largest_samples(image_prior(), 3, seed=0), "not gene circuits"),
        (lambda p: from_pyg([]), "no graphs"),
        (lambda p: from_pyg(to_pyg(p.prior.sample(2, seed=0)), n_genes=2), "more than n_genes = 2"),
        (lambda p: subgraphs([Network("one", np.ones((1, 1), np.int8))], 3), "no connected parts"),
        (
            lambda p: CircuitSearch()(
                Problem(image_prior(), torch.eye(16), Gaussian(1.0), torch.ones(1, 16)), {}, 1
            ),
            "designed by a GeneCircuit forward",
        ),
    ],
)
def test_bad_input_is_refused_in_words(problem, call, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        call(problem)
