"""`Game`: the adversarial training of a generator, from names or from the user's own parts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from sciadv.arguments.values import (
    as_count,
    as_flag,
    as_function,
    as_number,
    as_one_of,
    as_seed,
    as_shape,
    shown,
)
from sciadv.errors import InputError
from sciadv.files.folders import as_path
from sciadv.games.objectives import Objective
from sciadv.games.penalties import AnyPenalty, Augmentation
from sciadv.games.updates import Update
from sciadv.prior import Moments, Prior
from sciadv.trainings.data_order import Sampler
from sciadv.trainings.distributed import is_first
from sciadv.trainings.game.game_parts import Named
from sciadv.trainings.game.game_play import Play
from sciadv.trainings.game.game_rules import GameOptions, Rules
from sciadv.trainings.game.game_training import GameTraining
from sciadv.trainings.live_progress import live_progress
from sciadv.trainings.loop import run
from sciadv.trainings.protocol import TrainingMonitor, load_training, save_training
from sciadv.trainings.training_report import EarlyStopping, GameReport
from sciadv.types import Shape, as_device


@final
class Game:
    """A generator against a discriminator: ``min_G max_D V`` by an objective, penalties and an update.

    Parameters
    ----------
    generator
        Maps latents ``(batch, *latent_shape)`` to samples. Trained in place.
    discriminator
        Maps samples to one number each, or a map of numbers ``(batch, 1, height, width)``, large for real
        ones (vectors for objectives that read features). Trained in place.
    objective
        A name of `sciadv.games.objectives.OBJECTIVES`, a table such as ``{"kind": "least-squares",
        "real_label": 0.9}`` (so for all parts), or an `Objective`.
    penalties
        Names of `sciadv.games.penalties.PENALTIES`, or `Penalty` objects; also ``"weight-clipping"``,
        ``"instance-noise"``, ``"replay"`` and ``"top-k"``, which are no terms of a loss (`GameOptions`).
    update
        A name of `sciadv.games.updates.UPDATES`, or an `Update`.
    learning_rate
        Of both players, > 0; or the generator's and the discriminator's, of which one may be 0 to leave that
        player as it is.
    ema
        Decay of the averaged generator, in [0, 1); see `sciadv.trainings.ema.MovingAverage`.
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
        objective: Named | Objective = "relativistic",
        penalties: Sequence[Named | AnyPenalty] = ("r1", "r2"),
        update: Named | Update = "alternating",
        learning_rate: float | tuple[float, float] = 3e-4,
        ema: float = 0.999,
        augment: Named | Augmentation | None = None,
        batch: int = 64,
        n_latent: int | Shape | None = None,
        seed: int = 0,
        device: torch.device | str | None = None,
        options: GameOptions | None = None,
    ) -> None:
        for name, net in (("generator", generator), ("discriminator", discriminator)):
            as_one_of(net, name, nn.Module, "a torch module")
        rates = learning_rate if isinstance(learning_rate, tuple) else (learning_rate, learning_rate)
        if len(rates) != 2:
            raise InputError(f"learning_rate must be one number, or two, but it is {shown(learning_rate)}")
        first, second = (as_number(rate, "learning_rate", least=0) for rate in rates)
        if first == second == 0:
            raise InputError(
                f"learning_rate must be a finite number > 0, or two of which one may be 0, but it is "
                f"{shown(learning_rate)}"
            )
        if options is not None:
            as_one_of(options, "options", GameOptions, "a GameOptions")
        rules = Rules.of(objective, penalties, update, augment, options or GameOptions())
        if device is not None:
            generator, discriminator = (net.to(as_device(device)) for net in (generator, discriminator))
        self.play = Play(
            generator,
            discriminator,
            rules,
            latent_shape=_latent_shape(generator, n_latent),
            rates=(first, second),
            ema=as_number(ema, "ema", least=0, below=1),
            batch=as_count(batch, "batch", most=2**24),
            seed=as_seed(seed),
        )

    @property
    def n_done(self) -> int:
        """Steps that the networks have made."""
        return self.play.n_done

    @property
    def averaged(self) -> nn.Module:
        """The averaged generator."""
        return self.play.averaged.module

    def step(
        self, data: Tensor | Sampler, *, labels: Tensor | None = None, n_steps: int | None = None
    ) -> dict[str, float]:
        """Do one step of the update and return its numbers.

        Parameters
        ----------
        data
            Samples ``(n, ...)``, uint8 (0 to 255) or floats, or a sampler.
        labels
            Their classes ``(n,)`` from 0, for networks that take labels after latents and samples.
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
        self.play.show(data, labels)
        return self.play.step(n_steps=n_steps)

    def fit(  # noqa: PLR0913  what a run of hours may need
        self,
        images: Tensor | Sampler,
        *,
        steps: int,
        labels: Tensor | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        every: int = 500,
        monitor: TrainingMonitor | None = None,
        stop: EarlyStopping | None = None,
    ) -> GameReport:
        """Train until `steps` steps are made in all.

        Under ``torchrun`` wrap it in `sciadv.trainings.process_group`: every process calls it with the
        same arguments.

        Parameters
        ----------
        images
            Samples ``(n, ...)``, uint8 (0 to 255) or floats, or a sampler of endless data.
        steps
            Steps at the end, those made before included.
        labels
            Classes ``(n,)`` of the samples, from 0, for a generator ``G(z, labels)`` and a discriminator
            ``D(x, labels)``: `sciadv.nets.ResidualGenerator` and `ResidualDiscriminator` with `n_classes`.
        checkpoint
            File from which a run can go on bit for bit. Its folder also gets ``metrics.csv`` (a row a step),
            ``quality.csv`` (a row an evaluation), ``metrics.json``, ``samples-*.png`` of fixed latents, and
            TensorBoard's events where it is installed. None writes nothing.
        resume
            Whether to go on from the checkpoint where there is one. Without it a new game refuses to write
            over the checkpoint of another run.
        every
            Steps between two checkpoints, sample grids, evaluations of `stop`, and copies of the state to
            which a diverged training goes back.
        monitor
            Called after each step. If left out, a terminal shows a bar, the time left and the live numbers.
        stop
            Metric on which to stop early.

        Returns
        -------
        GameReport
            A training that diverges is a status, not an exception: the networks are back at their last good
            state. `GameReport.check` raises. Ctrl-C is one too: it waits for the end of the step, the
            networks and the checkpoint are as of then, and `GameReport.check_finished` raises.

        Raises
        ------
        InputError
            The data or networks do not fit (NaN, values that the generator cannot make, repeated images, a
            discriminator that ends in a sigmoid, ...), the checkpoint is of another game or of other data, or
            it is there and `resume` is not set.
        WeightsError
            The checkpoint is broken.
        """
        steps, every = as_count(steps, "steps"), as_count(every, "every")
        resume = as_flag(resume, "resume")
        if monitor is not None:
            as_function(monitor, "monitor")
        if stop is not None:
            as_one_of(stop, "stop", EarlyStopping, "an EarlyStopping")
        if labels is not None:
            as_one_of(labels, "labels", Tensor, "a tensor of classes")
        self.play.show(images, labels)  # refuses data that do not fit before anything is made
        training = GameTraining(self.play, steps, stop)
        file = None if checkpoint is None else as_path(checkpoint, "checkpoint")
        if file is not None and file.exists():
            if not file.is_file():
                raise InputError(f"{file} is a folder or a device; give a file for the checkpoint")
            if resume:
                load_training(training, file)
            elif not self.n_done:
                raise InputError(f"{file} is there: go on from it (resume=True) or delete it first")
        self.play.share()
        with live_progress() if monitor is None and is_first() else nullcontext(monitor) as shown:
            return run(training, checkpoint=file, every=every, monitor=shown)

    def diagnose(self, images: Tensor | Sampler, *, labels: Tensor | None = None) -> tuple[str, ...]:
        """Say in words what is wrong with the game as it is, and how much it turns; nothing is changed."""
        self.play.show(images, labels)
        return self.play.diagnose()

    def prior(
        self,
        *,
        name: str = "game",
        card: dict[str, str] | None = None,
        moments: Moments | None = None,
        label: int | None = None,
        images: Any = None,
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
        label
            The class that it generates, where the generator has classes.
        images
            Images of the kind that it generates, best not those of the training: with them the prior is made
            complete (`Prior.complete`): encoder, moments, statistics of what it cannot represent, card.

        Raises
        ------
        InputError
            The generator has no classes, or not this one.
        """
        prior = self.play.prior(name=name, card=card or {}, moments=moments, is_best=True, label=label)
        return prior if images is None else prior.complete(images, seed=self.play.seed)

    def save(self, checkpoint: str | Path) -> None:
        """Write all that the next step depends on, atomically; of several processes the first one writes.

        Raises
        ------
        DivergedError
            A weight is NaN or infinite; nothing is written.
        """
        save_training(self.play, as_path(checkpoint, "checkpoint"))

    def load(self, checkpoint: str | Path) -> None:
        """Go on from a checkpoint of the same game.

        Raises
        ------
        WeightsError
            The file is broken, or of other networks.
        InputError
            It was written by a game of other rules.
        """
        load_training(self.play, as_path(checkpoint, "checkpoint"))


def _latent_shape(generator: nn.Module, given: int | Shape | None) -> int | Shape:
    if given is not None:
        shape = as_shape(given, "n_latent")
        return shape if isinstance(given, tuple | list) else shape[0]
    settings = getattr(generator, "settings", {})
    if "n_latent" not in settings:
        raise InputError(
            f"the latent length of a {type(generator).__name__} is not known; give n_latent to the Game"
        )
    return int(settings["n_latent"])
