"""Stacked runs: parameters get a dimension for the runs, and one game trains them all.

Since no loss of one run depends on another's parameters, gradients, and optimizers that work on each number
for itself, do in a stack what they do in each run. Updates that measure all parameters together (trust
region, aligned symplectic adjustment) see the stack as one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import ClassVar, final

from torch import Generator, Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from sciadv.errors import InputError
from sciadv.games.objectives import Objective
from sciadv.games.penalties import AnyPenalty, Discriminator, Penalty
from sciadv.games.updates import Update
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions, Rules


@final
class StackedModule(nn.Module):
    """Modules of one architecture as one: ``(runs * batch, ...) -> (runs * batch, ...)``, run by run.

    Parameters
    ----------
    modules
        The runs' modules, without buffers (batch normalisation, spectral norm).

    Raises
    ------
    InputError
        There are none, or they have buffers.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        if not modules or any(True for _ in modules[0].buffers()):
            raise InputError("a stack needs at least one module, and modules without buffers")
        stacked, _ = stack_module_state(list(modules))
        self.n_runs = len(modules)
        self._names = tuple(stacked)
        for name, value in stacked.items():
            self.register_parameter(_key(name), nn.Parameter(value.detach().clone()))
        self._skeleton = (copy.deepcopy(modules[0]).to("meta"),)  # in a tuple: it has no parameters of ours

    def forward(self, x: Tensor) -> Tensor:
        """Give each run its part of the rows."""

        def one(weights: dict[str, Tensor], rows: Tensor) -> Tensor:
            out: Tensor = functional_call(self._skeleton[0], weights, (rows,))
            return out

        weights: dict[str, Tensor] = {name: self.get_parameter(_key(name)) for name in self._names}
        out: Tensor = vmap(one)(weights, _by_run(x, self.n_runs))
        return out.flatten(0, 1)

    def module(self, run: int) -> nn.Module:
        """Return a run's module, a copy."""
        device = next(self.parameters()).device
        module = copy.deepcopy(self._skeleton[0]).to_empty(device=device)
        state = {name: self.get_parameter(_key(name))[run].detach().clone() for name in self._names}
        module.load_state_dict(state)
        return module


def _by_run(rows: Tensor, n_runs: int) -> Tensor:
    """Turn ``(runs * batch, ...)`` into ``(runs, batch, ...)``."""
    return rows.reshape(n_runs, -1, *rows.shape[1:])


def _key(name: str) -> str:
    return name.replace(".", "/")


@final
class StackedObjective(Objective):
    """The sum of an objective over the runs, each on its own rows.

    Parameters
    ----------
    objective
        The objective of one run.
    n_runs
        Runs in the stack.
    """

    divergence: ClassVar[str] = "the sum of the runs' divergences"

    def __init__(self, objective: Objective, n_runs: int) -> None:
        self.objective, self.n_runs = objective, n_runs

    @property
    def reads_features(self) -> bool:
        """Whether the objective of one run reads vectors."""
        return self.objective.reads_features

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the sum of the runs' discriminator losses."""
        real, fake = (_by_run(logits, self.n_runs) for logits in (real_logits, fake_logits))
        losses: Tensor = vmap(self.objective.discriminator_loss)(real, fake)
        return losses.sum()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Return the sum of the runs' generator losses."""
        real, fake = (_by_run(logits, self.n_runs) for logits in (real_logits, fake_logits))
        losses: Tensor = vmap(self.objective.generator_loss)(fake, real)
        return losses.sum()


@final
class StackedPenalty:
    """A penalty that is a mean over samples, summed over the runs.

    Parameters
    ----------
    penalty
        The penalty of one run.
    n_runs
        Runs in the stack.

    Notes
    -----
    DRAGAN measures the data's spread over all runs together.
    """

    def __init__(self, penalty: Penalty, n_runs: int) -> None:
        self.penalty, self.n_runs = penalty, n_runs

    @property
    def every(self) -> int:
        """Steps between two uses."""
        return self.penalty.every

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the sum of the runs' penalties."""
        return self.n_runs * self.penalty(discriminator, real, fake, generator=generator)


def stack_games(  # noqa: PLR0913  # those of Game that a sweep sets
    generators: Sequence[nn.Module],
    discriminators: Sequence[nn.Module],
    *,
    n_latent: int,
    objective: str | Objective = "relativistic",
    penalties: Sequence[str | AnyPenalty] = ("r1", "r2"),
    update: str | Update = "alternating",
    learning_rate: float | tuple[float, float] = 1e-3,
    batch: int = 64,
    ema: float = 0.999,
    seed: int = 0,
    options: GameOptions | None = None,
) -> Game:
    """Make one game of many: run r is ``generators[r]`` against ``discriminators[r]``.

    Parameters
    ----------
    generators, discriminators
        The runs' networks, one architecture a side, without buffers. They are copied.
    n_latent
        Length of a latent.
    objective, penalties, update, learning_rate, ema, seed, options
        As for `Game`. Every run has data and latents of its own.
    batch
        Samples a run and minibatch.

    Returns
    -------
    Game
        Its ``averaged`` is a `StackedModule`; its losses are sums over the runs.

    Raises
    ------
    InputError
        Unequal numbers of generators and discriminators, or networks with buffers.
    """
    n_runs = len(generators)
    if n_runs != len(discriminators):
        raise InputError(
            f"a stack of {n_runs} generators needs as many discriminators, not {len(discriminators)}"
        )
    rules = Rules.of(objective, penalties, update, None, options or GameOptions())
    if rules.generator_penalties:
        raise InputError(
            "a penalty of the generator's map compares latents of all runs; leave it out of a stack"
        )
    return Game(
        StackedModule(generators),
        StackedModule(discriminators),
        objective=StackedObjective(rules.objective, n_runs),
        penalties=[  # a sum over weights is a sum over runs already
            *rules.weight_penalties,
            *(StackedPenalty(one, n_runs) for one in rules.discriminator_penalties),
        ],
        update=rules.update,
        learning_rate=learning_rate,
        ema=ema,
        batch=n_runs * batch,
        n_latent=n_latent,
        seed=seed,
        options=rules.options,
    )
