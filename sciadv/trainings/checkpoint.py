"""Checkpoints of a training as safetensors: written atomically, read back bit for bit, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sciadv.errors import WeightsError
from sciadv.files.weights import read_tensors, write_tensors


def training_tensors(nets: dict[str, nn.Module], optimizers: dict[str, Optimizer]) -> dict[str, Tensor]:
    """Collect every tensor of the networks and of the optimizers' states under flat names."""
    tensors = {f"net.{n}.{k}": v for n, net in nets.items() for k, v in net.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{name}.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
    return tensors


def load_training_tensors(
    tensors: dict[str, Tensor], nets: dict[str, nn.Module], optimizers: dict[str, Optimizer]
) -> None:
    """Put tensors collected by `training_tensors` back into the same networks and optimizers."""
    for name, net in nets.items():
        prefix = f"net.{name}."
        net.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    for name, optimizer in optimizers.items():
        saved = optimizer.state_dict()
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"optimizer.{name}."):
                _, _, index, entry = key.split(".", 3)
                state.setdefault(int(index), {})[entry] = value
        optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})


def write_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict[str, object]) -> None:
    """Write tensors and JSON-able facts to `path`; the old file stays whole until the new one is."""
    write_tensors(path, tensors, {"facts": json.dumps(facts)})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    WeightsError
        The file is truncated or no checkpoint.
    """
    tensors, facts = read_tensors(
        path, "facts", what="a checkpoint of a training", advice="Delete it to start anew."
    )
    if not isinstance(facts, dict):
        raise WeightsError(f"{path} is not a checkpoint of a training. Delete it to start anew.")
    return tensors, facts
