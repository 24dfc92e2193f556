import pytest
import torch
from torch import nn

from sciadv import Constraint, Game
from sciadv.errors import InputError
from sciadv.forward import Matrix
from sciadv.nets import DesignDecoder
from sciadv.trainings.loop import run
from sciadv.trainings.physics.critics import PhysicsDiscriminator, diversity
from sciadv.trainings.physics.design_game import MultiplierAscent
from sciadv.trainings.physics.design_training import DesignSchedule, DesignTraining
from sciadv.trainings.protocol import load_training, save_training

SUM = Matrix(torch.ones(1, 2), (2,))
LIMIT = Constraint("first", Matrix(torch.tensor([[1.0, 0.0]]), (2,)), at_most=2.0)


def critic(**settings):
    return PhysicsDiscriminator(SUM, tolerance=0.1, constraints=(LIMIT,), **settings)


def decoder(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return DesignDecoder(
            n_latent=3, lower=[0.1, 0.1], upper=[5.0, 5.0], targets=[[1.0, 4.0]], hidden=[16, 16]
        )


def test_residual_is_in_tolerances_of_the_target():
    score = critic().score(torch.tensor([[1.0, 1.0], [1.0, 1.4]]), torch.tensor([[2.0], [2.0]]))
    torch.testing.assert_close(score.residual[:, 0], torch.tensor([0.0, 2.0]))


def test_total_is_the_sum_of_the_reported_terms():
    score = critic(critic=nn.Linear(4, 1)).score(torch.rand(6, 2) * 3, torch.ones(6, 1))
    assert list(score.terms) == ["physics", "first", "realism"]
    torch.testing.assert_close(score.total, sum(score.terms.values()))


def test_design_that_is_right_and_feasible_loses_nothing():
    score = critic().score(torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0]]))
    assert float(score.total) == 0.0


def test_constraint_term_is_the_augmented_lagrangian():
    physics = critic(margin=0.0, penalty=10.0)
    physics.multipliers.fill_(3.0)
    x, target = torch.tensor([[3.0, 0.0]]), torch.tensor([[3.0]])
    c = (3.0 - 2.0) / 2.0
    expected = ((3.0 + 10.0 * c) ** 2 - 3.0**2) / 20.0
    assert float(physics.score(x, target).terms["first"]) == pytest.approx(-expected)


def risen(physics: PhysicsDiscriminator, violation: torch.Tensor, rate: float) -> float:
    """Make one step of the multipliers' player."""
    physics.multipliers.requires_grad_(True)
    loss = -(physics.multipliers * physics.excess(violation)).sum()
    (physics.multipliers.grad,) = torch.autograd.grad(loss, physics.multipliers)
    MultiplierAscent([physics.multipliers], lr=rate * physics.penalty).step()
    return float(physics.multipliers.detach())


def test_multipliers_rise_where_broken_fall_where_kept_and_stay_above_zero():
    physics = critic(margin=0.0, penalty=10.0)
    assert risen(physics, torch.tensor([[0.5], [0.1]]), 0.1) == pytest.approx(0.3)
    physics = critic(margin=0.1, penalty=10.0)
    physics.multipliers.fill_(0.05)
    assert risen(physics, torch.full((2, 1), -0.9), 0.1) == 0.0


def test_learned_critic_reads_the_physical_values():
    """Two designs with one feature but different physics must be told apart by the learned part."""
    physics = critic(critic=nn.Linear(3, 1, bias=False), features=lambda x: x[:, :1])
    with torch.no_grad():
        physics.critic.weight.copy_(torch.tensor([[0.0, 1.0, 0.0]]))  # reads the residual only
    score = physics.score(torch.tensor([[1.0, 1.0], [1.0, 1.4]]), torch.full((2, 1), 2.0))
    torch.testing.assert_close(score.terms["realism"], torch.tensor([0.0, 2.0]).asinh())


def test_diversity_is_highest_for_designs_far_apart():
    same, apart = torch.zeros(6, 2), torch.arange(6.0)[:, None].repeat(1, 2)
    assert float(diversity(same, 3)) < -10 < -0.1 < float(diversity(apart, 3)) < 0.01


def test_game_plays_with_the_critic_as_discriminator():
    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = decoder()

        def forward(self, z):
            return torch.cat([self.net(z), self.net.target(z)], 1)

    generator = torch.Generator().manual_seed(0)
    designs = 0.5 + torch.rand(256, 2, generator=generator)
    real = torch.cat([designs, designs.sum(1, keepdim=True)], 1)
    physics = critic(critic=nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1)))
    game = Game(Pairs(), physics, objective="non-saturating", penalties=["r1"], n_latent=3, batch=32)
    report = game.fit(real, steps=5)
    assert report.message == "all 5 steps done"


def test_training_without_data_brings_designs_to_their_targets():
    schedule = DesignSchedule(steps=250, targets=16, group=4, tolerance=0.05, ema=0.9)
    training = DesignTraining(decoder(), critic(), schedule=schedule)
    before = training.measure()
    run(training)
    after = training.measure()
    assert after["median_relative_error"] < 0.25 * before["median_relative_error"]
    assert after["feasible"] > 0.9


def test_training_resumes_bit_for_bit(tmp_path):
    schedule = DesignSchedule(steps=6, targets=4, group=2)
    whole = DesignTraining(decoder(), critic(), schedule=schedule)
    losses = [whole.step() for _ in range(6)]
    first = DesignTraining(decoder(), critic(), schedule=schedule)
    for _ in range(3):
        first.step()
    save_training(first, tmp_path / "checkpoint.safetensors")
    second = DesignTraining(decoder(seed=5), critic(), schedule=schedule)
    load_training(second, tmp_path / "checkpoint.safetensors")
    assert [second.step() for _ in range(3)] == losses[3:]


def learned(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1))


def near_the_diagonal(n=400):
    """Return designs whose two numbers are alike, of sums from 1 to 4."""
    numbers = torch.Generator().manual_seed(3)
    half = 0.5 + 1.5 * torch.rand(n, 1, generator=numbers)
    return (half * (1 + 0.02 * torch.randn(n, 2, generator=numbers))).clamp(0.11, 1.99)


def test_a_learned_critic_brings_designs_to_where_real_ones_are():
    schedule = DesignSchedule(steps=400, targets=16, group=4, tolerance=0.05, diversity_weight=0.02, ema=0.9)
    asymmetry = {}
    for name, settings in {"physics": {}, "both": {"critic": learned(), "realism_weight": 10.0}}.items():
        net = decoder()
        physics = critic(**settings, features=net.to_unit)
        real = near_the_diagonal() if settings else None
        training = DesignTraining(net, physics, schedule=schedule, real=real)
        run(training)
        x = training.prior(name="").sample(500, seed=1)
        asymmetry[name] = float((x[:, 0] / x[:, 1]).log().abs().median())
        assert training.measure()["median_relative_error"] < 0.05
    assert asymmetry["both"] < 0.4 * asymmetry["physics"]


def test_training_with_a_critic_resumes_bit_for_bit_and_reports_every_term(tmp_path):
    def begun(seed=0):
        net, schedule = decoder(seed), DesignSchedule(steps=6, targets=4, group=2)
        return DesignTraining(net, critic(critic=learned(seed)), schedule=schedule, real=near_the_diagonal())

    whole = begun()
    terms = [whole.step() for _ in range(6)]
    assert set(terms[0]) == {"loss", "physics", "first", "realism", "diversity"}
    first = begun()
    for _ in range(3):
        first.step()
    save_training(first, tmp_path / "checkpoint.safetensors")
    second = begun(seed=5)
    load_training(second, tmp_path / "checkpoint.safetensors")
    assert [second.step() for _ in range(3)] == terms[3:]


def test_critic_and_real_designs_come_together_or_not_at_all():
    with pytest.raises(InputError, match="a learned critic needs real designs"):
        DesignTraining(decoder(), critic(critic=nn.Linear(4, 1)), schedule=DesignSchedule())
    with pytest.raises(InputError, match="a learned critic needs real designs"):
        DesignTraining(decoder(), critic(), schedule=DesignSchedule(), real=near_the_diagonal())
    for real in (torch.ones(4, 3), torch.full((4, 2), torch.nan), torch.ones(0, 2)):
        with pytest.raises(InputError, match="finite numbers of shape"):
            DesignTraining(decoder(), critic(critic=learned()), schedule=DesignSchedule(), real=real)
    with pytest.raises(InputError, match="physics alone has no realism"):
        critic().realism(torch.ones(2, 2), torch.ones(2, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lower": [5.0, 0.1], "upper": [0.1, 5.0]}, "bounds need 0 < lower < upper"),
        ({"lower": [0.0, 0.1]}, "bounds need 0 < lower < upper, but a variable has 0 and 5"),
        ({"lower": [-1.0, 6.0], "is_log": [False, False]}, "bounds need lower < upper, but a variable has 6"),
        ({"lower": []}, "needs lower, upper and is_log for each variable, but has 0, 2 and 0"),
        ({"targets": [[4.0, 1.0]]}, "targets need 0 < low < high"),
        ({"n_latent": 1}, "n_latent must be more than the 1 targets"),
    ],
)
def test_bad_generators_are_refused_in_words(change, words):
    settings = {"n_latent": 3, "lower": [0.1, 0.1], "upper": [5.0, 5.0], "targets": [[1.0, 4.0]]}
    with pytest.raises(InputError, match=words):
        DesignDecoder(**{**settings, **change})


def test_designs_are_within_bounds_by_construction_and_conditions_give_their_targets():
    net = decoder()
    x = net(50 * torch.randn(500, 3, generator=torch.Generator().manual_seed(1)))
    assert bool((x >= 0.1).all() and (x <= 5.0).all())
    goals = torch.tensor([[1.2], [2.0], [3.7]])
    z = torch.cat([torch.zeros(3, 2), net.condition(goals)], 1)
    torch.testing.assert_close(net.target(z), goals)
