"""Updates on networks, with any torch optimizer: each against a form of its own written out by hand."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam

from sciadv.errors import InputError
from sciadv.games.objectives import NonSaturating, Relativistic
from sciadv.games.penalties import R1, R2
from sciadv.games.two_player import (
    FunctionGame,
    TwoPlayerGame,
    copies,
    evaluate_both,
    forward_product,
    parameters,
    transposed_product,
    vector_field,
)
from sciadv.games.updates import (
    UPDATES,
    Alternating,
    Consensus,
    Extragradient,
    Lookahead,
    Optimistic,
    OutputTrustRegion,
    Simultaneous,
    SymplecticAdjustment,
    TrustRegion,
    TwoTimeScales,
    Unrolled,
    bernoulli_divergence,
    gaussian_divergence,
)


class RingGame:
    """A small GAN that draws fresh minibatches from its own generator, and only follows the protocol."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.G = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)).double()
        self.D = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1, bias=False)).double()
        for p in [*self.G.parameters(), *self.D.parameters()]:
            nn.init.normal_(p, std=0.4, generator=self.generator)
        self.objective, self.penalty = Relativistic(), R1(0.1)
        self.n_draws = 0
        self.draw()

    @property
    def players(self) -> tuple[list[Tensor], list[Tensor]]:
        return list(self.G.parameters()), list(self.D.parameters())

    def draw(self) -> None:
        self.n_draws += 1
        angle = 2 * math.pi * torch.rand(16, generator=self.generator, dtype=torch.float64)
        self.real = torch.stack([angle.cos(), angle.sin()], 1)
        self.z = torch.randn(16, 2, generator=self.generator, dtype=torch.float64)

    def loss(self, player: int) -> Tensor:
        fake = self.G(self.z)
        real_logits, fake_logits = self.D(self.real), self.D(fake)
        if player == 0:
            return self.objective.generator_loss(fake_logits, real_logits)
        loss = self.objective.discriminator_loss(real_logits, fake_logits)
        return loss + self.penalty(self.D, self.real, fake)

    def reduce(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return gradients


def adam(game: TwoPlayerGame, rate: float = 1e-2) -> tuple[Adam, Adam]:
    return tuple(Adam(p, lr=rate, betas=(0.5, 0.9)) for p in game.players)


def run(update, game, both, n_steps: int):
    state = update.init(game)
    for _ in range(n_steps):
        state = update.step(game, both, state)
    return state


def assert_same(a, b, atol: float = 0.0) -> None:
    for x, y in zip(parameters(a), parameters(b), strict=True):
        assert torch.allclose(x, y, rtol=0, atol=atol)


@pytest.mark.parametrize("name", [n for n in UPDATES if n not in ("one-pass", "output-trust-region")])
def test_every_update_moves_both_players_reproducibly_and_leaves_no_gradients(name):
    ends = []
    for _ in range(2):
        game = RingGame()
        start = copies(parameters(game))
        state = run(UPDATES[name](), game, adam(game), 4)
        assert isinstance(game, TwoPlayerGame)
        assert state.n_steps == 4
        assert all(math.isfinite(loss) for loss in state.losses)
        for p, p0 in zip(parameters(game), start, strict=True):
            assert p.grad is None
            assert p.requires_grad
            assert not torch.equal(p, p0)
        ends.append(game)
    assert_same(*ends)


@pytest.mark.parametrize("name", [n for n in UPDATES if n not in ("one-pass", "output-trust-region")])
def test_a_run_taken_up_from_its_state_is_the_unbroken_run(name):
    whole = RingGame()
    run(UPDATES[name](), whole, adam(whole), 6)
    broken = RingGame()
    both = adam(broken)
    state = run(UPDATES[name](), broken, both, 3)
    later, again = copy.deepcopy((broken, both)), copy.deepcopy(state)
    game, _ = later
    resumed = adam(game)
    for new, old in zip(resumed, both, strict=True):
        new.load_state_dict(old.state_dict())
    game.generator.set_state(broken.generator.get_state())
    for _ in range(3):
        again = UPDATES[name]().step(game, resumed, again)
    assert_same(whole, game)


def test_alternating_is_the_usual_loop():
    game, by_hand = RingGame(), RingGame()
    run(Alternating(n_first=2), game, adam(game), 3)
    both = adam(by_hand)
    for _ in range(3):
        for player in (1, 1, 0):
            by_hand.draw()
            loss = by_hand.loss(player)
            for optimizer in both:
                optimizer.zero_grad()
            loss.backward(inputs=by_hand.players[player])
            both[player].step()
    assert_same(game, by_hand)


def test_extragradient_with_adam_steps_its_moments_twice():
    game = RingGame()
    both = adam(game)
    run(Extragradient(), game, both, 3)
    steps = {int(state["step"]) for optimizer in both for state in optimizer.state.values()}
    assert steps == {6}
    assert game.n_draws == 7  # one at the start, two a step


def test_optimistic_with_adam_is_optimistic_adam():
    rate, beta_1, beta_2, eps = 1e-2, 0.5, 0.9, 1e-8
    game, by_hand = RingGame(), RingGame()
    run(Optimistic(), game, adam(game, rate), 5)
    theta = parameters(by_hand)
    m, v = [torch.zeros_like(p) for p in theta], [torch.zeros_like(p) for p in theta]
    last = None
    for t in range(1, 6):
        by_hand.draw()
        _, (first, second) = evaluate_both(by_hand)
        ratio = []
        for i, g in enumerate(first + second):
            m[i], v[i] = beta_1 * m[i] + (1 - beta_1) * g, beta_2 * v[i] + (1 - beta_2) * g**2
            ratio.append((m[i] / (1 - beta_1**t)) / ((v[i] / (1 - beta_2**t)).sqrt() + eps))
        with torch.no_grad():
            for i, p in enumerate(theta):
                p.sub_(rate * ratio[i] if last is None else 2 * rate * ratio[i] - rate * last[i])
        last = ratio
    assert_same(game, by_hand, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3])
def test_unrolled_gradient_equals_automatic_differentiation_through_the_steps(k):
    game, rate = RingGame(), 0.3
    loss, gradient = Unrolled(k=k, rate=rate).generator_gradient(game)
    names = [name for name, _ in game.D.named_parameters()]
    phi = {name: p.detach().clone().requires_grad_() for name, p in game.D.named_parameters()}

    def D(x: Tensor) -> Tensor:
        return torch.func.functional_call(game.D, phi, (x,))

    for _ in range(k):
        fake = game.G(game.z)
        loss_1 = game.objective.discriminator_loss(D(game.real), D(fake)) + game.penalty(D, game.real, fake)
        descent = torch.autograd.grad(loss_1, list(phi.values()), create_graph=True, allow_unused=True)
        phi = {
            name: p if g is None else p - rate * g
            for name, p, g in zip(names, phi.values(), descent, strict=True)
        }
    expected_loss = game.objective.generator_loss(D(game.G(game.z)), D(game.real))
    expected = torch.autograd.grad(expected_loss, game.players[0])
    assert loss == pytest.approx(expected_loss.item(), abs=1e-14)
    for a, b in zip(gradient, expected, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


def test_unrolling_puts_the_discriminator_back():
    game = RingGame()
    before = copies(game.players[1])
    Unrolled(k=4, rate=0.5).generator_gradient(game)
    for a, b in zip(before, game.players[1], strict=True):
        assert torch.equal(a, b)


def test_unrolled_with_no_steps_is_alternating():
    a, b = RingGame(), RingGame()
    run(Unrolled(k=0), a, adam(a), 3)
    run(Alternating(), b, adam(b), 3)
    assert_same(a, b)


def dense_jacobian(game) -> tuple[Tensor, Tensor]:
    _, field = vector_field(game)
    w = parameters(game)
    flat = torch.cat([f.flatten() for f in field])
    rows = [torch.cat([g.flatten() for g in torch.autograd.grad(f, w, retain_graph=True)]) for f in flat]
    return flat.detach(), torch.stack(rows)


def test_jacobian_products_agree_with_the_dense_jacobian():
    game = RingGame()
    F, J = dense_jacobian(game)
    w = parameters(game)
    _, field = vector_field(game)
    v = tuple(torch.randn_like(p) for p in w)
    flat_v = torch.cat([x.flatten() for x in v])
    forward = torch.cat([x.flatten() for x in forward_product(field, w, v)])
    transposed = torch.cat([x.flatten() for x in transposed_product(field, w, v)])
    assert torch.allclose(forward, J @ flat_v, rtol=0, atol=1e-12)
    assert torch.allclose(transposed, J.T @ flat_v, rtol=0, atol=1e-12)
    assert float((J - J.T).abs().max()) > 1e-3  # the game turns
    assert F.shape == flat_v.shape


@pytest.mark.parametrize("kind", ["consensus", "symplectic"])
def test_adjusted_fields_are_those_of_the_dense_jacobian(kind):
    game, by_hand = RingGame(), RingGame()
    rate, weight = 0.1, 0.3
    update = Consensus(weight) if kind == "consensus" else SymplecticAdjustment(weight)
    run(update, game, tuple(SGD(p, lr=rate) for p in game.players), 1)
    by_hand.draw()
    F, J = dense_jacobian(by_hand)
    A = J if kind == "consensus" else (J - J.T) / 2
    step = F + weight * A.T @ F
    moved = torch.cat([p.detach().flatten() for p in parameters(game)])
    start = torch.cat([p.detach().flatten() for p in parameters(by_hand)])
    assert torch.allclose(moved, start - rate * step, rtol=0, atol=1e-13)


def test_symplectic_adjustment_leaves_a_potential_alone():
    def potential_game() -> FunctionGame:
        u, v = (torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in (1.0, 0.5))

        def loss() -> Tensor:
            return torch.sum(u**2 + u * v + v**2)

        return FunctionGame(([u], [v]), (loss, loss))

    a, b = potential_game(), potential_game()
    run(SymplecticAdjustment(5.0), a, tuple(SGD(p, lr=0.1) for p in a.players), 5)
    run(Simultaneous(), b, tuple(SGD(p, lr=0.1) for p in b.players), 5)
    assert_same(a, b, atol=1e-15)


def test_aligned_adjustment_points_away_from_an_unstable_equilibrium():
    def unstable() -> FunctionGame:
        u, v = (torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in (0.01, 0.01))
        return FunctionGame(([u], [v]), (lambda: (v - u) @ u, lambda: -(u + v) @ v))

    ends = []
    for aligned in (False, True):
        game = unstable()
        run(
            SymplecticAdjustment(1.0, aligned=aligned),
            game,
            tuple(SGD(p, lr=0.05) for p in game.players),
            200,
        )
        ends.append(float(torch.cat(copies(parameters(game))).norm()))
    assert ends[1] > 0.01
    assert ends[1] >= ends[0]


def test_lookahead_averages_both_players_every_k_steps():
    game, plain = RingGame(), RingGame()
    start = copies(parameters(game))
    run(Lookahead(k=3, alpha=0.25), game, adam(game), 3)
    run(Alternating(), plain, adam(plain), 3)
    for slow, fast, w in zip(parameters(game), parameters(plain), start, strict=True):
        assert torch.allclose(slow, w + 0.25 * (fast - w), rtol=0, atol=1e-15)


def test_reduce_is_applied_to_every_gradient():
    def halves(gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(g / 2 for g in gradients)

    def bilinear(reduce) -> FunctionGame:
        u, v = (torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
        losses = (lambda: u @ v, lambda: -(u @ v))
        return FunctionGame(([u], [v]), losses, on_reduce=reduce)

    for update in (Simultaneous(), Alternating(), Extragradient(), Optimistic(), Unrolled(k=0)):
        a, b = bilinear(halves), bilinear(lambda g: g)
        run(update, a, tuple(SGD(p, lr=0.2) for p in a.players), 3)
        run(update, b, tuple(SGD(p, lr=0.1) for p in b.players), 3)
        assert_same(a, b, atol=1e-15)


def test_divergences_of_outputs_are_those_of_torch_distributions():
    old, new = torch.randn(2, 7, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64).unbind()
    bernoulli = [torch.distributions.Bernoulli(logits=x) for x in (old, new)]
    expected = torch.distributions.kl_divergence(*bernoulli).mean()
    assert float(bernoulli_divergence(old, new)) == pytest.approx(float(expected), abs=1e-12)
    normal = [torch.distributions.Normal(x, 1.0) for x in (old, new)]
    expected = torch.distributions.kl_divergence(*normal).sum(1).mean()
    assert float(gaussian_divergence(old, new)) == pytest.approx(float(expected), abs=1e-12)


def test_output_trust_region_bounds_the_change_of_a_discriminators_judgement():
    game = RingGame()
    x = game.real
    old = game.D(x).detach()
    limit = 1e-3
    update = OutputTrustRegion(lambda: game.D(x), limit, bernoulli_divergence, inner=Alternating())
    run(update, game, tuple(SGD(p, lr=20.0) for p in game.players), 1)
    change = float(bernoulli_divergence(old, game.D(x).detach()))
    assert 0 < change <= limit


def test_non_saturating_game_with_both_penalties_differentiates_twice():
    game = RingGame()
    game.objective = NonSaturating()
    game.penalty = lambda D, real, fake: R1(0.1)(D, real, fake) + R2(0.1)(D, real, fake)
    run(Consensus(0.1), game, adam(game), 2)
    assert all(bool(p.isfinite().all()) for p in parameters(game))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Alternating(n_first=0),
        lambda: TwoTimeScales(0.0),
        lambda: Consensus(-1.0),
        lambda: SymplecticAdjustment(-1.0),
        lambda: Lookahead(k=0),
        lambda: Lookahead(alpha=1.5),
        lambda: Unrolled(k=-1),
        lambda: Unrolled(rate=0.0),
        lambda: TrustRegion(0.0),
        lambda: OutputTrustRegion(lambda: torch.zeros(1), 0.0, bernoulli_divergence),
    ],
)
def test_impossible_settings_are_refused(build):
    with pytest.raises(InputError, match="but"):
        build()
