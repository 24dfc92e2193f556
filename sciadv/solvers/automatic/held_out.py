"""Which estimates a measurement itself speaks for: a part of its data is predicted from the rest.

For measurements of images unlike the reference images, where nothing else says which estimate is good. Stone,
Cross-validatory choice and assessment of statistical predictions, J. Royal Statistical Society B 36 (1974)
111-147.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.solvers.automatic.estimates import Estimation
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.linear.stacking import stacking_weights
from sciadv.types import as_generator


@dataclass(frozen=True)
class HeldOut:
    """How data are left out.

    Parameters
    ----------
    n_parts
        Parts that the data are cut into, at random, the same for all measurements.
    n_left_out
        Parts that are left out in turn.
    """

    n_parts: int = 5
    n_left_out: int = 2


def held_out_weights(made: Estimation, names: Sequence[str], settings: HeldOut, *, least: float) -> Tensor:
    """Return the weights under which the rest of each measurement predicts its parts best ``(batch, names)``.

    Parameters
    ----------
    made
        The estimation of the measurements; a linear operator that can be made into a matrix.
    names
        Names of the estimates.
    settings
        How data are left out.
    least
        As of `stacking_weights`.
    """
    order = torch.randperm(len(made.matrix), generator=as_generator(made.run.seed))
    parts = order.to(made.matrix.device).tensor_split(settings.n_parts)
    products = sum(
        _products(made, names, torch.cat([*parts[:i], *parts[i + 1 :]]), left_out)
        for i, left_out in enumerate(parts[: settings.n_left_out])
    )
    assert isinstance(products, Tensor)  # there is a part
    return torch.stack([stacking_weights(one, least=least) for one in products])


def _products(made: Estimation, names: Sequence[str], kept: Tensor, left: Tensor) -> Tensor:
    """Return products of the prediction errors of the data `left`, from those `kept`, ``(batch, n, n)``."""
    matrix = made.matrix
    y = real_view(made.problem.measurements).to(matrix)
    sigma = noise_variance(made.problem, "auto").sqrt().expand(len(matrix))
    estimates = made.of_data(kept).make(names)
    predicted = torch.stack([x.flatten(1).to(matrix) @ matrix[left].T for x in estimates.values()], 1)
    errors = (predicted - y[:, None, left]) / sigma[left]
    return errors @ errors.transpose(1, 2)
