"""Scores of the reference images: searched once, kept on disk, made again where the file is damaged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import small_priors as cases
import torch

from sciadv.diagnosis import DiagnosisSettings
from sciadv.files.weights import write_tensors
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt, diagnose
from sciadv.solvers.diagnosis import reference as module
from sciadv.verbs.solve import solve


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def problem() -> Problem:
    prior = cases.make_prior(cases.SMALL)
    return cases.measured(prior, cases.projections(prior, 20), cases.images_of(prior, 3, seed=4))


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many measurements each search was of."""
    counts: list[int] = []
    scores = module.evidence_scores

    def counted(posed: Problem, **given: object) -> object:
        counts.append(posed.n_problems)
        return scores(posed, **given)

    monkeypatch.setattr(module, "evidence_scores", counted)
    return counts


def kept(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.safetensors"))


def test_reference_images_are_searched_once(problem: Problem, cache: Path, searched: list[int]) -> None:
    first = diagnose(problem, LevenbergMarquardt().solve(problem)).distribution_p_value
    assert searched == [cases.N_REFERENCE]
    assert len(kept(cache)) == 2  # evidence, and simulated contradictions
    again = cases.make_prior(cases.SMALL)  # other objects of the same content
    same = cases.measured(again, cases.projections(again, 20), cases.images_of(again, 3, seed=4))
    second = diagnose(same, LevenbergMarquardt().solve(same)).distribution_p_value
    assert searched == [cases.N_REFERENCE]
    assert torch.equal(first, second)


def with_prior(problem: Problem, **changed: object) -> Problem:
    return replace(problem, prior=replace(problem.prior, **changed))


def of_other_images(problem: Problem) -> Problem:
    residual = problem.prior.residual
    assert residual is not None
    return with_prior(problem, residual=replace(residual, reference=1 - residual.reference))


def clipped(problem: Problem) -> Problem:
    """Return the problem with a generator of the same weights that gives other images."""
    return with_prior(
        problem, generator=torch.nn.Sequential(problem.prior.generator, torch.nn.Hardtanh(0, 0.9))
    )


CHANGES: dict[str, Callable[[Problem], Problem]] = {
    "noise": lambda p: replace(p, likelihood=Gaussian(0.06)),
    "latent weight": lambda p: replace(p, latent_weight=2.0),
    "operator": lambda p: replace(p, forward=cases.projections(p.prior, 21), measurements=torch.zeros(3, 21)),
    "reference images": of_other_images,
    "generator": clipped,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_prior_operator_or_noise_is_searched_again(
    change: Callable[[Problem], Problem], problem: Problem, cache: Path, searched: list[int]
) -> None:
    for posed in (problem, change(problem)):
        module.reference_scores(posed, seed=0, settings=DiagnosisSettings())
    assert len(searched) == 2
    assert len(kept(cache)) == 2


@pytest.mark.parametrize("damage", ["cut", "other numbers", "no scores", "NaN", "folder"])
def test_a_damaged_file_is_made_again(
    damage: str, problem: Problem, cache: Path, searched: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    settings = DiagnosisSettings()
    first = module.reference_scores(problem, seed=0, settings=settings)
    (file,) = kept(cache)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "other numbers":
        file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    elif damage == "no scores":
        write_tensors(file, {"score": torch.zeros(3)}, {})
    elif damage == "NaN":
        write_tensors(file, {"score": first.score * torch.nan, "covariates": first.covariates}, {})
    else:
        file.unlink()
        file.mkdir()
    with caplog.at_level(logging.WARNING):
        second = module.reference_scores(problem, seed=0, settings=settings)
    assert len(searched) == 2
    assert torch.equal(first.score, second.score)
    if damage != "folder":
        assert "made again" in caplog.text
        module.reference_scores(problem, seed=0, settings=settings)
        assert len(searched) == 2  # the file is whole again


def test_a_cache_that_cannot_be_written_costs_time_only(
    problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert diagnose(problem, LevenbergMarquardt().solve(problem)).distribution_p_value is not None
    assert "is not kept" in caplog.text


def test_the_words_of_a_diagnosis_search_nothing(
    problem: Problem, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solution = solve(problem, "levenberg-marquardt")
    quick = solve(problem, "levenberg-marquardt", diagnose="quick")

    def search(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(LevenbergMarquardt, "solve", search)
    for found in (solution, quick):
        assert found.diagnosis is not None
        assert len(found.diagnosis.words) == 3
        found.summary()
    assert solution.diagnosis.is_out_of_distribution is not None
    assert quick.diagnosis.is_out_of_distribution is None
    assert "out_of_distribution" not in quick.diagnosis.flags


def test_the_extent_of_the_diagnosis_is_chosen(problem: Problem, cache: Path) -> None:
    assert solve(problem, "levenberg-marquardt", diagnose=None).diagnosis is None
    assert kept(cache) == []


def test_ctrl_c_while_comparing_keeps_the_solution(
    problem: Problem, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sciadv.solvers.diagnosis.verdicts.compare_with_images", interrupt)
    solution = solve(problem, "levenberg-marquardt")
    assert solution.diagnosis is not None
    assert solution.diagnosis.distribution_p_value is None
    assert "Explained" in solution.diagnosis.words[0] or "Not explained" in solution.diagnosis.words[0]
