"""The rules of a game: objective, penalties, update and options, each by its name or as an object."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, final, runtime_checkable

from torch import Tensor
from torch.optim import Adam, Optimizer

from sciadv.errors import InputError, UnknownNameError
from sciadv.games.augment import ADA, DiffAugment
from sciadv.games.objectives import OBJECTIVES, Objective
from sciadv.games.penalties import PENALTIES, Augmentation, InstanceNoise, Penalty, WeightClipping
from sciadv.games.replay import ReplayBuffer, TopK
from sciadv.games.updates import UPDATES, OnePass, Optimizers, Update

#: Makes a player's optimizer from its parameters and its learning rate.
OptimizerFactory = Callable[[Sequence[Tensor], float], Optimizer]

AUGMENTATIONS: dict[str, Callable[[], Augmentation]] = {"diffaugment": DiffAugment, "ada": ADA}

Part = TypeVar("Part")


@runtime_checkable
class Adaptive(Protocol):
    """An augmentation that follows the discriminator's outputs on real samples, such as `ADA`."""

    def update(self, real_logits: Tensor) -> None:
        """Note the outputs of a step."""
        ...


def game_adam(parameters: Sequence[Tensor], learning_rate: float) -> Optimizer:
    """Adam with moments (0, 0.99): no momentum, since it turns with the game.

    T. Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020, appendix B, and R3GAN.
    """
    return Adam(parameters, lr=learning_rate, betas=(0.0, 0.99), eps=1e-8)


@final
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

    optimizer: OptimizerFactory = game_adam
    final_rate: float = 1.0
    noise: InstanceNoise | None = None
    replay: ReplayBuffer | None = None
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


@final
@dataclass(frozen=True)
class Rules:
    """The parts of a game as objects; `of` makes them from names.

    Parameters
    ----------
    objective, penalties, update
        What players minimise, what is added to the discriminator's loss, how they move.
    augment
        What is done to all the discriminator sees; None for nothing.
    options
        The rest.
    names
        Each part in words, for checkpoints and cards.
    """

    objective: Objective
    penalties: tuple[Penalty, ...]
    update: Update
    augment: Augmentation | None
    options: GameOptions
    names: Mapping[str, str]

    @staticmethod
    def of(
        objective: str | Objective,
        penalties: Sequence[str | Penalty],
        update: str | Update,
        augment: str | Augmentation | None,
        options: GameOptions,
    ) -> Rules:
        """Look names up; objects are taken as they are.

        Raises
        ------
        UnknownNameError
            There is no part of that name.
        InputError
            A part is not what its place asks for, or the update needs a gradient reversal layer.
        """
        if isinstance(penalties, str):
            raise InputError(f"penalties are a list of names or objects; write [{penalties!r}]")
        chosen = Rules(
            _object("objective", objective, OBJECTIVES),
            tuple(_made("penalty", part, PENALTIES) for part in penalties),
            _object("update", update, UPDATES),
            None if augment is None else _made("augmentation", augment, AUGMENTATIONS),
            options,
            {
                "objective": _name(objective),
                "penalties": " ".join(_name(part) for part in penalties),
                "update": _name(update),
                "augment": "" if augment is None else _name(augment),
            },
        )
        chosen._check()
        return chosen

    def _check(self) -> None:
        for what, part, kind in (
            ("objective", self.objective, Objective),
            ("update", self.update, Update),
            *(("penalty", part, Penalty) for part in self.penalties),
        ):
            if not isinstance(part, kind):
                raise InputError(
                    f"the {what} is a {type(part).__name__}, not a {kind.__module__}.{kind.__name__}; "
                    f"give one of the names or an object of that interface"
                )
        if isinstance(self.update, OnePass):
            raise InputError(
                "the one-pass update needs a gradient reversal layer inside one loss, but a Game has two "
                "losses; 'simultaneous' makes the same step"
            )

    def optimizers(
        self, players: tuple[Sequence[Tensor], Sequence[Tensor]], rates: tuple[float, float]
    ) -> Optimizers:
        """Make both players' optimizers; weight clipping follows each step of the discriminator's."""
        generator, discriminator = (
            self.options.optimizer(list(player), rate) for player, rate in zip(players, rates, strict=True)
        )
        clip, weights = self.options.clip, list(players[1])
        if clip is not None:

            def project(optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001  torch's hook
                clip.project(weights)

            discriminator.register_step_post_hook(project)
        return generator, discriminator


def _object(what: str, part: str | Part, table: Mapping[str, Part]) -> Part:
    if not isinstance(part, str):
        return part
    if part not in table:
        raise UnknownNameError(what, part, table)
    return copy.copy(table[part])


def _made(what: str, part: str | Part, table: Mapping[str, Callable[[], Part]]) -> Part:
    if not isinstance(part, str):
        return part
    if part not in table:
        raise UnknownNameError(what, part, table)
    return table[part]()


def _name(part: object) -> str:
    """Say a part in words that are the same in every process: its name, its fields, or its class."""
    if isinstance(part, str):
        return part
    words = repr(part)
    return type(part).__name__ if " at 0x" in words else words
