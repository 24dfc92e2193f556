"""What trainings share: order, loop, log, checkpoints of optimizers and updates."""

from __future__ import annotations

import csv
import json
import math
import sys
import types
from pathlib import Path

import pytest
import torch
from matplotlib.image import imread
from torch import nn

from sciadv.errors import InputError, WeightsError
from sciadv.games.updates import UpdateState
from sciadv.trainings import (
    DivergedError,
    Training,
    TrainingLog,
    average_gradients,
    batch_indices,
    collect,
    first_not_finite,
    load_training,
    process_group,
    restore_state,
    run,
    save_grid,
    save_training,
    step_generator,
    world_size,
)
from sciadv.trainings.training_report import GameStatus
from sciadv.trainings.training_state import Parts


def test_batches_depend_on_seed_and_number_only_and_epochs_are_permutations() -> None:
    epoch = [batch_indices(11, 3, step, seed=4) for step in range(3)]
    assert len(set(torch.cat(epoch).tolist())) == 9  # two samples do not fill a batch
    assert torch.equal(batch_indices(11, 3, 1, seed=4), epoch[1])
    assert not torch.equal(batch_indices(11, 3, 4, seed=4), epoch[1])
    assert not torch.equal(batch_indices(11, 3, 1, seed=5), epoch[1])


def test_streams_and_steps_and_seeds_draw_different_numbers() -> None:
    drawn = [
        float(torch.rand(1, generator=step_generator(seed, step, stream=stream)))
        for seed in range(4)
        for step in range(4)
        for stream in range(4)
    ]
    assert len(set(drawn)) == len(drawn)


class Countdown:
    """Its loss is finite for some steps; its weight counts them."""

    batch, samples, diagnose = 4, staticmethod(lambda n: torch.zeros(n, 2)), staticmethod(lambda: ("fine",))

    def __init__(self, n_steps: int = 7, *, n_finite: int = 100, n_wanted: int = 100) -> None:
        self.n_done, self.n_steps, self.phases = 0, n_steps, (n_steps,)
        self.n_finite, self.n_wanted, self.weight = n_finite, n_wanted, torch.zeros(1)

    def step(self) -> dict[str, float]:
        self.n_done += 1
        self.weight += 1
        return {"fine": 0.0, "loss": 1.0 if self.n_done <= self.n_finite else math.inf}

    def settings(self) -> dict[str, object]:
        return {"n_finite": self.n_finite}

    def state(self):
        return {"net.w.weight": self.weight.clone()}, {"n_done": self.n_done}

    def restore(self, tensors, facts) -> None:
        self.weight, self.n_done = tensors["net.w.weight"].clone(), facts["n_done"]

    def measure(self) -> dict[str, float]:
        return {"count": float(self.weight)}

    def stop_reason(self) -> str | None:
        return "enough" if self.n_done >= self.n_wanted else None


def test_the_loop_measures_draws_and_saves_every_so_often_and_at_the_end(tmp_path: Path) -> None:
    checkpoint, seen = tmp_path / "c.safetensors", []
    training = Countdown()
    assert isinstance(training, Training)
    report = run(training, checkpoint=checkpoint, every=3, monitor=seen.append)
    assert [(p.step, p.n_steps, p.batch, p.quality) for p in seen[1:4]] == [
        (2, 7, 4, {}),
        (3, 7, 4, {"count": 3.0}),
        (4, 7, 4, {"count": 3.0}),
    ]
    assert (report.status, report.diagnosis) == (GameStatus.FINISHED, ("fine",))
    assert (tmp_path / "quality.csv").read_text().split() == ["step,count", "3,3.0", "6,6.0", "7,7.0"]
    assert len(list(tmp_path.glob("samples-*.png"))) == 3
    again = Countdown(9)
    load_training(again, checkpoint)
    assert float(again.weight) == again.n_done == 7


def test_the_loop_stops_when_asked_and_says_why(tmp_path: Path) -> None:
    report = run(Countdown(n_wanted=5))
    assert (report.status, report.message, report.n_steps) == (GameStatus.STOPPED, "enough", 5)
    checkpoint, asked = tmp_path / "c.safetensors", iter([False, True])
    report = run(Countdown(), checkpoint=checkpoint, is_interrupted=lambda: next(asked))
    assert (report.status, report.message) == (GameStatus.INTERRUPTED, "interrupted at step 2 of 7")
    again = Countdown()
    load_training(again, checkpoint)
    assert again.n_done == 2


def test_a_loss_that_is_not_finite_takes_the_training_back_to_the_checkpoint(tmp_path: Path) -> None:
    checkpoint, training = tmp_path / "c.safetensors", Countdown(n_finite=4)
    report = run(training, checkpoint=checkpoint, every=2)
    assert report.status is GameStatus.DIVERGED
    assert "loss became NaN or Inf at step 5" in report.message
    assert training.n_done == float(training.weight) == report.n_steps == 4
    again = Countdown(n_finite=4)
    load_training(again, checkpoint)
    assert again.n_done == 4


def test_a_weight_that_is_not_finite_is_no_good_state_without_a_checkpoint_either() -> None:
    class Breaks(Countdown):
        def step(self) -> dict[str, float]:
            losses = super().step()
            self.weight *= math.nan if self.n_done == 4 else 1  # the loss says nothing
            return losses

        def measure(self) -> dict[str, float]:
            assert not self.weight.isnan()
            return super().measure()

    training = Breaks()
    report = run(training, every=2)
    assert "the weight w.weight became NaN or Inf at step 4" in report.message
    assert (report.status, training.n_done, float(training.weight)) == (GameStatus.DIVERGED, 2, 2.0)


def test_a_checkpoint_of_other_settings_or_with_a_nan_is_refused(tmp_path: Path) -> None:
    checkpoint, training = tmp_path / "c.safetensors", Countdown()
    save_training(training, checkpoint)
    with pytest.raises(InputError, match="n_finite 100, but this one has 3"):
        load_training(Countdown(n_finite=3), checkpoint)
    training.weight += math.nan
    with pytest.raises(DivergedError, match=r"w\.weight became NaN"):
        save_training(training, checkpoint)


def test_the_first_tensor_that_is_not_finite_is_named() -> None:
    bad = torch.tensor([1.0, math.nan])
    named = [("a", torch.ones(2)), ("b", None), ("c", torch.tensor([1])), ("d", bad), ("e", bad)]
    assert first_not_finite(named) == "d"
    assert first_not_finite(named[:3]) is None


def test_the_log_goes_on_after_the_step_of_the_checkpoint(tmp_path: Path) -> None:
    with TrainingLog(tmp_path) as log:
        for step in range(1, 6):
            log.write(step, {"loss": step / 10})
    with TrainingLog(tmp_path, n_done=3) as log:
        log.write(4, {"loss": 9.0, "other": 1.0})
        log.summary({"loss": math.inf, "list": (1, math.nan), "ok": True})
    with (tmp_path / "metrics.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["step", "loss", "other"],
            ["1", "0.1", ""],
            ["2", "0.2", ""],
            ["3", "0.3", ""],
            ["4", "9.0", "1.0"],
        ]
    facts = json.loads((tmp_path / "metrics.json").read_text())
    assert facts == {"loss": None, "list": [1, None], "ok": True}
    with TrainingLog(tmp_path):
        pass
    assert (tmp_path / "metrics.csv").read_text() == ""


def test_a_tensorboard_that_cannot_be_imported_stops_no_training(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("sciadv.trainings.log.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as one without its own needs
    with TrainingLog(tmp_path) as log:
        log.write(1, {"loss": 0.5})
    assert "no TensorBoard events are written" in caplog.text
    assert "0.5" in (tmp_path / "metrics.csv").read_text()
    with pytest.raises(ImportError):
        TrainingLog(tmp_path, has_tensorboard=True)


def test_tensorboard_gets_every_number_where_it_is_installed(tmp_path: Path, monkeypatch) -> None:
    written = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int | None) -> None:
            self.folder, self.purge_step = folder, purge_step

        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            written.append((tag, scalar_value, global_step))

        def close(self) -> None:
            written.append("closed")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    with TrainingLog(tmp_path, has_tensorboard=True) as log:
        log.write(1, {"loss": 0.5})
    assert written == [("loss", 0.5, 1), "closed"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_shows_every_image_in_its_place(tmp_path: Path, channels: int) -> None:
    images = torch.zeros(5, channels, 2, 3)
    images[4] = 2.0  # clipped
    save_grid(images, tmp_path / "grid.png", n_columns=4)
    pixels = imread(tmp_path / "grid.png")
    assert pixels.shape[:2] == (2 * 3 - 1, 4 * 4 - 1)
    assert pixels[3:5, 0:3, :3].min() == 1
    assert pixels[0:2, 0:3, :3].max() == 0
    assert 0.4 < pixels[2, 0, 0] < 0.6


def test_volumes_are_shown_by_their_middle_slices_and_other_channels_by_the_first(tmp_path: Path) -> None:
    volumes = torch.zeros(4, 2, 3, 4, 5)
    volumes[:, 0, 1] = 1.0
    save_grid(volumes, tmp_path / "grid.png", n_columns=4)
    pixels = imread(tmp_path / "grid.png")
    assert pixels.shape[:2] == (4, 4 * 6 - 1)
    assert pixels[:, :5, :3].min() == 1


def test_signals_are_drawn_as_lines(tmp_path: Path) -> None:
    save_grid(torch.rand(10, 2, 16), tmp_path / "lines.png")
    assert imread(tmp_path / "lines.png").ndim == 3


def test_points_are_drawn_as_a_scatter(tmp_path: Path) -> None:
    save_grid(torch.rand(10, 2), tmp_path / "points.png")
    assert imread(tmp_path / "points.png").ndim == 3


class Remembers(torch.optim.SGD):
    """An optimizer that keeps a set."""

    def step(self, closure=None) -> None:
        super().step(closure)
        for p in self.param_groups[0]["params"]:
            self.state[p]["seen"] = {1}


def test_an_optimizer_whose_state_no_file_can_hold_is_refused_in_words() -> None:
    net = nn.Linear(1, 1)
    optimizer = Remembers(net.parameters(), lr=0.1)
    net(torch.ones(1)).backward()
    optimizer.step()
    with pytest.raises(InputError, match="keeps a set under 'seen'"):
        collect(Parts({"net": net}, {"net": optimizer}, {}), UpdateState())


def test_the_state_of_nested_updates_goes_through_tensors_and_facts() -> None:
    net = nn.Linear(1, 1)
    inner = UpdateState(3, (1.0, math.nan), ((torch.ones(1), torch.zeros(2)), (torch.ones(3),)))
    state = UpdateState(7, (0.5, 0.25), ((torch.full((2,), 2.0),), ()), inner)
    parts = Parts({"net": net}, {}, {})
    tensors, facts = collect(parts, state)
    back = restore_state(tensors, json.loads(json.dumps(facts)), parts)
    assert (back.n_steps, back.losses, len(back.memory[1])) == (7, (0.5, 0.25), 0)
    assert back.inner is not None
    assert math.isnan(back.inner.losses[1])
    assert torch.equal(back.inner.memory[0][1], torch.zeros(2))
    assert torch.equal(back.memory[0][0], state.memory[0][0])
    with pytest.raises(WeightsError, match="does not fit the net"):
        restore_state(tensors, facts, Parts({"net": nn.Linear(2, 1)}, {}, {}))


def test_one_process_needs_no_group() -> None:
    gradients = (torch.ones(2), torch.zeros(3, 1))
    assert average_gradients(gradients) is gradients
    with process_group("cpu") as device:
        assert (device.type, world_size()) == ("cpu", 1)
