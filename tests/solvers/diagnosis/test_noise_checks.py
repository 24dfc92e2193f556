"""What residuals say of noise, units and geometry: right on data made so, silent on data that are right."""

from dataclasses import replace

import pytest
import small_priors as cases
import torch
from scipy import stats

from sciadv import Gaussian, Problem
from sciadv.diagnosis import CheckSettings, DiagnosisSettings
from sciadv.solvers.beyond_range.representation_error import RepresentationError
from sciadv.solvers.beyond_range.whitening import latent_problem, whiten
from sciadv.solvers.diagnosis.conformal import compare_with_images
from sciadv.solvers.diagnosis.noise_checks import data_precisions, noise_checks, residual_findings
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.linear.jacobian import latent_jacobian

N, SIGMA = 16, cases.SIGMA
SETTINGS = DiagnosisSettings(n_tangent_draws=20)


def problem_of(change: str) -> Problem:
    prior = cases.make_prior(cases.SMALL)
    forward = cases.projections(prior, 50)
    x = cases.images_of(prior, N, seed=4)
    draw = torch.Generator().manual_seed(3)
    scale = {"quiet": 0.1, "loud": 10.0}.get(change, 1.0)
    clean = forward(x.roll(2, 3) if change == "moved" else x)
    y = Gaussian(scale * SIGMA).sample(clean, generator=draw)
    if change == "outliers":
        y[torch.rand(y.shape, generator=draw) < 0.05] += 3.0
    if change == "units":
        y *= 255.0
    return Problem(prior, forward, Gaussian(SIGMA), y)


@pytest.mark.parametrize(
    ("change", "flag", "words"),
    [
        ("quiet", "noise_too_small", "stated sigma is too large, by"),
        ("loud", "noise_too_large", "times the stated one"),
        ("outliers", "outliers", "data are outliers"),
        ("units", "units", "times what the operator predicts"),
        ("moved", "moved", "fit images moved"),
    ],
)
def test_what_is_wrong_is_named(change: str, flag: str, words: str) -> None:
    compared = compare_with_images(problem_of(change), settings=SETTINGS)
    assert compared is not None
    assert compared.findings is not None
    mask = compared.findings.flags[flag][0]
    assert float(mask.float().mean()) >= 0.9
    if change == "moved":
        assert compared.findings.move[mask].mode(0).values.tolist() == [0, 2]
    row = int(mask.nonzero()[0])
    assert any(words in sentence for sentence in compared.findings.words(row))


def test_data_as_they_should_be_are_left_alone() -> None:
    compared = compare_with_images(problem_of("nothing"), settings=SETTINGS)
    assert compared is not None
    assert compared.findings is not None
    assert int(compared.findings.any.sum()) <= 2


@pytest.mark.parametrize(("change", "factor"), [("loud", 10.0), ("nothing", 1.0)])
def test_the_noise_factor_is_estimated(change: str, factor: float) -> None:
    problem = problem_of(change)
    whitened = whiten(problem, "a test")
    found = RepresentationError().search(whitened)
    assert found.z is not None
    checks = noise_checks(problem, whitened, found.z, CheckSettings())
    likeliest = CheckSettings().factors[checks.noise_evidence.argmax(1)]
    assert float(likeliest.median()) == pytest.approx(factor, rel=0.25)


def test_the_evidence_of_a_factor_is_that_of_the_whole_covariance() -> None:
    problem = problem_of("nothing")
    whitened = whiten(problem, "a test")
    z = RepresentationError().search(whitened).z
    assert z is not None
    settings = CheckSettings()
    measured = noise_checks(problem, whitened, z, settings).noise_evidence
    noise = noise_variance(problem, "a test")
    chosen = [0, len(settings.factors) // 2, len(settings.factors) - 20]
    for row, (left, precision) in enumerate(data_precisions(whitened, z[:3])):
        stated = torch.linalg.inv(precision)
        wanted = []
        for k in chosen:
            covariance = stated + (settings.factors[k] ** 2 - 1) * noise.diag()
            density = torch.distributions.MultivariateNormal(torch.zeros(len(left)).double(), covariance)
            wanted.append(density.log_prob(left))
        found = measured[row, chosen]
        torch.testing.assert_close(found - found[0], torch.stack(wanted) - wanted[0], rtol=1e-6, atol=1e-6)


def test_deletion_residuals_are_those_of_the_whole_covariance() -> None:
    problem = problem_of("nothing")
    whitened = whiten(problem, "a test")
    z = RepresentationError().search(whitened).z
    assert z is not None
    lefts, precisions = zip(*data_precisions(whitened, z), strict=True)
    got = torch.stack([P @ left / P.diagonal().sqrt() for left, P in zip(lefts, precisions, strict=True)])
    residual = problem.prior.residual
    assert residual is not None
    forward, sigma = problem.forward, SIGMA
    plain = replace(problem, prior=replace(problem.prior, residual=None))
    jacobian = latent_jacobian(latent_problem(plain, "a test"), z.double())
    matrix = forward(torch.eye(64).reshape(64, 1, 8, 8)).T.double()
    covariance = matrix @ residual.image.covariance.double() @ matrix.T + sigma**2 * torch.eye(50).double()
    for row in range(3):
        total = covariance + jacobian[row] @ jacobian[row].T
        inverse = torch.linalg.inv(total)
        with torch.no_grad():
            left = problem.measurements[row] - forward(problem.prior(z[row : row + 1].float()))[0]
        score = torch.linalg.inv(covariance) @ left.double()  # equal to inverse @ r_total at the minimum
        expected = score / inverse.diagonal().sqrt()
        assert torch.allclose(got[row], expected, atol=2e-2)
        assert torch.allclose(precisions[row], inverse, rtol=1e-6, atol=1e-6 * float(inverse.abs().max()))


def test_residuals_alone_follow_chi_square() -> None:
    draw = torch.Generator().manual_seed(0)
    residual = torch.randn(4000, 30, generator=draw)
    found = residual_findings(residual, 30, CheckSettings(threshold=0.1))
    assert found is not None
    assert float(found.is_quiet.float().mean()) == pytest.approx(0.05, abs=0.015)
    assert float(found.has_outliers.float().mean()) < 0.01
    low = stats.chi2.ppf(0.05, 30)
    assert torch.equal(found.is_quiet, residual.double().square().sum(1) < low)
    assert residual_findings(residual, 0, CheckSettings()) is None
