"""Each update's spectrum on the bilinear game sigma u v, against its closed form to 1e-10."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim import SGD

from sciadv.games.two_player import FunctionGame, copies
from sciadv.games.updates import (
    UPDATES,
    Alternating,
    Consensus,
    Extragradient,
    Lookahead,
    OnePass,
    Optimistic,
    OutputTrustRegion,
    PastExtragradient,
    Simultaneous,
    SymplecticAdjustment,
    TrustRegion,
    TwoTimeScales,
    Unrolled,
    Update,
    gaussian_divergence,
)
from sciadv.nets.layers import GradientReversal

RATES = [0.01, 0.1, 0.3, 0.5, math.sqrt(0.5), 0.9]
SIGMA = 1.7


def optimizers(game: FunctionGame, rate: float, *, momentum: float = 0.0) -> tuple[SGD, SGD]:
    both = SGD(game.players[0], lr=rate), SGD(game.players[1], lr=rate)
    for optimizer in both:
        optimizer.param_groups[0]["momentum"] = momentum  # SGD's constructor refuses a negative one
    return both


def trajectory(update: Update, game: FunctionGame, both: tuple[SGD, SGD], n_steps: int) -> Tensor:
    """Positions (u, v) before the first and after each step; ``(n_steps + 1, 2)``."""
    state = update.init(game)
    positions = [torch.cat(copies([*game.players[0], *game.players[1]]))]
    for _ in range(n_steps):
        state = update.step(game, both, state)
        positions.append(torch.cat(copies([*game.players[0], *game.players[1]])))
    assert state.n_steps == n_steps
    return torch.stack(positions)


def step_map(update: Update, bilinear, s: float, *, sigma: float = SIGMA, n_steps: int = 1) -> Tensor:
    """Matrix of `n_steps` steps of an update without memory, from its images of the unit vectors."""
    columns = []
    for u, v in ((1.0, 0.0), (0.0, 1.0)):
        game = bilinear(sigma, u, v)
        columns.append(trajectory(update, game, optimizers(game, s / sigma), n_steps)[-1])
    return torch.stack(columns, 1)


def radius(matrix: Tensor) -> float:
    return float(torch.linalg.eigvals(matrix).abs().max())


@pytest.mark.parametrize(
    ("s", "expected"),
    list(zip(RATES, [1.000050, 1.004988, 1.044031, 1.118034, 1.224745, 1.345362], strict=True)),
)
def test_simultaneous_grows(s, expected, bilinear):
    found = radius(step_map(Simultaneous(), bilinear, s))
    assert found == pytest.approx(math.sqrt(1 + s**2), abs=1e-10)
    assert found == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("s", [*RATES, 1.9])
def test_alternating_orbits(s, bilinear):
    matrix = step_map(Alternating(), bilinear, s)
    assert float(torch.linalg.det(matrix)) == pytest.approx(1, abs=1e-12)
    values = torch.linalg.eigvals(matrix)
    assert torch.allclose(values.abs(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-10)


def test_two_discriminator_steps_reach_further_than_one(bilinear):
    s = 0.3
    matrix = step_map(Alternating(n_first=2), bilinear, s)
    # v' = v + 2 s u, then u' = u - s v'
    expected = torch.tensor([[1 - 2 * s**2, -s], [2 * s, 1.0]], dtype=torch.float64)
    assert torch.allclose(matrix, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("s", "expected"),
    list(zip(RATES, [0.999985, 0.998518, 0.986609, 0.962544, 0.924436, 0.908231], strict=True)),
)
def test_alternating_with_negative_momentum_converges(s, expected, bilinear):
    beta, rate = -0.5, s / SIGMA
    columns = []
    for index in range(4):  # states are (u, v, u - last u, v - last v)
        state = torch.zeros(4, dtype=torch.float64)
        state[index] = 1
        game = bilinear(SIGMA, state[0], state[1])
        both = optimizers(game, rate, momentum=beta)
        for optimizer, (p,), moved in zip(both, game.players, state[2:], strict=True):
            optimizer.state[p]["momentum_buffer"] = -(moved / rate).view(1)
        positions = trajectory(Alternating(first=0), game, both, 1)
        columns.append(torch.cat([positions[1], positions[1] - positions[0]]))
    found = radius(torch.stack(columns, 1))
    # u' = (1 + beta) u - beta u_last - s v, v' = (1 + beta) v - beta v_last + s u'
    b = beta
    closed = np.array(
        [
            [1 + b, -s, -b, 0],
            [s * (1 + b), 1 + b - s**2, -s * b, -b],
            [1, 0, 0, 0],
            [0, 1, 0, 0],
        ]
    )
    assert found == pytest.approx(float(np.abs(np.linalg.eigvals(closed)).max()), abs=1e-10)
    assert found == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("s", "expected"),
    list(zip(RATES, [0.999950, 0.995038, 0.958175, 0.901388, 0.866025, 0.919837], strict=True)),
)
def test_extragradient_contracts_below_one(s, expected, bilinear):
    found = radius(step_map(Extragradient(), bilinear, s))
    assert found**2 == pytest.approx(1 - s**2 + s**4, abs=1e-10)
    assert found == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("update", [Optimistic(), PastExtragradient()], ids=["optimistic", "past"])
@pytest.mark.parametrize(
    ("s", "expected"),
    list(zip(RATES, [0.999950, 0.994936, 0.948683, 0.707107, 1.306563, 1.722497], strict=True)),
)
def test_one_gradient_forms_follow_their_second_order_recurrence(update, s, expected, bilinear):
    game = bilinear(SIGMA, 1.0, 0.3)
    positions = trajectory(update, game, optimizers(game, s / SIGMA), 12)
    z = torch.complex(positions[:, 0], positions[:, 1])[1:]
    a, b = 1 + 2j * s, -1j * s
    assert float(((z[2:] - a * z[1:-1] - b * z[:-2]).abs() / z[2:].abs()).max()) < 1e-14
    roots = np.roots([1, -a, -b])
    assert float(np.abs(roots).max()) == pytest.approx(expected, abs=5e-7)


def test_optimistic_converges_below_one_over_root_three_only(bilinear):
    for s, converges in ((0.56, True), (0.59, False)):
        game = bilinear(1.0, 1.0, 0.3)
        positions = trajectory(Optimistic(), game, optimizers(game, s), 600)
        assert (float(positions[-1].norm()) < 1) == converges


@pytest.mark.parametrize(
    ("s", "expected"),
    list(zip(RATES, [0.999950, 0.994957, 0.952070, 0.901885, 1.043148, 1.190689], strict=True)),
)
def test_lookahead_contracts_what_simultaneous_steps_expand(s, expected, bilinear):
    k, alpha = 6, 0.5
    found = radius(step_map(Lookahead(Simultaneous(), k=k, alpha=alpha), bilinear, s, n_steps=k)) ** (1 / k)
    assert found == pytest.approx(abs(1 - alpha + alpha * (1 + 1j * s) ** k) ** (1 / k), abs=1e-10)
    assert found == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    "update", [Consensus(1.0), SymplecticAdjustment(1.0)], ids=["consensus", "symplectic"]
)
@pytest.mark.parametrize(
    ("s", "expected"),
    list(zip(RATES, [0.990051, 0.905539, 0.761577, 0.707107, 0.765367, 0.905539], strict=True)),
)
def test_adjusted_fields_contract(update, s, expected, bilinear):
    found = radius(step_map(update, bilinear, s, sigma=1.0))
    assert found == pytest.approx(abs(1 - s + 1j * s), abs=1e-10)
    assert found == pytest.approx(expected, abs=5e-7)
    sigma, gamma = 1.7, 0.6
    weighted = type(update)(gamma)
    found = radius(step_map(weighted, bilinear, s, sigma=sigma))
    assert found == pytest.approx(abs(1 - s * gamma * sigma + 1j * s), abs=1e-10)


@pytest.mark.parametrize("s", RATES)
def test_two_time_scales_grow_by_their_geometric_mean(s, bilinear):
    found = radius(step_map(TwoTimeScales(4.0), bilinear, s))
    assert found == pytest.approx(math.sqrt(1 + 4 * s**2), abs=1e-10)


@pytest.mark.parametrize("k", [0, 1, 5])
def test_unrolled_generator_sees_the_answer_of_the_discriminator(k, bilinear):
    s, rate = 0.3, 0.1
    matrix = step_map(Unrolled(k=k, rate=rate), bilinear, s)
    # v' = v + s u, then u' = u - eta d/du [sigma u (v' + k rate sigma u)] = u - s v' - 2 k rate sigma s u
    expected = torch.tensor([[1 - s**2 - 2 * k * rate * SIGMA * s, -s], [s, 1.0]], dtype=torch.float64)
    assert torch.allclose(matrix, expected, rtol=0, atol=1e-13)
    assert k == 0 or radius(matrix) < 1


def test_simultaneous_radius_after_a_thousand_steps(bilinear):
    game = bilinear(1.0, 1.0, 0.3)
    positions = trajectory(Simultaneous(), game, optimizers(game, 0.1), 1000)
    assert float(positions[-1].norm()) == pytest.approx(151.14721, abs=5e-6)


def test_trust_region_turns_exponential_growth_into_a_square_root(bilinear):
    n_steps, reach = 1000, 0.05
    game = bilinear(1.0, 1.0, 0.3)
    positions = trajectory(TrustRegion(reach), game, optimizers(game, 0.1), n_steps)
    squares = positions.square().sum(1)
    steps = torch.arange(n_steps + 1, dtype=torch.float64)
    assert torch.allclose(squares, 1.09 + steps * reach**2, rtol=0, atol=1e-10)
    assert float(squares[-1]) == pytest.approx(3.59, abs=1e-10)


def test_trust_region_leaves_short_steps_alone_and_can_be_relative(bilinear):
    game = bilinear(1.0, 1.0, 0.3)
    free = trajectory(Simultaneous(), bilinear(1.0, 1.0, 0.3), optimizers(game, 0.1), 0)
    assert free.shape == (1, 2)
    positions = trajectory(TrustRegion(1.0), game, optimizers(game, 0.1), 1)
    assert float(positions[1].norm()) == pytest.approx(math.sqrt(1.09 * 1.01), abs=1e-14)
    game = bilinear(1.0, 3.0, 4.0)
    positions = trajectory(TrustRegion(0.02, relative=True), game, optimizers(game, 0.1), 1)
    assert float((positions[1] - positions[0]).norm()) == pytest.approx(0.1, abs=1e-14)


def test_output_trust_region_halves_until_the_outputs_stay(bilinear):
    game = bilinear(1.0, 1.0, 0.3)
    limit = 1e-4
    update = OutputTrustRegion(lambda: game.players[0][0].view(1, 1), limit, gaussian_divergence)
    positions = trajectory(update, game, optimizers(game, 0.9), 1)
    moved = float(positions[1, 0] - positions[0, 0])
    assert moved**2 / 2 <= limit < (2 * moved) ** 2 / 2
    assert moved == pytest.approx(-0.27 / 2**5)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "update",
    [Extragradient(), Optimistic(), PastExtragradient(), Consensus(0.5), Lookahead(Simultaneous(), k=6)],
    ids=lambda update: type(update).__name__,
)
def test_well_conditioned_games_of_many_dimensions_are_solved(update, seed, bilinear):
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64))
    A = Q @ torch.diag(torch.linspace(0.8, 1.2, 5, dtype=torch.float64))
    u, v = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    game = bilinear(A, u, v)
    positions = trajectory(update, game, optimizers(game, 0.4), 400)
    assert float(positions[-1].norm()) < 1e-8


def test_one_pass_through_a_reversal_layer_is_the_simultaneous_two_player_step():
    lam = 0.7
    generator = torch.Generator().manual_seed(0)
    x, y, domain = torch.randn(3, 20, 4, generator=generator, dtype=torch.float64)
    encoder, task, discriminator = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64)

    def build(*, one_pass: bool) -> FunctionGame:
        E, T, D = (w.clone().requires_grad_() for w in (encoder, task, discriminator))

        def task_loss() -> Tensor:
            return ((x @ E).tanh() @ T - y).square().mean()

        def domain_loss(h: Tensor) -> Tensor:
            return (h @ D - domain).square().mean()

        if one_pass:
            total = lambda: task_loss() + domain_loss(GradientReversal(lam)((x @ E).tanh()))  # noqa: E731
            return FunctionGame(([E, T], [D]), (total, total))
        return FunctionGame(
            ([E, T], [D]),
            (
                lambda: task_loss() - lam * domain_loss((x @ E).tanh()),
                lambda: domain_loss((x @ E).tanh()),
            ),
        )

    ends = []
    for update, game in ((OnePass(), build(one_pass=True)), (Simultaneous(), build(one_pass=False))):
        both = optimizers(game, 0.1)
        state = update.init(game)
        for _ in range(3):
            state = update.step(game, both, state)
        ends.append(copies([*game.players[0], *game.players[1]]))
    for a, b in zip(*ends, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", [n for n in UPDATES if n != "output-trust-region"])
def test_every_update_leaves_an_equilibrium_alone(name, bilinear):
    game = bilinear(SIGMA, 0.0, 0.0)
    positions = trajectory(UPDATES[name](), game, optimizers(game, 0.1), 3)
    assert float(positions.abs().max()) == 0
