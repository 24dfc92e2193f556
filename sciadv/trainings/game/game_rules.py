"""The rules of a game: objective, penalties, update and options, each by its name or as an object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Protocol, final, runtime_checkable

from torch import Tensor
from torch.optim import Optimizer

from sciadv.arguments.values import shown
from sciadv.errors import InputError, UnknownNameError
from sciadv.games.objectives import Objective
from sciadv.games.penalties import (
    AnyPenalty,
    Augmentation,
    GeneratorPenalty,
    InstanceNoise,
    Penalty,
    WeightClipping,
    WeightPenalty,
)
from sciadv.games.replay import Feedback, ReplayBuffer, TopK
from sciadv.games.updates import OnePass, Optimizers, Update
from sciadv.registry.checked import checked
from sciadv.trainings.game.game_parts import GameAdam, Named, make_part, part_name

#: Makes a player's optimizer from its parameters and its learning rate.
OptimizerFactory = Callable[[list[Tensor], float], Optimizer]


@runtime_checkable
class Adaptive(Protocol):
    """An augmentation that follows the discriminator's outputs on real samples, such as `ADA`."""

    def update(self, real_logits: Tensor) -> None:
        """Note the outputs of a step."""
        ...


@final
@checked
@dataclass(frozen=True)
class GameOptions:
    """What is rarely changed in a `Game`.

    Parameters
    ----------
    optimizer
        Makes a player's optimizer from its parameters and learning rate.
    final_rate
        Share of the learning rate at the last step of `Game.fit`; the rate falls linearly in the second half.
    noise
        Noise on all the discriminator sees, fading.
    replay
        Buffer of earlier fakes, which make up half of the discriminator's fakes.
    feedback
        Puts the best fakes by a score of yours among the real samples.
    top_k
        Lets the generator learn from its best fakes only.
    clip
        Keeps the discriminator's weights in a box, after each of its steps.
    accumulate
        Parts a batch is cut into, one after the other, to save memory.
    precision
        ``"bfloat16"`` computes the networks under autocast. Penalties, and updates that differentiate
        gradients, stay in float32.

    Raises
    ------
    InputError
        `accumulate` < 1 or `final_rate` not in [0, 1].

    Notes
    -----
    Random numbers of augmentations, noise and random penalties are drawn a part: two parts in one process
    and one part in each of two processes are the same training, up to rounding. Objectives that compare the
    samples of a batch with each other, and layers that do, compare within a part.
    """

    optimizer: OptimizerFactory = GameAdam()  # noqa: RUF009  has no state
    final_rate: float = 1.0
    noise: InstanceNoise | None = None
    replay: ReplayBuffer | None = None
    feedback: Feedback | None = None
    top_k: TopK | None = None
    clip: WeightClipping | None = None
    accumulate: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        if self.accumulate < 1 or not 0 <= self.final_rate <= 1:
            raise InputError(
                f"options need accumulate >= 1 and final_rate in [0, 1], but they are {self.accumulate} and "
                f"{self.final_rate}"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise UnknownNameError("precision", str(self.precision), ("float32", "bfloat16"))

    def in_words(self) -> str:
        """Say what differs from the defaults, but for the number of parts, which only rounding sees."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "accumulate"}
        default = GameOptions()
        changed = {name: value for name, value in given.items() if value != getattr(default, name)}
        return ", ".join(f"{name}={part_name(value)}" for name, value in changed.items())


def make_update(update: Named | Update) -> Update:
    """Make an update of a name or table; an object is taken as it is.

    Raises
    ------
    UnknownNameError
        There is no update of that name.
    InputError
        It is no update, or needs a gradient reversal layer.
    """
    made = make_part("update", update)
    _require("update", made, Update)
    if isinstance(made, OnePass):
        raise InputError(
            "the one-pass update needs a gradient reversal layer inside one loss, but a Game has two "
            "losses; 'simultaneous' makes the same step"
        )
    assert isinstance(made, Update)
    return made


def _require(what: str, part: object, kind: type) -> None:
    if not isinstance(part, kind):
        raise InputError(
            f"the {what} is a {type(part).__name__}, not a {kind.__module__}.{kind.__name__}; "
            f"give one of the names or an object of that interface"
        )


#: The options that are regularisers, by their classes.
_OPTIONS: dict[type, str] = {
    InstanceNoise: "noise",
    WeightClipping: "clip",
    ReplayBuffer: "replay",
    TopK: "top_k",
}


def _with_regularisers(options: GameOptions, named: Sequence[object]) -> GameOptions:
    """Put regularisers that were given among the penalties where they act."""
    for part in named:
        option = _OPTIONS[type(part)]
        if getattr(options, option) is not None:
            raise InputError(f"{part_name(part)} is given twice: leave it out of the penalties or options")
        options = replace(options, **{option: part})  # type: ignore[arg-type]  # its type is the option's
    return options


@final
@dataclass(frozen=True)
class Rules:
    """The parts of a game as objects; `of` makes them from names.

    Parameters
    ----------
    objective, penalties, update
        What players minimise, what is added to their losses, how they move.
    augment
        What is done to all the discriminator sees; None for nothing.
    options
        The rest.
    names
        Each part in words, for checkpoints and cards.
    """

    objective: Objective
    penalties: tuple[AnyPenalty, ...]
    update: Update
    augment: Augmentation | None
    options: GameOptions
    names: Mapping[str, str]

    @staticmethod
    def of(
        objective: Named | Objective,
        penalties: Sequence[Named | AnyPenalty],
        update: Named | Update,
        augment: Named | Augmentation | None,
        options: GameOptions,
    ) -> Rules:
        """Make parts of names and tables (`make_part`); objects are taken as they are.

        Raises
        ------
        UnknownNameError
            There is no part of that name.
        InputError
            A part is not what its place asks for, or the update needs a gradient reversal layer.
        """
        if not isinstance(penalties, list | tuple):
            advice = f"write [{penalties!r}]" if isinstance(penalties, str) else "give () for none"
            raise InputError(
                f"penalties are a list of names or objects, but they are {shown(penalties)}; {advice}"
            )
        parts = [make_part("penalty", part) for part in penalties]
        options = _with_regularisers(options, [part for part in parts if isinstance(part, tuple(_OPTIONS))])
        chosen = Rules(
            make_part("objective", objective),
            tuple(part for part in parts if not isinstance(part, tuple(_OPTIONS))),
            make_update(update),
            None if augment is None else make_part("augmentation", augment),
            options,
            {
                "objective": part_name(objective),
                "penalties": " ".join(part_name(part) for part in penalties),
                "update": part_name(update),
                "augment": "" if augment is None else part_name(augment),
                "options": options.in_words(),
            },
        )
        chosen._check()
        return chosen

    @property
    def weight_penalties(self) -> list[WeightPenalty]:
        """The penalties of both players' parameters."""
        return [part for part in self.penalties if isinstance(part, WeightPenalty)]

    @property
    def generator_penalties(self) -> list[GeneratorPenalty]:
        """The terms of the generator's loss."""
        return [part for part in self.penalties if isinstance(part, GeneratorPenalty)]

    @property
    def discriminator_penalties(self) -> list[Penalty]:
        """The terms of the discriminator's loss."""
        return [p for p in self.penalties if not isinstance(p, GeneratorPenalty | WeightPenalty)]

    def _check(self) -> None:
        for what, part, kind in (
            ("objective", self.objective, Objective),
            *(("penalty", part, Penalty) for part in self.discriminator_penalties),
        ):
            _require(what, part, kind)
        if self.augment is not None and (isinstance(self.augment, type) or not callable(self.augment)):
            raise InputError(
                f"augment must be the name of an augmentation or a function of images, but it is "
                f"{shown(self.augment)}"
            )

    def optimizers(
        self, players: tuple[Sequence[Tensor], Sequence[Tensor]], rates: tuple[float, float]
    ) -> Optimizers:
        """Make both players' optimizers; weight clipping follows each step of the discriminator's.

        Raises
        ------
        InputError
            An optimizer needs to evaluate the loss itself.
        """
        generator, discriminator = (
            self.options.optimizer(list(player), rate) for player, rate in zip(players, rates, strict=True)
        )
        for optimizer in (generator, discriminator):
            if inspect.signature(optimizer.step).parameters["closure"].default is inspect.Parameter.empty:
                raise InputError(
                    f"{type(optimizer).__name__} evaluates the loss itself, which a game cannot let it; use "
                    f"an optimizer that steps along given gradients, such as Adam"
                )
        clip, weights = self.options.clip, list(players[1])
        if clip is not None:

            def project(optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001  torch's hook
                clip.project(weights)

            discriminator.register_step_post_hook(project)
        return generator, discriminator
