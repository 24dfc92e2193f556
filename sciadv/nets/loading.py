"""A network from a weights file: settings and weights are compared before anything is allocated."""

from __future__ import annotations

import torch
from torch import nn

from sciadv.errors import SciadvError
from sciadv.files.reading import reason
from sciadv.files.weights import TensorFile
from sciadv.nets import build_net

#: A whole number in a network's settings may be this large, or as large as the count of its weights.
MAX_NUMBERS_WITHOUT_WEIGHTS = 2**16


def load_net(file: TensorFile, spec: object, part: str) -> nn.Module:
    """Build a network from its settings, give it its weights and put it in evaluation mode.

    Parameters
    ----------
    file
        Has the weights, as tensors ``PART.name``.
    spec
        Settings for `build_net`, from the file's header.
    part
        "generator", "encoder", "classifier".

    Raises
    ------
    WeightsError
        The settings are not of a network, or the weights do not fit it.
    """
    prefix = f"{part}."
    state = {k.removeprefix(prefix): t for k, t in file.tensors.items() if k.startswith(prefix)}
    if not isinstance(spec, dict):
        raise file.wrong(f"its header does not describe the {part}")
    most = max(MAX_NUMBERS_WITHOUT_WEIGHTS, sum(tensor.numel() for tensor in state.values()))
    if not _is_modest(spec, most):
        raise file.wrong(f"the {part} has a setting that its {len(state)} tensors cannot have")
    try:
        with torch.device("meta"):  # allocates nothing
            expected = build_net(spec).state_dict()
        different = _first_difference(expected, state)
        if different:
            raise file.wrong(f"the weights do not fit the network {spec.get('kind')!r}: {different}")
        net = build_net(spec)
        net.load_state_dict(state)
    except SciadvError as error:
        raise error if str(file.path) in str(error) else file.wrong(str(error)) from error
    except Exception as error:  # a constructor raises anything for settings that are no sensible ones
        raise file.wrong(f"its {part} cannot be built: {reason(error)}") from error
    return net.eval()


def _is_modest(setting: object, most: int) -> bool:
    if isinstance(setting, dict):
        return all(_is_modest(value, most) for value in setting.values())
    if isinstance(setting, list):
        return len(setting) <= MAX_NUMBERS_WITHOUT_WEIGHTS and all(_is_modest(s, most) for s in setting)
    return not isinstance(setting, int) or abs(setting) <= most


def _first_difference(expected: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> str:
    """Say how the tensors of a file differ from those of the network; nothing if they do not."""
    if expected.keys() != state.keys():
        names = sorted(expected.keys() ^ state.keys())
        return f"{names[0]} is {'missing' if names[0] in expected else 'not one of its tensors'}"
    for name, tensor in expected.items():
        found = state[name]
        if found.shape != tensor.shape:
            return f"{name} has shape {tuple(found.shape)}, not {tuple(tensor.shape)}"
        if found.is_floating_point() != tensor.is_floating_point():
            return f"{name} is {found.dtype}, not {tensor.dtype}"
    return ""
