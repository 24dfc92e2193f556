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
    output_directions,
    rotation_share,
    saturation,
    vanished_gradient,
)
from sciadv.games.two_player import evaluate
from sciadv.metrics.collapse.collapse_test import CollapseReport, CollapseRule, CollapseTest
from sciadv.registry.checked import checked
from sciadv.trainings.game.game_losses import MinibatchGame
from sciadv.trainings.game.game_source import Part
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
    collapse
        From where on samples count as less diverse than the data.
    n_real, n_fake, most_values
        Real samples and samples that are compared, and numbers that each set may hold.
    n_encoded
        Images that an autoencoder encodes, and that its discriminator scores.
    """

    saturated: float = 0.99
    rotates: float = 0.5
    descends: float = 0.25
    flat: float = 10.0
    used: float = 0.01
    collapse: CollapseRule = CollapseRule(n_splits=80)  # noqa: RUF009  frozen
    n_real: int = 1000
    n_fake: int = 300
    most_values: int = 20_000_000
    n_encoded: int = 256


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
    diversity = compare_diversity(game, average, seed=seed, thresholds=thresholds)
    collapses = diversity is not None and diversity.fired
    if diversity is not None and collapses:
        alarms.append(collapse_sentence(diversity))
    game.parts = game.parts[:1]  # second derivatives exist within a part only
    if collapses:
        alarms += _curvature(game, thresholds)
    numbers = as_generator(seed, game.players[0][0].device)
    try:
        share = rotation_share(game, generator=numbers, n_probes=n_probes)
        rotation = rotation_sentence(share, thresholds=thresholds)
    except (RuntimeError, NotImplementedError) as error:  # networks that cannot be differentiated twice
        rotation = f"rotation share not measured: {str(error).splitlines()[0]}"
    spread = diversity_sentence(diversity)
    return *(alarms or [f"no alarm: not saturated, gradients alive, {spread}"]), rotation


@torch.no_grad()
def compare_diversity(
    game: MinibatchGame,
    average: Callable[..., Tensor],
    *,
    seed: int = 0,
    thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS,
) -> CollapseReport | None:
    """Test whether a generator's samples are as diverse as the game's data; None where data are too few.

    Parameters
    ----------
    game
        The game, with its data.
    average
        The generator.
    seed
        Seed of what is drawn.
    thresholds
        How many samples are compared, and how.
    """
    source = game.source
    if source is None:
        return None
    first = game.whole(source, 0)
    real, labels = source.some(min(thresholds.n_real, most_compared(first.real, thresholds)))
    numbers = as_generator(seed + 1)

    def draw(n: int) -> Tensor:
        fakes = []
        for k in range(-(-n // source.batch)):  # whole batches, as in training
            z = torch.randn(first.z.shape, generator=numbers, dtype=first.z.dtype).to(first.z.device)
            rows = torch.arange(k * source.batch, (k + 1) * source.batch) % len(real)
            own = None if labels is None else labels[rows].to(z.device)
            fakes.append(Part(first.real, z, 0, 0, own).through(average))
        return torch.cat(fakes)

    return diversity_of(real, draw, seed=seed, thresholds=thresholds)


def most_compared(x: Tensor, thresholds: DiagnosisThresholds) -> int:
    """Return how many samples of the size of those of ``(batch, ...)`` a set may hold."""
    return max(1, thresholds.most_values // x[0].numel())


def diversity_of(
    real: Tensor,
    draw: Callable[[int], Tensor],
    *,
    seed: int = 0,
    thresholds: DiagnosisThresholds = DEFAULT_THRESHOLDS,
) -> CollapseReport | None:
    """Compare samples with real ones by `CollapseTest`; None where those are too few or all alike.

    Parameters
    ----------
    real
        Real samples ``(n, ...)``.
    draw
        Gives so many samples, or more.
    seed
        Seed of the test.
    thresholds
        How many samples are compared, and how.
    """
    if len(real) < 2 * thresholds.collapse.fewest or bool((real == real[:1]).all()):
        return None
    n_fake = min(thresholds.n_fake, most_compared(real, thresholds))
    test = CollapseTest(real, n_fake=n_fake, rule=thresholds.collapse, seed=as_generator(seed))
    fake = draw(test.n_fake)
    return test(fake) if bool(fake.isfinite().all()) else None


def collapse_sentence(found: CollapseReport) -> str:
    """Say how samples differ from the data, and what to try."""
    faults = "; ".join(found.sentences)
    compared = f"{found.n_fake} samples against {found.n_real} real ones, p = {found.p_value:.2g}"
    if found.values["precision"] < found.floors["precision"] / 2:
        return (
            f"samples are not like the data ({compared}): {faults}; train longer, or check the data's units"
        )
    return (
        f"samples are less diverse than the data ({compared}): {faults}; try the relativistic objective with "
        f"r1 and r2, a minibatch standard deviation layer, or unrolled updates"
    )


def diversity_sentence(found: CollapseReport | None) -> str:
    """Say that samples are as diverse as the data, with its numbers, or that they were not compared."""
    if found is None:
        return "samples not compared with the data, which are too few"
    numbers = ", ".join(f"{name} {found.values[name]:.0%}" for name in ("coverage", "recall"))
    real = ", ".join(f"{found.floors[name]:.0%}" for name in ("coverage", "recall"))
    return f"samples as diverse as the data ({numbers}; real data: {real})"


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
