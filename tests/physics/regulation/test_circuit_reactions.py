"""Circuits as reactions: their drift is the Hill equations, and a noisy toggle is that of exact events."""

import pytest
import torch

from sciadv.errors import InputError
from sciadv.physics.dynamics.integration import Span
from sciadv.physics.dynamics.stochastic import simulate_exactly, simulate_langevin, simulate_leaping
from sciadv.physics.regulation.circuit_model import CircuitModel
from sciadv.physics.regulation.circuit_reactions import reactions_of
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics, circuits_of, unpack

TOGGLE = torch.tensor([[[0.0, -1.0], [-1.0, 0.0]]], dtype=torch.float64)
DELAY = {"expression": "mrna", "n_maturation": 2, "ranges": {"delay": [1.0, 3.0]}}


def toggles(n: int, **model) -> Kinetics:
    x = circuits_of(TOGGLE.expand(n, 2, 2), places=-0.2)
    return unpack(x, CircuitModel.of(model)) if model else unpack(x)


@pytest.mark.parametrize("model", [{}, {"expression": "mrna"}, DELAY])
def test_the_mean_change_is_that_of_the_hill_equations(model):
    kinetics = toggles(3, **model)
    equations = HillEquations.of(kinetics)
    n_states = kinetics.model.n_stages * 2
    x = 9 * torch.rand(n_states, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    size = 7.0
    drift = reactions_of(kinetics, system_size=size).drift(x * size) / size
    torch.testing.assert_close(drift, equations(x))


def test_maturation_moves_molecules_and_translation_makes_them():
    reactions = reactions_of(toggles(1, **DELAY), system_size=1.0)
    kinds = sorted(tuple(sorted(column[column != 0].tolist())) for column in reactions.stoichiometry.T)
    one_gene = [(-1.0,), (-1.0,), (-1.0, 1.0), (-1.0, 1.0), (1.0,), (1.0,)]
    assert kinds == sorted(2 * one_gene)


def ends(simulate, n: int, size: float, **settings) -> torch.Tensor:
    kinetics = toggles(n)
    start = (size * kinetics.largest * torch.tensor([1.0, 0.1], dtype=torch.float64)).round().T
    reactions = reactions_of(kinetics, system_size=size)
    return simulate(reactions, start.contiguous(), Span(8.0), seed=4, **settings)[0] / size


def test_a_noisy_toggle_has_the_moments_of_exact_events():
    n, size = 2500, 5.0
    exact = ends(simulate_exactly, n, size)
    for other in (ends(simulate_leaping, n, size), ends(simulate_langevin, n, size, dt=0.05)):
        error = (exact.var(0) / n * 2).sqrt()
        assert bool(((other.mean(0) - exact.mean(0)).abs() < 4 * error + 0.02 * exact.mean(0)).all())
        assert bool(((other.var(0) / exact.var(0) - 1).abs() < 0.25).all())


def test_noise_falls_with_the_system_size():
    few, many = (ends(simulate_langevin, 400, size, dt=0.05).std(0)[0] for size in (4.0, 400.0))
    assert float(few / many) == pytest.approx(10, rel=0.2)


def test_a_system_without_size_is_refused_in_words():
    with pytest.raises(InputError, match="system_size > 0"):
        reactions_of(toggles(1), system_size=0.0)
