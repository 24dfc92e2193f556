"""What known circuits do: the repressilator oscillates, the toggle switch has two states."""

import gzip
import math
import os
from pathlib import Path

import pytest
import torch
from scipy.optimize import brentq

from sciadv.domains.gene_circuits.behaviours.evaluation import robustness, shows
from sciadv.domains.gene_circuits.behaviours.robustness import fresh, wilson_interval
from sciadv.domains.gene_circuits.populations.random_circuits import enumerate_topologies, random_circuits
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import GeneCircuit
from sciadv.metrics.graph import canonical_keys
from sciadv.physics.regulation.kinetics import Kinetics, circuits_of, pack, unpack
from sciadv.physics.regulation.trajectories import simulate

RING = -torch.eye(3).roll(1, 1)[None]
TOGGLE = -torch.eye(2).roll(1, 1)[None]


def symmetric(signs: torch.Tensor, hill: float, threshold: float = 0.1) -> torch.Tensor:
    """A circuit whose genes and edges are all alike, fold change 100, degradation 1."""
    n = signs.shape[-1]
    edge, gene = torch.ones_like(signs), torch.ones(1, n)
    return pack(Kinetics(signs, threshold * edge, hill * edge, 100 * edge, 50 * gene, gene, gene))


def score(x: torch.Tensor, behaviour: str) -> float:
    return float(GeneCircuit(tuple(x.shape[1:]), behaviour, n_sets=1)(x))


@pytest.mark.slow
def test_repressilator_oscillates_where_its_hopf_condition_says():
    # Elowitz and Leibler, Nature 403, 2000, Box 1; a ring of three alike: |slope| > 1 / cos(pi / 3) = 2
    assert bool(shows(symmetric(RING, 4.0), "oscillation"))
    assert score(symmetric(RING, 4.0), "oscillation") > 0
    assert not bool(shows(symmetric(RING, 1.5), "oscillation"))
    assert score(symmetric(RING, 1.5), "oscillation") < 0


def test_repressilator_period_is_that_of_its_eigenvalue_at_onset():
    # at the Hopf point of three alike the eigenvalues are +- i tan(pi / 3), in degradation rates
    def slope(hill: float) -> float:
        y = brentq(lambda y: 0.01 + 0.99 / (1 + (y / 0.1) ** hill) - y, 1e-6, 1)
        h = (y / 0.1) ** hill / (1 + (y / 0.1) ** hill)
        return 0.99 * h * (1 - h) * hill / y

    onset = brentq(lambda hill: slope(hill) - 2, 1.5, 4)
    start = torch.tensor([[5.5, 5.0, 5.2]])
    levels = simulate(unpack(symmetric(RING, onset)), start, t_end=60.0, n_kept=600)[200:, 0, 0]
    signal = (levels - levels.mean()).double()
    up = ((signal[:-1] < 0) & (signal[1:] >= 0)).nonzero().squeeze(1)
    times = up + signal[up] / (signal[up] - signal[up + 1])
    period = float(times[-1] - times[0]) * 0.1 / (len(times) - 1)
    assert period == pytest.approx(2 * math.pi / math.tan(math.pi / 3), rel=0.02)


def test_ring_of_three_activations_does_not_oscillate():
    assert not bool(shows(symmetric(-RING, 4.0), "oscillation"))


def test_toggle_switch_has_two_states_where_it_is_cooperative():
    # Gardner, Cantor and Collins, Nature 403, 2000: without cooperativity there is one state
    assert bool(shows(symmetric(TOGGLE, 3.0), "bistability"))
    assert score(symmetric(TOGGLE, 3.0), "bistability") > 0
    assert not bool(shows(symmetric(TOGGLE, 1.0), "bistability"))
    assert score(symmetric(TOGGLE, 1.0), "bistability") < 0
    assert not bool(shows(symmetric(RING, 4.0), "bistability"))  # it never comes to rest


def test_stability_is_the_opposite_of_oscillation_for_a_ring():
    assert score(symmetric(RING, 1.5), "stability") > 0 > score(symmetric(RING, 4.0), "stability")


@pytest.mark.slow
def test_screen_agrees_with_trajectories():
    numbers = torch.Generator().manual_seed(7)
    places = 2 * torch.rand(300, 7, 3, 3, generator=numbers) - 1
    x = circuits_of(RING.expand(300, 3, 3), places=places)
    screened = GeneCircuit((7, 3, 3), "oscillation", n_sets=1)(x)[:, 0] > 0
    shown = shows(x, "oscillation")
    assert int(screened.sum()) >= 5
    assert float(shown[screened].double().mean()) > 0.9
    y = random_circuits(300, 3, seed=7)
    two = GeneCircuit((7, 3, 3), "bistability", n_sets=1, n_starts=24)(y)[:, 0] > 0
    assert float(shows(y, "bistability")[two].double().mean()) > 0.7


@pytest.mark.parametrize("behaviour", ["oscillation", "bistability", "stability"])
def test_gradient_is_that_of_finite_differences(behaviour):
    A = GeneCircuit((7, 3, 3), behaviour, n_sets=2, spread=0.1, dtype=torch.float64)
    x = circuits_of(RING.double(), places=0.3)
    generator = torch.Generator().manual_seed(0)
    x = x + 0.1 * torch.rand(x.shape, generator=generator, dtype=torch.float64) * (x != 0)
    x[:, 0], x[:, -1] = RING, torch.eye(3)
    tangent = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    tangent[:, -1] = 0
    step = 1e-6
    difference = (A(x + step * tangent) - A(x - step * tangent)) / (2 * step)
    torch.testing.assert_close(A.jvp(x, tangent), difference, rtol=1e-5, atol=1e-7)


def test_an_absent_edge_has_a_gradient():
    A = GeneCircuit((7, 3, 3), "oscillation", n_sets=1)
    x = circuits_of(RING, places=0.3).requires_grad_()
    (gradient,) = torch.autograd.grad(A(x).sum(), x)
    assert float(gradient[0, 0, 0, 0].abs()) > 0
    assert bool(gradient.isfinite().all())


def test_scores_anywhere_are_those_of_the_topology_and_the_same_for_every_kinetics():
    A = GeneCircuit((7, 3, 3), "oscillation", n_sets=2, n_anywhere=6, dtype=torch.float64)
    slow, quick = (circuits_of(RING.double(), places=place) for place in (-0.5, 0.5))
    assert not torch.equal(A(slow)[:, :2], A(quick)[:, :2])
    assert torch.equal(A(slow)[:, 2:], A(quick)[:, 2:])
    assert A(slow)[:, 2:].unique().numel() > 1
    x = slow.requires_grad_()
    (gradient,) = torch.autograd.grad(A(x)[:, 2:].sum(), x)
    assert float(gradient[:, 1:-1].abs().max()) == 0.0
    assert float(gradient[:, 0].abs().max()) > 0.0


def test_score_does_not_depend_on_labels_or_padding():
    x = random_circuits(20, 3, seed=8)
    A = GeneCircuit((7, 3, 3), "stability", n_sets=1)
    B = GeneCircuit((7, 5, 5), "stability", n_sets=1)
    torch.testing.assert_close(A(x[:, :, [2, 0, 1]][:, :, :, [2, 0, 1]]), A(x), rtol=0, atol=0.02)
    torch.testing.assert_close(B(torch.nn.functional.pad(x, (0, 2, 0, 2))), A(x), rtol=0, atol=0.02)


def test_wilson_interval_is_that_of_statistics():
    low, high = wilson_interval(torch.tensor([50.0]), 100)  # Newcombe, Stat. Med. 17, 1998: 0.4038, 0.5962
    assert float(low) == pytest.approx(0.4038, abs=1e-4)
    assert float(high) == pytest.approx(0.5962, abs=1e-4)


@pytest.mark.slow
def test_robustness_is_one_for_a_robust_ring_and_has_its_interval():
    found = robustness(symmetric(RING, 4.0), "oscillation", n_sets=16, spread=0.05)
    assert float(found.share) > 0.8
    assert bool((found.low <= found.share) & (found.share <= found.high + 1e-6))
    again = robustness(symmetric(RING, 4.0), "oscillation", n_sets=16, spread=0.05)
    assert torch.equal(found.share, again.share)


def test_fresh_parameters_keep_topology_and_ranges():
    x = random_circuits(4, 4, seed=9)
    for spread in (0.2, 1.0):
        many = fresh(x, 16, spread=spread, seed=1)
        assert torch.equal(many[:, :, 0], x[None, :, 0].expand(16, -1, -1, -1))
        assert float(many.abs().max()) <= 1
    near = fresh(x, 16, spread=0.1, seed=1)
    exists = x[:, 0] != 0
    assert float((near[:, :, 2] - x[:, 2])[:, exists].abs().max()) <= 0.2 + 1e-6


def test_three_genes_have_3325_topologies():
    found = enumerate_topologies(3)
    assert len(found) == 3325
    n_genes = ((found != 0).any(1) | (found != 0).any(2)).sum(1)
    assert torch.bincount(n_genes).tolist() == [0, 2, 39, 3284]


def test_topologies_are_those_of_circuitree():
    root = os.environ.get("SCIADV_DATA")
    path = Path(root or "") / "circuits" / "circuitree_3node_ode" / "q3.csv.gz"
    if not root or not path.is_file():
        pytest.skip("SCIADV_DATA has no circuits/circuitree_3node_ode")
    with gzip.open(path, "rt") as file:
        names = [line.split(",")[0].split("::")[1] for line in file.read().split()[1:]]
    theirs = torch.zeros(len(names), 3, 3)
    for signs, name in zip(theirs, names, strict=True):
        for edge in name.split("_"):
            signs["ABC".index(edge[0]), "ABC".index(edge[1])] = 1 if edge[2] == "a" else -1
    assert _keys(theirs) == _keys(enumerate_topologies(3))


def _keys(signs: torch.Tensor) -> set[tuple[int, int]]:
    return set(canonical_keys(signs, ((signs != 0).any(1) | (signs != 0).any(2)).float()))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: GeneCircuit((1, 28, 28), "oscillation"), InputError, "prior one of circuits"),
        (lambda: GeneCircuit((7, 3, 3), "dancing"), UnknownNameError, "no behaviour is named 'dancing'"),
        (lambda: GeneCircuit((7, 3, 3), "oscillation", n_sets=0), InputError, "n_sets must"),
        (lambda: GeneCircuit((7, 3, 3), "oscillation", n_anywhere=-1), InputError, "n_anywhere must"),
        (lambda: GeneCircuit((7, 3, 3), "oscillation", spread=2.0), InputError, "spread must"),
        (lambda: robustness(symmetric(RING, 4.0), "dancing"), UnknownNameError, "dancing"),
        (lambda: canonical_keys(torch.zeros(1, 3, 3), most_permuted=7), InputError, "at most 6"),
        (lambda: canonical_keys(torch.full((1, 2, 2), 0.5)), InputError, "round a relaxed graph"),
        (lambda: enumerate_topologies(4), InputError, "1 to 3 genes"),
    ],
)
def test_bad_input_is_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call()
