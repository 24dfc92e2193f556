"""The prior's training through the shared loop: the same order and numbers as ever, and exact resume."""

from __future__ import annotations

from pathlib import Path

import torch

from sciadv.games.prior_training import PriorSchedule, PriorTraining
from sciadv.games.game_report import GameStatus
from sciadv.games.trainer import Training, load_training, run
from sciadv.nets import build_seeded
from sciadv.types import as_generator

SHAPE = [1, 8, 8]


def training() -> PriorTraining:
    images = torch.randint(
        0, 256, (30, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    common = {"image_shape": SHAPE, "channels": 2}
    return PriorTraining(
        build_seeded({"kind": "conv-decoder", "n_latent": 3, **common}, 0),
        build_seeded({"kind": "conv-encoder", "n_latent": 3, **common}, 1),
        build_seeded({"kind": "conv-discriminator", **common}, 2),
        images,
        schedule=PriorSchedule(elbo_steps=5, game_steps=6, batch=8, penalty_every=2),
        seed=7,
    )


def test_batches_and_draws_are_those_that_shipped_weights_were_trained_with() -> None:
    played = training()
    for step in (0, 2, 3, 10):
        played.n_done = step
        epoch, place = divmod(step, 30 // 8)
        order = torch.randperm(30, generator=as_generator(7 * 1_000_003 + epoch))
        x, generator = played._draw()
        assert torch.equal(x, played.images[order[place * 8 : (place + 1) * 8]].float() / 255)
        assert generator.initial_seed() == 8 * 1_000_000_007 + step


def losses_of(played: PriorTraining, **settings) -> dict[int, dict[str, float]]:
    seen = {}
    run(played, monitor=lambda p: seen.__setitem__(p.step, p.losses), **settings)
    return seen


def test_a_resumed_training_is_the_unbroken_one_and_keeps_its_seconds(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    whole, broken, resumed = training(), training(), training()
    assert isinstance(whole, Training)
    losses = losses_of(whole)
    stop = iter([False] * 6 + [True])
    report = run(broken, checkpoint=checkpoint, every=3, is_interrupted=lambda: next(stop))
    assert report.status is GameStatus.INTERRUPTED
    load_training(resumed, checkpoint)
    rest = losses_of(resumed, checkpoint=checkpoint, every=3)
    assert rest == {step: losses[step] for step in range(8, 12)}
    assert resumed.cpu_seconds > 0
    for name, net in whole.nets.items():
        for a, b in zip(net.parameters(), resumed.nets[name].parameters(), strict=True):
            assert torch.equal(a, b)


def test_a_training_that_diverges_goes_back_and_says_what_and_when() -> None:
    played = training()
    report = run(played, every=2, monitor=lambda p: p.step == 3 and poison(played))
    assert report.status is GameStatus.DIVERGED
    assert "negative_elbo became NaN or Inf at step 4" in report.message
    assert report.n_steps == played.n_done == 2


def poison(played: PriorTraining) -> None:
    with torch.no_grad():
        next(played.nets["encoder"].parameters()).fill_(torch.nan)
