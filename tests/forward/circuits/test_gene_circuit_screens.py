"""Screens of behaviours have the derivatives of finite differences, and their sign means what it says."""

import math

import pytest
import torch

from sciadv.domains.gene_circuits.behaviours.dose_response import Ultrasensitivity
from sciadv.domains.gene_circuits.behaviours.evaluation import measure
from sciadv.domains.gene_circuits.behaviours.responses import Ends
from sciadv.domains.gene_circuits.behaviours.step_response import Adaptation
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.forward import GeneCircuit
from sciadv.forward.circuits.gene_circuit import BEHAVIOURS, SCREENS
from sciadv.forward.circuits.screens.steady_points import ScreenSettings, SteadyPoints
from sciadv.forward.circuits.screens.step_screens import step_responses
from sciadv.physics.regulation.kinetics import Kinetics, circuits_of, pack, unpack

TOGGLE = -torch.eye(2).roll(1, 1)[None]
RING = -torch.eye(3).roll(1, 1)[None]
CHAIN = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])


def circuit(signs: torch.Tensor, *, hill: float = 3.0, threshold: float = 0.1) -> torch.Tensor:
    n = signs.shape[-1]
    edge, gene = torch.ones_like(signs), torch.ones(1, n)
    return pack(Kinetics(signs, threshold * edge, hill * edge, 100 * edge, 50 * gene, gene, gene))


def score(x: torch.Tensor, behaviour: str, **more: float) -> float:
    return float(GeneCircuit(tuple(x.shape[1:]), behaviour, n_sets=1, n_starts=16, **more)(x))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_gradients_are_those_of_finite_differences(behaviour):
    x = random_circuits(6, 3, seed=3).double()
    A = GeneCircuit((7, 3, 3), behaviour, n_sets=1, n_starts=8, dtype=torch.float64)
    tangent = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tangent[:, 0], tangent[:, -1] = 0, 0
    tangent = tangent * (x != 0)
    step = 1e-6
    middle = 0.9 * x
    middle[:, 0], middle[:, -1] = x[:, 0], x[:, -1]
    difference = (A(middle + step * tangent) - A(middle - step * tangent)) / (2 * step)
    torch.testing.assert_close(A.jvp(middle, tangent), difference, rtol=1e-3, atol=1e-5)


def test_every_behaviour_that_a_file_can_name_has_a_screen():
    assert set(SCREENS) == set(BEHAVIOURS)


def test_two_toggles_have_too_many_states():
    both = circuit(torch.block_diag(TOGGLE[0], TOGGLE[0])[None])
    assert score(circuit(TOGGLE), "bistability") > 0.9
    assert score(both, "bistability") < 0
    assert score(both, "multistability") > 0.9


def test_the_toggle_switches_and_a_chain_does_not():
    assert score(circuit(TOGGLE), "switching") > 0
    assert score(circuit(CHAIN), "switching") <= 0
    assert score(circuit(TOGGLE, hill=1.0), "switching") <= 0


def test_steep_edges_are_ultrasensitive_and_shallow_ones_are_not():
    assert score(circuit(CHAIN, hill=6.0, threshold=0.3), "ultrasensitivity") > 0
    assert score(circuit(CHAIN, hill=2.0, threshold=0.3), "ultrasensitivity") < 0
    shown = Ultrasensitivity(ends=Ends(input_gene=0))
    steep = circuit(CHAIN, hill=6.0, threshold=0.3)
    assert bool(shown.shown(shown.measure(steep)))


def test_linear_responses_are_those_of_small_steps():
    x = random_circuits(8, 3, seed=6)
    start = torch.full((1, 3), 0.1)
    largest, last = step_responses(SteadyPoints.of(unpack(x), start))
    measured = measure(x, Adaptation(ends=Ends(0, 2)))
    small = Adaptation(ends=Ends(0, 2))
    rests = measured["is_at_rest"] > 0
    assert int(rests.sum()) >= 5
    sensitivity = small.measure(x)["sensitivity"]
    seen = rests & (sensitivity > 1e-3)
    assert int(seen.sum()) >= 3
    torch.testing.assert_close(largest[seen, 2, 0], sensitivity[seen], rtol=0.2, atol=0)
    assert bool((last <= largest * 1.05 + 1e-4)[rests].all())


def test_a_period_is_met_or_missed():
    x = circuit(RING, hill=4.0)
    points = SteadyPoints.of(unpack(x), torch.full((1, 3), 0.3))
    onset = float(points.log_period().exp()[0, 0])
    assert onset == pytest.approx(2 * math.pi / _frequency(points), rel=1e-4)
    assert score(x, "oscillation", period=onset) > 0
    assert score(x, "oscillation", period=3 * onset) < 0
    y = circuits_of(RING.double(), places=0.3).requires_grad_()
    A = GeneCircuit((7, 3, 3), "oscillation", n_sets=1, period=50.0, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(A(y).sum(), y)
    assert float(gradient[0, 5].diagonal().sum()) < 0  # slower degradation, longer period


def _frequency(points: SteadyPoints) -> float:
    values = torch.linalg.eigvals(points.matrix[0, 0]) * points.mean_rate[0]
    return float(values.imag.abs().max())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"behaviour": "bistability", "period": 5.0}, "contradicts"),
        ({"behaviour": "oscillation", "period": -5.0}, "period"),
        ({"behaviour": "switching", "input_gene": 3}, "input_gene must be in 0 to 2"),
    ],
)
def test_contradictions_are_refused_in_words(settings, words):
    assert ScreenSettings().period is None
    with pytest.raises(InputError, match=words):
        GeneCircuit((7, 3, 3), **settings)
