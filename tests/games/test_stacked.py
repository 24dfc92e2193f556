"""Stacked runs against runs of their own, and what mode counts say of known samples."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.objectives import OBJECTIVES
from sciadv.games.penalties import R1
from sciadv.games.updates import UPDATES
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.trainings.stacked import Mixture, StackedModule, grid, ring, stack_games
from sciadv.trainings.stacked.stack import StackedPenalty

RUNS, BATCH = 3, 6


def nets(n_in: int, n_out: int, seed: int) -> list[nn.Module]:
    generator = torch.Generator().manual_seed(seed)
    runs = [nn.Sequential(nn.Linear(n_in, 5), nn.SiLU(), nn.Linear(5, n_out)).double() for _ in range(RUNS)]
    for net in runs:
        for p in net.parameters():
            nn.init.normal_(p, std=0.5, generator=generator)
    return runs


def rows(draw: Tensor, run: int, batch: int) -> Tensor:
    return draw[run * batch : (run + 1) * batch]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_losses_of_a_stack_are_the_sums_of_its_runs(objective: str) -> None:
    n_out = 4 if OBJECTIVES[objective]().reads_features else 1
    G, D = nets(2, 2, 0), nets(2, n_out, 1)
    stack = stack_games(G, D, objective=objective, penalties=[R1(0.3)], n_latent=2, batch=BATCH)
    x, z = (torch.randn(RUNS * BATCH, 2, dtype=torch.float64) for _ in range(2))
    real, fake = stack.play.losses.discriminator(x), stack.play.losses.discriminator(x + 1)
    rules = stack.play.rules
    expected_d = expected_g = 0.0
    for run in range(RUNS):
        part = rows(x, run, BATCH)
        logits = (D[run](part), D[run](part + 1))
        expected_d = expected_d + OBJECTIVES[objective]().discriminator_loss(*logits)
        expected_g = expected_g + OBJECTIVES[objective]().generator_loss(*logits[::-1])
    assert torch.allclose(rules.objective.discriminator_loss(real, fake), expected_d, atol=1e-12)
    assert torch.allclose(rules.objective.generator_loss(fake, real), expected_g, atol=1e-12)
    if n_out == 1:
        penalty = sum(R1(0.3)(D[run], rows(x, run, BATCH), z) for run in range(RUNS))
        stacked = StackedPenalty(R1(0.3), RUNS)(stack.play.losses.discriminator, x, z)
        assert torch.allclose(stacked, penalty, atol=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_stack_reads_what_its_objective_reads(objective: str) -> None:
    reads_features = OBJECTIVES[objective]().reads_features
    G, D = nets(2, 2, 0), nets(2, 4, 1)
    stack = stack_games(G, D, objective=objective, penalties=[R1(0.3)], n_latent=2, batch=BATCH)
    assert stack.play.rules.objective.reads_features is reads_features
    if reads_features:
        stack.step(ring())
        return
    with pytest.raises(InputError, match="gives 4 numbers for each sample, but the objective reads one"):
        stack.step(ring())


@pytest.mark.parametrize("update", [n for n in UPDATES if n != "one-pass" and "trust-region" not in n])
def test_a_stack_trains_each_run_as_if_it_were_alone(update: str) -> None:
    G, D = nets(2, 2, 0), nets(2, 1, 1)
    mixture = ring()

    def of_run(run: int):
        def draw(n: int, generator: torch.Generator) -> Tensor:
            return rows(mixture(RUNS * n, generator), run, n)

        return draw

    stack = stack_games(copy.deepcopy(G), copy.deepcopy(D), update=update, n_latent=2, batch=BATCH)
    for _ in range(4):
        stack.step(mixture)
    for run in range(RUNS):
        alone = Game(G[run], D[run], update=update, n_latent=2, batch=BATCH, learning_rate=1e-3)
        losses = alone.play.losses
        cut = losses.cut

        def latents_of_the_stack(source, draw, run=run, cut=cut):
            (part,) = cut(source, draw)
            z = torch.randn(
                RUNS * BATCH,
                2,
                generator=torch.Generator().manual_seed(1_000_000_007 + draw),
                dtype=torch.float64,
            )
            return (type(part)(part.real, rows(z, run, BATCH), part.draw, part.number),)

        losses.cut = latents_of_the_stack
        for _ in range(4):
            alone.step(of_run(run))
        trained = stack.play.losses.generator.module(run)
        for a, b in zip(trained.parameters(), G[run].parameters(), strict=True):
            assert torch.allclose(a, b, rtol=0, atol=1e-10)


def test_a_stack_can_be_saved_and_resumed(tmp_path) -> None:
    def make() -> Game:
        options = GameOptions(final_rate=0.1)
        return stack_games(nets(2, 2, 0), nets(2, 1, 1), n_latent=2, batch=BATCH, options=options)

    whole, first, resumed = make(), make(), make()
    whole.fit(ring(), steps=8)
    checkpoint = tmp_path / "c.safetensors"
    for _ in range(5):
        first.step(ring(), n_steps=8)
    first.save(checkpoint)
    resumed.fit(ring(), steps=8, checkpoint=checkpoint, resume=True)
    for a, b in zip(whole.play.losses.players[0], resumed.play.losses.players[0], strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("mixture", "n_modes"), [(ring(), 8), (grid(), 25)])
def test_the_mixture_itself_has_all_modes_and_the_quality_of_a_gaussian(
    mixture: Mixture, n_modes: int
) -> None:
    samples = mixture(20_000, torch.Generator().manual_seed(0)).unflatten(0, (2, -1))
    coverage = mixture.cover(samples)
    assert coverage.n_modes.tolist() == [n_modes, n_modes]
    # P(|x| < 3 sigma) of a Gaussian in the plane is 1 - exp(-9/2)
    assert coverage.quality.tolist() == pytest.approx([0.98889] * 2, abs=0.004)


def test_missing_modes_are_counted_as_missing() -> None:
    mixture = ring()
    collapsed = mixture.centres[:1].expand(100, 2)
    two = torch.cat([mixture.centres[:1].expand(50, 2), mixture.centres[4:5].expand(50, 2)])
    between = torch.zeros(100, 2)
    coverage = mixture.cover(torch.stack([collapsed, two, between]))
    assert coverage.n_modes.tolist() == [1, 2, 0]
    assert coverage.quality.tolist() == [1, 1, 0]


def test_what_cannot_be_stacked_is_refused() -> None:
    with pytest.raises(InputError, match="without buffers"):
        StackedModule([nn.BatchNorm1d(2)])
    with pytest.raises(InputError, match="as many discriminators"):
        stack_games(nets(2, 2, 0), nets(2, 1, 1)[:2], n_latent=2)
    with pytest.raises(InputError, match="> 0"):
        ring(std=0.0)
