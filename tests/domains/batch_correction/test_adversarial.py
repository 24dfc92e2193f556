"""The game of a correction: its gradients, its loop, and that it hides the batch and keeps the cell types."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from benchmarks.biology.measures import least_purity
from benchmarks.biology.simulations import chain, simulate
from sciadv.domains.batch_correction import (
    AdversarialSettings,
    BatchCorrector,
    batch_unpredictability,
    label_transfer,
    simulate_counts,
)
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction_game import CorrectionGame, Matches, training_of
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.matches import matches_of
from sciadv.domains.batch_correction.networks import CorrectionNets
from sciadv.games.two_player import evaluate
from sciadv.trainings.protocol import load_training, save_training
from sciadv.trainings.training_report import GameError


def make_training(settings: AdversarialSettings, n_labels: int = 0, matches: Matches | None = None):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(120, 6, generator=generator)
    batch = torch.arange(120) % 3
    labels = torch.arange(120) % n_labels if n_labels else torch.full((120,), -1)
    nets = CorrectionNets.seeded(6, 3, n_labels, n_latent=4, n_hidden=16, seed=0)
    game = CorrectionGame(nets, x, batch, labels, settings=settings, seed=0, matches=matches)
    return training_of(game, settings)


TINY = AdversarialSettings(6, 4, 16, least_steps=8, epochs=1, minibatch=32)


def test_the_encoder_gets_the_discriminators_gradient_reversed() -> None:
    """d loss(0) / d encoder at lam minus at 0 is -lam times d loss(1) / d encoder."""

    def gradient(lam: float) -> list[torch.Tensor]:
        game = make_training(AdversarialSettings(6, 4, 16, lam=lam, minibatch=32)).game
        game.draw()
        loss = game.loss(0)
        return list(torch.autograd.grad(loss, list(game.nets.encoder.parameters())))

    game = make_training(TINY).game
    game.draw()
    domain = torch.autograd.grad(game.loss(1), list(game.nets.encoder.parameters()))
    for full, without, d in zip(gradient(2.0), gradient(0.0), domain, strict=True):
        torch.testing.assert_close(full - without, -2.0 * d, atol=1e-5, rtol=1e-4)


def test_a_loss_is_a_function_of_the_parameters_between_two_draws() -> None:
    game = make_training(TINY, n_labels=2).game
    game.draw()
    assert evaluate(game, 0)[0] == evaluate(game, 0)[0]
    first = evaluate(game, 1)[0]
    game.draw()
    assert evaluate(game, 1)[0] != first


def test_a_batch_of_few_cells_weighs_as_much_as_one_of_many() -> None:
    nets = CorrectionNets.seeded(6, 2, 0, n_latent=4, n_hidden=16, seed=0)
    batch = torch.tensor([0] * 90 + [1] * 10)
    game = CorrectionGame(nets, torch.randn(100, 6), batch, torch.full((100,), -1), settings=TINY, seed=0)
    of_batch = [float(game.weight[batch == b].sum()) for b in range(2)]
    assert of_batch[0] == pytest.approx(of_batch[1])


def test_matched_batches_weigh_alike_and_cells_without_a_match_nothing() -> None:
    cells = simulate(chain(2, 300), seed=0, n_genes=200)
    x = np.log1p(1e4 * cells.counts / cells.counts.sum(1, keepdims=True))
    batch = np.unique(cells.batch, return_inverse=True)[1]
    groups = Groups(batch, np.full(len(batch), -1), 2, 0)
    matches = matches_of(Components.fit(x, 20, seed=0).scores(x), groups, seed=0)
    is_shared = cells.kind == "type 2"
    assert matches.weight[~is_shared].mean() < 0.1 * matches.weight[is_shared].mean()
    of_batch = [matches.weight[batch == b].sum() for b in range(2)]
    assert of_batch[0] == pytest.approx(of_batch[1], rel=0.01)
    assert (matches.cluster[~is_shared] < 0).mean() > 0.9


@pytest.mark.parametrize(("found", "lam"), [(0.5, 0.125), (1.0, 0.1), (1.5, 0.07)])
def test_the_strength_follows_a_probe_and_goes_on_after_a_stop(found, lam, monkeypatch, tmp_path) -> None:
    probed = "sciadv.domains.batch_correction.correction_game.batch_unpredictability"
    monkeypatch.setattr(probed, lambda *_, **__: found)
    matches = Matches(np.ones(120), np.zeros(120, np.int64))
    settings = replace(TINY, lam=0.2, draws_a_probe=4)

    def begin():
        training = make_training(settings, matches=matches)
        training.game.reversal.lam = 0.1
        return training

    whole = begin()
    strengths = [whole.step()["strength"] for _ in range(8)]
    assert strengths[0] == 0.1
    assert strengths[1] == pytest.approx(lam)
    half = begin()
    for _ in range(4):
        half.step()
    save_training(half, tmp_path / "checkpoint.safetensors")
    again = make_training(settings, matches=matches)
    load_training(again, tmp_path / "checkpoint.safetensors")
    assert [again.step()["strength"] for _ in range(4)] == strengths[4:]


@pytest.mark.slow
def test_types_that_a_batch_lacks_stay_apart() -> None:
    cells = simulate(chain(4, 200), seed=0)
    z = BatchCorrector(method="adversarial").fit(cells.counts, batch=cells.batch).embed(cells.counts)
    assert least_purity(z, cells.kind) > 0.7


@pytest.mark.parametrize("n_labels", [0, 2])
def test_it_resumes_bit_for_bit(tmp_path, n_labels) -> None:
    whole = make_training(TINY, n_labels)
    for _ in range(8):
        last = whole.step()
    half = make_training(TINY, n_labels)
    for _ in range(4):
        half.step()
    save_training(half, tmp_path / "checkpoint.safetensors")
    again = make_training(TINY, n_labels)
    load_training(again, tmp_path / "checkpoint.safetensors")
    for _ in range(4):
        assert again.n_done < again.n_steps
        resumed = again.step()
    assert resumed == last


def test_a_training_that_diverges_says_so(cells) -> None:
    settings = AdversarialSettings(20, 8, 32, least_steps=40, epochs=1, learning_rate=1e18)
    with pytest.raises(GameError, match=r"became NaN or Inf at step .*; lower learning_rate"):
        BatchCorrector(method="adversarial", settings=settings).fit(cells.counts, batch=cells.batch)


def test_the_monitor_is_told_every_step(cells, quick) -> None:
    told = []
    BatchCorrector(method="adversarial", settings=quick).fit(
        cells.counts, batch=cells.batch, monitor=told.append
    )
    assert [p.step for p in told] == list(range(1, 61))
    assert set(told[-1].losses) == {"reconstruction", "discriminator", "strength"}


def test_few_cells_are_not_gone_through_more_often_than_most_epochs():
    settings = AdversarialSettings(least_steps=900, epochs=40, most_epochs=120, minibatch=256)
    assert [settings.n_steps(n) for n in (1, 256, 1920, 5760, 57600)] == [1, 120, 900, 900, 9000]


@pytest.mark.slow
def test_it_hides_the_batch_keeps_cell_types_and_nears_what_there_was_without_batches() -> None:
    cells = simulate_counts(600, 150, n_batches=3, n_types=4, seed=2)
    settings = AdversarialSettings(30, least_steps=350, epochs=1)
    corrector = BatchCorrector(method="adversarial", settings=settings)
    corrected = corrector.correct(cells.counts, batch=cells.batch)
    before, after = corrector.uncorrected(cells.counts), corrector.embed(cells.counts)
    assert batch_unpredictability(before, cells.batch, cells.cell_type) < 0.1
    assert batch_unpredictability(after, cells.batch, cells.cell_type) > 0.8
    assert label_transfer(after, cells.batch, cells.cell_type).accuracy > 0.95
    of_genes = PCA(20, random_state=0).fit_transform(corrected)
    assert batch_unpredictability(of_genes, cells.batch, cells.cell_type) > 0.6

    def log_normalised(counts):
        return np.log1p(1e4 * counts / counts.sum(1, keepdims=True))

    def gap(expression):
        """Spread over batches of each type's mean expression."""
        means = [
            [expression[(cells.cell_type == t) & (cells.batch == b)].mean(0) for b in np.unique(cells.batch)]
            for t in np.unique(cells.cell_type)
        ]
        return float(np.std(means, axis=1).mean())

    assert gap(corrected) < 0.5 * gap(log_normalised(cells.counts))
    truth = log_normalised(cells.expected)
    assert np.abs(corrected - truth).mean() < np.abs(log_normalised(cells.counts) - truth).mean()


@pytest.mark.gpu
def test_it_fits_on_a_gpu(cells, quick) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    corrector = BatchCorrector(method="adversarial", settings=quick, device="cuda")
    assert np.isfinite(corrector.correct(cells.counts, batch=cells.batch)).all()
