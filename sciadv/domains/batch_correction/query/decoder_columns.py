"""What a decoder adds for a batch that it was not trained on: its column of the first layer."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.domains.batch_correction.networks import CorrectionNets


def fit_batch_columns(
    nets: CorrectionNets, x: Tensor, batch: Tensor, *, n_new: int, n_iterations: int = 60
) -> None:
    """Fit the columns of the last batches in place, by least squares of components given their mean codes.

    Parameters
    ----------
    nets
        Networks whose last columns are 0; nothing else of them changes.
    x
        Components of the cells of these batches ``(cells, components)``.
    batch
        Their numbers ``(cells,)``.
    n_new
        How many of the last batches are new.
    n_iterations
        Iterations of L-BFGS.

    Notes
    -----
    The search starts at the mean column of the batches that the decoder was trained on, so that a batch like
    them all needs no change.
    """
    layer = nets.decoder[0]
    assert isinstance(layer, torch.nn.Linear)  # as `CorrectionNets` makes it
    first_new = layer.in_features - n_new
    known = layer.weight[:, nets.n_latent : first_new].mean(1, keepdim=True)
    columns = known.repeat(1, n_new).requires_grad_(True)
    fixed = layer.weight[:, :first_new].clone()
    codes = nets.posterior(x)[0]
    search = torch.optim.LBFGS([columns], max_iter=n_iterations, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        given = {"0.weight": torch.cat([fixed, columns], 1)}
        one_hot = torch.nn.functional.one_hot(batch, nets.n_batches).to(codes)
        made = torch.func.functional_call(nets.decoder, given, (torch.cat([codes, one_hot], 1),))
        error: Tensor = (made - x).square().sum(1).mean()
        error.backward()  # type: ignore[no-untyped-call]  # torch ships none
        return error

    with torch.enable_grad():
        search.step(loss)  # type: ignore[no-untyped-call]
    layer.weight[:, first_new:] = columns.detach()
