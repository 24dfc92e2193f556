"""What an objective of a game is: two losses, both minimised, on the outputs of one discriminator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor


class Objective(ABC):
    """The losses of discriminator and generator, each a mean over the batch, each to be minimised.

    Outputs of the discriminator are real numbers before any sigmoid, large on what it takes for real, in
    any shape that starts with the batch. The real distribution is p, the generator's is q.
    """

    #: What the best possible discriminator makes of the objective, as a formula in p and q.
    divergence: ClassVar[str]

    @property
    def reads_features(self) -> bool:
        """True when the losses read vectors ``(batch, features)`` instead of one number a sample."""
        return False

    @abstractmethod
    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the scalar that the discriminator minimises."""

    @abstractmethod
    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Return the scalar that the generator minimises."""
