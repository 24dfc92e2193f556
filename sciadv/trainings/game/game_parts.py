"""The parts of a game by name: ``"r1"``, or ``{"kind": "r1", "gamma": 0.5}`` with settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor
from torch.optim import SGD, Adam, Optimizer, RMSprop

from sciadv.errors import InputError, UnknownNameError, did_you_mean
from sciadv.games.objectives import OBJECTIVES
from sciadv.games.objectives.mmd import Kernel
from sciadv.games.penalties import PENALTIES, Augmentation
from sciadv.games.updates import UPDATES, Update
from sciadv.registry.checked import checked
from sciadv.registry.registry import Registry, by_attribute
from sciadv.registry.settings import allows_none, file_type, parameters_of
from sciadv.types import Decay, NotNegative

#: How a file names a part: its kind, or a table of its kind and settings.
Named = str | Mapping[str, object]


@checked
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

    optimizer_kind: ClassVar[str] = "adam"

    betas: tuple[Decay, Decay] = (0.0, 0.99)
    eps: NotNegative = 1e-8

    def __call__(self, parameters: list[Tensor], learning_rate: float) -> Optimizer:
        """Return a player's optimizer."""
        return Adam(parameters, lr=learning_rate, betas=self.betas, eps=self.eps)


@checked
@dataclass(frozen=True)
class GameSGD:
    """Gradient descent; a negative momentum damps the rotation of alternating steps.

    G. Gidel et al., Negative momentum for improved game dynamics, AISTATS 2019.
    """

    optimizer_kind: ClassVar[str] = "sgd"

    momentum: float = 0.0

    def __call__(self, parameters: list[Tensor], learning_rate: float) -> Optimizer:
        """Return a player's optimizer."""
        optimizer = SGD(parameters, lr=learning_rate)
        for group in optimizer.param_groups:
            group["momentum"] = self.momentum  # the constructor refuses negative ones
        return optimizer


@checked
@dataclass(frozen=True)
class GameRMSprop:
    """RMSprop, the optimizer of the Wasserstein GAN with weight clipping.

    M. Arjovsky, S. Chintala, L. Bottou, Wasserstein generative adversarial networks, ICML 2017, Algorithm 1.
    """

    optimizer_kind: ClassVar[str] = "rmsprop"

    alpha: Decay = 0.99

    def __call__(self, parameters: list[Tensor], learning_rate: float) -> Optimizer:
        """Return a player's optimizer."""
        return RMSprop(parameters, lr=learning_rate, alpha=self.alpha)


AUGMENTATIONS: Registry[Callable[..., Augmentation]] = Registry(
    "augmentation",
    "sciadv.games",
    names=by_attribute("augmentation_kind"),
    group="sciadv.games.augmentations",
)
OPTIMIZERS: Registry[Callable[..., Callable[[list[Tensor], float], Optimizer]]] = Registry(
    "optimizer",
    "sciadv.trainings.game",
    names=by_attribute("optimizer_kind"),
    group="sciadv.games.optimizers",
)
KERNELS: Registry[Callable[..., Kernel]] = Registry(
    "kernel",
    "sciadv.games.objectives",
    names=by_attribute("kernel_kind"),
    group="sciadv.games.kernels",
)
#: Regularisers that are no term of a loss: options of a game that its penalties may name too.
REGULARISERS: Registry[Callable[..., object]] = Registry(
    "regulariser",
    "sciadv.games",
    names=by_attribute("option_kind"),
    group="sciadv.games.regularisers",
)
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
#: What the parts of a game are, and where they are looked for.
REGISTRIES: dict[str, tuple[Registry[Any], ...]] = {
    "objective": (OBJECTIVES,),
    "penalty": (PENALTIES, REGULARISERS),
    "update": (UPDATES,),
    "augmentation": (AUGMENTATIONS,),
    "optimizer": (OPTIMIZERS,),
    "kernel": (KERNELS,),
}
#: Types of settings that are parts themselves.
_INNER: tuple[tuple[Any, str], ...] = ((Update, "update"), (Augmentation, "augmentation"), (Kernel, "kernel"))


def make_part(what: str, given: object) -> Any:
    """Make a part from its name or from a table of its kind and settings; objects are passed through.

    Parameters
    ----------
    what
        What it is: a key of `REGISTRIES`.
    given
        A name, ``{"kind": name, **settings}``, or the part itself.

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
    table = {"kind": given} if isinstance(given, str) else dict(given)
    name = table.pop("kind", None)
    if not isinstance(name, str):
        raise InputError(f"a table of {what} needs a kind: {', '.join(_known(what))}")
    if what == "penalty" and name in _ELSEWHERE:
        raise InputError(f"{name} is not one of a game's penalties, but {_ELSEWHERE[name]}")
    part = _find_part(what, name)
    settings = settings_of(part, name, table)
    missing = [key for key, one in parameters_of(part).items() if one.default is one.empty]
    if absent := sorted(set(missing) - set(settings)):
        needed = ", ".join(f'"{key}": ...' for key in absent)
        raise InputError(f'{what} {name} has no default; give {{"kind": "{name}", {needed}}}')
    return part(**settings)


def _known(what: str) -> list[str]:
    return sorted({name for registry in REGISTRIES[what] for name in registry})


def _find_part(what: str, name: str) -> Callable[..., Any]:
    for registry in REGISTRIES[what]:
        if name in registry:
            part: Callable[..., Any] = registry[name]
            return part
    raise UnknownNameError(what, name, _known(what))


def settings_of(part: Callable[..., object], name: str, table: Mapping[str, object]) -> dict[str, object]:
    """Check a part's settings as a file has them: names and types; inner parts are made.

    Raises
    ------
    InputError
        A setting is not one of the part's, or not of its type.
    """
    known = parameters_of(part)
    settings: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            near = did_you_mean(key, known)
            takes = f"; it takes: {', '.join(known)}" if known else ", which takes none"
            raise InputError(f"{key} is not a setting of {name}{near}{takes}")
        inner = [what for kind, what in _INNER if known[key].annotation == kind]
        if inner:
            settings[key] = make_part(inner[0], value)
        else:
            settings[key] = _checked(known[key].annotation, value, f"{key} of {name}")
    return settings


def _checked(annotation: Any, value: object, what: str) -> object:
    """Return a value of a setting's type, or say in a sentence why it is none."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    if value is None and allows_none(annotation):
        return None
    try:
        return TypeAdapter(
            file_type(annotation), config=ConfigDict(strict=True, allow_inf_nan=False)
        ).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].replace("Input should", "it should", 1)
        raise InputError(f"{what}: {reason}; it is {value!r}") from error


def part_name(part: object) -> str:
    """Say a part in words that are the same in every process: its name, its fields, or its class."""
    if isinstance(part, str | float):
        return str(part)
    if isinstance(part, Mapping):
        settings = ", ".join(f"{key}={part_name(part[key])}" for key in sorted(part) if key != "kind")
        return f"{part.get('kind')}({settings})"
    words = repr(part)
    return type(part).__name__ if " at 0x" in words else words
