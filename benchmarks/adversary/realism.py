"""How near the draws of a posterior are to the truth, and how they resemble the images they stand for."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.metrics import classify, mse
from sciadv.metrics.classifier import Classifier


def measured(draws: Tensor, truth: Tensor, judge: Classifier | None) -> dict[str, Tensor]:
    """Return one number an image ``(batch,)`` by name; smaller is better for all of them.

    ``error``: mean squared error of the draws' mean. ``energy``: the `energy_score` of the draws.
    ``spectrum``: mean distance of the draws' power spectrum from the truth's, in decades over radial
    frequencies. ``grey``: how much more or less of the values lies between the ends, ``4 x (1 - x)`` in the
    mean. With a classifier ``class``: share of draws that it takes for another class than the truth.

    Parameters
    ----------
    draws
        ``(batch, draws, channels, height, width)`` in [0, 1].
    truth
        ``(batch, channels, height, width)``.
    judge
        A classifier of such images, or None.
    """
    powers = radial_spectrum(draws).mean(1), radial_spectrum(truth)
    made, real = (torch.log10(power + 1e-6) for power in powers)
    found = {
        "error": mse(draws.mean(1), truth),
        "energy": energy_score(draws, truth),
        "spectrum": (made - real).abs().mean(1),
        "grey": (_grey(draws).mean(1) - _grey(truth)).abs(),
    }
    if judge is not None:
        classes = classify(judge, draws.flatten(0, 1)).classes.reshape(draws.shape[:2])
        found["class"] = (classes != classify(judge, truth).classes[:, None]).double().mean(1)
    return found


def _grey(x: Tensor) -> Tensor:
    return (4 * x * (1 - x)).flatten(-3).mean(-1)


def energy_score(draws: Tensor, truth: Tensor) -> Tensor:
    """Return ``E|X - x| - E|X - X'| / 2`` of draws X, X' for each truth x ``(batch,)``.

    T. Gneiting, A. E. Raftery, Strictly proper scoring rules, prediction, and estimation, JASA 2007, Eq. 22.

    Examples
    --------
    >>> energy_score(torch.tensor([[[0.0], [2.0]]]), torch.tensor([[1.0]]))
    tensor([0.])
    """
    flat, x = draws.flatten(2), truth.flatten(1)
    n = flat.shape[1]
    near = (flat - x[:, None]).norm(dim=2).mean(1)
    between = torch.cdist(flat, flat).sum((1, 2)) / (n * (n - 1))
    score: Tensor = near - between / 2
    return score


def power_spectrum(x: Tensor) -> Tensor:
    """Return the squared modulus of the Fourier transform without the mean, averaged over channels.

    Of images ``(..., channels, height, width)``; it is ``(..., height, width)``.
    """
    centred = x - x.mean((-2, -1), keepdim=True)
    power: Tensor = torch.fft.fft2(centred).abs().square().mean(-3)
    return power


def radial_spectrum(x: Tensor) -> Tensor:
    """Return the power spectrum averaged over rings of frequencies ``(..., rings)``.

    A ring has as many periods over the shorter side, rounded; those above half of it are in the last ring.
    """
    height, width = x.shape[-2:]
    side = min(height, width)
    rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None]
    ring = ((rows.square() + columns.square()).sqrt() * side).round().long().clamp_max(side // 2).flatten()
    power = power_spectrum(x).flatten(-2)
    total = torch.zeros(*power.shape[:-1], side // 2 + 1, dtype=power.dtype)
    total.scatter_add_(-1, ring.expand_as(power), power)
    return (total / torch.bincount(ring))[..., 1:]


def sharpened(draws: Tensor, samples: Tensor, images: Tensor) -> Tensor:
    """Return draws with each frequency's amplitude multiplied by what a prior's samples lack of it.

    The trivial rival of a sharper generator: a fixed filter by which the samples have the images' mean power
    spectrum.

    Parameters
    ----------
    draws
        ``(batch, draws, channels, height, width)`` in [0, 1].
    samples, images
        Samples of the prior and training images ``(n, channels, height, width)``.
    """
    gain = (power_spectrum(images).mean(0) / power_spectrum(samples).mean(0).clamp_min(1e-12)).sqrt()
    gain[0, 0] = 1.0
    filtered: Tensor = torch.fft.ifft2(torch.fft.fft2(draws) * gain).real
    return filtered.clamp(0, 1)
