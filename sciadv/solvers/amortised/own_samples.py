"""A generator's own samples in a few principal components: drawn once and kept, good for any operator.

Drawing thousands of samples takes longer than solving a few measurements, and depends on nothing that a user
measures. They are kept under a name that hashes the generator's weights and what it makes of a few latents. A
file that is damaged or of another version is made again; a folder that cannot be written to costs time only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from sciadv.errors import GeneratorError, SciadvError
from sciadv.files.folders import cache_root
from sciadv.files.weights import content_sha256, read_tensor_file, write_tensors
from sciadv.files.writing import recorded
from sciadv.prior import Prior
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive

_VERSION = "own samples, version 2"
_FOLDER = "own-samples"
_logger = logging.getLogger(__name__)


@checked
@dataclass(frozen=True)
class SampleBudget:
    """What is spent on a generator once.

    Parameters
    ----------
    n_samples
        Samples, each one generator pass.
    n_components
        Principal components that hold them, at most.
    n_for_components
        Samples from which the components are made.
    most_numbers
        Numbers in the components together, at most; large images have fewer components.
    batch
        Samples that are generated at once.
    longest
        Samples longer than so many times the median length, or not finite, are left out: a generator may
        be wild at rare latents.
    """

    n_samples: Count = 6000
    n_components: Count = 300
    n_for_components: Count = 1000
    most_numbers: Count = 2**25
    batch: Count = 50
    longest: Positive = 1000.0


@dataclass(frozen=True, eq=False)
class OwnSamples:
    """Samples ``G(z)`` as ``mean + coefficients basis``.

    Parameters
    ----------
    z
        Latents ``(samples, n_latent)``.
    mean
        Mean image ``(pixels,)``.
    basis
        Principal components ``(components, pixels)``, orthonormal.
    coefficients
        ``(samples, components)``.
    """

    z: Tensor
    mean: Tensor
    basis: Tensor
    coefficients: Tensor

    def first(self, n: int) -> OwnSamples:
        """Return the first n samples, or all if there are fewer."""
        return replace(self, z=self.z[:n], coefficients=self.coefficients[:n])

    def images(self, shape: tuple[int, ...], *, batch: int = 256) -> Iterator[Tensor]:
        """Yield the samples ``(batch, *shape)``, as the components hold them."""
        for part in torch.split(self.coefficients, batch):
            yield (self.mean + part @ self.basis).reshape(-1, *shape)


def own_samples(prior: Prior, budget: SampleBudget | None = None, *, seed: int = 0) -> OwnSamples:
    """Return samples of a prior, from the cache folder if they are there.

    Parameters
    ----------
    prior
        The generator.
    budget
        How many.
    seed
        Seed of the latents.

    Raises
    ------
    GeneratorError
        Most of the samples are not finite.
    """
    how = budget or SampleBudget()
    file = cache_root() / _FOLDER / f"{_key(prior, how, seed)}.safetensors"
    z = prior.sample_latent(how.n_samples, seed=seed)
    known = _read(file, z)
    if known is None:
        known = _draw(prior, z, how)
        _write(file, known)
    return known


def _draw(prior: Prior, z: Tensor, how: SampleBudget) -> OwnSamples:
    """Generate the samples; the first ones give the components."""
    with torch.no_grad():
        parts = torch.split(z, how.batch)
        n_first = -(-how.n_for_components // how.batch)
        first = [prior(part).flatten(1) for part in parts[:n_first]]
        length = torch.cat(first).double().norm(dim=1)
        usual = length[length.isfinite()]
        if 2 * len(usual) < len(length):
            raise GeneratorError(
                f"the generator of prior {prior.name!r} gives numbers that are not finite for "
                f"{len(length) - len(usual)} of {len(length)} latents from N(0, I): was it trained?"
            )
        longest = how.longest * usual.median()
        seen = torch.cat(first)[length <= longest]
        mean = seen.mean(0)
        basis = _components(seen - mean, how)
        coefficients, kept = [], []
        for i, part in enumerate(parts):
            x = first[i] if i < n_first else prior(part).flatten(1)
            is_usual = x.double().norm(dim=1) <= longest
            coefficients.append((x[is_usual] - mean) @ basis.T)
            kept.append(part[is_usual])
    return OwnSamples(torch.cat(kept), mean, basis, torch.cat(coefficients))


def _components(centred: Tensor, how: SampleBudget) -> Tensor:
    """Return the principal components ``(components, pixels)`` of samples ``(samples, pixels)``."""
    n = min(how.n_components, *centred.shape, max(1, how.most_numbers // centred.shape[1]))
    gram = (centred @ centred.T).double()
    variance, directions = torch.linalg.eigh(gram)
    n = max(1, min(n, int((variance > 1e-9 * variance[-1]).sum())))
    kept = directions[:, -n:].flip(1) / variance[-n:].flip(0).clamp_min(1e-30).sqrt()
    components: Tensor = kept.T.to(centred.dtype) @ centred
    return components


def _key(prior: Prior, how: SampleBudget, seed: int) -> str:
    """Hash what the samples depend on: the weights, and what the generator makes of a few latents."""
    tensors = {"drawn": prior.sample(2, seed=1), **prior.generator.state_dict()}
    header = {
        "version": _VERSION,
        "device": prior.device.type,
        "seed": str(seed),
        "n_latent": str(prior.n_latent),
        "budget": repr(how),
    }
    return content_sha256(tensors, header)


def _read(file: Path, z: Tensor) -> OwnSamples | None:
    """Return the samples in a file; None if there is none, or it is not what it should be."""
    if not file.is_file():
        return None
    try:
        what, advice = "a file of own samples", "It is made again."
        tensors = read_tensor_file(file, what=what, advice=advice).tensors
        found = [tensors[name].to(z) for name in ("z", "mean", "basis", "coefficients")]
    except (SciadvError, KeyError) as error:
        _logger.warning("%s: %s", file, error)
        return None
    kept, mean, basis, coefficients = found
    fits = basis.shape == (coefficients.shape[1], len(mean))
    fits &= len(coefficients) == len(kept)
    fits &= kept.shape[1:] == z.shape[1:]
    return OwnSamples(kept, mean, basis, coefficients) if fits else None


def _write(file: Path, samples: OwnSamples) -> None:
    """Keep samples; where that fails they are made again the next time."""
    tensors = {name: getattr(samples, name) for name in ("z", "mean", "basis", "coefficients")}
    try:
        with recorded():  # no result of the user's
            write_tensors(file, tensors, {"version": _VERSION})
    except (SciadvError, OSError) as error:
        _logger.warning("the samples of the generator are not kept: %s", error)
