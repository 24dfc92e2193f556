"""All that the next step of a game depends on, as flat tensors and JSON-able facts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sciadv.errors import InputError, WeightsError
from sciadv.games.updates.update import UpdateState

Facts = dict[str, Any]


@runtime_checkable
class Stateful(Protocol):
    """A part that remembers: a moving average, a replay buffer, an adaptive augmentation."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return what it remembers."""
        ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what it remembered."""
        ...


@dataclass(frozen=True)
class Parts:
    """What a game's state is made of.

    Parameters
    ----------
    nets
        Networks by name, with their buffers.
    optimizers
        Optimizers by name.
    memories
        Further parts that remember, by name.
    """

    nets: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]
    memories: Mapping[str, Stateful]


def collect(parts: Parts, update: UpdateState) -> tuple[dict[str, Tensor], Facts]:
    """Copy the state of all parts and of the update.

    Raises
    ------
    InputError
        An optimizer remembers something that is neither a tensor nor a plain value.
    """
    tensors: dict[str, Tensor] = {}
    facts: Facts = {"update": _update_facts(update), "optimizers": {}}
    for name, net in parts.nets.items():
        tensors |= {f"net.{name}.{key}": value for key, value in net.state_dict().items()}
    for name, memory in parts.memories.items():
        tensors |= {f"memory.{name}.{key}": value for key, value in memory.state_dict().items()}
    for name, optimizer in parts.optimizers.items():
        own, facts["optimizers"][name] = _optimizer_state(optimizer)
        tensors |= {f"optimizer.{name}.{key}": value for key, value in own.items()}
    tensors |= _update_tensors("update", update)
    return {key: value.detach().clone() for key, value in tensors.items()}, facts


def _optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, dict[str, object]]]:
    """Split what an optimizer remembers of each parameter into tensors and plain values."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, dict[str, object]] = {}
    for index, state in optimizer.state_dict()["state"].items():
        plain[str(index)] = {}
        for key, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{key}"] = value
            elif value is None or isinstance(value, (bool, int, float, str)):
                plain[str(index)][key] = value
            else:
                raise InputError(
                    f"optimizer {type(optimizer).__name__} keeps a {type(value).__name__} under {key!r}, "
                    f"which a checkpoint cannot hold; use one that keeps tensors and numbers"
                )
    return tensors, plain


def restore_state(tensors: dict[str, Tensor], facts: Facts, parts: Parts) -> UpdateState:
    """Put a collected state back into the same parts; return the update's.

    Raises
    ------
    WeightsError
        The tensors are not those of these networks.
    """
    for name, net in parts.nets.items():
        _load_net(name, net, _under(tensors, f"net.{name}."))
    for name, memory in parts.memories.items():
        memory.load_state_dict(_under(tensors, f"memory.{name}."))
    for name, optimizer in parts.optimizers.items():
        state: dict[int, dict[str, object]] = {
            int(index): dict(plain) for index, plain in facts["optimizers"][name].items()
        }
        for key, value in _under(tensors, f"optimizer.{name}.").items():
            index, entry = key.split(".", 1)
            state[int(index)][entry] = value.clone()  # the optimizer will write into it
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    device = next((p.device for net in parts.nets.values() for p in net.parameters()), torch.device("cpu"))
    return _read_update(facts["update"], "update", tensors, device)


def _load_net(name: str, net: nn.Module, state: dict[str, Tensor]) -> None:
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"the checkpoint does not fit the {name}: {str(error).splitlines()[-1].strip()}; "
            f"build the networks as they were, or start anew"
        ) from error


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _update_facts(state: UpdateState) -> Facts:
    inner = None if state.inner is None else _update_facts(state.inner)
    lengths = [len(point) for point in state.memory]
    return {"n_steps": state.n_steps, "losses": list(state.losses), "memory": lengths, "inner": inner}


def _update_tensors(prefix: str, state: UpdateState) -> dict[str, Tensor]:
    tensors = {f"{prefix}.{i}.{j}": t for i, point in enumerate(state.memory) for j, t in enumerate(point)}
    return tensors | ({} if state.inner is None else _update_tensors(f"{prefix}.inner", state.inner))


def _read_update(facts: Facts, prefix: str, tensors: dict[str, Tensor], device: torch.device) -> UpdateState:
    memory = tuple(
        tuple(tensors[f"{prefix}.{i}.{j}"].to(device).clone() for j in range(length))
        for i, length in enumerate(facts["memory"])
    )
    inner = facts["inner"]
    return UpdateState(
        n_steps=facts["n_steps"],
        losses=(facts["losses"][0], facts["losses"][1]),
        memory=memory,
        inner=None if inner is None else _read_update(inner, f"{prefix}.inner", tensors, device),
    )
