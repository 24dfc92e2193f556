"""The game of a correction: an encoder that hides the batch against a discriminator that finds it.

It is played by the updates and the loop of `sciadv.games`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sciadv.arguments.values import as_count, as_number
from sciadv.domains.batch_correction.assessment.probes import batch_unpredictability
from sciadv.domains.batch_correction.groups import Codes
from sciadv.domains.batch_correction.networks import CorrectionNets
from sciadv.errors import InputError
from sciadv.games.two_player import Player, Point
from sciadv.games.updates import Update
from sciadv.nets.layers import GradientReversal
from sciadv.trainings.correction.correction_training import CorrectionSchedule, CorrectionTraining
from sciadv.trainings.data_order import batch_indices, step_generator
from sciadv.trainings.game.game_parts import Named, part_name
from sciadv.trainings.game.game_rules import make_update


@final
@dataclass(frozen=True)
class AdversarialSettings:
    """How an adversarial correction is made.

    Parameters
    ----------
    n_components
        Principal components that go in, at most one fewer than genes.
    n_latent
        Length of the code.
    n_hidden
        Width of the networks.
    lam
        Largest strength of the gradient reversal; 0 leaves the adversary out of the encoder's loss. It is
        lowered while the batch of held-out cells is found more rarely than by chance, and raised again where
        it is found.
    labelled_lam
        Strength where there are labels, which keep cell types apart; it stays.
    divergence_weight
        Weight of the Kullback-Leibler divergence of the code from N(0, I), reached after a quarter.
    n_discriminator
        Discriminator steps in each step.
    least_steps, epochs
        Steps: at least so many, and at least so many times through the cells.
    most_epochs
        Few cells are gone through so many times at most, whatever `least_steps` says: more often, the encoder
        learns them one by one and moves them onto others of another kind.
    minibatch
        Cells a minibatch, at most.
    learning_rate
        Largest one; it rises from a 25th over the first tenth and falls to nothing along a cosine.
    error_weight
        Weight of the squared error of all components together.
    weight_decay
        Of the encoder, decoder and classifier (AdamW).
    max_norm
        Largest norm of a player's gradient; longer ones are shortened to it.
    draws_a_probe
        Minibatches between two changes of the strength.
    most_probed
        Cells that are held out for it, at most; a fifth of fewer than five times as many.

    Raises
    ------
    InputError
        A count below 1, a weight below 0, or a rate or norm that is not positive.
    """

    n_components: int = 50
    n_latent: int = 20
    n_hidden: int = 128
    lam: float = 0.3
    labelled_lam: float = 1.0
    divergence_weight: float = 0.05
    n_discriminator: int = 3
    least_steps: int = 900
    epochs: int = 40
    most_epochs: int = 120
    minibatch: int = 256
    learning_rate: float = 2e-3
    error_weight: float = 2.0
    weight_decay: float = 1e-4
    max_norm: float = 5.0
    draws_a_probe: int = 80
    most_probed: int = 600

    def __post_init__(self) -> None:
        counts = ("n_components", "n_latent", "n_discriminator", "least_steps", "epochs", "most_epochs")
        probing = ("draws_a_probe", "most_probed")
        least = {**dict.fromkeys((*counts, *probing), 1), "n_hidden": 2, "minibatch": 8}
        for name, bound in least.items():
            as_count(getattr(self, name), name, least=bound)
        for name in ("lam", "labelled_lam", "divergence_weight", "weight_decay"):
            as_number(getattr(self, name), name, least=0)
        for name in ("learning_rate", "error_weight", "max_norm"):
            as_number(getattr(self, name), name, above=0)

    def n_steps(self, n_cells: int) -> int:
        """Return the steps for so many cells."""
        few = min(self.least_steps, self.most_epochs * n_cells // self.minibatch)
        return max(1, few, self.epochs * n_cells // self.minibatch)


@final
@dataclass(frozen=True, eq=False)
class Matches:
    """Clusters of cells that batches share.

    Parameters
    ----------
    weight
        ``(cells,)``: how much each cell counts for the adversary.
    cluster
        ``(cells,)``: number of the nearest one; -1 where the cell's batch does not share it.
    """

    weight: NDArray[np.float64]
    cluster: Codes


@final
class CorrectionGame:
    """Losses of encoder and discriminator on the minibatch of the last draw.

    Player 0, encoder, decoder and classifier, minimises

        error_weight |x - decoder(z, batch)|^2 + w KL(q(z | x), N(0, I)) + CE(labels) + CE(D(R(m)), batch),

    with z drawn from ``q(z | x)``, m its mean and R the gradient reversal; player 1, the discriminator D,
    minimises ``CE(D(m), batch)``. Cross entropies over batches weigh every batch alike. Follows
    `sciadv.games.two_player.TwoPlayerGame`.

    Parameters
    ----------
    nets
        The networks.
    x
        ``(cells, components)``.
    batch, labels
        ``(cells,)``, numbers; a label of -1 is unknown.
    settings
        Weights.
    seed
        Seed of minibatches and posterior draws.
    """

    def __init__(
        self,
        nets: CorrectionNets,
        x: Tensor,
        batch: Tensor,
        labels: Tensor,
        *,
        settings: AdversarialSettings,
        seed: int,
        matches: Matches | None = None,
    ) -> None:
        self.nets = nets
        self.x = x
        self.batch = batch
        self.labels = labels
        # Given where known, a label would say the batches that have some.
        self.seen_labels = labels if bool((labels >= 0).all()) else torch.full_like(labels, -1)
        self.seed = seed
        self.n_draws = 0
        self.settings = settings
        self.most = settings.lam if nets.classifier is None else settings.labelled_lam
        self.reversal = GradientReversal(self.most)
        self.divergence_weight = 0.0
        share = torch.bincount(batch, minlength=nets.n_batches).to(x.dtype)
        self.weight = (len(x) / (nets.n_batches * share))[batch]
        self.matches = matches
        self.drawn_from, self.held_out = torch.arange(len(x)), torch.arange(0)
        if matches is not None:
            self.weight = torch.as_tensor(matches.weight).to(x)
            order = torch.randperm(len(x), generator=step_generator(seed, len(x)))
            n_held = min(len(x) // 5, settings.most_probed)
            self.held_out, self.drawn_from = order[:n_held], order[n_held:].sort().values
        self.n_drawn = min(settings.minibatch, len(self.drawn_from))
        adversary = list(nets.discriminator.parameters())
        ids = {id(p) for p in adversary}
        self.players: tuple[Sequence[Tensor], Sequence[Tensor]] = (
            [p for p in nets.parameters() if id(p) not in ids],
            adversary,
        )
        self.error = float("nan")

    def draw(self) -> None:
        """Draw the next minibatch and the noise of its posterior draws; now and then set the strength."""
        if self.matches is not None and self.n_draws % self.settings.draws_a_probe == 0 < self.n_draws:
            self.reversal.lam = self._strength(self.matches)
        order = batch_indices(len(self.drawn_from), self.n_drawn, self.n_draws, seed=self.seed)
        index = self.drawn_from[order].to(self.x.device)
        numbers = step_generator(self.seed, self.n_draws)
        noise = torch.randn(self.n_drawn, self.nets.n_latent, generator=numbers)
        self.noise = noise.to(self.x)
        self.drawn = self.x[index], self.batch[index], self.labels[index]
        self.seen = self.seen_labels[index], self.weight[index]
        self.n_draws += 1

    def _strength(
        self,
        matches: Matches,
        *,
        target: float = 1.0,
        tolerance: float = 0.03,
        lower: float = 0.7,
        higher: float = 1.25,
    ) -> float:
        """Return a strength that is higher where the batch is found, lower where it is found too rarely.

        It is looked for among the neighbours of held-out cells, within clusters.
        """
        held = self.held_out[matches.cluster[self.held_out] >= 0]
        with torch.no_grad():
            z = self.nets.encoder.eval()(self.x[held.to(self.x.device)]).chunk(2, 1)[0].cpu().numpy()
        self.nets.encoder.train()
        batch = self.batch.cpu()[held].numpy().astype(np.str_)
        clusters = matches.cluster[held].astype(np.str_)
        try:
            found = batch_unpredictability(z, batch, clusters, seed=self.seed)
        except InputError:  # the held-out cells share no cluster
            return self.reversal.lam
        if abs(found - target) <= tolerance:
            return self.reversal.lam
        lam = self.reversal.lam * (higher if found < target else lower)
        return min(lam, self.most)

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises."""
        x, batch, labels = self.drawn
        mean, log_variance = self.nets.posterior(x)
        code = self.reversal(mean) if player == 0 else mean
        seen_labels, weight = self.seen
        logits = self.nets.batch_logits(code, seen_labels)
        each = functional.cross_entropy(logits, batch, reduction="none")
        domain = (weight * each).sum() / weight.sum().clamp(min=1e-12)
        if player == 1:
            return domain
        z = mean + (0.5 * log_variance).exp() * self.noise
        error = (self.nets.decode(z, batch) - x).square().sum(1).mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = self.settings.error_weight * error + self.divergence_weight * divergence + domain
        self.error = float(error.detach())
        if self.nets.classifier is not None and bool((labels >= 0).any()):
            loss = loss + functional.cross_entropy(self.nets.classifier(z), labels, ignore_index=-1)
        return loss

    def reduce(self, gradients: Point) -> Point:
        """Return the gradients: one process."""
        return gradients


def training_of(
    game: CorrectionGame, settings: AdversarialSettings, *, update: Named | Update | None = None
) -> CorrectionTraining:
    """Return the training of a game, not begun, as the settings say.

    Parameters
    ----------
    game
        Losses of both players.
    settings
        Rates and numbers of steps.
    update
        How encoder and discriminator move: a name of `sciadv.games.updates.UPDATES`, a table, or an `Update`;
        alternating, with `n_discriminator` steps of the discriminator first, if left out.
    """
    schedule = CorrectionSchedule(
        settings.n_steps(len(game.x)),
        learning_rate=settings.learning_rate,
        divergence_weight=settings.divergence_weight,
        n_discriminator=settings.n_discriminator,
        weight_decay=settings.weight_decay,
        largest_norm=settings.max_norm,
    )
    return CorrectionTraining(
        game,
        schedule,
        settings={
            **asdict(settings),
            "update": "alternating" if update is None else part_name(update),
            "seed": game.seed,
            "n_cells": len(game.x),
        },
        update=None if update is None else make_update(update),
        advice=f"lower learning_rate ({settings.learning_rate:g}) or lam ({settings.lam:g}), and check cells "
        f"and genes for extreme values",
    )
