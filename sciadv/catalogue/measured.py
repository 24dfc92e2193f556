"""Measurements of a problem: read from a file, given as targets, or simulated from known images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sciadv.data.datasets import load_images
from sciadv.data.held_out_images import load_held_out
from sciadv.errors import InputError
from sciadv.files.arrays import array_names, read_array
from sciadv.files.folders import find_entry
from sciadv.forward import Forward, PropertyModel
from sciadv.likelihood import Likelihood
from sciadv.prior import Prior
from sciadv.schema import (
    DigitsMeasurements,
    FileMeasurements,
    ProblemSpec,
    SimulatedMeasurements,
    TargetMeasurements,
)
from sciadv.types import as_generator

#: In a problem's file: the test images that lie in the folder of a prior.
HELD_OUT_IMAGES = "held-out"


@dataclass(frozen=True)
class Data:
    """Measurements with the truth and labels where they are known."""

    measurements: Tensor
    truth: Tensor | None = None
    labels: Tensor | None = None


def prior_folder(name: str, *, folder: Path) -> str | Path:
    """Return a prior's name in the catalogue, or the folder that a path relative to `folder` means."""
    is_path = "/" in name or "\\" in name or name[:1] in {".", "~"}
    return folder / Path(name).expanduser() if is_path else name


def load_data(
    spec: ProblemSpec, parts: tuple[Prior, Forward, Likelihood], *, folder: Path, seed: int
) -> Data:
    """Load the measurements of a problem.

    Parameters
    ----------
    spec
        The problem's file.
    parts
        Prior, forward and likelihood.
    folder
        From which paths go.
    seed
        Of simulated measurements whose file gives none.
    """
    source = spec.measurements
    if isinstance(source, DigitsMeasurements):
        return _sklearn_digits()
    if isinstance(source, TargetMeasurements):
        return Data(_targets(source, parts[1]))
    if isinstance(source, FileMeasurements):
        return _measured(source, folder)
    held_out = None
    if source.images == HELD_OUT_IMAGES:
        held_out = load_held_out(find_entry("priors", prior_folder(spec.prior, folder=folder)))
    return simulate(source, *parts, seed=seed if source.seed is None else source.seed, held_out=held_out)


def _targets(source: TargetMeasurements, forward: Forward) -> Tensor:
    """Return the target values ``(batch, properties)`` in the order that the forward predicts them."""
    if not isinstance(forward, PropertyModel):
        raise InputError(f"targets need a forward that predicts properties, but it is {forward}")
    if set(source.values) != set(forward.properties):
        raise InputError(
            f"the targets are of {', '.join(sorted(source.values))}, but the forward predicts "
            f"{', '.join(forward.properties)}"
        )
    lengths = {name: len(values) for name, values in source.values.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"every property needs as many targets as the others, but there are {lengths}")
    return torch.tensor([source.values[name] for name in forward.properties]).T.contiguous()


def _sklearn_digits() -> Data:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Data(
        torch.as_tensor(digits.images, dtype=torch.float32)[:, None], labels=torch.as_tensor(digits.target)
    )


def _measured(source: FileMeasurements, folder: Path) -> Data:
    """Read measurements, and the truth and labels where the file has them or the table asks for them."""
    path = folder / Path(source.path).expanduser()
    known = {}
    for what, key in (("truth", source.truth), ("labels", source.labels)):
        if key is not None or what in array_names(path):
            known[what] = torch.as_tensor(read_array(path, key=key or what))
    return Data(torch.as_tensor(read_array(path, key=source.key)), **known)


def simulate(  # the problem's parts, and whose images
    source: SimulatedMeasurements,
    prior: Prior,
    forward: Forward,
    likelihood: Likelihood,
    *,
    seed: int,
    held_out: Tensor | None = None,
) -> Data:
    """Predict the measurements of known images and add the likelihood's noise.

    Parameters
    ----------
    source
        Which images, and how many.
    prior, forward, likelihood
        Of the problem.
    seed
        Seed of the choice (or the draws) of images and of the noise.
    held_out
        Test images of the prior's own data, for ``images = "held-out"``.

    Raises
    ------
    UnknownNameError
        There is no such data set or preparation.
    InputError
        There are fewer images than asked for, they are of another shape, or the noise level is unknown.
    """
    generator = as_generator(seed)
    labels = None
    if source.images == "prior":
        truth = prior.sample(source.n, seed=generator)
    elif held_out is not None:
        if source.n > len(held_out):
            raise InputError(f"the prior keeps {len(held_out)} held-out images, not {source.n}")
        truth = held_out[torch.randperm(len(held_out), generator=generator)[: source.n]]
    else:
        found = load_images(source.images, source.split, prepare=source.prepare)
        if source.n > len(found.images):
            raise InputError(
                f"{source.images} ({source.split}) has {len(found.images)} images, not {source.n}"
            )
        index = torch.randperm(len(found.images), generator=generator)[: source.n]
        truth = found.grey(index.tolist())
        labels = torch.as_tensor(found.labels[index.numpy()]).long()
    if truth.shape[1:] != forward.in_shape:
        raise InputError(
            f"the images are {tuple(truth.shape[1:])}, but the operator takes {forward.in_shape}"
        )
    with torch.no_grad():
        measurements = likelihood.sample(forward(truth), generator=generator)
    return Data(measurements, truth, labels)
