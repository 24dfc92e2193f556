"""The state of a game in words: saturation and since when, vanished gradient, collapse, rotation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.games.diagnostics import (
    Alarm,
    hessian_anisotropy,
    mode_collapse,
    output_directions,
    rotation_share,
    saturation,
    vanished_gradient,
)
from sciadv.games.two_player import evaluate
from sciadv.registry.checked import checked
from sciadv.trainings.game.game_losses import MinibatchGame
from sciadv.types import as_generator


@final
@checked
@dataclass(frozen=True)
class DiagnosisThresholds:
    """From where on the numbers of a game are said to mean something.

    Parameters
    ----------
    saturated
        D(real) above it and D(fake) below one minus it: the discriminator is saturated.
    rotates, descends
        Shares of the Jacobian's antisymmetric part above which rotation, and below which descent, decides.
    flat
        A curvature that is smaller than another by this factor is flat beside it.
    used
        Divergence [nats] above which a number of an autoencoder's latent counts as used.
    """

    saturated: float = 0.99
    rotates: float = 0.5
    descends: float = 0.25
    flat: float = 10.0
    used: float = 0.01


DEFAULT_THRESHOLDS = DiagnosisThresholds()


def is_saturated(
    numbers: Mapping[str, float], *, thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS
) -> bool:
    """Whether the means of D(real) and D(fake), where they are known, say that D is saturated."""
    real, fake = numbers.get("real", 0.5), numbers.get("fake", 0.5)
    return real > thresholds.saturated and fake < 1 - thresholds.saturated


def since(saturated: Alarm, step: int | None) -> Alarm:
    """Say since which step a discriminator is saturated, where a log knows it."""
    if not saturated.fired or step is None:
        return saturated
    what, numbers = saturated.message.split(":", 1)
    return replace(saturated, message=f"{what} since step {step}:{numbers}")


def diagnose(
    game: MinibatchGame,
    average: Callable[..., Tensor],
    *,
    saturated_since: int | None = None,
    seed: int = 0,
    n_probes: int = 4,
    thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS,
) -> tuple[str, ...]:
    """Say what is wrong with a game, or that nothing is, and how much it turns.

    Draws one minibatch; the parameters stay as they are.

    Parameters
    ----------
    game
        The game, with its data.
    average
        The averaged generator, whose samples are compared with the data.
    saturated_since
        First step of the discriminator's present saturation, where a log knows it.
    seed
        Seed of the probes of the rotation share.
    n_probes
        Probes; each costs about six backward passes.
    thresholds
        From where on the numbers are said to mean something.

    Returns
    -------
    Sentences, alarms first; the last is about rotation.
    """
    game.draw()
    alarms = []
    _, gradient = evaluate(game, 0)
    evaluate(game, 1)
    if not game.rules.objective.reads_features:
        saturated = since(saturation(*game.logits, threshold=thresholds.saturated), saturated_since)
        if saturated.fired:
            alarms.append(saturated.message)
    vanished = vanished_gradient(gradient)
    if vanished.fired:
        alarms.append(vanished.message)
    real, collapses = torch.cat([part.real for part in game.parts]), False
    if len(real) > 1:
        with torch.no_grad():
            fake = torch.cat([part.through(average) for part in game.parts])
            collapsed = mode_collapse(fake.float(), real.float())
        if collapses := collapsed.fired:
            alarms.append(collapsed.message)
    game.parts = game.parts[:1]  # second derivatives exist within a part only
    if collapses:
        alarms += _curvature(game, thresholds)
    numbers = as_generator(seed, game.players[0][0].device)
    try:
        share = rotation_share(game, generator=numbers, n_probes=n_probes)
        rotation = rotation_sentence(share, thresholds=thresholds)
    except (RuntimeError, NotImplementedError) as error:  # networks that cannot be differentiated twice
        rotation = f"rotation share not measured: {str(error).splitlines()[0]}"
    return *(alarms or ["no alarm: not saturated, gradients alive, samples spread like the data"]), rotation


def _curvature(game: MinibatchGame, thresholds: DiagnosisThresholds) -> list[str]:
    """Say how the generator's loss is curved along spreading its samples and along moving them together.

    A list of one sentence, or of none where the networks have no second derivatives, or the generator no
    such directions.
    """
    part, weights = game.parts[0], game.players[0]
    try:
        directions = output_directions(lambda: part.through(game.generator), weights)
        found = hessian_anisotropy(lambda: game.loss(0), weights, directions)
    except (RuntimeError, NotImplementedError, InputError):
        return []
    curvatures = found.curvatures
    return [curvature_sentence(curvatures["spread"], curvatures["shift"], thresholds=thresholds)]


def curvature_sentence(
    spread: float, shift: float, *, thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS
) -> str:
    """Say what curvatures along spreading and along moving together mean for a collapsed generator."""
    numbers = f"the generator's loss is curved by {spread:.2g} along spreading its samples"
    numbers += f" and by {shift:.2g} along moving them together: "
    if abs(spread) * thresholds.flat < abs(shift):
        return numbers + "it is flat where they would spread, nothing drives them apart"
    if spread < 0:
        return numbers + "it falls where they spread, more steps may drive them apart"
    return numbers + "it rises where they spread, the game holds them together"


def rotation_sentence(share: float, *, thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS) -> str:
    """Say what a rotation share means for the choice of the update."""
    number = f"rotation share of the game's Jacobian {share:.2f}: "
    if share > thresholds.rotates:
        return number + "it turns more than it descends; extragradient, optimistic or lookahead may pay"
    if share < thresholds.descends:
        return number + "it mostly descends; alternating updates are enough"
    return number + "it turns and descends; try lookahead if losses oscillate"
