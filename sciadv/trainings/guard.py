"""What stands between gradients and weights: their norms for the log, and a stop where one is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, get_total_norm
from torch.optim import Optimizer

from sciadv.trainings.distributed import average_gradients
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

    def watch(
        self,
        player: str,
        optimizer: Optimizer,
        weights: Mapping[str, Tensor],
        *,
        largest_norm: float = math.inf,
        advice: str | None = None,
    ) -> None:
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
        largest_norm
            A longer gradient is shortened to it; `norms` has the norm before.
        advice
            What to do about a gradient that is not finite; None for lower learning rates and penalties.
        """
        weights = dict(weights)

        def note(optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001  # torch's hook
            try:
                norm = _norm(list(weights.values()), largest_norm)
            except RuntimeError as error:
                broken = _first_broken(weights) or f"the gradient of the {player}"
                raise diverged(broken, self._n_done() + 1, advice=advice) from error
            self.norms[player] = float(norm)

        optimizer.register_step_pre_hook(note)


def _norm(weights: list[Tensor], largest: float) -> Tensor:
    """Return the norm of the weights' gradient, which is shortened to the largest norm where there is one.

    Raises
    ------
    RuntimeError
        It is not finite.
    """
    if math.isinf(largest):
        return get_total_norm([p.grad for p in weights if p.grad is not None], error_if_nonfinite=True)
    for p in weights:
        if p.grad is not None:
            p.grad = p.grad.clone()  # an update may remember the gradient, or it may be an expanded one
    return clip_grad_norm_(weights, largest, error_if_nonfinite=True)


def _first_broken(weights: Mapping[str, Tensor]) -> str | None:
    """Name the first weight that is not finite, or else the first gradient; None if only their norm is."""
    if (weight := first_not_finite(weights.items())) is not None:
        return f"the weight {weight}"
    gradient = first_not_finite((name, p.grad) for name, p in weights.items())
    return None if gradient is None else f"the gradient of {gradient}"


def named_weights(nets: Mapping[str, torch.nn.Module]) -> dict[str, Tensor]:
    """Return the parameters of networks by the network's name and theirs."""
    return {f"{net}.{name}": p for net, module in nets.items() for name, p in module.named_parameters()}


def falling(done: float) -> float:
    """Return the learning rate's part at a share of the steps: from 1 to 0 along a cosine.

    Examples
    --------
    >>> falling(0.0), round(falling(0.5), 9), falling(1.0)
    (1.0, 0.5, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * done))


def descend(optimizer: Optimizer, loss: Tensor, *, rate: float) -> None:
    """Let an optimizer make its step down a loss, with the gradient's mean over processes."""
    set_rate(optimizer, rate)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    moved = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    for p, gradient in zip(moved, average_gradients(tuple(p.grad for p in moved)), strict=True):
        p.grad = gradient
    optimizer.step()


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give an optimizer its learning rate.

    The rates of a training are functions of the step's number, so that a step that is made again is the same.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
