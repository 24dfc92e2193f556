"""How a prior's samples compare with held-out images, without any classifier: in principal components."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.data.splits import evenly
from sciadv.metrics.frechet import frechet_distance
from sciadv.metrics.manifold import manifold_metrics, memorisation
from sciadv.prior import Prior


def compare_images(
    prior: Prior,
    train: Tensor,
    held_out: Tensor,
    *,
    seed: int = 0,
    most_components: int = 32,
    most_images: int = 1000,
    k: int = 3,
) -> dict[str, str]:
    """Return Frechet distance, precision, recall, coverage and memorisation, each with that of real images.

    Features are the leading principal components of the training images, each divided by its standard
    deviation. A floor is the same number for training images in the place of samples.

    Parameters
    ----------
    prior
        Gives the samples.
    train, held_out
        Images in its units ``(n, channels, *sides)``; nothing was learnt from the held-out ones.
    seed
        Seed of the samples.
    most_components, most_images
        Components, and images of each kind, at most.
    k
        Neighbour that balls reach to.
    """
    n = min(len(held_out), most_images, len(train) // 2)
    components = min(most_components, max(1, n // 4))
    axes, mean = _components(train, components, most_images)
    sets = (prior.sample(n, seed=seed), evenly(held_out, n), evenly(train, n))
    fake, real, seen = ((part.flatten(1).double().cpu() - mean) @ axes for part in sets)
    facts = {
        "pca_frechet": frechet_distance(real, fake),
        "pca_frechet_floor": frechet_distance(real, seen),
    }
    if n > k:
        for name, part in (("", fake), ("_floor", seen)):
            found = manifold_metrics(real, part, k=k)
            facts |= {f"pca_{key}{name}": getattr(found, key) for key in ("precision", "recall", "coverage")}
        copied = memorisation(fake, (train.flatten(1).double() - mean) @ axes, real)
        facts["memorisation_distance_ratio"] = copied.distance_ratio
    stated = {key: f"{value:.4g}" for key, value in facts.items()}
    return stated | {"pca_components": str(components), "pca_images": str(n)}


def _components(train: Tensor, n: int, most_images: int) -> tuple[Tensor, Tensor]:
    """Return principal axes over their standard deviations ``(pixels, n)``, and the mean."""
    flat = evenly(train, min(len(train), 2 * most_images)).flatten(1).double()
    mean = flat.mean(0)
    _, values, axes = torch.linalg.svd(flat - mean, full_matrices=False)
    deviation = (values[:n] / len(flat) ** 0.5).clamp_min(1e-12)
    return axes[:n].T / deviation, mean
