"""Published circuits typed in: the repressilator has the period of its SBML model."""

import gzip
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.regulation.circuit_model import CircuitModel, Range, Ranges
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import pack, unpack
from sciadv.physics.regulation.published import Edge, Gene, describe, from_description, published
from sciadv.physics.regulation.trajectories import simulate

#: Of BIOMD0000000012 by libroadrunner 2.10.0 (CVODE, tolerances 1e-10), 32 cycles after t = 2,000 min.
PERIOD = 125.35416
MODEL = CircuitModel(expression="mrna", level_unit="molecules", time_unit="min")


def repressilator():
    """Elowitz and Leibler, Nature 403, 2000, with the numbers of BIOMD0000000012."""
    mrna_half_life, protein_half_life, proteins_per_mrna = 2.0, 10.0, 20.0
    gene = Gene(
        production=0.5 * 60,
        degradation=math.log(2) / protein_half_life,
        mrna_degradation=math.log(2) / mrna_half_life,
        translation=proteins_per_mrna * math.log(2) / mrna_half_life,
    )
    fold = 0.5 / 0.0005
    ring = (("LacI", "TetR"), ("TetR", "cI"), ("cI", "LacI"))
    edges = [Edge(one, other, "represses", threshold=40.0, hill=2.0, fold=fold) for one, other in ring]
    return published({"LacI": gene, "TetR": gene, "cI": gene}, edges, MODEL)


def period_of(times: np.ndarray, level: np.ndarray) -> float:
    above = level >= level.mean()
    up = np.flatnonzero(~above[:-1] & above[1:])
    part = (level.mean() - level[up]) / (level[up + 1] - level[up])
    return float(np.diff(times[up] + part * (times[up + 1] - times[up])).mean())


def own_period() -> float:
    start = torch.tensor([[0.0, 0.0, 0.0, 0.0, 20.0, 0.0]], dtype=torch.float64)  # 20 mRNA of TetR
    kept = simulate(repressilator(), start, t_end=3000.0, n_kept=4000, keep_from=1000.0, rtol=1e-8)
    return period_of(np.linspace(1000.5, 3000, 4000), kept[:, 0, 0].numpy())


def test_repressilator_has_the_period_of_its_sbml_model():
    assert own_period() == pytest.approx(PERIOD, rel=1e-4)  # the bar is 5e-3


def test_stored_period_is_that_of_libroadrunner():
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
    root = os.environ.get("SCIADV_DATA")
    path = Path(root or "") / "circuits" / "biomodels_repressilator" / "BIOMD0000000012.xml.gz"
    if not root or not path.is_file():
        pytest.skip("SCIADV_DATA has no circuits/biomodels_repressilator")
    runner = roadrunner.RoadRunner(gzip.decompress(path.read_bytes()).decode())
    runner.integrator.relative_tolerance = runner.integrator.absolute_tolerance = 1e-10
    found = runner.simulate(0, 3000, 30001, ["time", "PX"])
    late = found["time"] > 2000
    assert period_of(found["time"][late], found["PX"][late]) == pytest.approx(PERIOD, rel=1e-5)


def test_a_published_circuit_can_be_packed_in_the_ranges_of_its_own_model():
    kinetics = repressilator()
    assert kinetics.model.ranges.fold.high == pytest.approx(1000)
    again = unpack(pack(kinetics), kinetics.model)
    exists = kinetics.sign != 0
    torch.testing.assert_close(again.fold[exists], kinetics.fold[exists], rtol=1e-9, atol=0)
    torch.testing.assert_close(again.threshold[exists], kinetics.threshold[exists], rtol=1e-9, atol=0)
    with pytest.raises(InputError, match=r"threshold of circuit 1 is 0.00462098, but its range is 0.01 to 1"):
        pack(replace(kinetics, model=CircuitModel()))


GENE = Gene(production=1.0, degradation=1.0)


@pytest.mark.parametrize(
    ("genes", "edges", "error", "words"),
    [
        ({}, [], InputError, "at least one gene"),
        (
            {"a": GENE},
            [Edge("a", "b", "represses", 1.0)],
            UnknownNameError,
            "is named 'b'",
        ),
        (
            {"a": GENE},
            [Edge("a", "a", "blocks", 1.0)],
            UnknownNameError,
            "is named 'blocks'",
        ),
        ({"a": GENE}, [Edge("a", "a", "represses", 1.0)] * 2, InputError, "from a to a is given twice"),
        ({"a": GENE}, [Edge("a", "a", "represses", -1.0)], InputError, "threshold of the edge from a to a"),
        ({"a": GENE}, [Edge("a", "a", "represses", 1.0, fold=0.1)], InputError, "turn its effect over"),
        ({"a": Gene(production=0.0, degradation=1.0)}, [], InputError, "production of gene a must be"),
        ({"a": Gene(1.0, 1.0, basal=1.0)}, [], InputError, "basal of gene a must be from 0 to below 1"),
        ({"a": Gene(True, 1.0)}, [], InputError, "production of gene a must be a number, but it is True"),
        ({"a": GENE}, [Edge("a", "a", "represses", True)], InputError, "threshold of the edge from a to a"),
        ({"a": Gene(1.0, float("nan"))}, [], InputError, "degradation of gene a must be a finite number"),
        (
            {"a": Gene(1.0, 1.0, delay=-2.0)},
            [],
            InputError,
            "delay of gene a must be a finite number above 0",
        ),
    ],
)
def test_bad_circuits_are_refused_in_words(genes, edges, error, words):
    with pytest.raises(error, match=words):
        published(genes, edges, CircuitModel())


@pytest.mark.parametrize("logic", ["multiplicative", "and", "competitive", "two-site"])
def test_a_circuit_comes_back_from_its_description_in_json(logic):
    ranges = Ranges(delay=Range(1.0, 2.0, "time"), basal=Range(0.0, 0.1), second_site=Range(0.1, 1.0))
    model = CircuitModel("mrna", logic, n_maturation=2, ranges=ranges, level_unit="nM", time_unit="min")
    kinetics = unpack(random_circuits(1, 3, seed=2).double(), model)
    text = json.dumps(describe(kinetics, ["a", "b", "c"]))
    again = from_description(json.loads(text))
    assert again.model == kinetics.model
    assert json.loads(text)["units"]["production"] == "nM / min"
    assert json.loads(text)["states"] == ["protein", "immature 2", "immature 1", "mrna"]
    state = torch.rand(12, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(HillEquations.of(again)(state), HillEquations.of(kinetics)(state))


@pytest.mark.parametrize("text", [{}, {"genes": {"a": {"speed": 1}}, "edges": [], "model": {}}, {"genes": 3}])
def test_what_describes_no_circuit_is_refused_in_words(text):
    with pytest.raises(InputError, match="this is no description of a circuit"):
        from_description(text)
