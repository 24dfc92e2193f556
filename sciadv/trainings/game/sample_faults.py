"""What training samples are refused for before the first step, and what is said of them, in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError


@dataclass(frozen=True)
class SampleRule:
    """From where on samples count as faulty.

    Parameters
    ----------
    most_counted
        Samples at most among which repeated ones are looked for.
    repeated
        Share of repeated samples that is spoken of.
    is_image_from
        Dimensions, the batch's included, from which on samples are images, signals or graphs: few distinct
        ones are refused there, while vectors may be one of few categories.
    """

    most_counted: int = 100_000
    repeated: float = 0.01
    is_image_from: int = 3


def check_samples(samples: Tensor, *, batch: int, rule: SampleRule = SampleRule()) -> tuple[str, ...]:
    """Refuse samples from which nothing can be learnt; return what is to be said of the others.

    Parameters
    ----------
    samples
        ``(n, ...)``, floats or uint8.
    batch
        Samples a minibatch.
    rule
        From where on they are faulty.

    Raises
    ------
    InputError
        NaN or Inf, all samples alike, or images of which fewer than half a batch are distinct.

    Examples
    --------
    >>> two = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> check_samples(two.repeat(50, 1, 1, 1), batch=16)
    Traceback (most recent call last):
    ...
    sciadv.errors.InputError: 100 samples, but only 2 are distinct; the rest repeat them. A generator ...
    """
    _require_finite(samples)
    if bool((samples == samples[:1]).all()):
        raise InputError(
            f"all {len(samples)} samples are the same one; a generator needs samples that differ: is it the "
            f"right array, and were they scaled or rounded to a constant?"
        )
    places = torch.linspace(0, len(samples) - 1, min(len(samples), rule.most_counted)).long()
    counted = samples[places.to(samples.device)]
    repeats = _repeated(counted)
    n_distinct = len(counted) - len(repeats)
    if samples.ndim >= rule.is_image_from and n_distinct < batch / 2:
        raise InputError(
            f"{len(counted)} samples, but only {n_distinct} are distinct; the rest repeat them. A generator "
            f"would learn these by heart: give different samples, or a batch below {2 * n_distinct}"
        )
    if len(repeats) < rule.repeated * len(counted):
        return ()
    first = int(places[repeats[0]])
    return (
        f"{len(repeats)} of {len(counted)} samples repeat an earlier one exactly (the first is sample "
        f"{first}) and so count several times; leave copies out where they are not meant",
    )


def _require_finite(samples: Tensor) -> None:
    if not samples.is_floating_point():
        return
    is_finite = samples.flatten(1).isfinite()
    if bool(is_finite.all()):
        return
    rows = (~is_finite.all(1)).nonzero().flatten()
    n_bad = int((~is_finite).sum())
    raise InputError(
        f"samples hold {n_bad} NaN or Inf of {samples.numel()} numbers, in {len(rows)} of {len(samples)} "
        f"samples, the first in sample {int(rows[0])}; repair them, or leave these samples out"
    )


def _repeated(samples: Tensor) -> list[int]:
    """Return the numbers of samples that repeat an earlier one."""
    seen: set[bytes] = set()
    found = []
    for number, row in enumerate(samples.detach().cpu().contiguous().flatten(1).view(torch.uint8).numpy()):
        digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        if digest in seen:
            found.append(number)
        seen.add(digest)
    return found


def missing_classes(labels: Tensor, n_classes: int | None = None) -> tuple[str, ...]:
    """Say which classes have no sample, of those that the networks know or that the labels count up to.

    Examples
    --------
    >>> missing_classes(torch.tensor([0, 2]))
    ('no sample is of class 1: a generator cannot make what it has not seen',)
    """
    counts = torch.bincount(labels, minlength=n_classes or 0)
    present = counts.nonzero().flatten().tolist()
    missing = [str(k) for k in range(len(counts)) if k not in present]
    if len(present) == 1 and missing:
        return (
            f"all {len(labels)} samples are of class {present[0]} of {len(counts)}: a generator would make "
            f"no other; is it the right part of the data?",
        )
    if not missing:
        return ()
    return (f"no sample is of class {', '.join(missing)}: a generator cannot make what it has not seen",)


def describe_samples(samples: Tensor, labels: Tensor | None = None) -> str:
    """Say number, shape and hash of samples, by which a checkpoint knows them again.

    Examples
    --------
    >>> describe_samples(torch.zeros(3, 2))
    '3 samples (2,), sha256 47bfc70aabb698b9'
    """
    return f"{len(samples)} samples {tuple(samples.shape[1:])}, sha256 {samples_sha256(samples, labels)[:16]}"


def samples_sha256(samples: Tensor, labels: Tensor | None = None) -> str:
    """Return the hash of a data set: of its type, shape and values, and of its classes."""
    digest = hashlib.sha256()
    for part in (samples, labels):
        if part is not None:
            digest.update(f"{part.dtype} {tuple(part.shape)}".encode())
            for rows in torch.split(part.detach(), 4096):
                digest.update(rows.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
