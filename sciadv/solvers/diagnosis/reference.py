"""What is found of a prior's reference images, kept on disk for each prior, operator and noise.

Searching some hundred reference images takes longer than solving a few measurements. What is found depends on
nothing that a user measures, so it is made once and kept in the cache folder
(`sciadv.files.folders.cache_root`), under a name that hashes everything that it depends on. A file that is
damaged or of another version is made again; a folder that cannot be written to costs time only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from sciadv.data.splits import evenly
from sciadv.diagnosis import DiagnosisSettings
from sciadv.errors import SciadvError
from sciadv.files.folders import cache_root
from sciadv.files.weights import content_sha256, read_tensor_file, write_tensors
from sciadv.files.writing import recorded
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian, require_residual
from sciadv.solvers.diagnosis.evidence_score import EvidenceScores, evidence_scores
from sciadv.solvers.diagnosis.noise_checks import NoiseChecks
from sciadv.types import as_generator

#: Changes with what the scores mean: older files are then made again.
VERSION = "evidence scores, version 3"
_FOLDER = "reference-scores"
_CHECK = "check."
_logger = logging.getLogger(__name__)


def reference_scores(problem: Problem, *, seed: int, settings: DiagnosisSettings) -> EvidenceScores:
    """Return the scores of the prior's reference images, measured and searched as the problem's data are.

    Parameters
    ----------
    problem
        Its prior, operator, noise and latent weight.
    seed
        Seed of the noise on the reference images and of their searches.
    settings
        The numbers of the diagnosis.

    Raises
    ------
    KeyboardInterrupt
        The user stopped the search; nothing is kept.
    """
    posed = measured_reference(
        problem, None if is_linear_gaussian(problem) else settings.n_reference, seed=seed
    )
    header = {"version": VERSION, "seed": str(seed), "settings": json.dumps(asdict(settings))}

    def make() -> dict[str, Tensor]:
        scores = evidence_scores(posed, seed=seed, settings=settings)
        checks = {} if scores.checks is None else vars(scores.checks)
        return {"score": scores.score, "covariates": scores.covariates} | {
            f"{_CHECK}{name}": values.contiguous() for name, values in checks.items()
        }

    def is_whole(known: Mapping[str, Tensor]) -> bool:
        is_there = {"score", "covariates"} <= known.keys()
        return is_there and known["score"].shape == known["covariates"].shape[:-1] == (posed.n_problems,)

    found = kept_tensors(posed, header, make, is_whole)
    names = [name for name in found if name.startswith(_CHECK)]
    checks = NoiseChecks(**{name.removeprefix(_CHECK): found[name] for name in names}) if names else None
    return EvidenceScores(found["score"], found["covariates"], checks)


def measured_reference(problem: Problem, n: int | None, *, seed: int) -> Problem:
    """Return the problem with measurements of reference images, which are its truth.

    Parameters
    ----------
    problem
        Its prior, operator and noise.
    n
        Images at most, evenly spaced among all; None for all.
    seed
        Seed of the noise.
    """
    images = require_residual(problem.prior, "the diagnosis").reference
    return measured_images(problem, images if n is None else evenly(images, n), seed=seed)


def measured_images(problem: Problem, images: Tensor, *, seed: int) -> Problem:
    """Return the problem with measurements of images ``(n, *in_shape)``, which are its truth.

    Parameters
    ----------
    problem
        Its operator and noise.
    images
        What is measured.
    seed
        Seed of the noise.
    """
    images = images.to(problem.measurements.device, problem.prior.dtype)
    generator = as_generator(seed, problem.measurements.device)
    with torch.no_grad():
        y = problem.likelihood.sample(problem.forward(images), generator=generator)
    return replace(problem.with_measurements(y), truth=images)


def kept_tensors(
    posed: Problem,
    header: Mapping[str, str],
    make: Callable[[], dict[str, Tensor]],
    is_whole: Callable[[Mapping[str, Tensor]], bool],
) -> dict[str, Tensor]:
    """Return tensors from the cache folder, or make and keep them.

    Parameters
    ----------
    posed
        Reference images as they are measured, as `measured_reference` returns them.
    header
        What the tensors depend on beside the problem: a version, settings.
    make
        Makes them.
    is_whole
        Whether what a file holds is what `make` gives.

    Raises
    ------
    KeyboardInterrupt
        The user stopped the making; nothing is kept.
    """
    file = cache_root() / _FOLDER / f"{_key(posed, header)}.safetensors"
    known = _read(file)
    if known is not None and is_whole(known):
        return {name: tensor.to(posed.measurements.device) for name, tensor in known.items()}
    if known is not None:
        _logger.warning("%s does not hold what it should of the reference images; it is made again", file)
    made = make()
    try:
        with recorded():  # no result of the user's
            write_tensors(file, made, dict(header))
    except (SciadvError, OSError) as error:
        _logger.warning("what was found of the reference images is not kept: %s", error)
    return made


def _read(file: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a file; None if there is none, or it is damaged."""
    if not file.is_file():
        return None
    try:
        return read_tensor_file(
            file, what="numbers of reference images", advice="They are made again."
        ).tensors
    except SciadvError as error:
        _logger.warning("%s", error)
        return None


def _key(posed: Problem, header: Mapping[str, str]) -> str:
    """Hash what the numbers depend on: weights, statistics, and what operator and noise do."""
    prior, forward = posed.prior, posed.forward
    with torch.no_grad():
        drawn = prior.sample(4, seed=0)
        probe = torch.rand(1, *forward.in_shape, generator=as_generator(0), dtype=forward.dtype.to_real())
        if forward.is_linear:
            predicted = forward(probe.to(forward.device, forward.dtype))
        else:
            predicted = forward(prior.example.to(forward.device, forward.dtype))
        y = posed.measurements[:1]
        tensors = {
            "measurements": posed.measurements,
            "drawn": drawn,
            "predicted": predicted,
            "energy": posed.likelihood.energy(predicted, y),
            "curvature": posed.likelihood.curvature(predicted, y),
        }
        if prior.encoder is not None:
            tensors["encoded"] = prior.encode(drawn)
    for name in ("generator", "encoder", "moments", "residual", "stationary"):
        tensors |= {f"{name}/{key}": tensor for key, tensor in _tensors_of(getattr(prior, name))}
    facts = {
        "torch": torch.__version__,
        "device": posed.measurements.device.type,
        "latent weight": repr(posed.latent_weight),
        "constraints": json.dumps([[limit.name, limit.at_most, limit.size] for limit in posed.constraints]),
    }
    return content_sha256(tensors, facts | dict(header))


def _tensors_of(part: object) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a network, or of statistics, by name."""
    if isinstance(part, nn.Module):
        yield from part.state_dict().items()
    elif is_dataclass(part):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Tensor):
                yield field.name, value
            else:
                yield from ((f"{field.name}/{key}", tensor) for key, tensor in _tensors_of(value))
