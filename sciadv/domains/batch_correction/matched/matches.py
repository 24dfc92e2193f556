"""Which cells of different batches can be compared: an adversary must not see other shares of cell types."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.correction_game import Matches
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.clusters import Shared
from sciadv.domains.batch_correction.matched.shift import MatchedShift


def matches_of(
    scores: NDArray[np.floating],
    groups: Groups,
    *,
    seed: int,
) -> Matches:
    """Match cells ``(cells, components)`` as the residual method does, within labels if all have one.

    In each cluster the batches that take part weigh alike, so that shares of cell types do not say the batch;
    a cell without a match weighs nothing.
    """
    if (groups.labels < 0).any():
        groups = replace(groups, labels=np.zeros_like(groups.labels))
    batch = groups.batch
    shift = MatchedShift.fit(scores, groups, seed=seed)
    shares = shift.after[-1].clusters.weights(shift(scores, batch))
    shared = Shared.of(shares, batch, groups.n_batches)
    there = shared.present & shared.is_shared[:, None]
    n = np.where(there, shared.n, 0.0)
    alike = n.sum(1) / there.sum(1).clip(min=1)
    factor = np.where(there, alike[:, None] / n.clip(min=1e-12), 0.0)
    weight = (shares * factor[:, batch].T).sum(1)
    nearest = shares.argmax(1)
    return Matches(weight, np.where(there[nearest, batch], nearest, -1))
