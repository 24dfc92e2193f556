"""Networks of others in a weights file: by the function that makes them, or their weights alone.

A file is data: the name of a function in it is called only where the caller says that it may be.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torch import nn

from sciadv.errors import InputError
from sciadv.files.reading import reason
from sciadv.files.weights import TensorFile
from sciadv.nets import NETS, net_spec
from sciadv.nets.loading import load_net

#: Kinds of a network in a file's header that `sciadv.nets` does not make.
_FACTORY, _GIVEN = "factory", "given"


@dataclass(frozen=True)
class Factory:
    """The function that makes a network: what a weights file names it by.

    Parameters
    ----------
    target
        ``"package.module:function"``, importable wherever the file is read.
    settings
        Keyword arguments of the function that JSON can hold.

    Raises
    ------
    InputError
        `target` is no such name.
    """

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the name."""
        module, _, function = self.target.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
            raise InputError(f"a factory is named as in 'package.module:function', but it is {self.target!r}")

    def make(self) -> nn.Module:
        """Call the function.

        Raises
        ------
        InputError
            It cannot be imported, fails, or gives no network.
        """
        module, _, name = self.target.partition(":")
        try:
            made: object = import_module(module)
            for part in name.split("."):
                made = getattr(made, part)
            net = made(**self.settings)  # type: ignore[operator]  # called as the user allows
        except Exception as error:  # the user's own code raises anything
            raise InputError(f"the factory {self.target} fails: {reason(error)}") from error
        if not isinstance(net, nn.Module):
            raise InputError(f"the factory {self.target} gives a {type(net).__name__}, not a torch.nn.Module")
        return net


def saved_spec(net: nn.Module, factory: Factory | None) -> dict[str, object]:
    """Return what a weights file says of a network, so that it can be had again.

    Parameters
    ----------
    net
        The network.
    factory
        What makes it, for one that is not of `sciadv.nets`; None where only its weights are kept.

    Raises
    ------
    InputError
        The factory makes a network with other weights.
    """
    if factory is not None:
        made, own = (
            {name: tuple(tensor.shape) for name, tensor in each.state_dict().items()}
            for each in (factory.make(), net)
        )
        if made != own:
            name = next(iter(sorted(made.items() ^ own.items())))[0]
            raise InputError(f"the factory {factory.target} makes another network: {name} differs")
        return {"kind": _FACTORY, "target": factory.target, "arguments": dict(factory.settings)}
    kind = getattr(net, "kind", None)
    if isinstance(kind, str) and kind in NETS and type(net) is NETS[kind]:
        return net_spec(net)
    return {"kind": _GIVEN, "class": type(net).__name__}


def loaded_net(
    file: TensorFile,
    spec: object,
    part: str,
    *,
    given: nn.Module | None = None,
    allow_factory: bool = False,
) -> nn.Module:
    """Return a network with the weights of a file, in evaluation mode.

    Parameters
    ----------
    file
        Has the weights, as tensors ``PART.name``.
    spec
        What its header says of the network.
    part
        "generator", "encoder" or "sampler".
    given
        The network itself, whose copy gets the weights.
    allow_factory
        Whether a function that the file names may be called.

    Raises
    ------
    InputError
        The file has weights alone and no network is given, or names a function that may not be called.
    WeightsError
        The weights do not fit.
    """
    kind = spec.get("kind") if isinstance(spec, dict) else None
    if given is None and kind not in (_FACTORY, _GIVEN):
        return load_net(file, spec, part)
    if given is None and kind == _GIVEN:
        assert isinstance(spec, dict)  # it has a kind
        raise InputError(
            f"{file.path} holds the weights of a {spec.get('class')}, not how it is made; give the network: "
            f"Prior.load(folder, {part}=net)"
        )
    if given is None:
        assert isinstance(spec, dict)  # it has a kind
        given = _made(file, spec, part, allow_factory=allow_factory)
    prefix = f"{part}."
    state = {key.removeprefix(prefix): t for key, t in file.tensors.items() if key.startswith(prefix)}
    net = copy.deepcopy(given)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise file.wrong(f"its weights do not fit the {part} given: {reason(error)}") from error
    return net.eval()


def _made(file: TensorFile, spec: dict[str, object], part: str, *, allow_factory: bool) -> nn.Module:
    target, arguments = spec.get("target"), spec.get("arguments")
    if not isinstance(target, str) or not isinstance(arguments, dict):
        raise file.wrong(f"its header does not describe the {part}")
    if not allow_factory:
        raise InputError(
            f"{file.path} names the function {target} that makes its {part}; loading a prior runs no code: "
            f"allow it where you trust it (allow_factory=True, --allow-factory), or give the network: "
            f"Prior.load(folder, {part}=net)"
        )
    return Factory(target, arguments).make()
