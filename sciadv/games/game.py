"""`Game`: the adversarial training of a generator, from names or from the user's own parts."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sciadv.errors import InputError
from sciadv.games.augment import ADA
from sciadv.games.checkpoint import read_checkpoint, write_checkpoint
from sciadv.games.ema import MovingAverage
from sciadv.games.game_diagnosis import diagnose, is_saturated
from sciadv.games.game_losses import MinibatchGame, Source
from sciadv.games.game_report import BestSoFar, EarlyStopping, GameReport, GameStatus
from sciadv.games.game_rules import GameOptions, Rules
from sciadv.games.objectives import Objective
from sciadv.games.penalties import Augmentation, Penalty
from sciadv.games.trainer.distributed import average_in_place, average_numbers, is_first, share_first, wait
from sciadv.games.trainer.log import TrainingLog, save_grid
from sciadv.games.trainer.loop import (
    DivergedError,
    TrainingMonitor,
    TrainingProgress,
    first_not_finite,
    run_steps,
)
from sciadv.games.trainer.order import Sampler, step_generator
from sciadv.games.trainer.state import Facts, Parts, Stateful, collect, restore_state
from sciadv.games.updates import Update, UpdateState
from sciadv.prior import Moments, Prior
from sciadv.types import Shape, as_device

_logger = logging.getLogger(__name__)
_PLAYERS = ("generator", "discriminator")
#: Stream of the latents of the sample grid; those of the steps are far below.
_GRID, _N_GRID = 40, 64


@final
class Game:
    """A generator against a discriminator: ``min_G max_D V`` by an objective, penalties and an update.

    Parameters
    ----------
    generator
        Maps latents ``(batch, *latent_shape)`` to samples. Trained in place.
    discriminator
        Maps samples to one number each, large for real ones (vectors for objectives that read features).
        Trained in place.
    objective
        A name of `sciadv.games.objectives.OBJECTIVES`, or an `Objective`.
    penalties
        Names of `sciadv.games.penalties.PENALTIES`, or `Penalty` objects.
    update
        A name of `sciadv.games.updates.UPDATES`, or an `Update`.
    learning_rate
        Of both players, or the generator's and the discriminator's.
    ema
        Decay of the averaged generator, in [0, 1); see `sciadv.games.ema.MovingAverage`.
    augment
        ``"diffaugment"``, ``"ada"`` or an object, applied to all the discriminator sees; None for nothing.
    batch
        Samples a minibatch, over all processes together.
    n_latent
        Length or shape of a latent; networks of `sciadv.nets` know theirs.
    seed
        Seed of the data's order, latents, noise and penalties. The networks' weights are theirs already.
    device
        Where to train; None where the generator is. The networks are moved there.
    options
        Optimizers, schedule, noise, replay, clipping, accumulation, precision.

    Raises
    ------
    UnknownNameError
        There is no part of a name.
    InputError
        A part does not fit its place, or the latent's length is not known.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> ring = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    >>> G, D = nn.Linear(3, 2), nn.Linear(2, 1)
    >>> game = Game(G, D, objective="non-saturating", penalties=["r1"], n_latent=3, batch=32)
    >>> game.fit(ring, steps=4).message
    'all 4 steps done'
    >>> game.prior(name="toy").sample(5, seed=0).shape
    torch.Size([5, 2])
    """

    def __init__(  # noqa: PLR0913  # each is a choice of its own; what is rare is in options
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        objective: str | Objective = "relativistic",
        penalties: Sequence[str | Penalty] = ("r1", "r2"),
        update: str | Update = "alternating",
        learning_rate: float | tuple[float, float] = 3e-4,
        ema: float = 0.999,
        augment: str | Augmentation | None = None,
        batch: int = 64,
        n_latent: int | Shape | None = None,
        seed: int = 0,
        device: torch.device | str | None = None,
        options: GameOptions | None = None,
    ) -> None:
        self.rules = Rules.of(objective, penalties, update, augment, options or GameOptions())
        self.latent_shape = _latent_shape(generator, n_latent)
        if device is not None:
            generator, discriminator = generator.to(as_device(device)), discriminator.to(as_device(device))
        shape = (self.latent_shape,) if isinstance(self.latent_shape, int) else self.latent_shape
        self.losses = MinibatchGame(generator, discriminator, self.rules, latent_shape=shape)
        self.averaged = MovingAverage(generator, decay=ema)
        rates = learning_rate if isinstance(learning_rate, tuple) else (learning_rate, learning_rate)
        self.optimizers = self.rules.optimizers(self.losses.players, rates)
        for name, optimizer in zip(_PLAYERS, self.optimizers, strict=True):
            optimizer.register_step_pre_hook(self._watch(name))
        self.batch, self.seed = batch, seed
        self.update_state: UpdateState | None = None
        self.best = BestSoFar()
        self._rates, self._ema = rates, ema
        self._norms: dict[str, float] = {}
        self._saturated_since: int | None = None

    @property
    def n_done(self) -> int:
        """Steps that the networks have made."""
        return self.losses.n_done

    def step(self, data: Tensor | Sampler, *, n_steps: int | None = None) -> dict[str, float]:
        """Do one step of the update and return its numbers.

        Parameters
        ----------
        data
            Samples ``(n, ...)``, uint8 (0 to 255) or floats, or a sampler.
        n_steps
            Steps in all, for the schedule of the learning rate; None for a constant one.

        Returns
        -------
        Losses and gradient norms of both players, D(real) and D(fake) (means of the sigmoid).

        Raises
        ------
        DivergedError
            A loss or gradient became NaN or infinite; the optimizers have not used it.
        """
        losses, update = self.losses, self.rules.update
        losses.source = Source(data, self.batch, self.seed)
        self._schedule(n_steps)
        state = update.init(losses) if self.update_state is None else self.update_state
        self.update_state = update.step(losses, self.optimizers, state)
        losses.settle()
        average_in_place([*losses.generator.buffers(), *losses.discriminator.buffers()])
        self.averaged.update(losses.generator)
        losses.n_done += 1
        return self._numbers(self.update_state)

    def _schedule(self, n_steps: int | None) -> None:
        """Let the learning rates fall linearly in the second half, to `final_rate` of them."""
        done = 0.0 if n_steps is None else self.n_done / n_steps
        factor = 1 - (1 - self.rules.options.final_rate) * max(0.0, 2 * done - 1)
        for optimizer, rate in zip(self.optimizers, self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def _watch(self, name: str) -> Any:
        """Return a hook that notes a player's gradient norm, and stops the step when it is not finite."""
        weights = dict(getattr(self.losses, name).named_parameters())

        def note(optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001  # torch's hook
            norms = [torch.linalg.vector_norm(p.grad) for p in weights.values() if p.grad is not None]
            self._norms[name] = float(torch.linalg.vector_norm(torch.stack(norms)))
            if not math.isfinite(self._norms[name]):
                broken = first_not_finite((key, p.grad) for key, p in weights.items()) or "sum of squares"
                raise self._diverged(f"the gradient of {name}.{broken}")

        return note

    def _diverged(self, tensor: str) -> DivergedError:
        return DivergedError(
            f"{tensor} became NaN or Inf at step {self.n_done + 1}; lower the learning rate, or use r1 and r2 "
            f"with a larger gamma",
            tensor=tensor,
        )

    def _numbers(self, state: UpdateState) -> dict[str, float]:
        numbers = dict(zip(_PLAYERS, state.losses, strict=True))
        real, fake = (float(logits.float().sigmoid().mean()) for logits in self.losses.judged)
        if math.isfinite(real) and math.isfinite(fake):
            numbers |= {"real": real, "fake": fake}
        numbers |= {f"{name}_gradient": norm for name, norm in self._norms.items()}
        if isinstance(self.rules.augment, ADA):
            numbers["augment_p"] = self.rules.augment.p
        numbers = average_numbers(numbers, self.losses.players[0][0].device)
        for name in _PLAYERS:
            if not math.isfinite(numbers[name]):
                self.losses.n_done -= 1
                raise self._diverged(f"the loss of the {name}")
        saturated = is_saturated(numbers.get("real", 0.5), numbers.get("fake", 0.5))
        self._saturated_since = (self._saturated_since or self.n_done) if saturated else None
        return numbers

    def fit(  # noqa: PLR0913  # each is a choice of its own
        self,
        images: Tensor | Sampler,
        *,
        steps: int,
        checkpoint: Path | None = None,
        resume: bool = False,
        every: int = 500,
        monitor: TrainingMonitor | None = None,
        stop: EarlyStopping | None = None,
    ) -> GameReport:
        """Train until `steps` steps are made in all.

        Under ``torchrun`` wrap it in `sciadv.games.trainer.process_group`: every process calls it with the
        same arguments.

        Parameters
        ----------
        images
            Samples ``(n, ...)``, uint8 (0 to 255) or floats, or a sampler of endless data.
        steps
            Steps at the end, those made before included.
        checkpoint
            File from which a run can go on bit for bit. Its folder also gets ``metrics.csv`` (a row a step),
            ``metrics.json``, ``samples-*.png`` of fixed latents, and TensorBoard's events where it is
            installed. None writes nothing.
        resume
            Whether to go on from the checkpoint where there is one.
        every
            Steps between two checkpoints, sample grids, evaluations of `stop`, and copies of the state to
            which a diverged training goes back.
        monitor
            Called after each step.
        stop
            Metric on which to stop early.

        Returns
        -------
        GameReport
            A training that diverges is a status, not an exception: the networks are back at their last good
            state. `GameReport.check` raises.

        Raises
        ------
        InputError
            The data do not fit, or the checkpoint is of another game.
        WeightsError
            The checkpoint is broken.
        """
        if steps < 1 or every < 1:
            raise InputError(f"fit needs steps >= 1 and every >= 1, but they are {steps} and {every}")
        Source(images, self.batch, self.seed)
        if resume and checkpoint is not None and checkpoint.is_file():
            self.load(checkpoint)
        self._share()
        began, last = time.process_time(), dict[str, float]()
        status, message = GameStatus.FINISHED, f"all {steps} steps done"
        run, good = _Run(self, images, steps, every, stop), self._state()
        with self._folder(checkpoint) as log:
            try:
                while not run.is_exhausted and self.n_done < steps:
                    _, last = next(run_steps(run, steps, checkpoint=checkpoint, every=every))
                    if log is not None:
                        log.write(self.n_done, last)
                    if self.n_done % every == 0 or self.n_done == steps:
                        good = self._state()
                        self._draw_grid(log)
                    if monitor is not None:
                        monitor(TrainingProgress(self.n_done, steps, last, time.process_time() - began))
            except DivergedError as error:
                self._restore(*good)
                status, message = GameStatus.DIVERGED, f"{error}. The game is back at step {self.n_done}"
                _logger.warning(message)
            if run.is_exhausted:
                status, message = GameStatus.STOPPED, run.sentence
            seconds = time.process_time() - began
            diagnosis = () if status is GameStatus.DIVERGED else self.diagnose(images)
            scores = tuple(self.best.scores)
            report = GameReport(status, message, self.n_done, seconds, last, diagnosis, scores)
            if log is not None:
                log.summary(report.payload() | {"settings": self._settings()})
        return report

    @contextmanager
    def _folder(self, checkpoint: Path | None) -> Iterator[TrainingLog | None]:
        with ExitStack() as stack:
            log = None
            if checkpoint is not None and is_first():
                log = stack.enter_context(TrainingLog(checkpoint.parent, n_done=self.n_done))
            yield log

    def _share(self) -> None:
        """Give all processes the first one's weights."""
        for net in (self.losses.generator, self.losses.discriminator, self.averaged.module):
            share_first([t.data for t in net.state_dict().values()])

    @torch.no_grad()
    def _draw_grid(self, log: TrainingLog | None) -> None:
        if log is None:
            return
        log.flush()
        x = self.averaged.module(self._latents(_N_GRID))
        if (x.ndim == 4 and x.shape[1] in (1, 3)) or (x.ndim == 2 and x.shape[1] == 2):
            save_grid(x, log.folder / f"samples-{self.n_done:07d}.png")

    def _latents(self, n: int) -> Tensor:
        numbers = step_generator(self.seed, 0, stream=_GRID)
        weight = self.losses.players[0][0]
        z = torch.randn(n, *self.losses.latent_shape, generator=numbers, dtype=weight.dtype)
        return z.to(weight.device)

    def diagnose(self, images: Tensor | Sampler) -> tuple[str, ...]:
        """Say in words what is wrong with the game as it is, and how much it turns; nothing is changed."""
        kept = self._state()
        self.losses.source = Source(images, self.batch, self.seed)
        sentences = diagnose(
            self.losses, self.averaged.module, saturated_since=self._saturated_since, seed=self.seed
        )
        self._restore(*kept)
        return sentences

    def prior(
        self, *, name: str = "game", card: dict[str, str] | None = None, moments: Moments | None = None
    ) -> Prior:
        """Return the averaged generator as a prior: at its best score where there was a metric, else now.

        Parameters
        ----------
        name
            The prior's name in reports.
        card
            Further lines of its card: data, licence, metrics.
        moments
            Mean and covariance of the training set, for the LMMSE baseline.
        """
        generator = copy.deepcopy(self.averaged.module).eval()
        if self.best.weights:
            generator.load_state_dict(self.best.weights)
        n_steps = self.best.best[0] if self.best.weights else self.n_done
        facts = {key: str(value) for key, value in self._settings().items()} | {"steps": str(n_steps)}
        return Prior(generator, self.latent_shape, name=name, moments=moments, card=facts | (card or {}))

    def _settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {
            **self.rules.names,
            "learning_rate": list(self._rates),
            "batch": self.batch,
            "ema": self._ema,
            "seed": self.seed,
        }

    def _parts(self) -> Parts:
        rules = self.rules
        memories: dict[str, object] = {
            "averaged": self.averaged,
            "best": self.best,
            "augment": rules.augment,
            "replay": rules.options.replay,
            **{f"penalty-{i}": penalty for i, penalty in enumerate(rules.penalties)},
        }
        return Parts(
            nets={name: getattr(self.losses, name) for name in _PLAYERS},
            optimizers=dict(zip(_PLAYERS, self.optimizers, strict=True)),
            memories={name: part for name, part in memories.items() if isinstance(part, Stateful)},
        )

    def _state(self) -> tuple[dict[str, Tensor], Facts]:
        """Copy all that the next step depends on."""
        tensors, facts = collect(self._parts(), self.update_state or UpdateState())
        return tensors, facts | {
            "has_update": self.update_state is not None,
            "n_done": self.n_done,
            "n_draws": self.losses.n_draws,
            "saturated_since": self._saturated_since,
            "settings": self._settings(),
        }

    def _restore(self, tensors: dict[str, Tensor], facts: Facts) -> None:
        state = restore_state(tensors, facts, self._parts())
        self.update_state = state if facts["has_update"] else None
        self.losses.n_done, self.losses.n_draws = facts["n_done"], facts["n_draws"]
        self._saturated_since = facts["saturated_since"]

    def save(self, checkpoint: Path) -> None:
        """Write all that the next step depends on, atomically; of several processes the first one writes.

        Raises
        ------
        DivergedError
            A weight is NaN or infinite; nothing is written.
        """
        for name in _PLAYERS:
            broken = first_not_finite(getattr(self.losses, name).state_dict().items())
            if broken is not None:
                raise self._diverged(f"{name}.{broken}")
        if is_first():
            tensors, facts = self._state()
            write_checkpoint(checkpoint, tensors, facts)
        wait()

    def load(self, checkpoint: Path) -> None:
        """Go on from a checkpoint of the same game.

        Raises
        ------
        WeightsError
            The file is broken, or of other networks.
        InputError
            It was written by a game of other rules.
        """
        tensors, facts = read_checkpoint(checkpoint)
        ours, theirs = self._settings(), facts.get("settings", {})
        assert isinstance(theirs, dict)
        differing = [key for key in ours if theirs.get(key) != ours[key]]
        if differing:
            key = differing[0]
            raise InputError(
                f"{checkpoint} was written by a game with {key} {theirs.get(key)!r}, but this one has "
                f"{ours[key]!r}; fit without resume to start anew"
            )
        self._restore(tensors, facts)


@dataclass
class _Run:
    """A game on its data, as `run_steps` trains it, with the scores of early stopping."""

    game: Game
    data: Tensor | Sampler
    n_steps: int
    every: int
    stop: EarlyStopping | None

    @property
    def n_done(self) -> int:
        return self.game.n_done

    def step(self) -> dict[str, float]:
        numbers = self.game.step(self.data, n_steps=self.n_steps)
        if self.stop is not None and self.n_done % self.every == 0:
            kept, self.game.best.weights = self.game.best.weights, {}
            score = self.stop.metric(self.game.prior())
            self.game.best.weights = kept
            score = average_numbers({"score": score}, torch.device("cpu"))["score"]
            weights = self.game.averaged.module.state_dict()
            self.game.best.note(self.n_done, score, weights, self.stop.least_gain)
        return numbers

    def save(self, checkpoint: Path) -> None:
        self.game.save(checkpoint)

    def load(self, checkpoint: Path) -> None:
        self.game.load(checkpoint)

    @property
    def is_exhausted(self) -> bool:
        """Whether the metric has not improved for long enough."""
        return self.stop is not None and self.game.best.n_since >= self.stop.patience

    @property
    def sentence(self) -> str:
        best_step, score = self.game.best.best
        return (
            f"the metric improved no more after step {best_step} ({score:.4g}): stopped at step "
            f"{self.n_done} of {self.n_steps}, the prior is that of step {best_step}"
        )


def _latent_shape(generator: nn.Module, given: int | Shape | None) -> int | Shape:
    if given is not None:
        return given
    settings = getattr(generator, "settings", {})
    if "n_latent" not in settings:
        raise InputError(
            f"the latent length of a {type(generator).__name__} is not known; give n_latent to the Game"
        )
    return int(settings["n_latent"])
