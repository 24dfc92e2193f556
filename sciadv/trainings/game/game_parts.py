"""The parts of a game by name: ``"r1"``, or ``{"kind": "r1", "gamma": 0.5}`` with settings of their own."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor
from torch.optim import SGD, Adam, Optimizer, RMSprop

from sciadv.errors import InputError, UnknownNameError, did_you_mean
from sciadv.games.augment import ADA, DiffAugment
from sciadv.games.objectives import OBJECTIVES
from sciadv.games.objectives.mmd import GaussianMixture, Kernel, RationalQuadratic
from sciadv.games.penalties import PENALTIES, Augmentation, InstanceNoise, WeightClipping
from sciadv.games.replay import ReplayBuffer, TopK
from sciadv.games.updates import UPDATES

#: How a file names a part: its kind, or a table of its kind and settings.
Named = str | Mapping[str, object]


@dataclass(frozen=True)
class GameAdam:
    """Adam without momentum, since it turns with the game.

    T. Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020, appendix B, and R3GAN.

    Parameters
    ----------
    betas
        Decays of the mean and of the mean square of the gradient.
    eps
        Added to the root of the mean square.
    """

    betas: tuple[float, float] = (0.0, 0.99)
    eps: float = 1e-8

    def __call__(self, parameters: list[Tensor], learning_rate: float) -> Optimizer:
        """Return a player's optimizer."""
        return Adam(parameters, lr=learning_rate, betas=self.betas, eps=self.eps)


@dataclass(frozen=True)
class GameSGD:
    """Gradient descent; a negative momentum damps the rotation of alternating steps.

    G. Gidel et al., Negative momentum for improved game dynamics, AISTATS 2019.
    """

    momentum: float = 0.0

    def __call__(self, parameters: list[Tensor], learning_rate: float) -> Optimizer:
        """Return a player's optimizer."""
        optimizer = SGD(parameters, lr=learning_rate)
        for group in optimizer.param_groups:
            group["momentum"] = self.momentum  # the constructor refuses negative ones
        return optimizer


@dataclass(frozen=True)
class GameRMSprop:
    """RMSprop, the optimizer of the Wasserstein GAN with weight clipping.

    M. Arjovsky, S. Chintala, L. Bottou, Wasserstein generative adversarial networks, ICML 2017, Algorithm 1.
    """

    alpha: float = 0.99

    def __call__(self, parameters: list[Tensor], learning_rate: float) -> Optimizer:
        """Return a player's optimizer."""
        return RMSprop(parameters, lr=learning_rate, alpha=self.alpha)


AUGMENTATIONS: dict[str, Callable[..., Augmentation]] = {"diffaugment": DiffAugment, "ada": ADA}
OPTIMIZERS: dict[str, Callable[..., Callable[[list[Tensor], float], Optimizer]]] = {
    "adam": GameAdam,
    "sgd": GameSGD,
    "rmsprop": GameRMSprop,
}
KERNELS: dict[str, Callable[..., Kernel]] = {
    "rational-quadratic": RationalQuadratic,
    "gaussian-mixture": GaussianMixture,
}
#: Regularisers that are no term of a loss: options of a game that its penalties may name too.
REGULARISERS: dict[str, Callable[..., object]] = {
    "instance-noise": InstanceNoise,
    "weight-clipping": WeightClipping,
    "replay": ReplayBuffer,
    "top-k": TopK,
}
_IN_NETWORKS = "a setting of discriminators in sciadv.nets, or a layer of sciadv.nets.layers for your own"
#: Where a regulariser is found that is not among a game's penalties.
_ELSEWHERE = {
    "spectral-norm": _IN_NETWORKS,
    "minibatch-stddev": _IN_NETWORKS,
    "minibatch-discrimination": _IN_NETWORKS,
    "virtual-batch-norm": _IN_NETWORKS,
    "diffaugment": 'an augmentation: augment = "diffaugment"',
    "ada": 'an augmentation: augment = "ada"',
    "elite": "GameOptions(feedback=...), with a score of yours",
}
#: Settings of parts that are parts themselves, by name of the setting.
_INNER: dict[str, tuple[str, Mapping[str, object]]] = {
    "inner": ("update", UPDATES),
    "augment": ("augmentation", AUGMENTATIONS),
    "kernel": ("kernel", KERNELS),
}
CATALOGUES: dict[str, Mapping[str, object]] = {
    "objective": OBJECTIVES,
    "penalty": {**PENALTIES, **REGULARISERS},
    "update": UPDATES,
    "augmentation": AUGMENTATIONS,
    "optimizer": OPTIMIZERS,
}


def make_part(what: str, given: object, catalogue: Mapping[str, object] | None = None) -> Any:
    """Make a part from its name or from a table of its kind and settings; objects are passed through.

    Parameters
    ----------
    what
        What it is: a key of `CATALOGUES`, or any word with a catalogue of your own.
    given
        A name, ``{"kind": name, **settings}``, or the part itself.
    catalogue
        Parts, or their classes, by name.

    Raises
    ------
    UnknownNameError
        There is no part of that name.
    InputError
        A setting is not one of the part's, or not of its type or range.

    Examples
    --------
    >>> make_part("penalty", {"kind": "r1", "gamma": 0.5})
    R1(gamma=0.5, every=1)
    >>> make_part("update", {"kind": "lookahead", "k": 3, "inner": "optimistic"}).k
    3
    """
    if not isinstance(given, str | Mapping):
        return given
    parts = CATALOGUES[what] if catalogue is None else catalogue
    table = {"kind": given} if isinstance(given, str) else dict(given)
    name = table.pop("kind", None)
    if not isinstance(name, str):
        raise InputError(f"a table of {what} needs a kind: {', '.join(sorted(parts))}")
    if what == "penalty" and name in _ELSEWHERE:
        raise InputError(f"{name} is not one of a game's penalties, but {_ELSEWHERE[name]}")
    if name not in parts:
        raise UnknownNameError(what, name, parts)
    part = parts[name]
    kind = part if isinstance(part, type) else type(part)
    settings = settings_of(kind, name, table)
    if isinstance(part, type):
        missing = [k for k, p in inspect.signature(part).parameters.items() if p.default is p.empty]
        if absent := sorted(set(missing) - set(settings)):
            needed = ", ".join(f'"{key}": ...' for key in absent)
            raise InputError(f'{what} {name} has no default; give {{"kind": "{name}", {needed}}}')
        return part(**settings)
    return replace(part, **settings) if settings else copy.copy(part)  # type: ignore[type-var]  # a dataclass


def settings_of(kind: type, name: str, table: Mapping[str, object]) -> dict[str, object]:
    """Check a part's settings as a file has them: names and types; inner parts are made.

    Raises
    ------
    InputError
        A setting is not one of the part's, or not of its type.
    """
    from pydantic import TypeAdapter, ValidationError

    known = inspect.signature(kind, eval_str=True).parameters
    settings: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            near = did_you_mean(key, known)
            takes = f"; it takes: {', '.join(known)}" if known else ", which takes none"
            raise InputError(f"{key} is not a setting of {name}{near}{takes}")
        if key in _INNER:
            settings[key] = make_part(_INNER[key][0], value, _INNER[key][1])
            continue
        try:
            settings[key] = TypeAdapter(known[key].annotation).validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].replace("Input should", "it should", 1)
            raise InputError(f"{key} of {name}: {reason}; it is {value!r}") from error
    return settings


def part_name(part: object) -> str:
    """Say a part in words that are the same in every process: its name, its fields, or its class."""
    if isinstance(part, str | float):
        return str(part)
    if isinstance(part, Mapping):
        settings = ", ".join(f"{key}={part_name(part[key])}" for key in sorted(part) if key != "kind")
        return f"{part.get('kind')}({settings})"
    words = repr(part)
    return type(part).__name__ if " at 0x" in words else words
