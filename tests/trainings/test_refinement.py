"""Refinement of designs by a critic's physics, replay of what was refined, and emphasis on the ends."""

import torch

from sciadv import Constraint
from sciadv.forward import Matrix
from sciadv.nets import DesignDecoder
from sciadv.trainings.loop import run
from sciadv.trainings.physics.critics import PhysicsDiscriminator
from sciadv.trainings.physics.design_training import DesignSchedule, DesignTraining
from sciadv.trainings.physics.refinement import Refinement, Replay
from sciadv.trainings.protocol import load_training, save_training

SUM = Matrix(torch.ones(1, 6), (6,))
LIMIT = Constraint("first", Matrix(torch.eye(6)[:1], (6,)), at_most=0.5)


def critic():
    return PhysicsDiscriminator(SUM, tolerance=0.1, constraints=(LIMIT,))


def decoder(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return DesignDecoder(
            n_latent=4,
            lower=[-1.0] * 6,
            upper=[1.0] * 6,
            is_log=[False] * 6,
            targets=[[1.0, 4.0]],
            hidden=[16],
        )


def test_refined_designs_have_their_targets_inside_the_limits():
    net, goals = decoder(), torch.tensor([[1.0], [2.0], [4.0]])
    place = torch.rand(3, 6, generator=torch.Generator().manual_seed(1))
    met = Refinement(margin=0.01)(critic(), net.from_unit, place, goals)
    x = net.from_unit(met.place)
    torch.testing.assert_close(x.sum(1, keepdim=True), goals, rtol=4e-3, atol=0)
    assert bool((x[:, 0] <= 0.5).all())
    assert int(met.n_evaluations.max()) < 8


def test_replay_keeps_the_latest():
    replay = Replay(4, 2, 3)
    for i in range(3):
        replay.add(torch.full((2, 2), float(i)), torch.full((2, 3), float(i)))
    z, place = replay.sample(50, torch.Generator().manual_seed(0))
    assert set(z[:, 0].tolist()) == {1.0, 2.0}
    torch.testing.assert_close(z[:, 0], place[:, 0])


def schedule(**changes):
    settings = {"steps": 8, "targets": 6, "group": 2, "replay_every": 2, "replay_designs": 6, "ends": 0.5}
    return DesignSchedule(**{**settings, **changes})


def test_replay_and_ends_are_reported_and_resume_bit_for_bit(tmp_path):
    whole = DesignTraining(decoder(), critic(), schedule=schedule())
    terms = [whole.step() for _ in range(6)]
    assert "replay" in terms[1]
    first = DesignTraining(decoder(), critic(), schedule=schedule())
    for _ in range(3):
        first.step()
    save_training(first, tmp_path / "checkpoint.safetensors")
    second = DesignTraining(decoder(seed=5), critic(), schedule=schedule())
    load_training(second, tmp_path / "checkpoint.safetensors")
    assert [second.step() for _ in range(3)] == terms[3:]
    assert second.replay.n_seen == whole.replay.n_seen > 0


def test_half_of_the_targets_come_from_the_ends_where_that_is_asked():
    training = DesignTraining(decoder(), critic(), schedule=schedule(targets=2000, replay_every=0, ends=0.5))
    training.game.draw()
    share = (decoder().target(training.game.latents) / 1.0).log() / torch.tensor(4.0).log()
    outer = ((share < 0.1) | (share > 0.9)).float().mean()
    assert 0.55 < float(outer) < 0.65  # half, and a fifth of the other half


def test_training_with_replay_brings_designs_to_their_targets():
    settings = {"steps": 120, "targets": 16, "tolerance": 0.05, "ema": 0.9, "replay_every": 10}
    training = DesignTraining(decoder(), critic(), schedule=schedule(**settings))
    before = training.measure()
    run(training)
    assert training.measure()["median_relative_error"] < 0.3 * before["median_relative_error"]
