"""Features in which samples are compared, learnt from the data themselves: nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError

#: Samples ``(batch, ...)`` to features ``(batch, features)``.
FeatureMap = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PrincipalFeatures:
    """Leading principal components of another map's values, each in units of the root of its deviation.

    Parameters
    ----------
    raw
        The map before.
    mean, axes
        Of its values ``(values,)`` and ``(values, features)``.
    """

    raw: FeatureMap
    mean: Tensor
    axes: Tensor

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Tensor:
        """Return features of samples."""
        parts = [self.raw(part) for part in torch.split(samples.float(), 500)]
        return (torch.cat(parts) - self.mean) @ self.axes

    @staticmethod
    @torch.no_grad()
    def of(raw: FeatureMap, samples: Tensor, n_features: int) -> PrincipalFeatures:
        """Learn them from samples; fewer than `n_features` where the data have no more directions."""
        values = torch.cat([raw(part) for part in torch.split(samples.float(), 500)])
        mean = values.mean(0)
        _, lengths, directions = torch.linalg.svd(values - mean, full_matrices=False)
        n = min(n_features, max(1, int((lengths > 1e-3 * lengths[0]).sum())))
        deviations = (lengths[:n] / len(values) ** 0.5).clamp_min(1e-12)
        return PrincipalFeatures(raw, mean, directions[:n].T / deviations.sqrt())


@dataclass(frozen=True)
class RandomConvolutions:
    """Mean sizes of the responses to random filters at several resolutions, on a coarse grid of places.

    Parameters
    ----------
    filters
        ``(n, channels, 3, ..., 3)`` of each resolution, the first on the image.
    n_places
        Places along a side of the grid.
    """

    filters: tuple[Tensor, ...]
    n_places: int = 4

    def __call__(self, samples: Tensor) -> Tensor:
        """Return features of ``(batch, channels, *sides)``."""
        n_sides = samples.ndim - 2
        name = f"{n_sides}d"
        convolve = getattr(torch.nn.functional, f"conv{name}")
        halve = getattr(torch.nn.functional, f"avg_pool{name}")
        gather = getattr(torch.nn.functional, f"adaptive_avg_pool{name}")
        found = []
        for filters in self.filters:
            samples = torch.nn.functional.leaky_relu(convolve(samples, filters.to(samples), padding=1), 0.1)
            found.append(gather(samples, self.n_places).flatten(1))
            samples = halve(samples, 2)
        return torch.cat(found, 1)


def feature_map(samples: Tensor, *, n_features: int = 48, n_filters: int = 16, seed: int = 0) -> FeatureMap:
    """Learn features of samples: principal components, of images of random convolutions and pixels.

    Parameters
    ----------
    samples
        ``(n, ...)``, n >= 2: vectors, or images, signals and volumes ``(n, channels, *sides)``. The columns
        of vectors are standardised first.
    n_features
        Features at most.
    n_filters
        Random filters of the first resolution; twice as many of the second.
    seed
        Draws the filters.

    Raises
    ------
    InputError
        Fewer than 2 samples, or all alike.

    Examples
    --------
    >>> points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    >>> feature_map(points)(points).shape
    torch.Size([50, 3])
    """
    if len(samples) < 2 or bool((samples == samples[:1]).all()):
        raise InputError(
            f"features are learnt from 2 samples or more that differ, but there are {len(samples)}, all alike"
        )
    samples = samples.detach().float()
    flat = samples.flatten(1)
    deviation = flat.std(0)
    if samples.ndim == 2:
        scale = torch.where(deviation > 1e-6 * deviation.max(), deviation, 1.0)
        return PrincipalFeatures.of(lambda x: x.flatten(1) / scale.to(x), samples, n_features)
    pixels = PrincipalFeatures.of(lambda x: x.flatten(1), samples, n_features // 2)
    if samples.ndim > 5 or min(samples.shape[2:]) < 4:
        return pixels
    textures = _textures(samples, n_features // 2, n_filters, seed)
    # one unit for both: neither outweighs the other in a distance
    units = [float(part(samples).var(0).sum().sqrt()) + 1e-12 for part in (pixels, textures)]
    return lambda x: torch.cat([pixels(x) / units[0], textures(x) / units[1]], 1)


def _textures(samples: Tensor, n_features: int, n_filters: int, seed: int) -> FeatureMap:
    numbers = torch.Generator().manual_seed(seed)
    window = (3,) * (samples.ndim - 2)
    n_inside = samples.shape[1]
    filters = []
    for n in (n_filters, 2 * n_filters):
        drawn = torch.randn(n, n_inside, *window, generator=numbers)
        filters.append(drawn * (2 / drawn[0].numel()) ** 0.5)
        n_inside = n
    return PrincipalFeatures.of(RandomConvolutions(tuple(filters)), samples, n_features)
