"""A solve changes nothing of the caller's, threads share everything, and answers are the same in each way."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from sciadv import Gaussian, Prior, Problem, solve
from sciadv.errors import InputError
from sciadv.forward import NonlinearForward
from sciadv.nets.private_copy import sharing_copy
from sciadv.solvers import IntermediateLayer, MultiCode, TangentKernel

N_THREADS = 8
SHAPE = (1, 4, 6)


def generator(seed: int = 0) -> nn.Sequential:
    """Return a network with Dropout and BatchNorm, in training mode as it comes from a training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 24), nn.Sigmoid(),
            nn.Unflatten(1, SHAPE),
        )  # fmt: skip
        net(torch.randn(50, 4))
    return net.train()


class Square(NonlinearForward):
    """Squares of some sums of pixels."""

    def __init__(self) -> None:
        super().__init__(SHAPE, (12,))
        draw = torch.Generator().manual_seed(5)
        self.register_buffer("matrix", torch.randn(12, 24, generator=draw) / 24**0.5)

    def forward(self, x):
        return (x.flatten(1) @ self.matrix.T).square()


def problem_of(net: nn.Module, forward: object = None, n: int = 3) -> Problem:
    prior = Prior(net, 4)
    forward = torch.randn(12, 24, generator=torch.Generator().manual_seed(1)) if forward is None else forward
    problem = Problem(prior, forward, Gaussian(0.1), torch.zeros(1, 12))
    with torch.no_grad():
        y = problem.forward(prior.sample(n, seed=3))
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
    return problem.with_measurements(y + 0.1 * noise)


def state_of(net: nn.Module) -> list[object]:
    """Return everything that a caller can see of a network."""
    modes = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.modules()]
    weights = [(p.requires_grad, p.grad, p.device, p.dtype, p.detach().clone()) for p in net.parameters()]
    return [
        modes,
        [w[:4] for w in weights],
        [w[4].tolist() for w in weights],
        [b.tolist() for b in net.buffers()],
    ]


@pytest.mark.parametrize("method", ["auto", "levenberg-marquardt", "adam", "laplace", "hmc", "csgm"])
def test_a_solve_leaves_the_generator_as_it_was(method):
    net = generator()
    before = state_of(net)
    seen: list[object] = []

    def watch(_):
        seen.append((net.training, net[3].training, net[0].weight.requires_grad))

    solve(problem_of(net), method, monitor=watch)
    assert state_of(net) == before
    assert set(seen) == {(True, True, True)}  # also in between


def test_an_exception_in_a_solve_leaves_the_generator_as_it_was():
    def fail(_):
        raise ZeroDivisionError

    net = generator()
    before = state_of(net)
    with pytest.raises(ZeroDivisionError):
        solve(problem_of(net), "adam", monitor=fail)
    assert state_of(net) == before


def test_a_prior_leaves_its_networks_as_they_are():
    net, encoder = generator(), nn.Sequential(nn.Flatten(), nn.Linear(24, 4), nn.Dropout(0.5)).train()
    before = state_of(net), state_of(encoder)
    prior = Prior(net, 4, encoder)
    x = prior.sample(5, seed=0)
    assert torch.equal(prior.encode(x), prior.encode(x))  # no Dropout
    assert torch.equal(x, prior.sample(5, seed=0))
    assert (state_of(net), state_of(encoder)) == before
    assert not prior.generator.training


def test_a_prior_follows_the_training_of_its_generator():
    net = generator()
    prior = Prior(net, 4)
    before = prior.sample(2, seed=0)
    with torch.no_grad():
        net[0].weight.mul_(2)
    assert not torch.equal(before, prior.sample(2, seed=0))
    net.double()
    assert prior.dtype == torch.float32


def test_moving_a_copy_leaves_the_original_where_it_is():
    problem = problem_of(generator(), Square())
    for module in (problem.forward, problem.prior.generator):
        moved = sharing_copy(module, "a module").to("meta")
        assert {tensor.device.type for tensor in moved.state_dict().values()} == {"meta"}
        assert {tensor.device.type for tensor in module.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize("method", ["auto", "levenberg-marquardt", "adam", "laplace"])
@pytest.mark.parametrize("is_linear", [True, False])
def test_eight_threads_find_what_one_finds(method, is_linear):
    problem = problem_of(generator(), None if is_linear else Square())
    problems = [problem.with_measurements(problem.measurements + 0.01 * i) for i in range(3)]
    alone = [solve(one, method, seed=1) for one in problems]
    with ThreadPoolExecutor(N_THREADS) as pool:
        together = list(pool.map(lambda i: solve(problems[i % 3], method, seed=1), range(3 * N_THREADS)))
    for i, found in enumerate(together):
        assert torch.equal(found.x, alone[i % 3].x)
        assert torch.equal(found.misfit, alone[i % 3].misfit)
        assert found.status == alone[i % 3].status


@pytest.mark.parametrize(
    "solver", [IntermediateLayer(1, (5, 5)), MultiCode(n_codes=3, n_steps=10), TangentKernel(2)]
)
def test_threads_share_a_problem_of_solvers_that_reach_into_layers(solver):
    problem = problem_of(generator())
    alone = solver.solve(problem, seed=1)
    with ThreadPoolExecutor(N_THREADS) as pool:
        together = list(pool.map(lambda _: solver.solve(problem, seed=1), range(2 * N_THREADS)))
    assert all(torch.equal(found.x, alone.x) for found in together)


class Remembering(nn.Module):
    """A generator that keeps its hidden layer in itself while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 24), nn.Linear(24, 24)

    def forward(self, z):
        self.hidden = self.first(z).tanh()
        return self.last(self.hidden).reshape(-1, *SHAPE)


def test_threads_share_a_generator_that_keeps_something_while_it_runs():
    problem = problem_of(Remembering())
    alone = solve(problem, "adam", restarts=3)
    with ThreadPoolExecutor(N_THREADS) as pool:
        together = list(pool.map(lambda _: solve(problem, "adam", restarts=3), range(2 * N_THREADS)))
    assert all(torch.equal(found.x, alone.x) for found in together)


@pytest.mark.parametrize("method", ["auto", "levenberg-marquardt", "adam"])
def test_answers_are_the_same_one_by_one_and_in_a_batch(method):
    problem = problem_of(generator(), n=5)
    together = solve(problem, method)
    for i in range(5):
        alone = solve(problem.subset([i]), method)
        torch.testing.assert_close(alone.x[0], together.x[i], rtol=1e-4, atol=1e-4)


def test_a_module_that_cannot_be_copied_is_named():
    import threading

    net = generator()
    net.lock = threading.Lock()
    with pytest.raises(InputError, match="the generator of prior 'custom' cannot be copied"):
        Prior(net, 4)


def test_weights_that_are_not_initialised_are_named():
    with pytest.raises(InputError, match="not initialised yet"):
        Prior(nn.LazyLinear(24), 4)


def test_old_weight_normalisation_is_copied():
    with pytest.warns(FutureWarning):
        net = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 24)), nn.Unflatten(1, SHAPE))
    net(torch.zeros(1, 4))
    prior = Prior(net, 4)
    assert torch.equal(prior.sample(2, seed=0), replace(prior).sample(2, seed=0))
