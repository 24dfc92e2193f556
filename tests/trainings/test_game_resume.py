"""A training that was killed at any step and resumed is the unbroken one, bit for bit."""

from __future__ import annotations

import csv
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError, WeightsError
from sciadv.games.augment import ADA
from sciadv.games.objectives import Hinge
from sciadv.games.penalties import R1, Dragan
from sciadv.games.replay import ReplayBuffer
from sciadv.games.updates import UPDATES, Lookahead, Optimistic
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.trainings.training_report import EarlyStopping

STEPS, EVERY = 14, 4


class Killed(BaseException):
    """Stands for the end of the process."""


def net(n_in: int, n_out: int, seed: int, *last: nn.Module) -> nn.Sequential:
    layers = nn.Sequential(nn.Linear(n_in, 8), nn.BatchNorm1d(8), nn.SiLU(), nn.Linear(8, n_out), *last)
    generator = torch.Generator().manual_seed(seed)
    for p in layers.parameters():
        nn.init.normal_(p, std=0.5, generator=generator)
    return layers


def build(**settings) -> Game:
    return Game(
        net(3, 2, 0), net(2, 1, 1, nn.Dropout(0.2)), n_latent=3, batch=16, learning_rate=1e-2, **settings
    )


def points() -> Tensor:
    return torch.randn(50, 2, generator=torch.Generator().manual_seed(5))


def assert_same_state(a: Game, b: Game) -> None:
    (tensors, facts), (others, other_facts) = a.play.state(), b.play.state()
    assert tensors.keys() == others.keys()
    for name, t in tensors.items():
        assert torch.equal(t, others[name]), name
    assert facts == other_facts


def interrupted(make, checkpoint: Path, data: Tensor, **fit) -> Game:
    """Kill a run at a random step, and resume it in a game made anew."""
    at = random.Random(checkpoint.parent.name).randrange(1, STEPS)

    def kill(progress) -> None:
        if progress.step == at:
            raise Killed

    with pytest.raises(Killed):
        make().fit(data, steps=STEPS, every=EVERY, checkpoint=checkpoint, monitor=kill, **fit)
    resumed = make()
    resumed.fit(data, steps=STEPS, every=EVERY, checkpoint=checkpoint, resume=True, **fit)
    return resumed


@pytest.mark.parametrize("update", [*(n for n in UPDATES if n != "one-pass"), Lookahead(Optimistic(), k=3)])
def test_every_update_resumes_bit_for_bit(tmp_path: Path, update) -> None:
    def make() -> Game:
        return build(update=update)

    whole = make()
    whole.fit(points(), steps=STEPS)
    assert_same_state(whole, interrupted(make, tmp_path / "c.safetensors", points()))


def sgd(parameters, rate):
    return torch.optim.SGD(parameters, lr=rate / 10)


@pytest.mark.parametrize(
    "options",
    [
        GameOptions(optimizer=sgd, final_rate=0.1),
        GameOptions(optimizer=lambda p, rate: torch.optim.SGD(p, lr=rate / 10, momentum=0.5)),
        GameOptions(optimizer=lambda p, rate: torch.optim.Adamax(p, lr=rate)),
        GameOptions(accumulate=2, precision="bfloat16"),
    ],
    ids=["sgd", "momentum", "adamax", "parts-in-half"],
)
def test_optimizers_and_options_resume_bit_for_bit(tmp_path: Path, options: GameOptions) -> None:
    def make() -> Game:
        return build(objective=Hinge(), penalties=[R1(0.1, every=3), Dragan()], options=options)

    whole = make()
    whole.fit(points(), steps=STEPS)
    assert_same_state(whole, interrupted(make, tmp_path / "c.safetensors", points()))


def test_adaptive_augmentation_replay_and_scores_resume_bit_for_bit(tmp_path: Path) -> None:
    images = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(1))

    def make() -> Game:
        options = GameOptions(replay=ReplayBuffer(20))
        return Game(
            nn.Sequential(net(3, 36, 0), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6))),
            nn.Sequential(nn.Flatten(), net(36, 1, 1)),
            augment=ADA(target=-1.0, n_images=400, interval=2),
            n_latent=3,
            batch=8,
            options=options,
        )

    def stop() -> EarlyStopping:
        return EarlyStopping(lambda prior: float(prior.sample(20, seed=0).mean()), patience=50)

    whole = make()
    whole.fit(images, steps=STEPS, every=EVERY, stop=stop())
    resumed = interrupted(make, tmp_path / "c.safetensors", images, stop=stop())
    assert_same_state(whole, resumed)
    assert [step for step, _ in resumed.play.best.scores] == [4, 8, 12, 14]


def test_the_metrics_file_of_a_resumed_run_is_that_of_the_unbroken_one(tmp_path: Path) -> None:
    build().fit(points(), steps=STEPS, every=EVERY, checkpoint=tmp_path / "whole" / "c.safetensors")
    interrupted(build, tmp_path / "broken" / "c.safetensors", points())
    tables = []
    for run in ("whole", "broken"):
        with (tmp_path / run / "metrics.csv").open() as file:
            tables.append(list(csv.reader(file)))
    assert tables[0] == tables[1]
    assert len(tables[0]) == STEPS + 1


SCRIPT = """
import sys
from pathlib import Path
import torch
from torch import nn
from sciadv.trainings.game.game import Game


def make():
    torch.manual_seed(0)
    G, D = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)), nn.Linear(2, 1)
    return Game(G, D, update="lookahead", n_latent=3, batch=8)


data = torch.linspace(-1, 1, 80).reshape(40, 2)
if __name__ == "__main__":
    make().fit(data, steps=1_000_000, every=7, checkpoint=Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_process_killed_by_the_system_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    script, checkpoint = tmp_path / "script.py", tmp_path / "killed" / "c.safetensors"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(checkpoint)], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 120
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    parts = runpy.run_path(str(script))
    resumed, whole = parts["make"](), parts["make"]()
    resumed.load(checkpoint)
    assert resumed.n_done >= 7
    resumed.fit(parts["data"], steps=resumed.n_done + 5, checkpoint=checkpoint, resume=True)
    whole.fit(parts["data"], steps=resumed.n_done)
    assert_same_state(whole, resumed)


def test_a_checkpoint_of_another_game_or_of_other_networks_is_refused_in_words(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c.safetensors"
    build().fit(points(), steps=2, checkpoint=checkpoint)
    with pytest.raises(InputError, match="objective 'relativistic', but this one has 'hinge'"):
        build(objective="hinge").fit(points(), steps=4, checkpoint=checkpoint, resume=True)
    build(penalties=[R1(0.1), Dragan()]).fit(points(), steps=2, checkpoint=tmp_path / "d.safetensors")
    with pytest.raises(InputError, match=r"R1\(gamma=0\.1, every=1\) .* has 'R1\(gamma=0\.5"):
        build(penalties=[R1(0.5), Dragan()]).load(tmp_path / "d.safetensors")
    with pytest.raises(InputError, match="seed 0, but this one has 1"):
        build(seed=1).load(checkpoint)
    other = Game(net(3, 2, 0), nn.Linear(2, 1), n_latent=3, batch=16, learning_rate=1e-2)
    with pytest.raises(WeightsError, match="does not fit the discriminator"):
        other.load(checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(WeightsError, match="Delete it to start anew"):
        build().load(checkpoint)


def test_fit_goes_on_from_where_the_game_is() -> None:
    once, twice = build(), build()
    once.fit(points(), steps=12)
    twice.fit(points(), steps=5)
    report = twice.fit(points(), steps=12)
    assert report.n_steps == 12
    assert_same_state(once, twice)
    assert twice.fit(points(), steps=12).metrics == {}
