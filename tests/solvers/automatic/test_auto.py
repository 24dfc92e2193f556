"""`auto` with reference images: no worse than any of its estimates, and a measurement's own data."""

from dataclasses import replace

import pytest
import small_priors as cases
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.data.moments import moments_of
from sciadv.likelihood import StudentT
from sciadv.solvers import LMMSE, TV, Auto, LevenbergMarquardt, Progress, RepresentationError
from sciadv.solvers.automatic import combination
from sciadv.solvers.automatic.combination import CombinationSettings, reason
from sciadv.solvers.automatic.estimates import EstimateSettings, can_be_combined, estimate_names
from sciadv.solvers.automatic.reference_errors import Calibration, CalibrationSettings, calibrate

QUICK = CombinationSettings(
    estimates=EstimateSettings(n_draws=50, tv_factors=(1.0,), tv_iterations=60),
    calibration=CalibrationSettings(n_reference=24),
)
AUTO = Auto(combination=QUICK)


def mean_error(solution: object, truth: torch.Tensor) -> float:
    return float((solution.x - truth).square().mean())


def random_prior(seed: int) -> Prior:
    """Return a prior whose generator has learnt nothing of its images; its moments and images are right."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        other = torch.nn.Sequential(
            torch.nn.Linear(3, 64), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 8, 8))
        )
    known = cases.make_prior(cases.SMALL)
    return replace(known, generator=other, encoder=None)


@pytest.mark.parametrize("prior", [cases.make_prior(cases.SMALL), random_prior(0)], ids=["good", "useless"])
@pytest.mark.parametrize("n_data", [4, 50])
def test_no_worse_than_any_single_method(prior: Prior, n_data: int) -> None:
    x = cases.images_of(cases.make_prior(cases.SMALL), 24, seed=4)
    problem = cases.measured(prior, cases.projections(prior, n_data), x)
    error = mean_error(AUTO.solve(problem), x)
    for rival in (LMMSE(), RepresentationError(), LevenbergMarquardt(), TV(weight=5.0)):
        each = (rival.solve(problem).x - x).square().flatten(1).mean(1)
        assert error <= float(each.mean()) + float(each.std()) / len(each) ** 0.5, rival.name


def test_the_generators_own_images_are_found_exactly() -> None:
    prior = cases.make_prior(cases.SMALL)
    x = prior.sample(6, seed=9)
    forward = cases.projections(prior, 30)
    y = Gaussian(1e-3).sample(forward(x), generator=torch.Generator().manual_seed(1))
    problem = Problem(prior, forward, Gaussian(1e-3), y)
    solution = AUTO.solve(problem)
    assert solution.settings["chosen_by"] == {"range": 6}
    assert mean_error(solution, x) < 0.1 * mean_error(RepresentationError().solve(problem), x)


def test_images_unlike_the_reference_are_combined_as_their_own_data_say() -> None:
    prior = cases.make_prior(cases.SMALL)
    x = torch.zeros(4, 1, 8, 8)
    x[:, :, 2:6, 3:7] = 1.0  # a square, of which the prior knows nothing
    forward = cases.projections(prior, 50)
    y = Gaussian(0.01).sample(forward(x), generator=torch.Generator().manual_seed(1))
    problem = Problem(prior, forward, Gaussian(0.01), y)
    solution = AUTO.solve(problem)
    assert solution.settings["chosen_by"] == {"own data": 4}
    assert mean_error(solution, x) < mean_error(RepresentationError().solve(problem), x)


def test_outliers_are_left_out() -> None:
    prior = cases.make_prior(cases.SMALL)
    x = cases.images_of(prior, 8, seed=4)
    problem = cases.measured(prior, cases.projections(prior, 50), x)
    draw = torch.Generator().manual_seed(5)
    is_hit = torch.rand(problem.measurements.shape, generator=draw) < 0.05
    hit = problem.measurements + is_hit * 20 * cases.SIGMA
    clean, solution = AUTO.solve(problem), AUTO.solve(problem.with_measurements(hit))
    robust = LevenbergMarquardt().solve(replace(problem, likelihood=StudentT(cases.SIGMA), measurements=hit))
    assert solution.settings["n_outliers"] == int(is_hit.sum())
    assert "n_outliers" not in clean.settings
    assert mean_error(solution, x) < 1.4 * mean_error(clean, x)
    assert mean_error(solution, x) < 1.2 * mean_error(robust, x)


def test_a_generator_alone_is_no_worse_than_its_range_or_the_linear_estimate_of_its_samples() -> None:
    known = cases.make_prior(cases.SMALL)
    prior = replace(known, moments=None, residual=None, encoder=None)
    x = torch.zeros(4, 1, 8, 8)
    x[:, :, 2:6, 3:7] = 1.0
    problem = cases.measured(prior, cases.projections(prior, 50), x)
    solution = Auto().solve(problem)
    assert solution.settings["chosen_by"] == {"range": 0, "own data": 4}
    linear = LMMSE(moments_of(prior.sample(1000, seed=0)))
    for rival in (linear, LevenbergMarquardt(), TV()):
        assert mean_error(solution, x) <= 1.05 * mean_error(rival.solve(problem), x), rival.name


def test_one_by_one_and_in_a_batch_are_the_same() -> None:
    prior = cases.make_prior(cases.SMALL)
    x = torch.cat([cases.images_of(prior, 2, seed=4), torch.rand(1, 1, 8, 8)])
    problem = cases.measured(prior, cases.projections(prior, 20), x)
    whole = AUTO.solve(problem)
    for row in range(3):
        alone = AUTO.solve(problem.subset(torch.tensor([row])))
        assert torch.allclose(alone.x[0], whole.x[row], atol=1e-5)


def test_the_calibration_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path))
    prior = cases.make_prior(cases.SMALL)
    problem = cases.measured(prior, cases.projections(prior, 20), cases.images_of(prior, 2, seed=4))
    first = calibrate(problem, QUICK.calibration, QUICK.estimates, QUICK.outliers)
    monkeypatch.setattr(
        "sciadv.solvers.automatic.reference_errors.Estimation", lambda *_: pytest.fail("estimated again")
    )
    again = calibrate(problem, QUICK.calibration, QUICK.estimates, QUICK.outliers)
    assert torch.equal(first.weights, again.weights)
    assert (first.gain, first.unexplained) == (again.gain, again.unexplained)


def test_an_interruption_while_calibrating_keeps_the_latent_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> Calibration:
        raise KeyboardInterrupt

    monkeypatch.setattr(combination, "calibrate", interrupt)
    prior = cases.make_prior(cases.SMALL)
    problem = cases.measured(prior, cases.projections(prior, 20), cases.images_of(prior, 2, seed=4))
    assert torch.equal(AUTO.solve(problem).x, RepresentationError(clip=_limits(prior)).solve(problem).x)


def _limits(prior: Prior) -> tuple[float, float]:
    assert prior.residual is not None
    return float(prior.residual.reference.min()), float(prior.residual.reference.max())


def test_progress_is_reported() -> None:
    seen: list[Progress] = []
    prior = cases.make_prior(cases.SMALL)
    problem = cases.measured(prior, cases.projections(prior, 20), cases.images_of(prior, 2, seed=4))
    AUTO.solve(problem, monitor=seen.append)
    assert seen


def test_names_follow_what_the_prior_and_the_operator_have() -> None:
    prior = cases.make_prior(cases.SMALL)
    problem = cases.measured(prior, cases.projections(prior, 20), cases.images_of(prior, 2, seed=4))
    settings = EstimateSettings(tv_factors=(1.0,))
    assert estimate_names(problem, settings)[:2] == ("lmmse", "range")
    without = replace(problem, prior=replace(prior, moments=None))
    assert "lmmse" not in estimate_names(without, settings)
    assert estimate_names(problem, replace(settings, largest_matrix=10)) == ("tv-1",)
    assert not can_be_combined(replace(problem, prior=replace(prior, residual=None)))
    assert not can_be_combined(replace(problem, likelihood=Gaussian(None)))


def test_the_reason_names_what_was_taken_and_what_it_was_compared_with() -> None:
    products = torch.tensor([[4.0, 0.0], [0.0, 1.0]])
    found = Calibration(("lmmse", "range"), products, torch.tensor([0.2, 0.8]), 1.0, 0.0, 5.0)
    assert reason(found) == (
        "0.80 range + 0.20 lmmse: mean squared error 0.8 on the prior's reference images; "
        "1 of range, the best alone and 4 of the best linear estimate"
    )
