"""`Game`: the user's parts, one step against a loop written by hand, accumulation, precision, guards."""

from __future__ import annotations

import copy
import csv
import json
import math
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sciadv.errors import InputError, UnknownNameError
from sciadv.games.augment import ADA
from sciadv.games.objectives import NonSaturating, Objective
from sciadv.games.penalties import (
    PENALTIES,
    R1,
    R2,
    InstanceNoise,
    RememberingDiscriminator,
    WassersteinGradientPenalty,
    WeightClipping,
    differentiable,
)
from sciadv.games.replay import Elite, Feedback, ReplayBuffer, TopK
from sciadv.games.two_player import TwoPlayerGame, copies
from sciadv.games.updates import Update, UpdateState
from sciadv.games.updates.update import move_both
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.trainings import DivergedError, batch_indices, step_generator
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_diagnosis import curvature_sentence
from sciadv.trainings.game.game_parts import AUGMENTATIONS, make_part
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.trainings.training_report import EarlyStopping, GameError, GameStatus


def points(n: int = 64) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(5)) * 0.3 + 1


def mlp(n_in: int, n_out: int, seed: int, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(n_in, 8), nn.SiLU(), nn.Linear(8, n_out)).to(dtype)
    generator = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        nn.init.normal_(p, std=0.5, generator=generator)
    return net


def game(**settings) -> Game:
    dtype = settings.pop("dtype", torch.float32)
    defaults = {"n_latent": 3, "batch": 16, "learning_rate": 1e-2, "seed": 3}
    return Game(mlp(3, 2, 0, dtype), mlp(2, 1, 1, dtype), **(defaults | settings))


def weights(played: Game) -> list[Tensor]:
    return [*played.play.losses.players[0], *played.play.losses.players[1]]


def assert_same(a: Game, b: Game, atol: float = 0.0) -> None:
    for x, y in zip(weights(a), weights(b), strict=True):
        assert torch.allclose(x, y, rtol=0, atol=atol)


def test_a_step_is_the_loop_written_by_hand() -> None:
    played = game(objective="non-saturating", penalties=[R1(0.3, every=2)])
    G, D = mlp(3, 2, 0), mlp(2, 1, 1)
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.0, 0.99)) for net in (G, D))
    objective, data = NonSaturating(), points()
    for step in range(5):
        played.step(data)
        for turn in (0, 1):
            draw = 2 * step + turn
            x = data[batch_indices(64, 16, draw, seed=3)]
            z = torch.randn(16, 3, generator=step_generator(3, draw))
            opt_g.zero_grad()
            opt_d.zero_grad()
            if turn == 0:
                score, x = RememberingDiscriminator(D), differentiable(x)
                loss = objective.discriminator_loss(score(x), score(G(z).detach()))
                if step % 2 == 0:
                    loss = loss + R1(0.3, every=2)(score, x, x)
                loss.backward()
                opt_d.step()
            else:
                objective.generator_loss(D(G(z)), D(x)).backward()
                opt_g.step()
    for a, b in zip(weights(played), [*G.parameters(), *D.parameters()], strict=True):
        assert torch.equal(a, b)


class Counted(nn.Linear):
    """A discriminator that counts its passes."""

    n_passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.n_passes += 1
        return super().forward(x)


def test_r1_and_r2_take_no_passes_of_their_own_and_add_the_same() -> None:
    D = Counted(2, 1)
    played = Game(mlp(3, 2, 0), D, penalties=[R1(0.3), R2(0.3)], n_latent=3, batch=16)
    played.step(points())
    before = D.n_passes
    played.step(points())
    assert D.n_passes - before == 4  # real and fake ones in either turn
    net, x = mlp(2, 1, 1, torch.float64), points(16).double()
    score, leaf = RememberingDiscriminator(net), differentiable(x)
    score(leaf)
    for value, name in ((R1(0.3)(score, leaf, leaf), "shared"), (R1(0.3)(net, x, x), "alone")):
        assert value.item() == pytest.approx(R1(0.3)(net, x, x).item(), abs=1e-15), name


class Pull(Objective):
    """A user's objective."""

    divergence = "the distance of the means"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return (fake_logits.mean() - real_logits.mean()).tanh()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        return -fake_logits.mean()


class Flat:
    """A user's penalty."""

    every = 1

    def __call__(self, discriminator, real, fake, *, generator=None) -> Tensor:
        return discriminator(torch.cat([real, fake])).square().mean()


class Negative(Update):
    """A user's update: simultaneous steps with gradients of half the length."""

    def step(self, game, optimizers, state: UpdateState) -> UpdateState:
        from sciadv.games.two_player import evaluate_both

        game.draw()
        losses, both = evaluate_both(game)
        move_both(game, optimizers, tuple(tuple(g / 2 for g in gradient) for gradient in both))
        return state.after(losses)


class Shift(nn.Module):
    """A user's generator, with latents of a shape of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))

    def forward(self, z: Tensor) -> Tensor:
        return self.mean + 0.3 * z[:, :, 0, 0]


def test_a_user_plugs_in_every_part_of_their_own() -> None:
    played = Game(
        Shift(),
        nn.Linear(2, 1),
        objective=Pull(),
        penalties=[Flat()],
        update=Negative(),
        augment=lambda images, *, generator=None: images.flip(1),
        n_latent=(2, 1, 1),
        batch=32,
        learning_rate=(2e-2, 1e-2),
        options=GameOptions(optimizer=lambda parameters, rate: torch.optim.RMSprop(parameters, lr=rate)),
    )
    report = played.fit(points(), steps=150)
    assert report.status is GameStatus.FINISHED
    assert played.prior().latent_shape == (2, 1, 1)
    assert played.prior().sample(500, seed=0).mean().item() > 0.4  # from 0, towards the data at 1


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"objective": "hing"}, UnknownNameError, "did you mean 'hinge'"),
        ({"penalties": ["r3"]}, UnknownNameError, "no penalty"),
        ({"penalties": "r1"}, InputError, r"write \['r1'\]"),
        ({"update": "adam"}, UnknownNameError, "no update"),
        ({"update": "one-pass"}, InputError, "gradient reversal"),
        ({"update": object()}, InputError, "update"),
        ({"penalties": [len]}, InputError, "penalt"),
        ({"augment": "flip"}, UnknownNameError, "diffaugment"),
        ({"n_latent": None}, InputError, "give n_latent"),
        ({"ema": 1.0}, InputError, "ema must be"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_words(settings, error, words) -> None:
    with pytest.raises(error, match=words):
        game(**settings)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (points(8), "fewer than one batch"),
        (points().long(), "uint8"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_anything_is_written(tmp_path: Path, data, words) -> None:
    with pytest.raises(InputError, match=words):
        game().fit(data, steps=2, checkpoint=tmp_path / "run" / "c.safetensors")
    assert not (tmp_path / "run").exists()


def test_fit_leaves_metrics_grids_a_checkpoint_and_a_report(tmp_path: Path) -> None:
    seen = []
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    played = game()
    report = played.fit(points(), steps=10, every=4, checkpoint=checkpoint, monitor=seen.append)
    assert [p.step for p in seen] == list(range(1, 11))
    assert set(seen[0].losses) == {
        "generator", "discriminator", "real", "fake", "generator_gradient", "discriminator_gradient",
    }  # fmt: skip
    with (checkpoint.parent / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 11))
    assert float(rows[-1]["real"]) == report.metrics["real"]
    facts = json.loads((checkpoint.parent / "metrics.json").read_text())
    assert facts["status"] == "finished"
    assert facts["settings"]["penalties"] == "r1 r2"
    assert {p.name for p in checkpoint.parent.glob("*.png")} == {
        f"samples-{step:07d}.png" for step in (4, 8, 10)
    }
    assert "rotation share" in report.diagnosis[-1]
    assert report.check() is report


def test_uint8_images_are_scaled_and_the_prior_is_the_averaged_generator() -> None:
    images = torch.randint(0, 256, (32, 1, 4, 4), dtype=torch.uint8)
    generator = nn.Sequential(nn.Linear(3, 16), nn.Sigmoid(), nn.Unflatten(1, (1, 4, 4)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    played = Game(generator, discriminator, augment="diffaugment", n_latent=3, batch=8)
    played.fit(images, steps=3)
    assert played.play.losses.parts[0].real.max() <= 1
    prior = played.prior(name="mine", card={"data": "noise"})
    z = prior.sample_latent(2, seed=0)
    assert torch.equal(prior(z), played.averaged(z))
    assert not torch.equal(prior(z), generator(z))
    assert (prior.name, prior.card["data"], prior.card["steps"]) == ("mine", "noise", "3")


def test_a_game_of_the_packages_networks_ends_as_a_prior_that_loads_from_its_folder(tmp_path: Path) -> None:
    shape = [1, 8, 8]
    generator = build_seeded({"kind": "conv-decoder", "n_latent": 4, "image_shape": shape, "channels": 4}, 0)
    discriminator = build_seeded({"kind": "conv-discriminator", "image_shape": shape, "channels": 4}, 1)
    played = Game(generator, discriminator, batch=8)
    images = torch.randint(0, 256, (16, *shape), dtype=torch.uint8)
    played.fit(images, steps=2, checkpoint=tmp_path / "run" / "c.safetensors")
    assert (tmp_path / "run" / "samples-0000002.png").is_file()
    prior = played.prior(name="blobs")
    loaded = Prior.load(prior.save(tmp_path / "blobs", header=prior.card))
    assert torch.equal(loaded.sample(3, seed=0), prior.sample(3, seed=0))
    assert loaded.card["update"] == "alternating"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_game_trains_and_resumes_on_a_gpu(tmp_path: Path) -> None:
    def make() -> Game:
        options = GameOptions(accumulate=2, precision="bfloat16", replay=ReplayBuffer(32))
        return game(device="cuda", penalties=["r1", "dragan"], options=options)

    whole, broken, resumed = make(), make(), make()
    whole.fit(points(), steps=6)
    broken.fit(points(), steps=3, checkpoint=tmp_path / "c.safetensors")
    resumed.fit(points(), steps=6, checkpoint=tmp_path / "c.safetensors", resume=True)
    assert_same(whole, resumed)


def test_every_epoch_goes_once_through_all_samples_in_an_order_of_its_own() -> None:
    orders = [torch.cat([batch_indices(10, 5, s, seed=1) for s in (e, e + 1)]) for e in (0, 2)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(10))
    assert not torch.equal(*orders)


def test_a_sampler_of_endless_data_trains_too() -> None:
    def draw(n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator)

    a, b = game(), game()
    for played in (a, b):
        played.fit(draw, steps=4)
    assert_same(a, b)


@pytest.mark.parametrize("penalty", ["r1", WassersteinGradientPenalty(1.0)])
def test_a_batch_in_parts_is_the_whole_batch(penalty) -> None:
    """A random penalty draws other numbers for the parts, so only the deterministic one is compared."""
    whole = game(penalties=[penalty], dtype=torch.float64)
    parts = game(penalties=[penalty], dtype=torch.float64, options=GameOptions(accumulate=4))
    numbers = [[played.step(points()) for _ in range(4)] for played in (whole, parts)]
    if penalty == "r1":
        assert_same(whole, parts, atol=1e-12)
        assert numbers[0][-1] == pytest.approx(numbers[1][-1], abs=1e-10)
    assert all(math.isfinite(v) for v in numbers[1][-1].values())


def test_updates_that_differentiate_gradients_refuse_a_batch_in_parts() -> None:
    with pytest.raises(InputError, match="accumulate = 1"):
        game(update="consensus", options=GameOptions(accumulate=2)).step(points())
    with pytest.raises(InputError, match="cannot be cut into 3"):
        game(options=GameOptions(accumulate=3)).step(points())


def test_bfloat16_computes_networks_in_half_and_penalties_and_second_derivatives_in_single() -> None:
    seen = []

    class Watch:
        every = 1

        def __call__(self, discriminator, real, fake, *, generator=None) -> Tensor:
            seen.append(discriminator(real).dtype)
            return R1(0.1)(discriminator, real, fake)

    dtypes = []
    played = game(penalties=[Watch()], options=GameOptions(precision="bfloat16"))
    played.play.show(points())  # which looks at the networks once
    played.play.losses.discriminator.register_forward_hook(lambda _, x, y: dtypes.append(y.dtype))
    before = copies(weights(played))
    played.step(points())
    assert set(seen) == {torch.float32}
    assert dtypes[0] == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in weights(played))
    assert any(not torch.equal(a, b) for a, b in zip(before, weights(played), strict=True))
    dtypes.clear()
    second = game(update="consensus", options=GameOptions(precision="bfloat16"))
    second.play.losses.discriminator.register_forward_hook(lambda _, x, y: dtypes.append(y.dtype))
    second.step(points())
    assert set(dtypes) == {torch.float32}


def test_clipping_follows_every_step_and_the_rate_falls_in_the_second_half() -> None:
    options = GameOptions(clip=WeightClipping(0.05), final_rate=0.1)
    played = game(objective="wasserstein", penalties=[], options=options)
    rates = []
    for _ in range(8):
        played.step(points(), n_steps=8)
        rates.append(played.play.players.optimizers[0].param_groups[0]["lr"])
        assert all(float(p.detach().abs().max()) <= 0.05 + 1e-8 for p in played.play.losses.players[1])
    assert rates[:5] == [1e-2] * 5
    assert rates[5:] == pytest.approx([1e-2 * (1 - 0.9 * k / 4) for k in (1, 2, 3)])


def test_the_loss_is_a_function_of_the_parameters_between_two_draws() -> None:
    options = GameOptions(noise=InstanceNoise(0.2, 100), replay=ReplayBuffer(64), top_k=TopK())
    played = game(penalties=["dragan", "label-smoothing"], options=options)
    played.play.losses.discriminator.append(nn.Dropout(0.3))
    played.step(points())
    losses = played.play.losses
    assert isinstance(losses, TwoPlayerGame)
    losses.draw()
    state = torch.get_rng_state()
    for player in (0, 1):
        assert torch.equal(losses.loss(player), losses.loss(player))
    assert torch.equal(state, torch.get_rng_state())
    assert len(options.replay) == 16


def image_game(**settings) -> Game:
    generator = nn.Sequential(mlp(3, 36, 0), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6)))
    discriminator = nn.Sequential(nn.Flatten(), mlp(36, 1, 1))
    return Game(generator, discriminator, **({"n_latent": 3, "batch": 8, "penalties": []} | settings))


def images() -> Tensor:
    return torch.rand(32, 1, 6, 6, generator=torch.Generator().manual_seed(2))


def named(value: object) -> str:
    """Name a setting without its address in memory."""
    if not isinstance(value, GameOptions):
        return str(value)
    return " ".join(f.name for f in fields(value) if getattr(value, f.name) != getattr(GameOptions(), f.name))


@pytest.mark.parametrize(
    "settings",
    [
        *({"penalties": [name]} for name in PENALTIES),
        *({"augment": name} for name in AUGMENTATIONS),
        {"augment": {"kind": "ada", "p": 0.5, "target": 0.3}},
        {"penalties": [{"kind": "consistency", "augment": {"kind": "ada", "p": 0.5}}]},
        {"update": {"kind": "lookahead", "k": 2, "inner": {"kind": "alternating", "n_first": 2}}},
        {
            "options": GameOptions(
                noise=InstanceNoise(), replay=ReplayBuffer(16), top_k=TopK(floor=0.2, decay=0.1)
            )
        },
        {"options": GameOptions(feedback=Feedback(lambda x: x.mean((1, 2, 3)), Elite(8), share=0.5))},
        {"options": GameOptions(clip=WeightClipping(0.1), optimizer=make_part("optimizer", "rmsprop"))},
    ],
    ids=lambda settings: " ".join(f"{key}-{named(value)}" for key, value in settings.items()),
)
def test_every_technique_changes_the_game_it_is_put_in(settings) -> None:
    plain, changed = image_game(), image_game(**settings)
    numbers = [[g.fit(images(), steps=3).metrics for g in (plain, changed)]]
    assert all(math.isfinite(v) for pair in numbers for m in pair for v in m.values())
    assert any(not torch.equal(a, b) for a, b in zip(weights(plain), weights(changed), strict=True)) or (
        settings == {"augment": "ada"}  # which begins with nothing, until the discriminator overfits
    )


def test_feedback_shows_the_discriminator_the_best_fakes_as_real_ones() -> None:
    elite = Elite(4)
    played = image_game(options=GameOptions(feedback=Feedback(lambda x: x.mean((1, 2, 3)), elite, share=0.5)))
    seen = []
    played.play.losses.discriminator.register_forward_pre_hook(lambda _, x: seen.append(x[0].detach()))
    for _ in range(2):
        seen.clear()
        played.step(images())
    shown = {x.numpy().tobytes() for x in seen[0][4:]}  # the second half of the first real batch
    assert shown & {x.numpy().tobytes() for x in seen[1]} == set()
    assert bool((elite.scores[:-1] >= elite.scores[1:]).all())
    assert not any((x == images()).flatten(1).all(1).any() for x in seen[0][4:])
    assert all((x == images()).flatten(1).all(1).any() for x in seen[0][:4])


def test_historical_averaging_holds_both_players_and_resumes(tmp_path: Path) -> None:
    def make(lam: float) -> Game:
        return game(penalties=[{"kind": "historical-averaging", "lam": lam}])

    free, held = make(0.0), make(100.0)
    begin = copies(weights(free))
    for played in (free, held):
        played.fit(points(), steps=30)
    for player in (slice(4), slice(4, 8)):
        far, near = (
            sum((a - b).square().sum() for a, b in zip(weights(g)[player], begin[player], strict=True))
            for g in (free, held)
        )
        assert near < far / 4
    held.save(tmp_path / "c.safetensors")
    again = make(100.0)
    again.load(tmp_path / "c.safetensors")
    for played in (held, again):
        played.fit(points(), steps=35)
    assert_same(held, again)


def labelled(n: int = 48) -> tuple[Tensor, Tensor]:
    """Images of class 0 are dark, of class 1 bright."""
    labels = torch.arange(n) % 2
    noise = torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    return 0.2 * noise + 0.8 * labels[:, None, None, None], labels


def conditional_game(**settings) -> Game:
    common = {"image_shape": [1, 6, 6], "channels": 4, "halvings": 1, "n_classes": 2}
    generator = build_seeded({"kind": "residual-generator", "n_latent": 3, **common}, 0)
    discriminator = build_seeded({"kind": "residual-discriminator", **common}, 1)
    return Game(generator, discriminator, batch=16, learning_rate=3e-3, ema=0.9, **settings)


def test_a_conditional_game_gives_a_prior_of_each_class_that_loads_from_its_folder(tmp_path: Path) -> None:
    x, labels = labelled()
    played = conditional_game(penalties=["r1"], objective="non-saturating")
    report = played.fit(x, labels=labels, steps=80, checkpoint=tmp_path / "run" / "c.safetensors")
    assert report.status is GameStatus.FINISHED
    assert (tmp_path / "run" / "samples-0000080.png").is_file()
    dark, bright = (played.prior(label=k) for k in (0, 1))
    assert float(dark.sample(20, seed=0).mean()) + 0.3 < float(bright.sample(20, seed=0).mean())
    loaded = Prior.load(bright.save(tmp_path / "bright", header=bright.card))
    assert torch.equal(loaded.sample(3, seed=0), bright.sample(3, seed=0))
    assert loaded.card["label"] == "1"
    with pytest.raises(InputError, match="0 to 1"):
        played.prior(label=2)
    with pytest.raises(InputError, match="has no classes"):
        game().prior(label=0)


@pytest.mark.parametrize("labels", [torch.zeros(3, dtype=torch.int64), torch.zeros(48)])
def test_labels_that_do_not_fit_are_refused(labels: Tensor) -> None:
    with pytest.raises(InputError, match="one whole number"):
        conditional_game().fit(labelled()[0], labels=labels, steps=1)


def test_replay_is_refused_with_labels() -> None:
    x, labels = labelled()
    with pytest.raises(InputError, match="all classes"):
        conditional_game(options=GameOptions(replay=ReplayBuffer(8))).fit(x, labels=labels, steps=1)


def test_a_game_keeps_the_reference_of_virtual_batch_norms_and_resumes(tmp_path: Path) -> None:
    def make() -> Game:
        shape = {"image_shape": [1, 6, 6], "channels": 4, "norm": "virtual"}
        return Game(
            build_seeded({"kind": "dcgan-generator", "n_latent": 3, "halvings": 1, **shape}, 0),
            build_seeded({"kind": "dcgan-discriminator", **shape}, 1),
            batch=8,
        )

    whole, broken, resumed = make(), make(), make()
    whole.fit(images(), steps=6)
    broken.fit(images(), steps=3, checkpoint=tmp_path / "c.safetensors")
    resumed.fit(images(), steps=6, checkpoint=tmp_path / "c.safetensors", resume=True)
    assert_same(whole, resumed)
    prior = whole.prior()
    z = prior.sample_latent(4, seed=0)
    assert torch.allclose(prior(z)[:1], prior(z[:1]), atol=1e-6)  # of no batch but the reference
    before = prior(z)
    whole.play._refer(whole.averaged)
    assert torch.equal(whole.prior()(z), before)  # whose statistics are those of the averaged weights


def test_ada_follows_the_discriminator_and_its_p_is_logged() -> None:
    images = torch.rand(32, 1, 6, 6)
    generator = nn.Sequential(nn.Linear(3, 36), nn.Sigmoid(), nn.Unflatten(1, (1, 6, 6)))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(36, 1))
    ada = ADA(target=-2.0, n_images=64, interval=1)
    played = Game(generator, discriminator, augment=ada, n_latent=3, batch=8)
    assert [played.step(images)["augment_p"] for _ in range(3)] == pytest.approx([0.125, 0.25, 0.375])


class Poisoned(NonSaturating):
    """Finite until step `at`, then NaN in the loss, or in the gradient alone."""

    def __init__(self, at: int, *, in_gradient: bool = False) -> None:
        object.__setattr__(self, "calls", 0)
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "in_gradient", in_gradient)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        object.__setattr__(self, "calls", self.calls + 1)
        loss = super().generator_loss(fake_logits, real_logits)
        if self.calls < self.at:
            return loss
        return loss + (0 * fake_logits.sum()).sqrt() if self.in_gradient else loss * math.nan


@pytest.mark.parametrize("in_gradient", [False, True])
def test_a_diverged_training_stops_goes_back_to_the_last_good_state_and_names_the_tensor(
    tmp_path: Path, caplog, *, in_gradient: bool
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    played = game(objective=Poisoned(8, in_gradient=in_gradient))
    report = played.fit(points(), steps=20, every=5, checkpoint=checkpoint)
    assert report.status is GameStatus.DIVERGED
    assert "the gradient of generator.0.weight became NaN or Inf at step 8" in report.message
    assert "back at step 5" in report.message
    assert report.n_steps == played.n_done == 5
    with pytest.raises(GameError, match="NaN"):
        report.check()
    good = game(objective=Poisoned(100))
    good.fit(points(), steps=5)
    assert_same(played, good)
    again = game(objective=Poisoned(100))
    again.load(checkpoint)
    assert_same(again, good)


def test_a_step_by_hand_raises_with_the_tensors_name() -> None:
    with pytest.raises(DivergedError, match="step 1") as caught:
        game(objective=Poisoned(1)).step(points())
    assert caught.value.tensor == "the gradient of generator.0.weight"


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    played = game()
    played.step(points())
    with torch.no_grad():
        played.play.losses.players[1][2][0, 3] = math.inf
    with pytest.raises(DivergedError, match=r"discriminator\.2\.weight"):
        played.save(tmp_path / "c.safetensors")
    assert not list(tmp_path.iterdir())


def test_early_stopping_gives_the_prior_of_the_best_score() -> None:
    scores = iter([3.0, 2.0, 2.5, 2.6, 2.7, 0.0])
    kept = []

    def metric(prior) -> float:
        kept.append(copy.deepcopy(prior.generator.state_dict()))
        return next(scores)

    played = game()
    report = played.fit(points(), steps=100, every=3, stop=EarlyStopping(metric, patience=3))
    assert report.status is GameStatus.STOPPED
    assert "stopped at step 15 of 100, the prior is that of step 6" in report.message
    assert [(step, numbers["score"]) for step, numbers in report.quality] == [
        (3, 3.0), (6, 2.0), (9, 2.5), (12, 2.6), (15, 2.7)
    ]  # fmt: skip
    prior = played.prior()
    assert prior.card["steps"] == "6"
    for name, value in prior.generator.state_dict().items():
        assert torch.equal(value, kept[1][name])


def test_the_diagnosis_says_since_when_the_discriminator_is_saturated_and_changes_nothing() -> None:
    data = points() + 40
    played = game(objective="non-saturating", penalties=[], learning_rate=(0.0, 0.3))
    report = played.fit(data, steps=30)
    assert "discriminator saturated since step" in report.diagnosis[0]
    assert "try r1" in report.diagnosis[0]
    before, n_draws = copies(weights(played)), played.play.losses.n_draws
    assert played.diagnose(data) == report.diagnosis
    assert played.play.losses.n_draws == n_draws
    assert all(torch.equal(a, b) for a, b in zip(before, weights(played), strict=True))


@pytest.mark.parametrize(
    ("spread", "shift", "words"),
    [
        (5.3e-4, 0.667, "nothing drives them apart"),
        (-0.1, 0.2, "it falls"),
        (0.3, 0.2, "holds them together"),
    ],
)
def test_curvatures_of_a_collapsed_generator_in_words(spread: float, shift: float, words: str) -> None:
    assert words in curvature_sentence(spread, shift)


def test_the_diagnosis_of_a_collapsed_game_tells_its_curvature() -> None:
    played = game()
    played.step(points())
    with torch.no_grad():
        for net in (played.play.losses.generator, played.averaged):
            net[0].weight *= 1e-3  # the latents hardly count
    told = played.diagnose(points())
    assert any("samples are not like the data" in sentence for sentence in told)
    assert any("curved by" in sentence for sentence in told)


def test_the_diagnosis_of_a_game_that_cannot_be_differentiated_twice_says_so() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            if torch.is_grad_enabled():  # as torch's grid_sample and others do
                raise RuntimeError("no second derivative")
            return 2 * gradient

    class Layer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Once.apply(x)

    played = Game(mlp(3, 2, 0), nn.Sequential(mlp(2, 1, 1), Layer()), penalties=[], n_latent=3, batch=16)
    assert "rotation share not measured" in played.fit(points(), steps=2).diagnosis[-1]
