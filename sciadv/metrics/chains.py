"""Whether Markov chains have mixed: rank-normalised split R-hat and effective sample size.

Vehtari, Gelman, Simpson, Carpenter, Bürkner, Rank-normalization, folding, and localization: an improved R-hat
for assessing convergence of MCMC, Bayesian Analysis 16 (2021) 667-718. Chains are
``(batch, chains, draws, parameters)``; every number is per measurement and parameter.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError


def r_hat(chains: Tensor) -> Tensor:
    """Return the larger of bulk and tail R-hat, ``(batch, parameters)``; 1 when the chains agree.

    The split chains' variance between and within (equations 1 to 4) of the draws' normal scores (equation
    14), and of the scores of their distance from the median (section 4.2), which sees chains that differ in
    spread only.

    Raises
    ------
    InputError
        Not ``(batch, chains, draws, parameters)``, or fewer than 4 draws.

    Examples
    --------
    >>> import torch
    >>> draws = torch.randn(1, 4, 500, 1, generator=torch.Generator().manual_seed(0))
    >>> bool(r_hat(draws) < 1.01), bool(r_hat(draws + torch.arange(4)[:, None, None]) > 1.4)
    (True, True)
    """
    split = _split(chains)
    ordered = split.flatten(1, 2).sort(1).values
    n = ordered.shape[1]
    median = (ordered[:, (n - 1) // 2] + ordered[:, n // 2])[:, None, None] / 2
    return torch.maximum(_plain_r_hat(_scores(split)), _plain_r_hat(_scores((split - median).abs())))


def effective_sample_size(chains: Tensor) -> Tensor:
    """Return the effective number of independent draws of the chains in the bulk, ``(batch, parameters)``.

    ``chains x draws / tau`` of the split chains' normal scores (equations 10 to 13), with the
    autocorrelation summed by Geyer's initial monotone sequence and at most ``n log10 n``.

    Raises
    ------
    InputError
        Not ``(batch, chains, draws, parameters)``, or fewer than 4 draws.
    """
    scores = _scores(_split(chains))
    n_chains, n_draws = scores.shape[1:3]
    covariance = _autocovariance(scores)
    within = covariance[:, :, :1].mean(1, keepdim=True) * n_draws / (n_draws - 1)
    pooled = within * (n_draws - 1) / n_draws
    if n_chains > 1:
        pooled = pooled + scores.mean(2).var(1)[:, None, None]
    correlation = (1 - (within - covariance.mean(1, keepdim=True)) / pooled)[:, 0]
    correlation[:, 0] = 1
    n = torch.tensor(n_chains * n_draws, dtype=scores.dtype, device=scores.device)
    tau = _autocorrelation_time(correlation).clamp_min(1 / float(n.log10()))
    is_constant = scores.flatten(1, 2).amax(1) == scores.flatten(1, 2).amin(1)
    return torch.where(is_constant, n, n / tau)


def _autocorrelation_time(correlation: Tensor) -> Tensor:
    """Sum correlations ``(batch, draws, parameters)`` by Geyer's initial monotone sequence, over all lags.

    Pairs of lags are summed until the first whose sum is not positive; of that pair the even lag counts once,
    where it is positive (Vehtari et al., section 3.2, as in Stan and ArviZ).
    """
    n_draws = correlation.shape[1]
    n_pairs = max(1, (n_draws - 1) // 2)
    even, odd = correlation[:, 0 : 2 * n_pairs : 2], correlation[:, 1 : 2 * n_pairs : 2]
    pairs = even + odd
    goes_on = (pairs > 0).to(pairs.dtype).cumprod(1)
    last = goes_on.sum(1, keepdim=True).clamp_max(n_pairs - 1).long()  # the first not positive, or the end
    before = (torch.arange(n_pairs, device=pairs.device)[None, :, None] < last).to(pairs.dtype)
    monotone = torch.cummin(pairs, 1).values * before
    last_even, last_sum = even.gather(1, last)[:, 0], pairs.gather(1, last)[:, 0]
    counts_once = (last_even > 0) | (last_sum >= 0)
    return 2 * monotone.sum(1) - 1 + torch.where(counts_once, last_even, 0.0)


def family_sample_size(draws: Tensor, ancestors: Tensor) -> Tensor:
    """Return the effective number of independent draws of resampled particles, ``(batch, parameters)``.

    The variance of their mean is estimated by the families of the first particles, ``sum over families of
    (sum of (x - mean))^2 / n^2``, times ``families / (families - 1)``: draws that moves have made independent
    of their relatives count, copies do not. One family alone says nothing, and counts as one draw. Lee and
    Whiteley, Variance estimation in the particle filter, Biometrika 105 (2018) 609-625.

    Parameters
    ----------
    draws
        ``(batch, n, parameters)``.
    ancestors
        First particle that each descends from, 0 to n - 1, ``(batch, n)``.

    Examples
    --------
    >>> import torch
    >>> draws = torch.randn(1, 50, 1, generator=torch.Generator().manual_seed(0)).repeat(1, 8, 1)
    >>> bool(family_sample_size(draws, torch.arange(50).repeat(1, 8)) < 100)  # 50 particles, 8 copies of each
    True
    """
    n, centred = draws.shape[1], draws.double() - draws.double().mean(1, keepdim=True)
    index = ancestors[:, :, None].expand_as(draws)
    sums = torch.zeros_like(centred).scatter_add(1, index, centred)
    families = torch.zeros_like(centred).scatter_add(1, index, torch.ones_like(centred)).gt(0).sum(1)
    variance = sums.square().sum(1) / n**2 * families / (families - 1).clamp_min(1)
    effective = centred.square().mean(1) / variance.clamp_min(1e-300)
    return torch.where(families > 1, effective, 1.0).clamp(1.0, float(n))


def _split(chains: Tensor) -> Tensor:
    """Cut each chain in two, an odd draw in the middle dropped; float64."""
    if chains.ndim != 4 or chains.shape[2] < 4:
        raise InputError(
            f"expected (batch, chains, draws, parameters) with at least 4 draws, got {tuple(chains.shape)}"
        )
    half = chains.shape[2] // 2
    return torch.cat([chains[:, :, :half], chains[:, :, -half:]], dim=1).double()


def _scores(chains: Tensor) -> Tensor:
    """Return normal scores of the ranks over all chains, ``Phi^-1((rank - 3/8) / (n + 1/4))``.

    Equal draws, such as those of a chain that refused a move, share the mean of their ranks.
    """
    flat = chains.flatten(1, 2).movedim(1, 2).contiguous()
    ordered = flat.sort(2).values
    below = torch.searchsorted(ordered, flat)
    not_above = torch.searchsorted(ordered, flat, right=True)
    rank = (below + not_above + 1).double().movedim(2, 1) / 2
    scores: Tensor = torch.special.ndtri((rank - 0.375) / (rank.shape[1] + 0.25))
    return scores.reshape(chains.shape)


def _plain_r_hat(chains: Tensor) -> Tensor:
    """Return all over within; infinite for chains that each stay elsewhere, 1 where all draws are equal."""
    n_draws = chains.shape[2]
    within = chains.var(2).mean(1)
    between = chains.mean(2).var(1)
    ratio: Tensor = (within * (n_draws - 1) / n_draws + between) / within
    return torch.where((within == 0) & (between == 0), 1.0, ratio.sqrt())


def _autocovariance(chains: Tensor) -> Tensor:
    """Return the biased autocovariance at every lag by the fast Fourier transform."""
    n_draws = chains.shape[2]
    centred = chains - chains.mean(2, keepdim=True)
    spectrum = torch.fft.rfft(centred, n=2 * n_draws, dim=2)
    lags: Tensor = torch.fft.irfft(spectrum.abs().square(), n=2 * n_draws, dim=2)
    return lags[:, :, :n_draws] / n_draws
