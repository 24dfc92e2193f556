"""Two-phase media: porosity, two-point probability, chord lengths and clusters, of samples and real pieces.

S. Torquato, Random Heterogeneous Materials, Springer 2002, sections 2.2, 2.6 and 9.1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from sciadv.errors import InputError


def porosity(phase: Tensor) -> float:
    """Return the share of pixels ``(n, *sides)`` that are in the phase."""
    return float(phase.double().mean())


def two_point_probability(phase: Tensor, longest: int) -> Tensor:
    """Return the probability that two pixels at a distance along an axis are both in the phase.

    Parameters
    ----------
    phase
        ``(n, *sides)`` boolean.
    longest
        Longest distance [pixels], below the shortest side.

    Returns
    -------
    Tensor
        ``(longest + 1,)``, the mean over the axes; the first is the porosity.

    Raises
    ------
    InputError
        The longest distance is not below the shortest side.

    Examples
    --------
    >>> stripes = (torch.arange(8) % 2 == 0).expand(1, 8, 8)
    >>> two_point_probability(stripes, 2)
    tensor([0.5000, 0.2500, 0.5000], dtype=torch.float64)
    """
    sides = phase.shape[1:]
    if not 0 <= longest < min(sides):
        raise InputError(f"the longest distance is {longest} pixels, but it must be below {min(sides)}")
    both = torch.zeros(longest + 1, dtype=torch.float64)
    for axis in range(1, phase.ndim):
        for distance in range(longest + 1):
            n = phase.shape[axis] - distance
            pairs = phase.narrow(axis, 0, n) & phase.narrow(axis, distance, n)
            both[distance] += pairs.double().mean().cpu()
    return both / len(sides)


def chord_lengths(phase: Tensor) -> Tensor:
    """Return how many chords of each length there are along the axes; those that meet the border left out.

    A chord is a run of pixels of the phase on a line along an axis.

    Parameters
    ----------
    phase
        ``(n, *sides)`` boolean.

    Returns
    -------
    Tensor
        Counts of the lengths 0, 1, 2, ... ``(longest side + 1,)``; none has length 0.

    Examples
    --------
    >>> chord_lengths(torch.tensor([[0, 1, 1, 0, 1, 0, 1]]).bool())
    tensor([0, 1, 1, 0, 0, 0, 0, 0])
    """
    counts = torch.zeros(max(phase.shape[1:]) + 1, dtype=torch.long)
    for axis in range(1, phase.ndim):
        lines = phase.movedim(axis, -1).reshape(-1, phase.shape[axis]).long()
        change = lines.diff(dim=1)
        begins, ends = (change == 1).nonzero(), (change == -1).nonzero()
        # the n-th beginning of a line belongs to the first end after it; runs at a border lack one of them
        place = lines.shape[1] + 1
        first = begins[:, 0] * place + begins[:, 1]
        last = ends[:, 0] * place + ends[:, 1]
        after = torch.searchsorted(last, first, right=True)
        inside = after < len(last)
        partner = last[after.clamp_max(max(len(last) - 1, 0))] if len(last) else first
        inside &= partner // place == begins[:, 0]
        length = (partner - first)[inside]
        counts += torch.bincount(length.cpu(), minlength=len(counts))
    return counts


def mean_chord(phase: Tensor) -> float:
    """Return the mean length of the chords of `chord_lengths` [pixels], NaN where there are none."""
    counts = chord_lengths(phase).double()
    return float((counts * torch.arange(len(counts))).sum() / counts.sum())


def connectedness(phase: Tensor) -> Tensor:
    """Return the probability that two pixels of the phase, drawn at random in a piece, are of one cluster.

    Pixels of a cluster touch by their sides (faces); the measure of a percolating medium.

    Parameters
    ----------
    phase
        ``(n, *sides)`` boolean.

    Returns
    -------
    Tensor
        ``(n,)``; NaN for a piece without the phase.

    Examples
    --------
    >>> connectedness(torch.tensor([[[1, 1, 0, 1]], [[1, 1, 1, 1]]]).bool())
    tensor([0.5556, 1.0000], dtype=torch.float64)
    """
    shares = []
    for piece in phase.cpu().numpy():
        sizes = np.bincount(ndimage.label(piece)[0].ravel())[1:].astype(float)
        shares.append((sizes**2).sum() / sizes.sum() ** 2 if len(sizes) else np.nan)
    return torch.tensor(shares, dtype=torch.float64)


@dataclass(frozen=True)
class TwoPhaseReport:
    """Samples of a two-phase medium beside the real one.

    Parameters
    ----------
    porosity_real, porosity_samples
        Shares of the phase.
    porosity_spread_real, porosity_spread_samples
        Standard deviations of the share over the pieces.
    two_point_gap
        Largest difference of the two-point probabilities over the distances, in parts of the real variance.
    chord_real, chord_samples
        Mean chord lengths in the phase [pixels].
    grain_chord_real, grain_chord_samples
        Those outside it.
    connected_real, connected_samples
        Mean `connectedness` of the pieces.
    connected_spread_real
        Its standard deviation over the real ones.
    between
        Share of the samples' values that are of neither phase, nearer to the level than to the ends.
    """

    porosity_real: float
    porosity_samples: float
    porosity_spread_real: float
    porosity_spread_samples: float
    two_point_gap: float
    chord_real: float
    chord_samples: float
    grain_chord_real: float
    grain_chord_samples: float
    connected_real: float
    connected_samples: float
    connected_spread_real: float
    between: float

    def header(self) -> dict[str, str]:
        """Return the numbers as lines of a card's header."""
        return {key: f"{value:.4g}" for key, value in asdict(self).items()}


def compare_two_phase(samples: Tensor, real: Tensor, *, longest: int, level: float = 0.5) -> TwoPhaseReport:
    """Compare samples with real images ``(n, *sides)`` by the phase of values above a level.

    Parameters
    ----------
    samples, real
        Images of one size.
    longest
        Longest distance of the two-point probability [pixels].
    level
        Values above it are in the phase.
    """
    phases = samples > level, real > level
    made, true = (two_point_probability(phase, longest) for phase in phases)
    share = float(true[0])
    shares = [phase.double().flatten(1).mean(1) for phase in phases]
    joined = [connectedness(phase) for phase in phases]
    return TwoPhaseReport(
        porosity_real=share,
        porosity_samples=float(made[0]),
        porosity_spread_real=_spread(shares[1]),
        porosity_spread_samples=_spread(shares[0]),
        two_point_gap=float((made - true).abs().max()) / max(share * (1 - share), 1e-12),
        chord_real=mean_chord(phases[1]),
        chord_samples=mean_chord(phases[0]),
        grain_chord_real=mean_chord(~phases[1]),
        grain_chord_samples=mean_chord(~phases[0]),
        connected_real=float(joined[1].nanmean()),
        connected_samples=float(joined[0].nanmean()),
        connected_spread_real=_spread(joined[1]),
        between=float(((samples - level).abs() < 0.5 * level).double().mean()),
    )


def _spread(values: Tensor) -> float:
    """Return the standard deviation of the values that are numbers."""
    return float((values - values.nanmean()).square().nanmean().sqrt())
