"""The exact answers of the game between two Gaussians, and of the one between two points."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from sciadv.games.objectives import Minimax, NonSaturating, Wasserstein
from sciadv.games.penalties import LabelSmoothing, WassersteinGradientPenalty, WeightClipping

GRID = torch.linspace(-14, 24, 20001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


def normal(mean: float, std: float = 1.0) -> Tensor:
    return torch.exp(-(((GRID - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))


def best_value(a: float) -> float:
    """V(D*) of N(0, 1) against N(a, 1), by quadrature of the objective's own loss."""
    far = torch.full((1,), 1e4, dtype=torch.float64)
    logits = -a * GRID + a**2 / 2
    loss = torch.func.vmap(Minimax().discriminator_loss)
    on_real = loss(logits.unsqueeze(1), (-far).expand(len(GRID), 1))
    on_fake = loss(far.expand(len(GRID), 1), logits.unsqueeze(1))
    return -float((normal(0) * on_real + normal(a) * on_fake).sum() * STEP)


def jsd(p: Tensor, q: Tensor) -> float:
    m = (p + q) / 2
    return float((torch.xlogy(p, p / m) + torch.xlogy(q, q / m)).nan_to_num().sum() * STEP / 2)


@pytest.mark.parametrize(
    ("a", "expected"), [(0.5, 0.030311), (1.0, 0.111421), (2.0, 0.336831), (4.0, 0.632720), (8.0, 0.693054)]
)
def test_value_of_the_best_discriminator_is_two_jsd_less_two_ln_two(a, expected):
    divergence = jsd(normal(0), normal(a))
    assert divergence == pytest.approx(expected, abs=5e-7)
    assert divergence < math.log(2)
    assert best_value(a) == pytest.approx(2 * divergence - 2 * math.log(2), abs=1e-9)


def test_value_at_distance_one_is_the_known_number():
    assert best_value(1.0) == pytest.approx(-1.163451, abs=5e-7)


def quantiles(n: int, mean: float) -> Tensor:
    levels = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return (mean + math.sqrt(2) * torch.erfinv(2 * levels - 1)).unsqueeze(1)


def mlp(seed: int) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    generator = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        nn.init.normal_(p, std=0.5, generator=generator)
    return net


def test_trained_discriminator_gives_the_log_density_ratio(minimise):
    a = 1.0
    real, fake = quantiles(2000, 0.0), quantiles(2000, a)
    net = mlp(0)
    minimise(lambda: NonSaturating().discriminator_loss(net(real), net(fake)), net.parameters())
    x = torch.cat([real, fake])
    error = (net(x) - (-a * x + a**2 / 2)).square().mean().sqrt()
    assert float(error.detach()) < 0.05
    at = net(torch.tensor([[0.3]], dtype=torch.float64))
    assert float(at.detach()) == pytest.approx(0.2, abs=0.05)


def test_label_smoothing_scales_the_best_discriminator_by_alpha(minimise):
    alpha = 0.9
    p = torch.tensor([0.2, 0.8], dtype=torch.float64)
    points_real, points_fake = torch.tensor([0] * 2 + [1] * 8), torch.tensor([0] * 7 + [1] * 3)
    table = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    penalty = LabelSmoothing(alpha)

    def loss() -> Tensor:
        base = Minimax().discriminator_loss(table[points_real], table[points_fake])
        return base + penalty(lambda i: table[i.long()], points_real, points_fake)

    minimise(loss, [table])
    q = torch.tensor([0.7, 0.3], dtype=torch.float64)
    assert torch.allclose(table.detach().sigmoid(), alpha * p / (p + q), atol=1e-6)


@pytest.mark.parametrize("a", [0.5, 1.0, -2.0])
def test_two_point_wasserstein_distance_is_the_distance_with_critic_slope_one(a):
    critic = nn.Linear(1, 1).double()
    nn.init.constant_(critic.weight, 0.3)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.5)
    real, fake = torch.zeros(1, 1, dtype=torch.float64), torch.full((1, 1), a, dtype=torch.float64)
    for _ in range(20):
        optimizer.zero_grad()
        Wasserstein().discriminator_loss(critic(real), critic(fake)).backward()
        optimizer.step()
        WeightClipping(1.0).project([critic.weight])
    fake.requires_grad_()
    distance = -Wasserstein().discriminator_loss(critic(real), critic(fake))
    (in_a,) = torch.autograd.grad(distance, fake)
    assert float(distance.detach()) == pytest.approx(abs(a), rel=1e-12)
    assert float(critic.weight.detach()) == pytest.approx(-math.copysign(1, a))
    assert float(in_a) == pytest.approx(
        math.copysign(1, a)
    )  # the generator is told which way, at any distance


@pytest.mark.parametrize("lam", [10.0, 100.0])
def test_gradient_penalty_makes_the_two_point_critic_steeper_by_a_over_two_lam(lam, minimise):
    a = 1.0
    w = torch.full((1, 1), -0.5, dtype=torch.float64, requires_grad=True)
    real, fake = torch.zeros(4, 1, dtype=torch.float64), torch.full((4, 1), a, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    penalty = WassersteinGradientPenalty(lam)

    def loss() -> Tensor:
        distance = Wasserstein().discriminator_loss(real @ w, fake @ w)
        return distance + penalty(lambda x: x @ w, real, fake, generator=generator)

    minimise(loss, [w])
    assert float(w.detach()) == pytest.approx(-(1 + a / (2 * lam)), abs=1e-7)


@pytest.mark.parametrize(("std", "slope"), [(0.1, 2.2e-5), (0.01, 0.0)])
def test_jsd_of_two_narrow_laws_has_no_gradient(std, slope):
    grid = torch.linspace(-2, 3, 200_001, dtype=torch.float64)
    a = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)

    def density(mean: Tensor | float) -> Tensor:
        return torch.exp(-(((grid - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi)) + 1e-300

    p, q = density(0.0), density(a)
    m = (p + q) / 2
    value = ((p * (p / m).log() + q * (q / m).log()).sum() * (grid[1] - grid[0])) / 2
    (gradient,) = torch.autograd.grad(value, a)
    assert float(gradient) == pytest.approx(slope, abs=2e-6)
