"""The conformance suite of trainings: any `sciadv.trainings.Training` can be checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from sciadv.files.texts import read_csv
from sciadv.testing.promise import require
from sciadv.trainings.loop import run
from sciadv.trainings.protocol import DivergedError, Training, load_training
from sciadv.trainings.training_report import GameReport, GameStatus

#: Makes the same training, before its first step, at each call.
Maker = Callable[[], Training]
_State = tuple[dict[str, Tensor], dict[str, Any]]


def check_training(make: Maker, *, n_before: int = 2) -> None:
    """Check that a training keeps the promises that the loop, its checkpoints and its users rely on.

    Its numbers depend on its seed and on the steps made, not on torch's global generator, which it leaves as
    it is; `restore` undoes steps; a run that was interrupted and goes on from its checkpoint in a new process
    is the unbroken one bit for bit, and so are its rows; a NaN ends it at its last good state; samples and
    measurements are finite.

    Parameters
    ----------
    make
        Makes the training, in the same way at each call, with at least ``n_before + 2`` steps.
    n_before
        Steps before the interruption.

    Raises
    ------
    AssertionError
        A promise is broken; the message says which.

    Examples
    --------
    >>> from torch import nn
    >>> from sciadv import Game
    >>> from sciadv.trainings.game.game_training import GameTraining
    >>> def make() -> GameTraining:
    ...     G, D = nn.Linear(2, 2), nn.Linear(2, 1)
    ...     for p in [*G.parameters(), *D.parameters()]:
    ...         nn.init.constant_(p, 0.5)
    ...     play = Game(G, D, n_latent=2, batch=4).play
    ...     play.show(torch.linspace(0, 1, 16).reshape(8, 2))
    ...     return GameTraining(play, 4)
    >>> check_training(make)
    """
    _check_shape(make(), n_before)
    _check_draws(make, n_before + 1)
    _check_restore(make, n_before)
    with TemporaryDirectory() as folder:
        _check_resume(make, n_before, Path(folder))
    _check_divergence(make)
    _check_outputs(make())


def _check_shape(training: Training, n_before: int) -> None:
    require(isinstance(training, Training), f"a {type(training).__name__} is no Training")
    require(training.n_done == 0, "a new training says that it has made steps")
    n_steps, phases = training.n_steps, training.phases
    require(sum(phases) == n_steps, f"the phases {phases} do not add up to {n_steps} steps")
    require(n_steps >= n_before + 2, f"the suite needs at least {n_before + 2} steps, not {n_steps}")
    require(training.batch >= 1, "a step has less than one sample")
    training.step()
    require(training.n_done == 1, f"after one step n_done is {training.n_done}")


def _check_draws(make: Maker, n_steps: int) -> None:
    """Check that two runs agree whatever torch's global generator holds, and leave it alone."""
    losses = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # forked: it is the caller's
            training = make()
            before = torch.default_generator.get_state()
            losses.append([training.step() for _ in range(n_steps)])
            is_same = torch.equal(before, torch.default_generator.get_state())
            require(is_same, "a step draws from torch's global generator")
    require(losses[0] == losses[1], "two trainings of one seed have different losses")


def _check_restore(make: Maker, n_before: int) -> None:
    """Check that steps can be undone, in the same object and in a new one, and that `state` is a copy."""
    training, other = make(), make()
    for _ in range(n_before):
        training.step()
    kept = training.state()
    copied = {name: t.clone() for name, t in kept[0].items()}
    first = [training.step() for _ in range(2)]
    _require_equal(kept[0], copied, "a step changed a state that was copied before it")
    for name, target in (("the same", training), ("another", other)):
        target.restore(*kept)
        require(target.n_done == n_before, f"restored in {name} training, n_done is {target.n_done}")
        _require_equal(target.state()[0], copied, f"the state restored in {name} training is another")
        again = [target.step() for _ in range(2)]
        require(again == first, f"steps after a restore in {name} training are not those of before")


def _check_resume(make: Maker, n_before: int, folder: Path) -> None:
    """Check that an interrupted run that goes on is the unbroken one: weights, losses, rows."""
    whole, broken, resumed = make(), make(), make()
    names = [folder / name / "checkpoint.safetensors" for name in ("whole", "broken")]
    _require_status(run(whole, checkpoint=names[0], every=n_before + 1), GameStatus.FINISHED)

    def stop(progress: object) -> None:  # noqa: ARG001  # a monitor's signature
        if broken.n_done == n_before:
            raise KeyboardInterrupt

    _require_status(
        run(broken, checkpoint=names[1], every=n_before + 1, monitor=stop), GameStatus.INTERRUPTED
    )
    require(broken.n_done == n_before, f"interrupted at step {n_before}, n_done is {broken.n_done}")
    load_training(resumed, names[1])
    _require_equal(resumed.state()[0], broken.state()[0], "the checkpoint is not the interrupted state")
    _require_status(run(resumed, checkpoint=names[1], every=n_before + 1), GameStatus.FINISHED)
    _require_equal(resumed.state()[0], whole.state()[0], "a resumed training is not the unbroken one")
    for table in ("metrics.csv", "quality.csv"):
        rows = [_rows(name.parent / table) for name in names]
        require(rows[0] == rows[1], f"{table} of a resumed training is not that of the unbroken one")


def _require_status(report: GameReport, status: GameStatus) -> None:
    require(
        report.status is status, f"the run ended as {report.status.name}, not {status.name}: {report.message}"
    )


def _rows(path: Path) -> list[list[str]]:
    return read_csv(path, advice="the training should have written it")


def _check_divergence(make: Maker) -> None:
    """Check that a NaN in a weight raises, and that the loop goes back to the last good state."""
    training = make()
    training.step()
    good = training.state()
    _poison(training, good)
    try:
        losses = training.step()
    except DivergedError:
        losses = {"raised": math.nan}
    broken = next(
        (t for k, t in training.state()[0].items() if k.startswith("net.") and t.isnan().any()), None
    )
    require(
        not all(map(math.isfinite, losses.values())) or broken is not None,
        "a NaN in a weight is seen neither in the losses nor in the weights",
    )
    training.restore(*good)
    _require_equal(training.state()[0], good[0], "after a NaN the state cannot be restored")

    def at_two(progress: object) -> None:  # noqa: ARG001  # a monitor's signature
        if training.n_done == 2:
            _poison(training, training.state())

    report = run(training, every=1, monitor=at_two)
    _require_status(report, GameStatus.DIVERGED)
    require(training.n_done == 2, f"diverged after step 2, the training is at step {training.n_done}")
    require(_has_finite_weights(training), "after a divergence a weight is not finite")


def _has_finite_weights(training: Training) -> bool:
    weights = {name: t for name, t in training.state()[0].items() if name.startswith("net.")}
    return all(bool(t.isfinite().all()) for t in weights.values())


def _poison(training: Training, state: _State) -> None:
    """Put a NaN into the first weight, or into the first number of a training without networks."""
    tensors = {name: t.clone() for name, t in state[0].items()}
    numbers = [name for name, t in tensors.items() if t.is_floating_point()]
    weights = [name for name in numbers if name.startswith("net.")]
    weight = tensors[(weights or numbers)[0]]
    weight.view(-1)[0] = math.nan
    training.restore(tensors, state[1])


def _check_outputs(training: Training) -> None:
    """Check that samples and measurements are finite, and that taking them changes nothing."""
    training.step()
    before = {name: t.clone() for name, t in training.state()[0].items()}
    samples, numbers = training.samples(8), training.measure()
    training.diagnose()
    if samples is not None:
        require(bool(samples.isfinite().all()), "samples are not finite")
        require(len(samples) == 8, f"8 samples were asked for, {len(samples)} came")
        again = training.samples(8)
        require(again is not None and torch.equal(samples, again), "samples of one state differ")
    require(all(map(math.isfinite, numbers.values())), f"a measurement is not finite: {numbers}")
    _require_equal(
        {k: t for k, t in training.state()[0].items() if not k.startswith("memory.best")},
        {k: t for k, t in before.items() if not k.startswith("memory.best")},
        "samples, measurements or the diagnosis changed the training",
    )


def _require_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], message: str) -> None:
    require(ours.keys() == theirs.keys(), f"{message}: other names")
    different = [k for k, t in ours.items() if not torch.equal(t.nan_to_num(), theirs[k].nan_to_num())]
    require(not different, f"{message}: {', '.join(different[:3])}")
