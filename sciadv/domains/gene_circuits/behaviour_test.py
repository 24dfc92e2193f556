"""The behaviour test: whether circuits oscillate, switch or settle, by their trajectories.

Independent of the search, which sees eigenvalues only: nothing here is differentiated. A circuit oscillates
if its trajectory does after a long time; it is bistable if trajectories from different initial levels come to
rest in different places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.errors import UnknownNameError
from sciadv.forward.circuits.gene_circuit import perturbed, sobol_places, without_kinetics
from sciadv.nets.graph import N_EDGE, N_GENE
from sciadv.physics.regulation.kinetics import unpack
from sciadv.physics.regulation.trajectories import simulate

#: Circuits whose trajectories are held at once; those of all would need gigabytes.
_CHUNK = 4096


@dataclass(frozen=True)
class BehaviourTest:
    """How trajectories are integrated, and the thresholds of oscillation, rest and bistability.

    Parameters
    ----------
    t_end, rtol, n_kept
        Length of a trajectory [time], error of a step as a part of each level, and states kept.
    acf_threshold
        Value below which the autocorrelation of an oscillation has an interior minimum; that of CircuiTree
        (eLife 106497, 2025).
    least_amplitude
        Least amplitude of an oscillation, as a part of the mean level.
    least_lasting
        Least amplitude in the second half of what is tested, as a part of that in the first.
    n_initial, initial_seed
        Initial states from which bistability is tested, and the seed that they are drawn with.
    least_ratio
        Least ratio of a gene's levels in two stable states.
    rest
        Largest relative change of a level that counts as rest.
    """

    t_end: float = 400.0
    rtol: float = 1e-5
    n_kept: int = 800
    acf_threshold: float = -0.4
    least_amplitude: float = 0.05
    least_lasting: float = 0.5
    n_initial: int = 6
    initial_seed: int = 5
    least_ratio: float = 2.0
    rest: float = 1e-2


STANDARD = BehaviourTest()


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


def is_oscillating(
    levels: Float[Tensor, "time batch genes"], test: BehaviourTest = STANDARD
) -> Bool[Tensor, " batch"]:
    """Whether some gene oscillates in each trajectory, its transient left out by the caller.

    Its autocorrelation has an interior minimum below -0.4, its amplitude in the second half is more than
    5 % of its mean level and more than half of that in the first half; these thresholds are fields of `test`.
    """
    first, second = levels.chunk(2)
    before = first.amax(0) - first.amin(0)
    amplitude = second.amax(0) - second.amin(0)
    acf = autocorrelation(levels)
    middle = acf[1:-1]
    dips = (middle < acf[:-2]) & (middle <= acf[2:]) & (middle < test.acf_threshold)
    lasts = (amplitude > test.least_amplitude * second.mean(0)) & (amplitude > test.least_lasting * before)
    return (dips.any(0) & lasts).any(-1)


def oscillates(
    x: Float[Tensor, "batch 7 genes genes"], test: BehaviourTest = STANDARD
) -> Bool[Tensor, " batch"]:
    """Integrate circuits for 400 time units and test the second half."""
    kinetics = unpack(x)
    part = torch.linspace(0.5, 0.1, x.shape[-1], dtype=x.dtype, device=x.device)
    initial = part * kinetics.presence * kinetics.production / kinetics.degradation
    pieces = []
    for first in range(0, len(x), _CHUNK):
        rows = slice(first, first + _CHUNK)
        kept = simulate(
            kinetics.rows(rows), initial[rows], t_end=test.t_end, rtol=test.rtol, n_kept=test.n_kept
        )
        pieces.append(is_oscillating(kept[test.n_kept // 2 :], test))
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
    def of(x: Float[Tensor, "batch 7 genes genes"], test: BehaviourTest = STANDARD) -> Ends:
        """Integrate circuits from six initial states each, the same parts of their largest levels."""
        kinetics = unpack(x)
        largest = kinetics.presence * kinetics.production / kinetics.degradation
        places = sobol_places(test.n_initial, (x.shape[-1],), seed=test.initial_seed).to(x)
        parts = 10 ** (1.5 * (places - 1))
        initial = parts[:, None] * largest
        many = unpack(x.repeat(test.n_initial, 1, 1, 1))
        kept = simulate(many, initial.flatten(0, 1), t_end=test.t_end / 2, rtol=test.rtol, n_kept=8)
        ends, earlier = (state.reshape(initial.shape) for state in (kept[-1], kept[-2]))
        scale = ends + 1e-3 * largest
        at_rest = ((ends - earlier).abs() <= test.rest * scale).all(-1)
        present = kinetics.presence > 0
        return Ends(initial, torch.where(present, scale, 1.0).log(), at_rest)

    def filled(self, value: float) -> Tensor:
        """Return the logarithms, with `value` for trajectories that have not come to rest."""
        return self.log_levels.masked_fill(~self.at_rest[..., None], value)

    def farthest(self) -> Tensor:
        """Return the two initial states whose ends are farthest apart ``(2, batch, genes)``."""
        high, top = self.filled(-torch.inf).max(0)
        low, bottom = self.filled(torch.inf).min(0)
        gene = (high - low).nan_to_num(neginf=-1.0).argmax(1, keepdim=True)
        rows = torch.arange(len(gene), device=gene.device)
        starts = [which.gather(1, gene)[:, 0] for which in (top, bottom)]
        return torch.stack([self.initial[start, rows] for start in starts])


def is_bistable(
    x: Float[Tensor, "batch 7 genes genes"], test: BehaviourTest = STANDARD
) -> Bool[Tensor, " batch"]:
    """Integrate each circuit from six initial states; at least two come to rest apart by a factor of two."""
    ends = Ends.of(x, test)
    distance = ends.filled(-torch.inf).amax(0) - ends.filled(torch.inf).amin(0)
    return (distance > math.log(test.least_ratio)).any(-1) & (ends.at_rest.sum(0) >= 2)


def is_at_rest(
    x: Float[Tensor, "batch 7 genes genes"], test: BehaviourTest = STANDARD
) -> Bool[Tensor, " batch"]:
    """Whether trajectories come to rest: no gene moves in the end."""
    kinetics = unpack(x)
    largest = kinetics.presence * kinetics.production / kinetics.degradation
    kept = simulate(kinetics, 0.5 * largest, t_end=test.t_end, rtol=test.rtol, n_kept=8)
    return ((kept[-1] - kept[-2]).abs() <= test.rest * (kept[-1] + 1e-3 * largest)).all(-1)


#: What tests each behaviour: of circuits and thresholds, whether each circuit shows it.
BEHAVIOURS: dict[str, Callable[[Tensor, BehaviourTest], Tensor]] = {
    "oscillation": oscillates,
    "bistability": is_bistable,
    "stability": is_at_rest,
}


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

    E. B. Wilson, Journal of the American Statistical Association 22, 1927, pages 209-212.

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
    test: BehaviourTest = STANDARD,
) -> Robustness:
    """Measure in which share of fresh parameter sets circuits show a behaviour, by their trajectories.

    Parameters
    ----------
    x
        Circuits.
    behaviour
        "oscillation", "bistability" or "stability".
    n_sets, spread, seed
        As for `fresh`.
    test
        Thresholds.

    Raises
    ------
    UnknownNameError
        There is no such behaviour.
    """
    if behaviour not in BEHAVIOURS:
        raise UnknownNameError("behaviour", behaviour, BEHAVIOURS)
    many = fresh(x, n_sets, spread=spread, seed=seed)
    shown = BEHAVIOURS[behaviour](many.flatten(0, 1), test).reshape(n_sets, len(x))
    hits = shown.to(x.dtype).sum(0)
    return Robustness(hits / n_sets, *wilson_interval(hits, n_sets), n_sets, spread)
