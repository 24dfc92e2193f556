"""Every objective makes of the best discriminator the divergence it states: on discrete pairs, to 1e-8."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import wasserstein_distance
from torch import Tensor

from sciadv.errors import InputError
from sciadv.games.objectives import (
    MMD,
    OBJECTIVES,
    FDivergence,
    GaussianMixture,
    LeastSquares,
    Minimax,
    NonSaturating,
    Objective,
    Relativistic,
    Wasserstein,
)

REAL_COUNTS = torch.tensor([1, 2, 3, 4])
FAKE_COUNTS = torch.tensor([4, 3, 2, 1])
P, Q = REAL_COUNTS.double() / 10, FAKE_COUNTS.double() / 10


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p / q).log()).sum()


def jsd(p: Tensor, q: Tensor) -> Tensor:
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def tv(p: Tensor, q: Tensor) -> Tensor:
    return (p - q).abs().sum() / 2


def samples(table: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs on ten real and ten fake samples that hold the two laws exactly."""
    return table.repeat_interleave(REAL_COUNTS, 0), table.repeat_interleave(FAKE_COUNTS, 0)


def least_separable_loss(objective: Objective) -> float:
    """Minimise over every function on the four points; the loss is a sum over them, so a sweep is exact."""
    table = torch.zeros(4, dtype=torch.float64)
    for i in range(4):

        def loss(value: float, i: int = i) -> float:
            table[i] = value
            return float(objective.discriminator_loss(*samples(table)))

        table[i] = minimize_scalar(loss, bounds=(-30, 30), method="bounded", options={"xatol": 1e-11}).x
    return float(objective.discriminator_loss(*samples(table)))


@pytest.mark.parametrize(
    ("name", "at_equality", "divergence"),
    [
        ("minimax", 2 * math.log(2), lambda p, q: 2 * jsd(p, q)),
        ("non-saturating", 2 * math.log(2), lambda p, q: 2 * jsd(p, q)),
        ("least-squares", 0.25, lambda p, q: ((p - q) ** 2 / (p + q)).sum() / 8),
        ("hinge", 2.0, lambda p, q: 2 * tv(p, q)),
        ("kl", 0.0, kl),
        ("reverse-kl", 0.0, lambda p, q: kl(q, p)),
        ("pearson", 0.0, lambda p, q: ((p - q) ** 2 / q).sum()),
        ("jensen-shannon", 0.0, lambda p, q: 2 * jsd(p, q)),
        ("total-variation", 0.0, tv),
    ],
)
def test_best_discriminator_makes_the_stated_divergence(name, at_equality, divergence):
    least = least_separable_loss(OBJECTIVES[name]())
    assert least == pytest.approx(at_equality - float(divergence(P, Q)), abs=1e-8)


@pytest.mark.parametrize("name", ["kl", "reverse-kl", "pearson", "jensen-shannon"])
def test_saturating_f_gan_generator_descends_its_divergence(name):
    divergences = {
        "kl": kl,
        "reverse-kl": lambda p, q: kl(q, p),
        "pearson": lambda p, q: ((p - q) ** 2 / q).sum(),
        "jensen-shannon": lambda p, q: 2 * jsd(p, q),
    }
    family = OBJECTIVES[name]()
    assert isinstance(family, FDivergence)
    objective = FDivergence(family.divergence, family.activation, family.conjugate, saturating=True)
    ratio = P / Q
    best = {
        "kl": 1 + ratio.log(),
        "reverse-kl": ratio.log(),
        "pearson": 2 * (ratio - 1),
        "jensen-shannon": ratio.log(),
    }[name]
    theta = Q.log().requires_grad_()
    q = theta.softmax(0)
    per_point = torch.stack([objective.generator_loss(v.view(1), v.view(1)) for v in best])
    (of_generator,) = torch.autograd.grad((q * per_point).sum(), theta, retain_graph=True)
    (of_divergence,) = torch.autograd.grad(divergences[name](P, q), theta)
    assert torch.allclose(of_generator, of_divergence, atol=1e-12)


def test_non_saturating_generator_descends_reverse_kl_less_two_jsd():
    theta = Q.log().requires_grad_()
    q = theta.softmax(0)
    best = (P / Q).log()
    per_point = torch.stack([NonSaturating().generator_loss(v.view(1), v.view(1)) for v in best])
    (of_generator,) = torch.autograd.grad((q * per_point).sum(), theta, retain_graph=True)
    (of_divergence,) = torch.autograd.grad(kl(q, P) - 2 * jsd(P, q), theta)
    assert torch.allclose(of_generator, of_divergence, atol=1e-12)


def test_least_squares_with_pearson_labels_measures_chi_squared():
    objective = LeastSquares(real_label=1.0, fake_label=-1.0, generator_label=0.0)
    best = (P - Q) / (P + Q)
    on_real, on_fake = samples(best)
    total = objective.generator_loss(on_fake, on_real) + objective.generator_loss(on_real, on_fake)
    chi_squared = ((P + Q - 2 * Q) ** 2 / (P + Q)).sum()
    assert float(total) == pytest.approx(float(chi_squared) / 2, abs=1e-12)


def relativistic_loss(table: Tensor, p_counts: Tensor, q_counts: Tensor) -> Tensor:
    """Loss over all pairs of samples of two laws."""
    real, fake = table.repeat_interleave(p_counts), table.repeat_interleave(q_counts)
    return Relativistic().discriminator_loss(real.repeat_interleave(len(fake)), fake.repeat(len(real)))


def test_relativistic_divergence_on_two_points_is_jsd_of_ordered_pairs(minimise):
    p, q = torch.tensor([[0.2, 0.8], [0.7, 0.3]], dtype=torch.float64)
    table = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    least = minimise(lambda: relativistic_loss(table, torch.tensor([2, 8]), torch.tensor([7, 3])), [table])
    pairs = jsd(torch.outer(p, q).flatten(), torch.outer(q, p).flatten())
    assert math.log(2) - least == pytest.approx(float(pairs), abs=1e-10)


def test_relativistic_divergence_is_zero_only_at_equality_and_below_the_pairs_jsd(minimise):
    table = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    least = minimise(lambda: relativistic_loss(table, REAL_COUNTS, FAKE_COUNTS), [table])
    pairs = float(jsd(torch.outer(P, Q).flatten(), torch.outer(Q, P).flatten()))
    assert 0.05 < math.log(2) - least <= pairs + 1e-12
    assert bool((table.detach().diff() > 0).all())  # more real where p / q is larger
    at_equality = minimise(lambda: relativistic_loss(table, REAL_COUNTS, REAL_COUNTS), [table])
    assert at_equality == pytest.approx(math.log(2), abs=1e-12)


def test_wasserstein_over_lipschitz_critics_is_w1():
    slopes = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([slopes], lr=0.1)
    for _ in range(300):  # projected descent on the slopes between points at 0, 1, 2, 3
        table = torch.cat([torch.zeros(1, dtype=torch.float64), slopes.cumsum(0)])
        loss = Wasserstein().discriminator_loss(*samples(table))
        slopes.grad = torch.autograd.grad(loss, slopes)[0]
        optimizer.step()
        slopes.data.clamp_(-1, 1)
    points = torch.arange(4.0)
    assert -float(loss.detach()) == pytest.approx(wasserstein_distance(points, points, P, Q), abs=1e-12)


def test_mmd_over_all_feature_maps_is_twice_squared_total_variation():
    objective = MMD(GaussianMixture((1.0,)), unbiased=False)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    features = ((P > Q).double().unsqueeze(1) * 2 + 0.3 * noise).requires_grad_()
    optimizer = torch.optim.Adam([features], lr=0.05)
    for _ in range(800):
        loss = objective.discriminator_loss(*samples(features))
        features.grad = torch.autograd.grad(loss, features)[0]
        optimizer.step()
    assert -float(loss.detach()) == pytest.approx(2 * float(tv(P, Q)) ** 2, rel=1e-4)


def test_unbiased_mmd_of_one_law_is_zero_in_the_mean():
    generator = torch.Generator().manual_seed(1)
    values = [
        float(MMD().generator_loss(*torch.randn(2, 32, 3, generator=generator, dtype=torch.float64).unbind()))
        for _ in range(400)
    ]
    mean, error = torch.tensor(values).mean(), torch.tensor(values).std() / 20
    assert abs(float(mean)) < 4 * float(error)


def test_feature_matching_is_blind_to_laws_with_equal_feature_means():
    objective = OBJECTIVES["feature-matching"]()
    real = torch.tensor([[0.3, -1.0], [0.1, 1.0]])
    fake = torch.tensor([[0.2, 0.0], [0.5, 0.0]])  # another law of the same mean feature
    assert float(objective.generator_loss(fake, real)) == 0.0
    assert float(objective.generator_loss(fake + 0.5, real)) == pytest.approx(0.25)


def test_linear_critic_of_unit_norm_measures_the_distance_of_moments():
    generator = torch.Generator().manual_seed(2)
    real, fake = torch.randn(2, 50, 3, generator=generator, dtype=torch.float64).unbind()
    moments = (real.mean(0) - fake.mean(0)).norm()
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    loss = Wasserstein().discriminator_loss(real @ w, fake @ w)
    w_best = -torch.autograd.grad(loss, w)[0]
    w_best = w_best / w_best.norm()
    assert -float(Wasserstein().discriminator_loss(real @ w_best, fake @ w_best)) == pytest.approx(
        float(moments), abs=1e-14
    )


@pytest.mark.parametrize(("d", "ratio"), [(0.01, 99.0), (0.3, 7 / 3), (0.5, 1.0)])
def test_non_saturating_gradient_is_larger_by_one_minus_d_over_d(d, ratio):
    logit = torch.tensor([math.log(d / (1 - d))], dtype=torch.float64, requires_grad=True)
    (strong,) = torch.autograd.grad(NonSaturating().generator_loss(logit, logit), logit)
    (weak,) = torch.autograd.grad(Minimax().generator_loss(logit, logit), logit)
    assert float(weak) == pytest.approx(-d, abs=1e-14)
    assert float(strong / weak) == pytest.approx(ratio, abs=1e-12)


def test_cross_entropy_numbers_of_the_worked_example():
    def logit(d: float) -> Tensor:
        return torch.tensor([math.log(d / (1 - d))], dtype=torch.float64)

    assert float(NonSaturating().generator_loss(logit(0.3), logit(0.9))) == pytest.approx(1.20397, abs=5e-6)
    assert float(Minimax().discriminator_loss(logit(0.95), logit(0.3))) == pytest.approx(0.40797, abs=5e-6)
    assert float(Minimax().discriminator_loss(logit(0.5), logit(0.5))) == pytest.approx(1.386294, abs=5e-7)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_are_finite_scalars_with_gradients_on_both_sides(name):
    objective = OBJECTIVES[name]()
    shape = (6, 4) if objective.reads_features else (6,)
    generator = torch.Generator().manual_seed(3)
    real, fake = torch.randn(2, *shape, generator=generator).unbind()
    real.requires_grad_(), fake.requires_grad_()
    for loss, inputs in (
        (objective.discriminator_loss(real, fake), (real, fake)),
        (objective.generator_loss(fake, real), (fake,)),
    ):
        assert loss.shape == ()
        for gradient in torch.autograd.grad(loss, inputs):
            assert bool(gradient.isfinite().all())
            assert float(gradient.abs().max()) > 0
    assert objective.divergence


@pytest.mark.parametrize("name", [n for n, objective in OBJECTIVES.items() if not objective().reads_features])
def test_discriminator_descends_towards_large_on_real_and_small_on_fake(name):
    objective = OBJECTIVES[name]()
    real, fake = torch.full((4,), 0.5, requires_grad=True), torch.full((4,), 0.5, requires_grad=True)
    on_real, on_fake = torch.autograd.grad(objective.discriminator_loss(real, fake), (real, fake))
    assert bool((on_real < 0).all())
    assert bool((on_fake > 0).all())
    (towards,) = torch.autograd.grad(objective.generator_loss(fake, real.detach()), fake)
    assert bool((towards < 0).all())


def test_unpaired_batches_are_refused_by_the_relativistic_objective():
    with pytest.raises(InputError, match="pairs"):
        Relativistic().discriminator_loss(torch.zeros(3), torch.zeros(4))
    with pytest.raises(InputError, match="pairs"):
        Relativistic().generator_loss(torch.zeros(3), torch.zeros(4))


def test_scalar_outputs_are_refused_where_features_are_read():
    with pytest.raises(InputError, match="feature"):
        OBJECTIVES["feature-matching"]().generator_loss(torch.zeros(4, 1), torch.zeros(4, 1))
    with pytest.raises(InputError, match="MMD"):
        OBJECTIVES["mmd"]().generator_loss(torch.zeros(4), torch.zeros(4))
