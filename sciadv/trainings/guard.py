"""What stands between gradients and weights: their norms for the log, and a stop where one is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from sciadv.trainings.protocol import diverged, first_not_finite


@final
class GradientGuard:
    """Notes the norm of an optimizer's gradient before each of its steps, and stops a step that has a NaN.

    Parameters
    ----------
    n_done
        Gives the steps that the training has done.
    """

    def __init__(self, n_done: Callable[[], int]) -> None:
        self._n_done = n_done
        #: Euclidean norm of the last gradient, by the player's name.
        self.norms: dict[str, float] = {}

    def watch(self, player: str, optimizer: Optimizer, weights: Mapping[str, Tensor]) -> None:
        """Stand before an optimizer's steps from now on.

        Parameters
        ----------
        player
            Whose gradient it is, in `norms`.
        optimizer
            The optimizer; its step raises `DivergedError` when a gradient is not finite, and has then
            changed nothing.
        weights
            What it moves, by the names for that error.
        """
        weights = dict(weights)

        def note(optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001  # torch's hook
            norms = [torch.linalg.vector_norm(p.grad) for p in weights.values() if p.grad is not None]
            self.norms[player] = float(torch.linalg.vector_norm(torch.stack(norms)))
            if not math.isfinite(self.norms[player]):
                raise diverged(_first_broken(weights) or f"the gradient of {player}", self._n_done() + 1)

        optimizer.register_step_pre_hook(note)


def _first_broken(weights: Mapping[str, Tensor]) -> str | None:
    """Name the first weight that is not finite, or else the first gradient; None if only their norm is."""
    if (weight := first_not_finite(weights.items())) is not None:
        return f"the weight {weight}"
    gradient = first_not_finite((name, p.grad) for name, p in weights.items())
    return None if gradient is None else f"the gradient of {gradient}"


def named_weights(nets: Mapping[str, torch.nn.Module]) -> dict[str, Tensor]:
    """Return the parameters of networks by the network's name and theirs."""
    return {f"{net}.{name}": p for net, module in nets.items() for name, p in module.named_parameters()}
