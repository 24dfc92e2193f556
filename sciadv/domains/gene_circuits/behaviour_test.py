"""The independent judge of behaviours: trajectories, their autocorrelation, and their ends.

Nothing here is differentiated or used in a search. A circuit oscillates if its trajectory does after a long
time; it is bistable if trajectories from different initial levels come to rest in different places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.errors import UnknownNameError
from sciadv.forward.circuits.gene_circuit import perturbed, sobol_places, without_kinetics
from sciadv.nets.graph import N_EDGE, N_GENE
from sciadv.physics.hill import simulate
from sciadv.physics.kinetics import unpack

#: Lowest autocorrelation at an interior minimum of an oscillation, as in CircuiTree (eLife 106497, 2025).
ACF_THRESHOLD = -0.4
#: Least amplitude of an oscillation, as a part of the mean level, and what of it is left after a quarter.
_LEAST_AMPLITUDE, _LEAST_KEPT = 0.05, 0.5
_T_END, _DT, _N_KEPT = 400.0, 0.25, 800
#: Bistability: initial states, the least ratio of two ends, and the largest change that is rest.
_N_INITIAL, _LEAST_RATIO, _REST = 6, 2.0, 1e-2


def autocorrelation(signal: Float[Tensor, "times ..."]) -> Float[Tensor, "lags ..."]:
    """Return the unbiased autocorrelation of series at lags 0 to three quarters of their length, 1 at lag 0.

    By the fast Fourier transform, padded to twice the length (Wiener and Khinchin).
    """
    n = len(signal)
    power = torch.fft.rfft(signal - signal.mean(0), 2 * n, dim=0).abs().square()
    raw = torch.fft.irfft(power, 2 * n, dim=0)[: 3 * n // 4]
    pairs = n - torch.arange(len(raw), device=signal.device, dtype=signal.dtype)
    unbiased = raw / pairs.reshape(-1, *(1,) * (signal.ndim - 1))
    relative: Tensor = unbiased / unbiased[:1].clamp_min(torch.finfo(signal.dtype).tiny)
    return relative


def is_oscillating(levels: Float[Tensor, "time batch genes"]) -> Bool[Tensor, " batch"]:
    """Whether some gene oscillates in each trajectory, its transient left out by the caller.

    Its autocorrelation has an interior minimum below -0.4, its amplitude in the second half is more than
    5 % of its mean level and more than half of that in the first half.
    """
    first, second = levels.chunk(2)
    amplitude = [part.amax(0) - part.amin(0) for part in (first, second)]
    acf = autocorrelation(levels)
    middle = acf[1:-1]
    dips = (middle < acf[:-2]) & (middle <= acf[2:]) & (middle < ACF_THRESHOLD)
    lasts = (amplitude[1] > _LEAST_AMPLITUDE * second.mean(0)) & (amplitude[1] > _LEAST_KEPT * amplitude[0])
    return (dips.any(0) & lasts).any(-1)


def oscillates(x: Float[Tensor, "batch 7 genes genes"]) -> Bool[Tensor, " batch"]:
    """Integrate circuits for 400 time units and judge the second half."""
    kinetics = unpack(x)
    part = torch.linspace(0.5, 0.1, x.shape[-1], dtype=x.dtype, device=x.device)
    initial = part * kinetics.presence * kinetics.production / kinetics.degradation
    # in pieces: the trajectories of all circuits at once would need gigabytes
    pieces = []
    for first in range(0, len(x), 4096):
        rows = slice(first, first + 4096)
        kept = simulate(kinetics.rows(rows), initial[rows], t_end=_T_END, dt=_DT, n_kept=_N_KEPT)
        pieces.append(is_oscillating(kept[_N_KEPT // 2 :]))
    return torch.cat(pieces)


@dataclass(frozen=True)
class Ends:
    """Where circuits go from several initial states.

    Parameters
    ----------
    initial
        Levels at the start ``(starts, batch, genes)``.
    log_levels
        Logarithms of the levels in the end, not below a thousandth of each gene's largest.
    at_rest
        Whether a trajectory has come to rest ``(starts, batch)``.
    """

    initial: Tensor
    log_levels: Tensor
    at_rest: Tensor

    @staticmethod
    def of(x: Float[Tensor, "batch 7 genes genes"]) -> Ends:
        """Integrate circuits from six initial states each, the same parts of their largest levels."""
        kinetics = unpack(x)
        largest = kinetics.presence * kinetics.production / kinetics.degradation
        parts = 10 ** (1.5 * (sobol_places(_N_INITIAL, (x.shape[-1],), seed=5).to(x) - 1))
        initial = parts[:, None] * largest
        many = unpack(x.repeat(_N_INITIAL, 1, 1, 1))
        kept = simulate(many, initial.flatten(0, 1), t_end=_T_END / 2, dt=_DT, n_kept=8)
        ends, earlier = (state.reshape(initial.shape) for state in (kept[-1], kept[-2]))
        scale = ends + 1e-3 * largest
        at_rest = ((ends - earlier).abs() <= _REST * scale).all(-1)
        present = kinetics.presence > 0
        return Ends(initial, torch.where(present, scale, 1.0).log(), at_rest)

    def filled(self, value: float) -> Tensor:
        """Return the logarithms, with `value` for trajectories that have not come to rest."""
        return self.log_levels.masked_fill(~self.at_rest[..., None], value)

    def farthest(self) -> Tensor:
        """Return the two initial states whose ends are farthest apart ``(2, batch, genes)``."""
        (high, top), (low, bottom) = self.filled(-torch.inf).max(0), self.filled(torch.inf).min(0)
        gene = (high - low).nan_to_num(neginf=-1.0).argmax(1, keepdim=True)
        rows = torch.arange(len(gene), device=gene.device)
        starts = [which.gather(1, gene)[:, 0] for which in (top, bottom)]
        return torch.stack([self.initial[start, rows] for start in starts])


def is_bistable(x: Float[Tensor, "batch 7 genes genes"]) -> Bool[Tensor, " batch"]:
    """Integrate each circuit from six initial states; at least two come to rest apart by a factor of two."""
    ends = Ends.of(x)
    distance = ends.filled(-torch.inf).amax(0) - ends.filled(torch.inf).amin(0)
    return (distance > math.log(_LEAST_RATIO)).any(-1) & (ends.at_rest.sum(0) >= 2)


def is_at_rest(x: Float[Tensor, "batch 7 genes genes"]) -> Bool[Tensor, " batch"]:
    """Whether trajectories come to rest: no gene moves in the end."""
    kinetics = unpack(x)
    largest = kinetics.presence * kinetics.production / kinetics.degradation
    kept = simulate(kinetics, 0.5 * largest, t_end=_T_END, dt=_DT, n_kept=8)
    return ((kept[-1] - kept[-2]).abs() <= _REST * (kept[-1] + 1e-3 * largest)).all(-1)


JUDGES = {"oscillation": oscillates, "bistability": is_bistable, "stability": is_at_rest}


@dataclass(frozen=True)
class Robustness:
    """Share of parameter sets in which each circuit shows a behaviour, with its interval.

    Parameters
    ----------
    share
        ``(batch,)``.
    low, high
        Wilson's 95 % interval ``(batch,)``.
    n_sets
        Parameter sets per circuit.
    spread
        How far parameters were drawn around the circuit's own, as a part of their ranges; 1: anywhere.
    """

    share: Tensor
    low: Tensor
    high: Tensor
    n_sets: int
    spread: float


def wilson_interval(hits: Tensor, n: int, *, z: float = 1.959964) -> tuple[Tensor, Tensor]:
    """Return Wilson's score interval of a share.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.

    Examples
    --------
    >>> low, high = wilson_interval(torch.tensor([0.0]), 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0, 0.2775)
    """
    share = hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)).sqrt()
    return (middle - half).clamp_min(0), (middle + half).clamp_max(1)


def fresh(x: Float[Tensor, "batch 7 genes genes"], n_sets: int, *, spread: float, seed: int) -> Tensor:
    """Return circuits with fresh parameters ``(sets, batch, 7, genes, genes)``, from a Sobol sequence.

    Parameters
    ----------
    x
        Circuits.
    n_sets
        Parameter sets.
    spread
        Largest shift of a parameter, as a part of its range; 1 draws anywhere in the ranges, whatever x has.
    seed
        Seed of the sequence; not that of the search.
    """
    places = sobol_places(n_sets, (N_EDGE + N_GENE, *x.shape[2:]), seed=seed).to(x)
    if spread < 1:
        return perturbed(x, 2 * spread * places)
    return perturbed(without_kinetics(x), places)


def robustness(
    x: Float[Tensor, "batch 7 genes genes"],
    behaviour: str,
    *,
    n_sets: int = 64,
    spread: float = 0.2,
    seed: int = 1000,
) -> Robustness:
    """Measure in which share of fresh parameter sets circuits show a behaviour, by the independent judge.

    Parameters
    ----------
    x
        Circuits.
    behaviour
        "oscillation", "bistability" or "stability".
    n_sets, spread, seed
        As for `fresh`.

    Raises
    ------
    UnknownNameError
        There is no such behaviour.
    """
    if behaviour not in JUDGES:
        raise UnknownNameError("behaviour", behaviour, JUDGES)
    many = fresh(x, n_sets, spread=spread, seed=seed)
    shown = JUDGES[behaviour](many.flatten(0, 1)).reshape(n_sets, len(x))
    hits = shown.to(x.dtype).sum(0)
    return Robustness(hits / n_sets, *wilson_interval(hits, n_sets), n_sets, spread)
