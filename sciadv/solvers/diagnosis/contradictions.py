"""Which contradiction with the problem as stated a single measurement shows: learnt from simulated ones.

Reference images are measured as stated and with each contradiction: noise larger and smaller, outliers, other
units, moved images. A classifier learns to distinguish them by their `contradiction_features`, two times,
each time from one half of the reference images, and the other half says what odds right measurements get: of
those, no more than a share p get a p-value below p, whatever the classifier has learnt (Vovk, Gammerman and
Shafer, Algorithmic Learning in a Random World, 2005, section 2.2; Vovk, Cross-conformal predictors, Annals of
Mathematics and Artificial Intelligence 74 (2015) 9-28). Halves are neighbours: images of other patients.
Classifying simulations is inference by simulation (Cranmer, Brehmer and Louppe, The frontier of
simulation-based inference, PNAS 117 (2020) 30055-30062).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciadv.diagnosis import CheckSettings, SimulatedAmounts
from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.diagnosis.contradiction_features import SeenThrough
from sciadv.solvers.diagnosis.reference import kept_tensors, measured_reference
from sciadv.types import Rows, as_generator

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

#: Changes with what the numbers mean: older files are then made again.
VERSION = "simulated contradictions, version 1"


class Contradiction(IntEnum):
    """What may be wrong with measurements."""

    NONE = 0
    LOUD = 1
    QUIET = 2
    OUTLIERS = 3
    UNITS = 4
    MOVED = 5


@dataclass(frozen=True)
class Contradictions(Rows):
    """What single measurements contradict.

    Parameters
    ----------
    p_value
        Share of right measurements of reference images with as high odds of a contradiction ``(batch,)``.
    kind
        The likeliest contradiction ``(batch,)``.
    """

    p_value: Tensor
    kind: Tensor


def contradictions(problem: Problem, settings: CheckSettings, *, seed: int = 0) -> Contradictions | None:
    """Compare measurements with those of reference images that are right, and that are wrong in known ways.

    None where the prior has no moments, or fewer reference images than can make a p-value of the threshold.

    Parameters
    ----------
    problem
        A linear operator and Gaussian noise of known sigma; its prior has reference images.
    settings
        The numbers.
    seed
        Seed of all simulations, and of the classifier.
    """
    seen = SeenThrough.of(problem, settings)
    right = measured_reference(problem, None, seed=seed)
    if (
        seen is None
        or right.n_problems * settings.threshold < 1
        or len(seen.deviation) < settings.fewest_data
    ):
        return None
    header = {"version": VERSION, "seed": str(seed), "settings": json.dumps(asdict(settings))}
    names = {f"{name}.{i}" for name in ("features", "kinds", "right") for i in range(2)}
    found = kept_tensors(
        right, header, lambda: _simulated(right, seen, seed), lambda known: names <= known.keys()
    )
    learnt = [_learn(found[f"features.{i}"], found[f"kinds.{i}"], seed) for i in range(2)]
    known = torch.cat([_odds(_log_shares(learnt[1 - i], found[f"right.{i}"])) for i in range(2)])
    features = seen.features(problem.measurements).cpu()
    shares = torch.stack([_log_shares(one, features) for one in learnt]).mean(0)
    odds = _odds(shares)
    p_value = (1 + (known >= odds[:, None]).sum(1)) / (1 + len(known))
    device = problem.measurements.device
    return Contradictions(p_value.to(device), (1 + shares[:, 1:].argmax(1)).to(device))


def _simulated(right: Problem, seen: SeenThrough, seed: int) -> dict[str, Tensor]:
    """Return features of measurements that are right and wrong, and which, of both halves of the images."""
    draw = as_generator(seed)
    amounts = seen.settings.amounts
    found: dict[str, Tensor] = {}
    for i, rows in enumerate(torch.arange(right.n_problems).tensor_split(2)):
        half = right.subset(rows)
        repeats = max(1, math.ceil(seen.settings.n_simulated / len(rows)))
        kinds = [kind for kind in Contradiction if kind is not Contradiction.MOVED or seen.shifts]
        each = [
            (kind, seen.features(simulate(half, kind, amounts, draw)))
            for kind in kinds
            for _ in range(repeats)
        ]
        found[f"features.{i}"] = torch.cat([features for _, features in each]).cpu()
        found[f"kinds.{i}"] = torch.tensor([int(kind) for kind, _ in each]).repeat_interleave(len(rows))
        found[f"right.{i}"] = seen.features(half.measurements).cpu()
    return found


def simulate(
    problem: Problem, kind: Contradiction, amounts: SimulatedAmounts, draw: torch.Generator
) -> Tensor:
    """Return measurements of a problem's true images that are wrong in a way, by an amount that is drawn.

    Parameters
    ----------
    problem
        Linear with Gaussian noise; its truth is measured.
    kind
        What is wrong.
    amounts
        By how much.
    draw
        Draws amounts and noise.
    """
    assert problem.truth is not None
    x, n = problem.truth, problem.n_problems
    if kind is Contradiction.MOVED:
        x = torch.stack([_moved(image, amounts.most_moved, draw) for image in x])
    with torch.no_grad():
        clean = problem.forward(x)
        noisy = problem.likelihood.sample(clean, generator=draw)
    per_row = (n, *[1] * (clean.ndim - 1))
    if kind in (Contradiction.LOUD, Contradiction.QUIET):
        factor = _log_uniform(n, amounts.noise, draw).to(clean.device).reshape(per_row)
        changed: Tensor = clean + (noisy - clean) * (factor if kind is Contradiction.LOUD else 1 / factor)
        return changed
    if kind is Contradiction.OUTLIERS:
        share = _log_uniform(n, amounts.outlier_share, draw).reshape(per_row)
        spread = real_view(noisy).std(1).reshape(per_row).cpu()
        size = _log_uniform(n, amounts.outlier_size, draw).reshape(per_row) * spread
        sign = 2.0 * torch.randint(0, 2, clean.shape, generator=draw) - 1
        is_far = torch.rand(clean.shape, generator=draw) < share
        return noisy + (is_far * sign * size).to(noisy)
    if kind is Contradiction.UNITS:
        factor = _log_uniform(n, amounts.units, draw)
        is_larger = torch.rand(n, generator=draw) < 0.5
        return noisy * torch.where(is_larger, factor, 1 / factor).to(clean.device).reshape(per_row)
    return noisy


def _log_uniform(n: int, ends: tuple[float, float], draw: torch.Generator) -> Tensor:
    low, high = ends
    return low * (high / low) ** torch.rand(n, generator=draw)


def _moved(image: Tensor, most: int, draw: torch.Generator) -> Tensor:
    size, is_back, axis = (int(torch.randint(0, n, (1,), generator=draw)) for n in (most, 2, 2))
    return image.roll((size + 1) * (-1 if is_back else 1), -1 - axis)


def _learn(features: Tensor, kinds: Tensor, seed: int) -> HistGradientBoostingClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier

    classifier = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.15, l2_regularization=1.0, early_stopping=False, random_state=seed
    )
    return classifier.fit(features.numpy(), kinds.numpy())


def _log_shares(learnt: HistGradientBoostingClassifier, features: Tensor) -> Tensor:
    shares = np.asarray(learnt.predict_proba(features.numpy()))
    return torch.from_numpy(shares).clamp_min(1e-9).log()


def _odds(log_shares: Tensor) -> Tensor:
    odds: Tensor = log_shares[:, 1:].amax(1) - log_shares[:, 0]
    return odds
