"""Searches among hundreds of latents: conformance, products with the Jacobian, recovery, choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.any_generator.stand_ins import LabelledNet
from sciadv.errors import GeneratorError, InputError
from sciadv.forward import Matrix
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers import Adam, AmortisedSearch, GaussNewtonCG, LevenbergMarquardt
from sciadv.solvers.amortised.latent_regression import amortised_starts, choices_of
from sciadv.solvers.amortised.own_samples import SampleBudget, own_samples
from sciadv.solvers.linear.jacobian import latent_jacobian
from sciadv.solvers.linear.latent_products import LatentProducts
from sciadv.solvers.many_latents.choice import CostModel, choose_search
from sciadv.solvers.many_latents.recovery import in_range_recovery, own_problem
from sciadv.testing import check_solver
from sciadv.testing.solver_suite import linear_problem
from sciadv.types import as_generator

SMALL = SampleBudget(n_samples=400, n_for_components=200, n_components=40)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path))
    return tmp_path


def curved_prior(n_latent: int = 12) -> Prior:
    torch.manual_seed(3)
    body = nn.Sequential(
        nn.Linear(n_latent, 120), nn.ReLU(), nn.Linear(120, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))
    )
    return Prior(body, n_latent)


def curved_problem(n_problems: int = 4) -> Problem:
    forward = Matrix(torch.randn(40, 64, generator=as_generator(0)) / 40**0.5, (1, 8, 8))
    return own_problem(curved_prior(), forward, Gaussian(0.01), n_samples=n_problems)


@pytest.mark.parametrize("search", ["levenberg-marquardt", "gauss-newton-cg"])
def test_amortised_search_keeps_the_promises_of_solvers(search: str) -> None:
    check_solver(AmortisedSearch(2, search=search, budget=SMALL))


def test_gauss_newton_cg_keeps_the_promises_of_solvers() -> None:
    check_solver(GaussNewtonCG(2, starts="codebook"))


def test_products_are_those_of_the_jacobian() -> None:
    problem = curved_problem()
    z = problem.prior.sample_latent(3, seed=1)
    jacobian, products = latent_jacobian(problem, z), LatentProducts(problem, z)
    v, u = torch.randn(3, 12, generator=as_generator(2)), torch.randn(3, 40, generator=as_generator(3))
    forward, adjoint = products.forward(v), products.adjoint(u)
    assert torch.allclose(forward, (jacobian @ v[:, :, None]).squeeze(2), atol=1e-4)
    assert torch.allclose(adjoint, (u[:, None] @ jacobian).squeeze(1), atol=1e-4)
    assert torch.allclose((forward * u).sum(1), (v * adjoint).sum(1), rtol=1e-4, atol=1e-4)


def test_products_with_a_complex_operator_pass_the_dot_test() -> None:
    matrix = torch.randn(20, 64, generator=as_generator(0)) + 1j * torch.randn(
        20, 64, generator=as_generator(1)
    )
    y = torch.zeros(2, 20, dtype=torch.complex64)
    problem = Problem(curved_prior(), Matrix(matrix, (1, 8, 8)), Gaussian(1.0), y)
    products = LatentProducts(problem, problem.prior.sample_latent(2, seed=0))
    v = torch.randn(2, 12, generator=as_generator(2))
    u = torch.randn(2, 20, dtype=torch.complex64, generator=as_generator(3))
    seen = (products.forward(v) * torch.view_as_real(u).flatten(1)).sum(1)
    assert torch.allclose(seen, (v * products.adjoint(u)).sum(1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("search", ["levenberg-marquardt", "gauss-newton-cg"])
def test_own_samples_are_recovered(search: str) -> None:
    problem = curved_problem(6)
    assert problem.truth is not None
    found = AmortisedSearch(search=search, budget=SMALL).solve(problem)
    assert found.status == [Status.EXPLAINED] * 6
    assert float((found.x - problem.truth).abs().max()) < 0.1


def test_later_starts_are_searched_for_what_is_not_explained_only() -> None:
    problem = curved_problem(5)
    solver = AmortisedSearch(3, budget=SMALL)
    searched = solver.solve(problem).settings["searched_in_each_round"]
    assert isinstance(searched, list)
    assert searched[0] == 5
    assert sum(searched) < 15


def test_samples_are_kept_and_serve_any_operator(cache: Path) -> None:
    prior = curved_prior()
    first = own_samples(prior, SMALL)
    files = list((cache / "own-samples").iterdir())
    assert len(files) == 1
    before = files[0].stat().st_mtime_ns
    again = own_samples(curved_prior(), SMALL)
    assert torch.equal(first.coefficients, again.coefficients)
    assert files[0].stat().st_mtime_ns == before


def test_samples_of_another_generator_or_a_broken_file_are_made_again(cache: Path) -> None:
    own_samples(curved_prior(), SMALL)
    own_samples(curved_prior(13), SMALL)
    files = sorted((cache / "own-samples").iterdir())
    assert len(files) == 2
    for file in files:
        file.write_bytes(b"broken")
    assert own_samples(curved_prior(), SMALL).z.shape == (400, 12)


class Wild(nn.Module):
    """A generator that is as given but where its first latent is large: there it is `wild` times as large."""

    def __init__(self, wild: float, above: float) -> None:
        super().__init__()
        self.body, self.wild, self.above = curved_prior().generator, wild, above

    def forward(self, z: Tensor) -> Tensor:
        factor = torch.where(z[:, 0] > self.above, self.wild, 1.0)
        return self.body(z) * factor[:, None, None, None]


@pytest.mark.parametrize("wild", [1e20, torch.inf, torch.nan])
def test_a_generator_that_is_wild_at_rare_latents_is_searched_all_the_same(wild: float) -> None:
    posed = curved_problem()
    problem = Problem(Prior(Wild(wild, 2.0), 12), posed.forward, posed.likelihood, posed.measurements)
    samples = own_samples(problem.prior, SMALL)
    assert 360 < len(samples.z) < 400
    assert float(samples.coefficients.abs().max()) < 100
    found = AmortisedSearch(2, budget=SMALL).solve(problem)
    assert bool((found.misfit < 1.5).all())


def test_a_generator_that_is_mostly_not_finite_is_refused() -> None:
    prior = Prior(Wild(torch.nan, 10.0), 12)
    assert prior.out_shape == (1, 8, 8)
    prior.generator.above = -1.0  # after the few latents on which it was tried
    with pytest.raises(GeneratorError, match="not finite for"):
        own_samples(prior, SMALL)


def test_components_hold_samples_of_few_directions_exactly() -> None:
    problem = linear_problem()
    samples = own_samples(problem.prior, SMALL)
    with torch.no_grad():
        made = problem.prior(samples.z)
    assert torch.allclose(torch.cat(list(samples.images((1, 4, 6)))), made, atol=1e-3)


def test_recovery_is_a_share_and_a_sentence() -> None:
    problem = curved_problem()
    solver = AmortisedSearch(budget=SMALL)
    found = in_range_recovery(problem.prior, problem.forward, problem.likelihood, solver, n_samples=4)
    assert found.share == 1.0
    assert "recovers 4 of 4" in str(found)
    with pytest.raises(InputError, match="needs one"):
        in_range_recovery(problem.prior, problem.forward, Gaussian(None), solver)


def test_search_is_chosen_by_its_cost_and_by_trial() -> None:
    problem = curved_problem()
    cheap = choose_search(problem)
    assert cheap.recovery is None
    assert "generator passes" in cheap.reason
    tried = choose_search(problem, model=CostModel(n_trials=2))
    assert tried.recovery is not None
    assert tried.recovery.share >= 0.5
    assert isinstance(tried.solver, LevenbergMarquardt | GaussNewtonCG | AmortisedSearch | Adam)


class _NoForwardMode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, cotangent: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]  # type: ignore[attr-defined]  # untyped in torch
        return cotangent * (1 - x.tanh().square())


def test_a_generator_without_forward_mode_is_searched_by_products() -> None:
    class Bent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(6, 20), nn.Linear(20, 30)

        def forward(self, z: Tensor) -> Tensor:
            bent: Tensor = _NoForwardMode.apply(self.first(z))  # type: ignore[no-untyped-call]  # untyped in torch
            x: Tensor = self.last(bent)
            return x

    prior = Prior(Bent(), 6)
    problem = own_problem(prior, Matrix(torch.eye(30), (30,)), Gaussian(0.01), n_samples=3)
    assert AmortisedSearch(budget=SMALL).solve(problem).status == [Status.EXPLAINED] * 3


class Classes(nn.Module):
    """Four classes of images, each curved in its own way."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.weight = nn.Parameter(torch.randn(4, 6, 24) / 2)
        self.place = nn.Parameter(torch.randn(4, 24))
        self.nz = 6
        self.n_classes = 4

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        made: Tensor = (torch.einsum("nz,nzp->np", z, self.weight[label]) + self.place[label]).tanh()
        return made


def test_starts_have_the_likeliest_class_first() -> None:
    prior = Prior.from_module(Classes())
    forward = Matrix(torch.randn(16, 24, generator=as_generator(0)) / 4, (24,))
    problem = own_problem(prior, forward, Gaussian(0.01), n_samples=20)
    ((place, choice),) = choices_of(problem)
    true = choice.index(prior.sample_latent(20, seed=104729)[:, place])
    starts = amortised_starts(problem, 4, seed=0, budget=SMALL)
    assert all(sorted(choice.index(each).tolist()) == [0, 1, 2, 3] for each in starts[:, :, place])
    assert float((choice.index(starts[:, 0, place]) == true).float().mean()) >= 0.8
    solution = AmortisedSearch(4, budget=SMALL).solve(problem)
    assert float(solution.misfit.median()) < 1.1
    assert solution.z is not None
    assert torch.equal(choice.index(solution.z[:, place]), true)


def test_matrix_made_anew_leaves_the_valleys_of_rectifiers() -> None:
    torch.manual_seed(0)
    prior = Prior.from_module(LabelledNet(64, 2, 4), latent_shape=64)
    matrix = torch.randn(200, prior.example.numel(), generator=as_generator(0)) / 200**0.5
    problem = own_problem(prior, Matrix(matrix, prior.out_shape), Gaussian(0.01), n_samples=4)
    search = AmortisedSearch(2, budget=SMALL)
    found, without = search.solve(problem), replace(search, n_anew=400).solve(problem)
    assert float(found.misfit.max()) < 1.1
    assert float(without.misfit.max()) > 3
