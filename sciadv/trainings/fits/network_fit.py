"""What the fits of one network by one optimizer have in common: its steps, and the state between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sciadv.games.updates import UpdateState
from sciadv.trainings.guard import GradientGuard, named_weights
from sciadv.trainings.training_state import Parts, Stateful, collect, restore_state


class NetworkFit:
    """One network, Adam, one phase; a fit adds `step` and `settings` to follow `sciadv.trainings.Training`.

    Parameters
    ----------
    name
        Of the network, in checkpoints and errors.
    net
        Trained in place.
    n_steps, batch
        Steps, and samples a step.
    learning_rate
        Adam's at first.
    memories
        Further parts that remember, by name.
    """

    def __init__(
        self,
        name: str,
        net: nn.Module,
        n_steps: int,
        batch: int,
        learning_rate: float,
        *,
        memories: Mapping[str, Stateful] | None = None,
    ) -> None:
        self.n_steps = n_steps
        self.batch = batch
        self.learning_rate = learning_rate
        self.n_done = 0
        self.optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)
        self._parts = Parts({name: net}, {name: self.optimizer}, memories or {})
        GradientGuard(lambda: self.n_done).watch(name, self.optimizer, named_weights({name: net}))

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of the only phase."""
        return (self.n_steps,)

    def samples(self, n: int) -> Tensor | None:  # noqa: ARG002  the protocol's signature
        """Return nothing: there are no samples to look at."""
        return None

    def measure(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def stop_reason(self) -> str | None:
        """Go on to the end."""
        return None

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = collect(self._parts, UpdateState())
        return tensors, facts | {"n_done": self.n_done}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        restore_state(tensors, facts, self._parts)
        self.n_done = int(facts["n_done"])
