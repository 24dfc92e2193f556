"""The prior's training through the shared loop: the same order and numbers as ever, and exact resume."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sciadv.data.moments import Moments, moments_of
from sciadv.errors import InputError
from sciadv.games.two_player import copies
from sciadv.nets import build_seeded
from sciadv.trainings import Training, load_training, run, save_training
from sciadv.trainings.autoencoder.linear_estimates import linear_estimates
from sciadv.trainings.autoencoder.prior_diagnosis import diagnose_prior
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.autoencoder.prior_training import PriorTraining
from sciadv.trainings.checkpoint import read_checkpoint, write_checkpoint
from sciadv.trainings.training_report import GameStatus
from sciadv.types import as_generator

SHAPE = [1, 8, 8]


def training(
    *, n_images: int = 30, data_seed: int = 0, critic: dict[str, object] | None = None, **schedule
) -> PriorTraining:
    numbers = torch.Generator().manual_seed(data_seed)
    images = torch.randint(0, 256, (n_images, *SHAPE), dtype=torch.uint8, generator=numbers)
    common = {"image_shape": SHAPE, "channels": 2}
    return PriorTraining(
        build_seeded({"kind": "conv-decoder", "n_latent": 3, **common}, 0),
        build_seeded({"kind": "conv-encoder", "n_latent": 3, **common}, 1),
        build_seeded({"kind": "conv-discriminator", **common} | (critic or {}), 2),
        images,
        schedule=PriorSchedule(
            **{"elbo_steps": 5, "game_steps": 6, "batch": 8, "penalty_every": 2} | schedule
        ),
        seed=7,
    )


def test_batches_and_draws_are_those_that_shipped_weights_were_trained_with() -> None:
    played = training()
    for step in (0, 2, 3, 10):
        played.n_done = step
        epoch, place = divmod(step, 30 // 8)
        order = torch.randperm(30, generator=as_generator(7 * 1_000_003 + epoch))
        x, generator = played.batches.draw(played.n_done)
        assert torch.equal(x, played.images[order[place * 8 : (place + 1) * 8]].float() / 255)
        assert generator.initial_seed() == 8 * 1_000_000_007 + step


def losses_of(played: PriorTraining, **settings) -> dict[int, dict[str, float]]:
    seen = {}
    run(played, monitor=lambda p: seen.__setitem__(p.step, p.losses), **settings)
    return seen


def test_a_resumed_training_is_the_unbroken_one_and_keeps_its_seconds(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    whole, broken, resumed = training(), training(), training()
    assert isinstance(whole, Training)
    losses = losses_of(whole)
    stop = iter([False] * 6 + [True])
    report = run(broken, checkpoint=checkpoint, every=3, is_interrupted=lambda: next(stop))
    assert report.status is GameStatus.INTERRUPTED
    load_training(resumed, checkpoint)
    rest = losses_of(resumed, checkpoint=checkpoint, every=3)
    assert rest == {step: losses[step] for step in range(8, 12)}
    assert resumed.cpu_seconds > 0
    for name, net in whole.nets.items():
        for a, b in zip(net.parameters(), resumed.nets[name].parameters(), strict=True):
            assert torch.equal(a, b)


def test_a_game_from_the_first_step_forgets_the_weights_that_it_began_with() -> None:
    played = training(elbo_steps=0, game_steps=40)
    weight, average = (net["generator"].body[-1].weight for net in (played.nets, played.averaged))
    first = weight.detach().clone()
    run(played)
    assert (average - weight).norm() < 0.5 * (average - first).norm()


def test_a_training_on_other_images_is_not_gone_on_with(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    save_training(training(), checkpoint)
    load_training(training(), checkpoint)
    with pytest.raises(InputError, match=r"with data '30 samples \(1, 8, 8\), sha256 .*the same data"):
        load_training(training(data_seed=1), checkpoint)
    tensors, facts = read_checkpoint(checkpoint)
    del facts["settings"]["data"]  # as those of earlier versions
    write_checkpoint(checkpoint, tensors, facts)
    load_training(training(data_seed=1), checkpoint)


def test_a_training_that_diverges_goes_back_and_says_what_and_when() -> None:
    played = training()
    report = run(played, every=2, monitor=lambda p: p.step == 3 and poison(played))
    assert report.status is GameStatus.DIVERGED
    assert "the weight encoder.body.0.weight became NaN or Inf at step 4" in report.message
    assert report.n_steps == played.n_done == 2


def test_each_step_tells_gradients_and_the_games_steps_what_the_discriminator_says() -> None:
    losses = losses_of(training())
    assert set(losses[1]) == {"negative_elbo", "elbo_gradient"}
    assert {"real", "fake", "generator_gradient", "discriminator_gradient"} < set(losses[11])
    assert all(value > 0 for value in losses[11].values())
    assert losses[11]["real"] + losses[11]["fake"] == pytest.approx(1, abs=1e-3)  # counted from the middle


class Sure(torch.nn.Module):
    """Takes bright images for real."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 100 * x.flatten(1).mean(1)


def test_the_diagnosis_counts_used_latents_and_sees_collapse_and_saturation() -> None:
    played = training(n_images=200)
    assert "of 3 numbers of the latent are used" in run(played).diagnosis[-1]
    with torch.no_grad():
        for p in (p for net in played.averaged.values() for p in net.parameters()):
            p.zero_()  # every image gives N(0, I), every latent the same image
        played.averaged["generator"].body[-1].bias -= 20  # a black one
    played.game.discriminator, played._saturated_since = Sure(), 4
    saturated, collapsed, used = played.diagnose()
    assert saturated.startswith("discriminator saturated since step 4: D(real) = 1.000, D(fake) = 0.000")
    assert collapsed.startswith("samples are ")
    assert "samples repeat each other" in collapsed
    assert used.startswith("0 of 3 numbers of the latent are used")


class Draws(torch.nn.Module):
    """A generator of noise around one of two images, or around one of them alone."""

    def __init__(self, n_kinds: int) -> None:
        super().__init__()
        self.n_kinds = n_kinds

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        kind = (z[:, :1] > 0).long() % self.n_kinds
        return two_kinds(kind, z)


def two_kinds(kind: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    centres = torch.linspace(0.2, 0.8, 64) * torch.tensor([[1.0], [-1.0]]) + torch.tensor([[0.0], [1.0]])
    return (centres[kind[:, 0]] + 0.05 * z[:, 1:]).clamp(0, 1).reshape(-1, 1, 8, 8)


def diagnosis_of(generator: torch.nn.Module) -> str:
    numbers = torch.Generator().manual_seed(3)
    z = torch.randn(400, 65, generator=numbers)
    images = two_kinds((z[:, :1] > 0).long(), z)
    encoder = build_seeded({"kind": "conv-encoder", "n_latent": 65, "image_shape": SHAPE, "channels": 2}, 1)
    return diagnose_prior(
        generator, encoder, images, game=None, saturated_since=None, numbers=torch.Generator().manual_seed(4)
    )[0]


def test_the_diagnosis_tells_a_missing_mode_from_samples_as_diverse_as_the_data() -> None:
    assert diagnosis_of(Draws(2)).startswith("no alarm: samples as diverse as the data (coverage")
    missing = diagnosis_of(Draws(1))
    assert missing.startswith("samples are less diverse than the data (")
    assert "parts of the data have no samples near them" in missing


PAIRS = {"kind": "conv-pair-discriminator", "n_latent": 3}


def test_learnt_inversion_tells_images_with_their_latents_from_samples_with_theirs() -> None:
    played = training(critic=PAIRS, elbo_steps=0, elbo_weight=0.0, game_weight=1.0)
    game, nets = played.game, played.nets
    game.draw()
    x, z = game._drawn.x, game._drawn.z
    mean, log_variance = nets["encoder"].posterior(x)
    encoded = mean + (0.5 * log_variance).exp() * game._drawn.noise
    D = nets["discriminator"]
    real, fake = D(D.joined(x, encoded)), D(D.joined(nets["generator"](z), z))
    expected = torch.nn.functional.softplus(real - fake).mean()
    assert game.loss(0).item() == pytest.approx(expected.item(), rel=1e-6)
    assert len(z) == len(x) == 8
    before = {name: copies(list(net.parameters())) for name, net in nets.items()}
    report = run(played)
    assert report.status is GameStatus.FINISHED
    assert "of 3 numbers of the latent are used" in report.diagnosis[-1]
    for name, net in nets.items():
        assert not torch.equal(before[name][0], next(net.parameters())), name


def test_the_critics_features_are_a_further_likelihood_of_the_elbo() -> None:
    losses = []
    for is_asked in (False, True):
        played = training(critic_features=is_asked, elbo_weight=0.5)
        played.game.draw()
        losses.append(played.game.loss(0).item())
    drawn, f = played.game._drawn, played.nets["discriminator"].features
    logits = played.game._reconstruct(drawn)[0]
    error = (f(drawn.x) - f(logits.sigmoid())).square().sum(1).mean()
    assert losses[1] - losses[0] == pytest.approx(0.5 * error.item() / 2, rel=1e-2)
    with pytest.raises(InputError, match="needs a discriminator with a method features"):
        training(critic=PAIRS, critic_features=True)


def poison(played: PriorTraining) -> None:
    with torch.no_grad():
        next(played.nets["encoder"].parameters()).fill_(torch.nan)


def guided() -> PriorTraining:
    """Random images of more numbers than are measured, and an encoder that is sure of their latents."""
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (64, *SHAPE), dtype=torch.uint8, generator=numbers)
    common = {"image_shape": SHAPE, "channels": 4}
    encoder = build_seeded({"kind": "conv-encoder", "n_latent": 2, **common}, 1)
    with torch.no_grad():
        encoder.head[-1].weight[:2] *= 30
        encoder.head[-1].bias[2:] = -4.0  # log variance
    return PriorTraining(
        build_seeded({"kind": "conv-decoder", "n_latent": 2, **common}, 0),
        encoder,
        None,
        images,
        schedule=PriorSchedule(elbo_steps=1, game_steps=0, estimate_steps=300, batch=32),
        seed=7,
        moments=moments_of(images.float() / 255),
    )


def run_steps(played: PriorTraining, n_steps: int) -> None:
    for _ in range(n_steps):
        played.step()


def test_estimates_teach_the_encoder_and_leave_the_generator_as_it_was() -> None:
    played = guided()
    x, z = played.images.float() / 255, torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    known = linear_estimates(x, moments_of(x), n_latent=2, generator=torch.Generator().manual_seed(5))
    run_steps(played, 1)
    before = played.prior(name="before")
    target = before.encode(x)
    run_steps(played, 300)
    after = played.prior(name="after")
    assert torch.equal(before(z), after(z))
    with torch.no_grad():
        likely = [_log_density(target, *prior.encoder.posterior(known)) for prior in (before, after)]
        of_whole = _log_density(target, *after.encoder.posterior(x))
    assert likely[1] > likely[0] + 0.5
    assert of_whole > likely[1] + 0.5  # it still knows more of a whole image


def _log_density(z: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor) -> float:
    return -0.5 * float(((z - mean).square() * (-log_variance).exp() + log_variance).sum(1).mean())


def test_estimates_need_moments() -> None:
    schedule = PriorSchedule(elbo_steps=1, game_steps=0, estimate_steps=1, batch=8)
    played = guided()
    with pytest.raises(InputError, match="moments"):
        PriorTraining(
            played.nets["generator"], played.nets["encoder"], None, played.images, schedule=schedule
        )


def test_a_linear_estimate_is_the_image_where_everything_is_measured() -> None:
    numbers = torch.Generator().manual_seed(2)
    factor = torch.randn(4, 16, generator=numbers)  # images of four numbers each
    x = (torch.randn(30, 4, generator=numbers) @ factor).reshape(30, 1, 4, 4)
    moments = Moments(torch.zeros(1, 4, 4), factor.T @ factor)
    error = linear_estimates(x, moments, n_latent=40, generator=numbers) - x
    assert error.square().mean() < 0.05 * x.square().mean()


def test_linear_estimates_are_those_of_lmmse_in_closed_form() -> None:
    x = torch.rand(5, 1, 3, 3, generator=torch.Generator().manual_seed(3))
    moments = moments_of(torch.rand(50, 1, 3, 3, generator=torch.Generator().manual_seed(4)))
    found = linear_estimates(x, moments, n_latent=4, generator=torch.Generator().manual_seed(6))
    numbers = torch.Generator().manual_seed(6)
    share, level = torch.rand(2, generator=numbers).tolist()
    m, mean, C = round(4 * 0.5 * 10**share), moments.mean.flatten().double(), moments.covariance.double()
    A = torch.randn(m, 9, generator=numbers).double()
    e = torch.randn(5, m, generator=numbers).double()
    y = (x.flatten(1).double() - mean) @ A.T
    s = 1e-3 * 100**level * y.std()
    gain = C @ A.T @ torch.linalg.inv(A @ C @ A.T + s**2 * torch.eye(m))
    expected = mean + (y + s * e) @ gain.T
    assert torch.allclose(found.flatten(1).double(), expected, atol=1e-4)


def test_the_slope_is_the_squared_norm_of_the_jacobian_on_average() -> None:
    played = training()
    z = torch.randn(100, 3, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        game, device = played.game, torch.device("cpu")
        draws = [game.slope_latents(torch.Generator().manual_seed(i), device) for i in range(300)]
        slopes = [game.slope(*both) for both in draws]
        push = torch.func.jacfwd(lambda one: played.nets["generator"](one[None])[0].flatten())
        exact = torch.func.vmap(push)(z).square().sum((1, 2)).mean()
    assert float(torch.stack(slopes).mean()) == pytest.approx(float(exact), rel=0.2)
