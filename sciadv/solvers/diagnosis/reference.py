"""Evidence scores of a prior's reference images, kept on disk for each prior, operator and noise.

Searching some hundred reference images takes longer than solving a few measurements. The scores depend on
nothing that a user measures, so they are made once and kept in the cache folder
(`sciadv.files.folders.cache_root`), under a name that hashes everything that they depend on. A file that is
damaged or of another version is made again; a folder that cannot be written to costs time only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from sciadv.diagnosis import DiagnosisSettings
from sciadv.errors import SciadvError
from sciadv.files.folders import cache_root
from sciadv.files.weights import content_sha256, read_tensor_file, write_tensors
from sciadv.files.writing import recorded
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian, require_residual
from sciadv.solvers.diagnosis.evidence_score import EvidenceScores, evidence_scores
from sciadv.types import as_generator

#: Changes with what the scores mean: older files are then made again.
VERSION = "evidence scores, version 1"
_FOLDER = "reference-scores"
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
    posed = _reference_problem(problem, seed, settings)
    file = cache_root() / _FOLDER / f"{_key(posed, seed, settings)}.safetensors"
    known = _read(file, posed)
    if known is None:
        known = evidence_scores(posed, seed=seed, settings=settings)
        _write(file, known)
    return known


def _reference_problem(problem: Problem, seed: int, settings: DiagnosisSettings) -> Problem:
    """Return the problem with measurements of the prior's reference images."""
    images = require_residual(problem.prior, "the diagnosis").reference
    images = images if is_linear_gaussian(problem) else images[: settings.n_reference]
    images = images.to(problem.measurements.device, problem.prior.dtype)
    generator = as_generator(seed, problem.measurements.device)
    with torch.no_grad():
        y = problem.likelihood.sample(problem.forward(images), generator=generator)
    return problem.with_measurements(y)


def _read(file: Path, posed: Problem) -> EvidenceScores | None:
    """Return the scores in a file; None if there is none, or it is not what it should be."""
    if not file.is_file():
        return None
    try:
        tensors = read_tensor_file(file, what="a file of evidence scores", advice="It is made again.").tensors
    except SciadvError as error:
        _logger.warning("%s", error)
        return None
    score = tensors.get("score")
    covariates = tensors.get("covariates")
    n = posed.n_problems
    if score is None or covariates is None or score.shape != (n,) or covariates.shape[:-1] != (n,):
        _logger.warning("%s does not hold the scores of %d reference images; it is made again", file, n)
        return None
    device = posed.measurements.device
    return EvidenceScores(score.to(device), covariates.to(device))


def _write(file: Path, scores: EvidenceScores) -> None:
    """Keep scores; where that fails they are made again the next time."""
    tensors = {"score": scores.score, "covariates": scores.covariates}
    try:
        with recorded():  # no result of the user's
            write_tensors(file, tensors, {"version": VERSION})
    except (SciadvError, OSError) as error:
        _logger.warning("the scores of the reference images are not kept: %s", error)


def _key(posed: Problem, seed: int, settings: DiagnosisSettings) -> str:
    """Hash what the scores depend on: weights, statistics, and what operator and noise do."""
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
    for name in ("generator", "encoder", "moments", "residual"):
        tensors |= {f"{name}/{key}": tensor for key, tensor in _tensors_of(getattr(prior, name))}
    header = {
        "version": VERSION,
        "torch": torch.__version__,
        "device": posed.measurements.device.type,
        "seed": str(seed),
        "latent weight": repr(posed.latent_weight),
        "constraints": json.dumps([[limit.name, limit.at_most, limit.size] for limit in posed.constraints]),
        "settings": json.dumps(asdict(settings)),
    }
    return content_sha256(tensors, header)


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
