"""Diagnostics against dense linear algebra and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.diagnostics import (
    arnoldi,
    epsilon_stationarity,
    game_jacobian,
    gradient_norms,
    hessian_anisotropy,
    hessian_product,
    jacobian_spectrum,
    lanczos,
    local_nash,
    mode_collapse,
    output_directions,
    rotation_share,
    saturation,
    vanished_gradient,
    variational_stability,
)
from sciadv.games.objectives import NonSaturating
from sciadv.games.penalties import R1
from sciadv.games.two_player import FunctionGame, copies, parameters


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def gan() -> FunctionGame:
    """A smooth GAN with 27 and 33 parameters on a fixed batch, in float64."""
    generator = seeded(7)
    G = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    D = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    for p in [*G.parameters(), *D.parameters()]:
        nn.init.normal_(p, std=0.6, generator=generator)
    real, z = torch.randn(2, 24, 2, generator=generator, dtype=torch.float64)
    objective, penalty = NonSaturating(), R1(0.1)

    def loss_1() -> Tensor:
        fake = G(z)
        return objective.discriminator_loss(D(real), D(fake)) + penalty(D, real, fake)

    return FunctionGame(
        (list(G.parameters()), list(D.parameters())),
        (lambda: objective.generator_loss(D(G(z)), D(real)), loss_1),
    )


def quadratic(a: float, b: float, sigma: float, d: int = 3) -> FunctionGame:
    """Losses ``a/2 |u|^2 + sigma u v`` and ``b/2 |v|^2 - sigma u v``: eigenvalues known."""
    u, v = (torch.randn(d, generator=seeded(i), dtype=torch.float64).requires_grad_() for i in (1, 2))
    return FunctionGame(
        ([u], [v]),
        (
            lambda: a / 2 * (u @ u) + sigma * (u @ v),
            lambda: b / 2 * (v @ v) - sigma * (u @ v),
        ),
    )


@pytest.mark.parametrize("n", [1, 2, 12, 60])
def test_lanczos_finds_the_extreme_eigenvalues_of_a_symmetric_matrix(n):
    A = torch.randn(n, n, generator=seeded(n), dtype=torch.float64)
    A = A + A.T
    start = torch.randn(n, generator=seeded(0), dtype=torch.float64)
    found = lanczos(lambda v: A @ v, start)
    dense = torch.linalg.eigvalsh(A)
    assert found.least == pytest.approx(float(dense[0]), abs=1e-9)
    assert found.greatest == pytest.approx(float(dense[-1]), abs=1e-9)
    assert found.residual < 1e-6
    assert found.n_products <= n


def test_lanczos_on_the_identity_stops_after_one_product():
    found = lanczos(lambda v: 2 * v, torch.ones(50, dtype=torch.float64))
    assert (found.least, found.greatest, found.n_products) == (pytest.approx(2), pytest.approx(2), 1)


def test_arnoldi_finds_all_eigenvalues_with_enough_products():
    A = torch.randn(14, 14, generator=seeded(3), dtype=torch.float64)
    found = arnoldi(
        lambda v: A @ v, torch.randn(14, generator=seeded(0), dtype=torch.float64), n_iterations=20
    )
    dense = torch.linalg.eigvals(A)
    distance = (found.unsqueeze(1) - dense.unsqueeze(0)).abs()
    assert float(distance.min(0).values.max()) < 1e-9
    assert bool((found.abs().diff() <= 1e-12).all())


@pytest.mark.parametrize("player", [0, 1])
def test_curvature_of_a_gan_by_lanczos_equals_the_dense_hessians(player, gan):
    n = sum(p.numel() for p in gan.players[player])
    product = hessian_product(gan, player)
    dense = torch.stack([product(row) for row in torch.eye(n, dtype=torch.float64)])
    assert torch.allclose(dense, dense.T, rtol=0, atol=1e-12)
    values = torch.linalg.eigvalsh(dense)
    found = local_nash(gan, generator=seeded()).curvature[player]
    assert found.least == pytest.approx(float(values[0]), abs=1e-6)
    assert found.greatest == pytest.approx(float(values[-1]), abs=1e-6)


def test_jacobian_products_give_the_dense_jacobians_spectrum(gan):
    J = game_jacobian(gan)
    n = J.shape[0]
    found = jacobian_spectrum(gan, generator=seeded(), n_iterations=n).eigenvalues
    dense = torch.linalg.eigvals(J)
    assert float((found.unsqueeze(1) - dense.unsqueeze(0)).abs().min(0).values.max()) < 1e-6
    few = jacobian_spectrum(gan, generator=seeded(), n_iterations=25)
    assert float(few.eigenvalues[0].abs()) == pytest.approx(float(dense.abs().max()), rel=1e-6)


def test_rotation_share_estimates_that_of_the_dense_jacobian(gan):
    J = game_jacobian(gan)
    S, A = (J + J.T) / 2, (J - J.T) / 2
    share = float(A.norm() / (S.norm() + A.norm()))
    assert 0.05 < share < 0.95
    assert rotation_share(gan, generator=seeded(), n_probes=200) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("a", "b", "sigma", "share"), [(1, 1, 0, 0.0), (0, 0, 1.5, 1.0), (1, 1, 1, 0.5)])
def test_rotation_share_of_known_games(a, b, sigma, share):
    game = quadratic(a, b, sigma)
    assert rotation_share(game, generator=seeded()) == pytest.approx(share, abs=1e-12)


def test_spectrum_of_a_turning_game_gives_turning_and_contraction():
    spectrum = jacobian_spectrum(quadratic(1.0, 1.0, 2.0), generator=seeded())
    assert torch.allclose(spectrum.eigenvalues.real, torch.ones(2, dtype=torch.float64))  # 1 +- 2 i, tripled
    assert spectrum.turning == pytest.approx(2 / math.sqrt(5))
    assert spectrum.contraction(0.1) == pytest.approx(abs(1 - 0.1 * (1 + 2j)))
    bilinear = jacobian_spectrum(quadratic(0.0, 0.0, 1.0), generator=seeded())
    assert bilinear.turning == pytest.approx(1.0)
    assert bilinear.contraction(0.1) == pytest.approx(math.sqrt(1.01))


def test_stationarity_is_the_squared_length_of_the_field():
    game = quadratic(1.0, 2.0, 0.5)
    u, v = game.players[0][0].detach(), game.players[1][0].detach()
    expected = (u + 0.5 * v).square().sum() + (2 * v - 0.5 * u).square().sum()
    assert epsilon_stationarity(game) == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "holds"), [(1.0, 2.0, True), (-1.0, 2.0, False), (1.0, -0.5, False), (0.0, 0.0, True)]
)
def test_local_nash_needs_both_players_at_a_minimum(a, b, holds):
    game = quadratic(a, b, 0.7)
    for p in parameters(game):
        p.data.zero_()
    found = local_nash(game, generator=seeded())
    assert found.is_local_nash == holds
    assert found.epsilon == 0.0
    assert found.curvature[0].least == pytest.approx(a, abs=1e-9)
    assert found.curvature[1].least == pytest.approx(b, abs=1e-9)


def test_a_point_that_is_not_stationary_is_no_local_nash():
    assert not local_nash(quadratic(1.0, 1.0, 0.5), generator=seeded()).is_local_nash


def test_variational_stability_is_zero_on_bilinear_and_positive_on_monotone_games():
    start = copies(parameters(quadratic(0, 0, 1)))
    bilinear, monotone, unstable = (
        quadratic(0.0, 0.0, 1.0, 1),
        quadratic(1.0, 2.0, 1.0),
        quadratic(-1.0, 1.0, 1.0),
    )
    values = []
    for game in (bilinear, monotone, unstable):
        zero = tuple(torch.zeros_like(p) for p in parameters(game))
        values.append(variational_stability(game, zero, radius=0.5, n_samples=50, generator=seeded()))
    assert values[0] == pytest.approx(0.0, abs=1e-16)
    assert values[1] > 0
    assert -0.25 <= values[2] < 0  # <F, w> = -|u|^2 + |v|^2 on the ball of radius 1/2
    for p, before in zip(parameters(unstable), start, strict=True):
        assert torch.equal(p, before)


def test_gradient_norms_are_counted_by_decade():
    norms = [0.0, 2e-9, 0.5, 3.0, 4.0, 1e7]
    found = gradient_norms([torch.tensor([n], dtype=torch.float64) for n in norms])
    counts = dict(zip(found.edges, found.counts, strict=False))
    assert (counts[-8], counts[-1], counts[0], counts[3]) == (2, 1, 2, 1)
    assert sum(found.counts) == len(norms)


GRID = torch.linspace(-16, 16, 16001, dtype=torch.float64)


def collapse_loss(c: Tensor, s: Tensor) -> Tensor:
    """JSD of Gaussians at -3 and 3, the data, and at c - s and c + s, the generator's, by quadrature."""

    def mixture(centres: list[Tensor | float]) -> Tensor:
        parts = [torch.exp(-(((GRID - m) / 0.5) ** 2) / 2) for m in centres]
        return torch.stack(parts).mean(0) / (0.5 * math.sqrt(2 * math.pi)) + 1e-290

    p, q = mixture([-3.0, 3.0]), mixture([c - s, c + s])
    m = (p + q) / 2
    return (p * (p / m).log() + q * (q / m).log()).sum() * (GRID[1] - GRID[0]) / 2


def collapse_curvatures(at: tuple[float, float], step: float | None):
    c, s = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in at)
    one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    directions = {"contraction": (one, zero), "spread": (zero, 2 * one)}
    return hessian_anisotropy(lambda: collapse_loss(c, s), [c, s], directions, step=step)


@pytest.mark.parametrize(
    ("at", "of_c", "of_s"),
    [((3.0, 0.0), 0.66655, 0.00053), ((0.0, 3.0), 0.9998, 0.9998), ((0.0, 0.0), -0.0514, -0.1083)],
)
def test_curvature_of_the_collapsed_generator_is_flat_along_spreading(at, of_c, of_s):
    found = collapse_curvatures(at, 0.02)  # the step of the recorded values
    assert found.curvatures["contraction"] == pytest.approx(of_c, abs=2e-5)
    assert found.curvatures["spread"] == pytest.approx(of_s, abs=1e-5)


def test_collapsed_point_is_a_thousand_times_less_curved_along_spreading_than_along_contraction():
    at_collapse, at_cover = (collapse_curvatures(at, 0.02) for at in ((3.0, 0.0), (0.0, 3.0)))
    assert at_collapse.condition == pytest.approx(1252.3, abs=0.1)
    rounded = {name: round(c, 5) for name, c in at_collapse.curvatures.items()}
    assert round(rounded["contraction"] / rounded["spread"]) == 1258  # as recorded, from five decimals
    assert at_cover.condition == pytest.approx(1.0, abs=1e-6)
    loss = collapse_loss(torch.tensor(3.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64))
    assert float(loss) == pytest.approx(0.21576, abs=5e-6)


def test_exact_curvature_along_spreading_vanishes_up_to_the_far_modes_tail():
    # Near one mode JSD's first variation is constant, so spreading costs nothing to second order.
    found = collapse_curvatures((3.0, 0.0), None)
    assert found.curvatures["contraction"] == pytest.approx(2 / 3, abs=1e-6)
    assert abs(found.curvatures["spread"]) < 1e-6
    assert found.condition > 1e6
    assert collapse_curvatures((0.0, 3.0), None).condition == pytest.approx(1.0, abs=1e-6)


def test_a_direction_of_no_length_is_refused():
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(InputError, match="length 0"):
        hessian_anisotropy(lambda: w.square().sum(), [w], {"none": (torch.zeros(2),)})


def test_output_directions_spread_and_shift_a_generators_outputs():
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    centre = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    z = torch.randn(50, 2, generator=seeded(), dtype=torch.float64)
    z = z - z.mean(0)
    found = output_directions(lambda: centre + scale * z, [scale, centre])
    assert float(found["spread"][0]) > 0
    assert float(found["spread"][1].norm()) < 1e-12
    assert abs(float(found["shift"][0])) < 1e-12
    assert torch.allclose(found["shift"][1], torch.tensor([2.0, 0.0], dtype=torch.float64))


def test_saturation_alarm_fires_on_a_sure_discriminator_and_names_what_to_try():
    sure = saturation(torch.full((64,), 9.0, requires_grad=True), torch.full((64,), -9.0))
    assert sure.fired
    assert sure.value == 1.0
    assert "try r1 or a lower discriminator learning rate" in sure.message
    right_but_unsure = saturation(torch.full((64,), 0.5), torch.full((64,), -0.5))
    assert not right_but_unsure.fired
    assert not saturation(torch.zeros(64), torch.zeros(64)).fired


def test_slope_of_a_saturated_sigmoid_vanishes_on_disjoint_supports():
    x = torch.full((8, 1), 4.0, dtype=torch.float64, requires_grad=True)
    gradient = torch.autograd.grad((10 * x).sigmoid().sum(), x)
    alarm = vanished_gradient(gradient)
    assert alarm.fired
    assert "non-saturating" in alarm.message
    assert not vanished_gradient([torch.ones(3)]).fired


def test_collapse_alarm_compares_spreads():
    real = torch.randn(200, 3, generator=seeded())
    one_mode = 0.01 * torch.randn(200, 3, generator=seeded(1)) + 1
    assert mode_collapse(one_mode, real).fired
    assert mode_collapse(one_mode, real).value < 0.02
    assert not mode_collapse(torch.randn(200, 3, generator=seeded(2)), real).fired
    with pytest.raises(InputError, match="two samples"):
        mode_collapse(real[:1], real)
