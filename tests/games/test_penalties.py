"""Penalties: values on critics of known slope, the Dirac-GAN's eigenvalues, lazy weights, double backward."""

from __future__ import annotations

import cmath

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.diagnostics import game_jacobian
from sciadv.games.objectives import NonSaturating, Relativistic, Wasserstein
from sciadv.games.penalties import (
    PENALTIES,
    R1,
    R2,
    Consistency,
    Dragan,
    HistoricalAveraging,
    InstanceNoise,
    LabelSmoothing,
    Penalty,
    WassersteinGradientPenalty,
    WeightClipping,
    ZeroCentred,
    slopes,
    squared_gradient_norm,
)
from sciadv.games.two_player import FunctionGame

SLOPE = torch.tensor([[3.0], [4.0]], dtype=torch.float64)  # a critic of slope 5 everywhere


def steep(x: Tensor) -> Tensor:
    return x @ SLOPE


def batch(seed: int, n: int = 32, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("penalty", "value"),
    [
        (R1(0.1), 0.05 * 25),
        (R2(0.1), 0.05 * 25),
        (R1(0.1, 8), 8 * 0.05 * 25),
        (R2(0.1, 4), 4 * 0.05 * 25),
        (WassersteinGradientPenalty(10.0), 10 * 16),
        (WassersteinGradientPenalty(10.0, one_sided=True), 10 * 16),
        (Dragan(10.0), 10 * 16),
        (Dragan(10.0, slope=5.0), 0.0),
        (ZeroCentred(2.0, 3), 3 * 2 * 25),
    ],
)
def test_gradient_penalties_of_a_linear_critic(penalty, value):
    generator = torch.Generator().manual_seed(0)
    assert float(penalty(steep, batch(1), batch(2), generator=generator)) == pytest.approx(value, abs=1e-12)


def test_one_sided_penalty_lets_flat_critics_be():
    flat = WassersteinGradientPenalty(one_sided=True)(lambda x: 0.1 * steep(x), batch(1), batch(2))
    assert float(flat) == 0.0


def test_r1_reads_real_and_r2_reads_fake_samples():
    def parabola(x: Tensor) -> Tensor:
        return x.square().sum(1) / 2

    real, fake = batch(1), 2 + batch(2)
    assert R1(2.0)(parabola, real, fake).item() == pytest.approx(real.square().sum(1).mean().item())
    assert R2(2.0)(parabola, real, fake).item() == pytest.approx(fake.square().sum(1).mean().item())


@pytest.mark.parametrize(
    "name", sorted(set(PENALTIES) - {"consistency", "historical-averaging", "path-length"})
)
def test_penalties_are_differentiable_in_the_discriminators_parameters(name):
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    penalty = PENALTIES[name]()
    assert isinstance(penalty, Penalty)

    def value() -> Tensor:
        return penalty(net, batch(1), batch(2), generator=torch.Generator().manual_seed(3))

    loss = value()
    assert loss.shape == ()
    w = net[0].weight
    (gradient,) = torch.autograd.grad(loss, w)
    step = 1e-6
    with torch.no_grad():
        w[0, 0] += step
    above = value().item()
    with torch.no_grad():
        w[0, 0] -= 2 * step
    below = value().item()
    assert float(gradient[0, 0]) == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", ["wgan-gp", "dragan", "zero-centred"])
def test_random_penalties_repeat_with_their_generator(name):
    def parabola(x: Tensor) -> Tensor:
        return x.pow(4).sum(1)

    values = [
        PENALTIES[name]()(parabola, batch(1), batch(2), generator=torch.Generator().manual_seed(seed)).item()
        for seed in (5, 5, 6)
    ]
    assert values[0] == values[1] != values[2]


def test_slopes_of_a_flat_discriminator_are_zero_with_finite_derivatives():
    w = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    norms = slopes(lambda x: x @ w, batch(1))
    (gradient,) = torch.autograd.grad(norms.sum(), w)
    assert float(norms.detach().abs().max()) == 0.0
    assert bool(gradient.isfinite().all())


def test_slopes_of_vector_outputs_are_the_jacobians_in_the_mean():
    A = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.zeros(20_000, 3, dtype=torch.float64)
    estimates = squared_gradient_norm(lambda y: y @ A, x, generator=torch.Generator().manual_seed(1))
    error = 4 * estimates.std() / len(estimates) ** 0.5
    assert abs(float(estimates.mean() - A.square().sum())) < float(error)


def dirac_gan(gamma: float) -> FunctionGame:
    """A fake point at theta against a real one at 0, with the discriminator ``D(x) = psi x``."""
    theta, psi = (torch.zeros(1, 1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    real, objective, penalty = torch.zeros(1, 1, dtype=torch.float64), NonSaturating(), R1(gamma)

    def D(x: Tensor) -> Tensor:
        return x @ psi

    return FunctionGame(
        ([theta], [psi]),
        (
            lambda: objective.generator_loss(D(theta), D(real)),
            lambda: objective.discriminator_loss(D(real), D(theta)) + penalty(D, real, theta),
        ),
    )


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
def test_dirac_gan_eigenvalues_with_r1(gamma):
    J = game_jacobian(dirac_gan(gamma))
    root = cmath.sqrt(gamma**2 / 4 - 0.25)
    # The characteristic polynomial, since at gamma = 1 the double eigenvalue is computed to 1e-8 only.
    assert float(J.trace()) == pytest.approx(gamma, abs=1e-12)
    assert float(torch.linalg.det(J)) == pytest.approx(0.25, abs=1e-12)
    found = sorted((-torch.linalg.eigvals(J)).tolist(), key=lambda x: (x.real, x.imag))
    expected = sorted([-gamma / 2 - root, -gamma / 2 + root], key=lambda x: (x.real, x.imag))
    assert all(abs(a - b) < 1e-7 for a, b in zip(found, expected, strict=True))


def test_r1_is_critical_at_gamma_one():
    def discriminant(gamma: float) -> float:
        J = game_jacobian(dirac_gan(gamma))
        return float(J.trace() ** 2 - 4 * torch.linalg.det(J))

    assert discriminant(1.0) == pytest.approx(0.0, abs=1e-12)
    assert discriminant(0.99) < 0 < discriminant(1.01)  # rotation below, none above


def test_trained_critic_with_gradient_penalty_has_slopes_around_one():
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)
    )
    for p in net.parameters():
        nn.init.normal_(p, std=0.3, generator=generator)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, betas=(0.0, 0.9))
    penalty = WassersteinGradientPenalty(50.0)  # the slope's bias is distance / (2 lam)
    for _ in range(400):
        real = torch.randn(128, 2, generator=generator)
        fake = torch.randn(128, 2, generator=generator) + torch.tensor([3.0, 0.0])
        optimizer.zero_grad()
        loss = Wasserstein().discriminator_loss(net(real), net(fake))
        (loss + penalty(net, real, fake, generator=generator)).backward()
        optimizer.step()
    u = torch.rand(128, 1, generator=generator)
    norms = slopes(net, u * real + (1 - u) * fake).detach()
    assert float(norms.mean()) == pytest.approx(1.0, abs=0.1)
    assert float(norms.std()) < 0.1
    assert -loss.item() == pytest.approx(3.0, rel=0.1)  # W1 of two shifted laws is the shift


def test_relativistic_game_with_r1_and_r2_is_stable_where_the_bare_one_turns():
    def game(gamma: float) -> FunctionGame:
        theta, psi = (torch.zeros(1, 1, dtype=torch.float64, requires_grad=True) for _ in range(2))
        real, objective = torch.zeros(1, 1, dtype=torch.float64), Relativistic()

        def D(x: Tensor) -> Tensor:
            return x @ psi

        def loss() -> Tensor:
            penalties = R1(gamma)(D, real, theta) + R2(gamma)(D, real, theta)
            return objective.discriminator_loss(D(real), D(theta)) + penalties

        return FunctionGame(([theta], [psi]), (lambda: objective.generator_loss(D(theta), D(real)), loss))

    bare, held = (torch.linalg.eigvals(game_jacobian(game(gamma))).real.min() for gamma in (0.0, 0.5))
    assert float(bare) == pytest.approx(0.0, abs=1e-12)
    assert float(held) == pytest.approx(0.5, abs=1e-7)


def test_consistency_is_zero_for_what_does_not_change_and_balanced_otherwise():
    def shifted(x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        return x + torch.tensor([1.0, 0.0], dtype=x.dtype)

    real, fake = batch(1), batch(2)
    blind = Consistency(shifted)(lambda x: x[:, 1:], real, fake)
    assert float(blind) == 0.0
    seen = Consistency(shifted, 2.0, 3.0, 4)(steep, real, fake)
    assert float(seen) == pytest.approx(4 * (2 + 3) * 9)


def test_historical_averaging_pulls_to_the_mean_of_the_past():
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    held = HistoricalAveraging(lam=0.5)
    held.start(([w], [torch.ones(1)]))
    for value in (1.0, 2.0, 3.0):
        w.data.fill_(value)
        held.update()
    assert torch.allclose(held.means[0][0], torch.full((3,), 1.5, dtype=torch.float64))  # of 0, 1, 2, 3
    assert float(held.loss(0).detach()) == pytest.approx(0.5 * 3 * 1.5**2)
    assert float(held.loss(1)) == 0
    (gradient,) = torch.autograd.grad(held.loss(0), w)
    assert torch.allclose(gradient, torch.full((3,), 1.5, dtype=torch.float64))
    other = HistoricalAveraging(lam=0.5)
    other.start(([w], [torch.ones(1)]))
    other.load_state_dict(held.state_dict())
    assert float(other.loss(0).detach()) == float(held.loss(0).detach())
    assert other.n_seen == 4


def test_historical_averaging_turns_the_bilinear_games_spiral_inwards():
    u, v = (torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    held = HistoricalAveraging(lam=1.0)
    held.start(([u], [v]))
    for _ in range(2000):
        gradient_u = torch.autograd.grad((u * v).sum() + held.loss(0), u)[0]
        gradient_v = torch.autograd.grad(-(u * v).sum() + held.loss(1), v)[0]
        u.data.sub_(0.05 * gradient_u)
        v.data.sub_(0.05 * gradient_v)
        held.update()
    assert float(u.detach().square() + v.detach().square()) < 0.5  # from 2; without it, 295


def test_weight_clipping_projects_on_the_box():
    net = nn.Linear(3, 2)
    before = net.weight.detach().clone()
    WeightClipping(0.1).project(net.parameters())
    assert torch.equal(net.weight.detach(), before.clamp(-0.1, 0.1))


def test_instance_noise_fades_linearly_to_nothing():
    noise = InstanceNoise(0.5, 100)
    assert [noise.at(step) for step in (0, 50, 100, 200)] == [0.5, 0.25, 0.0, 0.0]
    x = torch.zeros(20_000, dtype=torch.float64)
    assert float(noise(x, 50, generator=torch.Generator().manual_seed(0)).std()) == pytest.approx(
        0.25, rel=0.02
    )
    assert torch.equal(noise(x, 100), x)


@pytest.mark.parametrize(
    "build",
    [
        lambda: R1(-1.0),
        lambda: R2(0.1, 0),
        lambda: WassersteinGradientPenalty(-1.0),
        lambda: Dragan(1.0, 0),
        lambda: ZeroCentred(-0.1),
        lambda: LabelSmoothing(0.0),
        lambda: LabelSmoothing(1.1),
        lambda: WeightClipping(-0.01),
        lambda: InstanceNoise(-1.0),
        lambda: Consistency(lambda x, *, generator=None: x, -1.0),
        lambda: HistoricalAveraging(lam=-1.0),
    ],
)
def test_impossible_settings_are_refused(build):
    with pytest.raises(InputError, match="but"):
        build()


def test_batches_of_two_shapes_are_refused_where_points_lie_between():
    with pytest.raises(InputError, match="one shape"):
        WassersteinGradientPenalty()(steep, batch(1, n=4), batch(2, n=5))


def test_smoothing_costs_the_rest_of_the_label_times_the_mean_logit() -> None:
    real = torch.ones(4, 2)
    penalty = LabelSmoothing(0.9)(lambda x: x.sum(1, keepdim=True), real, real)
    assert float(penalty) == pytest.approx(0.1 * 2.0, rel=1e-5)


def test_a_lazy_gradient_penalty_weighs_as_much_as_it_is_left_out() -> None:
    real, fake = torch.zeros(4, 2), torch.ones(4, 2)
    each, fourth = (
        WassersteinGradientPenalty(every=every)(
            lambda x: 3 * x[:, :1], real, fake, generator=torch.Generator().manual_seed(0)
        )
        for every in (1, 4)
    )
    assert float(each) == pytest.approx(10 * (3 - 1) ** 2, rel=1e-5)
    assert float(fourth) == pytest.approx(4 * float(each), rel=1e-5)
