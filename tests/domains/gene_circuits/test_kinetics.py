"""Circuits as tensors, and the Hill equations against SciPy and closed forms."""

import math

import pytest
import torch
from scipy.optimize import brentq

from benchmarks.design.peer_lsoda import integrate
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.physics.regulation.circuit_model import RACIPE
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import check_circuits, circuits_of, pack, unpack
from sciadv.physics.regulation.steady import Relative, jacobians, steady_states
from sciadv.physics.regulation.trajectories import simulate

RING = -torch.eye(3).roll(1, 1)[None]


def levels(x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    kinetics = unpack(x)
    part = torch.rand(kinetics.presence.shape, generator=torch.Generator().manual_seed(seed))
    return (part * kinetics.presence * kinetics.production / kinetics.degradation).to(x.dtype)


@pytest.mark.parametrize("n_genes", [3, 5])
def test_trajectories_agree_with_lsoda(n_genes):
    x = random_circuits(40, n_genes, seed=1)
    ours = simulate(unpack(x), levels(x), t_end=50.0)[0].double()
    exact = integrate(unpack(x), levels(x), t_end=50.0, rtol=1e-11, atol=1e-13)
    difference = ((ours - exact).abs() / exact).flatten()
    assert float(difference.median()) < 2e-6
    assert float(difference.quantile(0.99)) < 1e-4


def test_batch_is_one_by_one():
    x = random_circuits(7, 4, seed=2)
    together = simulate(unpack(x), levels(x), t_end=10.0, n_kept=5)
    alone = simulate(unpack(x[3:4]), levels(x)[3:4], t_end=10.0, n_kept=5)
    torch.testing.assert_close(together[:, 3:4], alone)


def test_padding_changes_nothing():
    small = random_circuits(5, 3, seed=3).double()
    padded = torch.nn.functional.pad(small, (0, 2, 0, 2))
    ends = simulate(unpack(small), levels(small), t_end=20.0)[0]
    start = torch.nn.functional.pad(levels(small), (0, 2))
    padded_ends = simulate(unpack(padded), start, t_end=20.0)[0]
    torch.testing.assert_close(padded_ends[:, :3], ends)
    assert float(padded_ends[:, 3:].abs().max()) == 0


def test_a_free_gene_relaxes_to_production_over_degradation():
    x = circuits_of(torch.zeros(1, 1, 1))
    kinetics = unpack(x)
    k, g = float(kinetics.degradation), float(kinetics.production)
    end = simulate(kinetics, torch.zeros(1, 1), t_end=3.0)[0]
    assert float(end) == pytest.approx(g / k * (1 - math.exp(-3 * k)), rel=1e-5)


def test_fold_change_is_the_ratio_of_the_two_ends():
    x = circuits_of(torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]))
    equations = HillEquations.of(unpack(x))
    off, on = (equations.regulation(torch.tensor([[level], [1.0]]))[1] for level in (0.0, 1e9))
    assert float(on / off) == pytest.approx(float(unpack(x).fold[0, 0, 1]), rel=1e-4)
    assert float(on) == pytest.approx(1, rel=1e-5)


def test_units_and_places_are_inverse():
    x = random_circuits(20, 4, seed=4)
    torch.testing.assert_close(pack(unpack(x)), x, atol=1e-5, rtol=0)
    kinetics = unpack(x)
    for name in ("threshold", "hill", "fold", "production", "degradation"):
        value, limits = getattr(kinetics, name), getattr(RACIPE.ranges, name)
        assert float(value.min()) >= limits.low * 0.999
        assert float(value.max()) <= limits.high * 1.001


def test_steady_state_of_a_symmetric_ring_is_the_root_of_its_equation():
    kinetics = unpack(circuits_of(RING.double(), places=0.2))
    threshold, hill, fold = (float(getattr(kinetics, n)[0, 0, 1]) for n in ("threshold", "hill", "fold"))

    def residual(y: float) -> float:
        return 1 / fold + (1 - 1 / fold) / (1 + (y / threshold) ** hill) - y

    root = brentq(residual, 1e-9, 1)
    starts = torch.full((1, 3), 0.4, dtype=torch.float64)
    y, solved = steady_states(Relative.of(kinetics), starts)
    assert bool(solved.all())
    torch.testing.assert_close(y[0, 0], torch.full((3,), root, dtype=torch.float64), rtol=1e-9, atol=0)
    # eigenvalues of a cyclic Jacobian: k (-1 + s w), w the cube roots of one
    h = (root / threshold) ** hill / (1 + (root / threshold) ** hill)
    slope = -(1 - 1 / fold) * h * (1 - h) * hill / root
    k = float(kinetics.degradation[0, 0])
    expected = sorted(k * (-1 + slope * math.cos(2 * math.pi * i / 3)) for i in range(3))
    found = torch.linalg.eigvals(jacobians(Relative.of(kinetics), y))[0, 0].real.sort().values
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-8, atol=1e-10)


def test_jacobian_is_that_of_the_equations():
    kinetics = unpack(random_circuits(3, 4, seed=5).double())
    equations, hill = Relative.of(kinetics), HillEquations.of(kinetics)
    y = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.05
    largest = kinetics.production / kinetics.degradation

    def rate(y: torch.Tensor) -> torch.Tensor:
        return hill((y * largest).T).T / largest

    automatic = torch.autograd.functional.jacobian(rate, y)
    own = torch.stack([automatic[b, :, b] for b in range(3)])
    torch.testing.assert_close(jacobians(equations, y), own)


def broken(channel: int, value: float) -> torch.Tensor:
    x = circuits_of(RING)
    x[0, channel, 0, 1] = value
    return x


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[1.0]], "tensor of floats"),
        (torch.zeros(7, 3, 3), r"shape \(batch, 7, genes, genes\)"),
        (torch.zeros(2, 6, 3, 3), "channels are sign, threshold"),
        (torch.zeros(2, 7, 3, 4), "but got"),
        (broken(1, float("nan")), "NaN or Inf"),
        (broken(0, 0.5), "signs of edges are -1, 0 or 1"),
        (broken(2, 1.5), r"places lie in \[-1, 1\]"),
        (circuits_of(RING, presence=torch.tensor([[1.0, 1.0, 0.0]])), "gene that is absent"),
    ],
)
def test_bad_circuits_are_refused_in_words(x, words):
    with pytest.raises(InputError, match=words):
        check_circuits(x)


def test_parameters_out_of_range_are_refused_with_their_range():
    kinetics = unpack(circuits_of(RING))
    kinetics.hill[0, 0, 1] = 9.0
    with pytest.raises(InputError, match=r"hill of circuit 1 is 9, but its range is 1 to 6"):
        pack(kinetics)


@pytest.mark.parametrize(
    ("initial", "settings", "words"),
    [
        (torch.ones(1, 2), {}, "initial levels have shape"),
        (-torch.ones(1, 3), {}, "finite and >= 0"),
        (torch.ones(1, 3), {"t_end": 0.0}, "keep_from < t_end"),
        (torch.ones(1, 3), {"rtol": 2.0}, "0 < rtol, atol < 1"),
    ],
)
def test_bad_simulations_are_refused_in_words(initial, settings, words):
    with pytest.raises(InputError, match=words):
        simulate(unpack(circuits_of(RING)), initial, **settings)
