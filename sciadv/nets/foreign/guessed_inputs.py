"""What a generator takes, recognised by its names: attributes, arguments and first layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.nets.foreign.adapting import Adapting
from sciadv.nets.foreign.fixed_noise import FixedNoise
from sciadv.nets.foreign.input_tree import call, tensors_in
from sciadv.types import Shape

Sample = Callable[[int], Any]
#: Attributes that hold the length or shape of a latent.
_LENGTHS = (
    "latent_shape",
    "z_shape",
    "z_dim",
    "nz",
    "n_latent",
    "latent_dim",
    "dim_z",
    "latent_size",
    "z_size",
    "n_z",
    "nlatent",
    "noise_dim",
    "style_dim",
    "code_dim",
    "encoding_dim",
    "encoding_dims",
    "embedding_dim",
    "noise_size",
    "input_dim",
)
#: Attributes that hold the number of classes.
_CLASSES = ("n_classes", "num_classes", "c_dim", "label_dim", "n_class", "nclasses", "num_labels")
#: Arguments that are a class or another condition.
_CONDITIONS = (
    "label",
    "labels",
    "y",
    "c",
    "class_label",
    "class_labels",
    "class_id",
    "class_ids",
    "classes",
    "cls",
    "cond",
    "condition",
    "target",
)
#: Arguments that keep a generator from drawing noise of its own, and their values.
_QUIET = {"randomize_noise": False, "noise_mode": "const"}


def guess(network: nn.Module, wanted: Adapting, who: str) -> tuple[Any, Sample]:
    """Return what is to be called and draws of its inputs, as `Prior.from_module` takes them.

    Raises
    ------
    InputError
        They are not recognised; the message says what was found and what to give.
    """
    if wanted.space == "z":
        return network, _first_that_runs(network, _latent_samples(network, wanted), wanted, who)
    mapping = getattr(network, "mapping", None) or getattr(network, "style", None)
    synthesis = getattr(network, "synthesis", None)
    if not callable(mapping) or not callable(synthesis):
        raise InputError(
            f"space={wanted.space!r} needs a generator with the networks `mapping` and `synthesis`, which "
            f"{who} has not; give sample=, draws of what its later part takes"
        )
    entry = _first_that_runs(mapping, _latent_samples(mapping, wanted, network), wanted, who)
    return synthesis, lambda n: (_made(mapping, entry(n)), _quiet(synthesis))


def _quiet(network: Any) -> dict[str, Any]:
    """Return the arguments that hold a network's own noise fixed, of those that it takes."""
    parameters = _parameters(network)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    inner = _parameters(getattr(network, "synthesis", None)) if takes_any else {}
    return {name: value for name, value in _QUIET.items() if name in parameters or name in inner}


def _parameters(network: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a network's forward, by name."""
    if network is None:
        return {}
    function = getattr(network, "called", None) or getattr(network, "forward", network)
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _latent_samples(network: Any, wanted: Adapting, holder: Any = None) -> Iterator[Sample]:
    """Yield draws of inputs that a network may take, the likeliest first."""
    parameters = list(_parameters(network).values())
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    conditional = [p for p in parameters[1:] if p.name.lower() in _CONDITIONS]
    is_conditional = bool(conditional) and (conditional[0] in needed or wanted.condition is not None)
    quiet = _quiet(network)
    for shape in _shapes(network, wanted, holder, is_conditional=bool(conditional)):
        if not is_conditional:
            yield partial(_normal, shape, quiet)
            yield partial(_normal, shape, quiet, is_listed=True)
        if not conditional:
            continue
        for codes in _conditions(network, wanted, holder):
            yield _with_condition(shape, conditional[0].name, codes, quiet)


def _normal(shape: Shape, quiet: dict[str, Any], n: int, *, is_listed: bool = False) -> Any:
    """Draw one latent, alone or as the only one of a list, with keywords."""
    z = torch.randn(n, *shape)
    return [z] if is_listed else z, quiet


def _with_condition(shape: Shape, name: str, codes: Tensor, quiet: dict[str, Any]) -> Sample:
    def sample(n: int) -> Any:
        return torch.randn(n, *shape), {name: codes[torch.randint(0, len(codes), (n,))], **quiet}

    return sample


def _conditions(network: Any, wanted: Adapting, holder: Any) -> Iterator[Tensor]:
    """Yield the values that a condition may have: labels, then codes of one 1."""
    given = wanted.condition
    if given is not None and not isinstance(given, int):
        yield torch.as_tensor(given)[None]
        return
    if any(getattr(one, "c_dim", None) == 0 for one in (network, holder)):  # no classes, said so
        yield torch.zeros(1, 0)
        return
    n_classes = _attribute(_CLASSES, network, holder)
    if n_classes is None:
        tables = [m.num_embeddings for m in _modules(network) if isinstance(m, nn.Embedding)]
        n_classes = tables[0] if tables else None
    if not isinstance(n_classes, int) or n_classes < 1:
        if isinstance(given, int):
            yield torch.tensor([given])
        return
    labels = torch.arange(n_classes) if given is None else torch.tensor([given])
    yield labels
    yield functional.one_hot(labels, n_classes).float()


def _shapes(network: Any, wanted: Adapting, holder: Any, *, is_conditional: bool) -> Iterator[Shape]:
    """Yield shapes that a latent may have; a condition may be appended to it before the first layer."""
    if wanted.shape is not None:
        yield wanted.shape
        return
    lengths = [_attribute(_LENGTHS, network, holder)]
    modules = _modules(network)
    kinds = ("in_features", "in_channels")
    inputs = (getattr(m, kind, 0) for m in modules for kind in kinds)
    first = next((n for n in inputs if n), 0)
    lengths.append(first)
    if is_conditional:
        widths = [getattr(m, "embedding_dim", first) for m in modules]
        widths.append(_attribute(_CLASSES, network, holder))
        lengths += [first - width for width in widths if width]
    for length in lengths:
        if isinstance(length, tuple):
            yield length
            continue
        if length is None or length < 1:
            continue
        yield from ((length,), (length, 1, 1), (length, 1), (length, 1, 1, 1))


def _modules(network: Any) -> list[nn.Module]:
    return list(network.modules()) if isinstance(network, nn.Module) else []


def _attribute(names: tuple[str, ...], *holders: Any) -> Any:
    """Return the first attribute of these names that is a number or a shape."""
    for holder in holders:
        for name in names:
            value = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
            if isinstance(value, tuple | list) and value and all(isinstance(one, int) for one in value):
                return tuple(value)
    return None


def _made(network: Any, inputs: Any) -> Any:
    with torch.no_grad():
        return call(network, inputs)


def _first_that_runs(network: Any, samples: Iterator[Sample], wanted: Adapting, who: str) -> Sample:
    """Return the first draws that a network takes and gives the same candidates for, or else takes."""
    tried, taken = list[str](), list[Sample]()
    for sample in samples:
        inputs, fixed = sample(2), FixedNoise(network)
        try:
            twice = [_made(fixed, inputs) for _ in range(2)]
        except Exception as error:  # noqa: BLE001  # somebody else's network on a guess
            tried.append(str(error).splitlines()[0] if str(error) else type(error).__name__)
            continue
        made, again = map(tensors_in, twice)
        if all(map(torch.equal, made, again)):
            return sample
        taken.append(sample)
    if taken:
        return taken[0]
    names = ", ".join(_parameters(network)) or "nothing that can be read"
    why = f" The last attempt: {tried[-1]}." if tried else ""
    length = "" if wanted.latent_shape is not None else " latent_shape=, or"
    raise InputError(
        f"it is not clear what {who} takes (its arguments: {names}).{why} Give{length} sample=, a function "
        f"of n that returns n draws of its inputs: a tensor, a tuple of its arguments, or a dict of them"
    )
