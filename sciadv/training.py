"""From a recipe to a prior's folder: train, judge, write weights, card and samples.

Long trainings write ``checkpoint.safetensors`` into the folder and resume from it bit for bit.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from sciadv.bench.prior_quality import measure_prior
from sciadv.datasets import LICENCES, Images, load_images
from sciadv.errors import InputError
from sciadv.folders import find_entry
from sciadv.games.prior_training import PriorTraining
from sciadv.games.trainer.loop import TrainingMonitor, TrainingProgress
from sciadv.metrics.classifier import Classifier, accuracy, load_classifier, save_classifier
from sciadv.nets import ConvClassifier, build_seeded
from sciadv.plotting import plot_samples
from sciadv.prior import Moments, Prior
from sciadv.schema import Recipe
from sciadv.schema.recipe import ClassifierTable
from sciadv.types import as_device, as_generator

CHECKPOINT = "checkpoint.safetensors"
#: Pixels above which a prior ships no covariance of its training set: the file would outgrow 30 MB.
_MAX_MOMENTS = 4096
#: Pixels of all test images together whose representation error a training measures.
_REPRESENTED_PIXELS = 100_000


def train_recipe(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    device: str | torch.device = "cpu",
    monitor: TrainingMonitor | None = None,
) -> Path:
    """Train the prior a recipe describes and write its folder, which `Prior.load` reads.

    Parameters
    ----------
    recipe
        What to train, on what, how long.
    out
        Folder for ``weights.safetensors``, ``moments.safetensors``, ``classifier.safetensors``, ``card.md``,
        ``recipe.toml``, ``samples.png`` and the checkpoint.
    resume
        Whether to go on from the folder's checkpoint.
    device
        Where to train.
    monitor
        Called after each step.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputError
        The data are not there, a loss became NaN, or the checkpoint is of another schedule.
    WeightsError
        The checkpoint is broken.
    """
    if (out / CHECKPOINT).is_file() and not resume:
        raise InputError(f"{out / CHECKPOINT} is there: go on from it (--resume) or delete it first")
    target, started = as_device(device), time.process_time()
    spec = recipe.spec
    train, test = (
        load_images(spec.data.name, s, prepare=spec.data.prepare, seed=spec.seed) for s in ("train", "test")
    )
    x_train, x_test = _as_tensor(train), _as_tensor(test)
    nets = spec.nets(x_train.shape[1:])
    built = {name: build_seeded(net, spec.seed + i).to(target) for i, (name, net) in enumerate(nets.items())}
    training = PriorTraining(
        built["generator"],
        built["encoder"],
        built.get("discriminator"),
        x_train.to(target),
        schedule=spec.schedule,
        seed=spec.seed,
    )
    for step, losses in training.run(out / CHECKPOINT, resume=resume):
        if monitor is not None:
            monitor(TrainingProgress(step, training.n_steps, losses, time.process_time() - started))
    n_pixels = x_train[0].numel()
    moments = training_moments(x_train) if n_pixels <= _MAX_MOMENTS else None
    prior = training.prior(name=recipe.name, moments=moments).to("cpu")
    classifier = _classifier(recipe, train, test, out)
    quality = measure_prior(
        prior,
        classifier,
        x_test.float() / 255,
        train=x_train.float() / 255,
        n_represented=min(100, max(10, _REPRESENTED_PIXELS // n_pixels)),
        seed=spec.seed,
    )
    header = _card_header(recipe, prior, train.sha256, training.cpu_seconds) | quality.header()
    prior.save(out, recipe_sha256=recipe.sha256, header=header, text=_card_text(recipe, header))
    (out / "recipe.toml").write_text(recipe.text, encoding="utf-8")
    plot_samples(prior).savefig(out / "samples.png", dpi=100)
    return out


def _card_header(recipe: Recipe, prior: Prior, data_sha256: str, seconds: float) -> dict[str, str]:
    """Return what the card states besides the metrics."""
    data = recipe.spec.data
    return {
        "title": recipe.spec.title,
        "data": f"{data.name}, training split, prepared as {data.prepare!r}",
        "data_sha256": data_sha256,
        "data_licence": LICENCES[data.name],
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        "seed": str(recipe.spec.seed),
        "training_cpu_seconds": f"{seconds:.0f}",
    }


def _card_text(recipe: Recipe, header: dict[str, str]) -> str:
    """Return the card's body: what the prior is for, where it fails, and how its numbers are measured."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    name = recipe.name
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)`, with an encoder, for reconstruction by latent search:
`sciadv.Prior.load("{name}")`. It knows only images like its training data and reproduces none of them
exactly: what it cannot represent (`representation_error_mean`, per pixel, on test images) no solver that
stays in its range can reconstruct. The distribution metrics are in the features of a small classifier of the
same data: they compare priors of one data set with each other, not with numbers in the literature.

| what | value |
|---|---|
{table}

`sciadv train {name}` trains it again; `sciadv bench priors` measures it again.
"""


def training_moments(images: Tensor) -> Moments:
    """Return mean and covariance of ``(n, channels, height, width)`` uint8 images in [0, 1]."""
    flat = images.flatten(1)
    total = torch.zeros(flat.shape[1], dtype=torch.float64)
    square = torch.zeros(flat.shape[1], flat.shape[1], dtype=torch.float64)
    for part in torch.split(flat, 5000):
        block = part.double() / 255
        total += block.sum(0)
        square += block.T @ block
    mean = total / len(flat)
    covariance = square / len(flat) - mean[:, None] * mean
    return Moments(mean.float().reshape(images.shape[1:]), covariance.float())


def train_classifier(
    images: Tensor, labels: Tensor, spec: dict[str, object], table: ClassifierTable, *, seed: int
) -> ConvClassifier:
    """Train a small classifier by Adam on cross-entropy, its step falling along one cosine.

    Parameters
    ----------
    images, labels
        ``(n, channels, height, width)`` uint8 and ``(n,)``.
    spec
        Settings of the network for `sciadv.nets.build_net`.
    table
        Epochs, and whether to distort the images (`small_affine`).
    seed
        Seed of the initial weights, the order and the distortions.
    """
    net, batch = build_seeded(spec, seed), 128
    assert isinstance(net, ConvClassifier)  # what a ClassifierTable's kind builds
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, table.epochs * (len(images) // batch))
    generator = as_generator(seed)
    for _ in range(table.epochs):
        order = torch.randperm(len(images), generator=generator)
        for index in torch.split(order[: len(order) // batch * batch], batch):
            x = images[index].float() / 255
            logits = net(small_affine(x, generator) if table.augment else x)
            loss = functional.cross_entropy(logits, labels[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            schedule.step()
    return net.eval().requires_grad_(False)


def small_affine(images: Tensor, generator: torch.Generator) -> Tensor:
    """Scale, shear and shift each image ``(n, channels, height, width)`` a little at random."""
    limits = torch.tensor([[0.12, 0.2, 0.12], [0.1, 0.08, 0.06]])
    draws = 2 * torch.rand(len(images), 2, 3, generator=generator) - 1
    grid = functional.affine_grid(torch.eye(2, 3) + limits * draws, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _as_tensor(data: Images) -> Tensor:
    return torch.from_numpy(data.images.copy())[:, None]


def _classifier(recipe: Recipe, train: Images, test: Images, out: Path) -> Classifier | None:
    """Train, or load from another prior, the classifier that judges; None if the recipe names none."""
    table = recipe.spec.classifier
    if table is None:
        return None
    if table.prior is not None:
        return load_classifier(find_entry("priors", table.prior))
    x, labels = _as_tensor(train), torch.from_numpy(train.labels.astype("int64"))
    n_classes = int(labels.max()) + 1
    spec = {"kind": table.kind, "image_shape": list(x.shape[1:]), "n_classes": n_classes}
    spec |= {} if table.channels is None else {"channels": table.channels}
    classifier = train_classifier(x, labels, spec, table, seed=recipe.spec.seed)
    right = accuracy(
        classifier, _as_tensor(test).float() / 255, torch.from_numpy(test.labels.astype("int64"))
    )
    save_classifier(classifier, out, facts={"test_accuracy": f"{right:.4f}", "data": recipe.spec.data.name})
    return classifier
