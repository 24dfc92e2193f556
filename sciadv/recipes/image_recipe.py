"""What recipes of images share: data, the classifier that measures samples, the card, the prior's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sciadv.data.datasets import LICENCES, Images, load_images
from sciadv.files.cards import CLASSIFIER
from sciadv.files.folders import find_entry
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.metrics import classify, frechet_distance, n_modes
from sciadv.metrics.classifier import Classifier, accuracy, load_classifier, save_classifier
from sciadv.nets import ConvClassifier, build_seeded
from sciadv.prior import Moments, Prior
from sciadv.recipes.prior_quality import measure_prior
from sciadv.report.plotting import plot_samples
from sciadv.schema import ImageRecipe, Recipe
from sciadv.schema.recipe_tables import ClassifierTable
from sciadv.solvers.beyond_range.residual_statistics import residual_facts, with_residual
from sciadv.trainings.classifier.classifier_training import ClassifierSchedule, ClassifierTraining
from sciadv.trainings.loop import run


@dataclass(frozen=True)
class ImageData:
    """A recipe's images ``(n, channels, height, width)`` uint8, training labels, training images' hash."""

    train: Tensor
    test: Tensor
    labels: Tensor
    sha256: str

    @staticmethod
    def load(spec: ImageRecipe) -> ImageData:
        """Load both splits.

        Raises
        ------
        InputError
            The data are not there, or are not those expected.
        """
        data = spec.data
        train, test = (
            load_images(data.name, split, prepare=data.prepare, seed=spec.seed) for split in ("train", "test")
        )
        return ImageData(_as_tensor(train), _as_tensor(test), _labels(train), train.sha256)


class SampleEvaluator:
    """Frechet distance in a classifier's features and modes of a prior's samples, for a training's log.

    Parameters
    ----------
    classifier
        Whose features and classes are used.
    train
        Training images ``(n, channels, height, width)`` uint8; the first `n_samples` are compared with.
    seed
        Seed of the samples.
    n_samples
        Samples of a measurement, and training images.
    """

    def __init__(self, classifier: Classifier, train: Tensor, *, seed: int, n_samples: int = 1000) -> None:
        self.classifier, self.seed, self.n_samples = classifier, seed, n_samples
        self.real = classify(classifier, train[:n_samples].float() / 255)

    def __call__(self, prior: Prior) -> dict[str, float]:
        """Return ``frechet`` and ``modes``."""
        samples = prior.sample(self.n_samples, seed=self.seed).cpu()
        found = classify(self.classifier, samples)
        n_classes = found.logits.shape[1]
        return {
            "frechet": float(frechet_distance(found.features, self.real.features)),
            "modes": float(n_modes(found.classes, n_classes)),
        }


def write_prior(  # noqa: PLR0913  # what is written, and how much is learned for it
    recipe: Recipe,
    prior: Prior,
    data: ImageData,
    classifier: Classifier | None,
    out: Path,
    facts: dict[str, str],
    *,
    max_residual_pixels: int = 8192,
    n_residual_images: int = 9000,
) -> None:
    """Measure a prior on the test images, learn what it cannot represent, and write its folder.

    Parameters
    ----------
    recipe
        What it was trained by.
    prior
        The prior, on the CPU, with its moments.
    data
        The recipe's images.
    classifier
        Measures its samples; None measures the representation error only.
    out
        The folder.
    facts
        Further lines of the card's header.
    n_residual_images
        Training images at most from which the statistics of the representation error are learned.
    max_residual_pixels
        Images of more pixels get none of these statistics: their covariance is too large.
    """
    spec = recipe.spec
    assert isinstance(spec, ImageRecipe)
    quality = measure_prior(
        prior, classifier, data.test.float() / 255, train=data.train.float() / 255, seed=spec.seed
    )
    if data.train[0].numel() <= max_residual_pixels:
        prior = with_residual(prior, data.train[:n_residual_images].float() / 255)
    header = _card_header(recipe, spec, prior, data.sha256) | facts | quality.header()
    header |= residual_facts(prior, n_residual_images)
    prior.save(out, recipe_sha256=recipe.sha256, header=header, text=_card_text(recipe, prior, header))
    write_file(out / "recipe.toml", recipe.text)
    write_file(out / "samples.png", png(plot_samples(prior), dpi=100))


def _card_header(recipe: Recipe, spec: ImageRecipe, prior: Prior, data_sha256: str) -> dict[str, str]:
    """Return what the card states besides the metrics."""
    data = spec.data
    return {
        "title": recipe.spec.title,
        "kind": recipe.spec.kind,
        "data": f"{data.name}, training split, prepared as {data.prepare!r}",
        "data_sha256": data_sha256,
        "data_licence": LICENCES[data.name],
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        "seed": str(spec.seed),
    }


def _card_text(recipe: Recipe, prior: Prior, header: dict[str, str]) -> str:
    """Return the card's body: what the prior is for, where it fails, and how its numbers are measured."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    name, encoder = recipe.name, "" if prior.encoder is None else ", with an encoder"
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)`{encoder}, for reconstruction by latent search:
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

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C came; a classifier that is half trained measures nothing.
    """
    net = build_seeded(spec, seed)
    assert isinstance(net, ConvClassifier)  # what a ClassifierTable's kind builds
    schedule = ClassifierSchedule(epochs=table.epochs, augment=table.augment)
    training = ClassifierTraining(net, images, labels, schedule=schedule, seed=seed)
    run(training).check_finished()
    return net.eval().requires_grad_(False)


def _as_tensor(data: Images) -> Tensor:
    return torch.from_numpy(data.images.copy())[:, None]


def _labels(data: Images) -> Tensor:
    return torch.from_numpy(data.labels.astype("int64"))


def recipe_classifier(spec: ImageRecipe, data: ImageData, out: Path) -> Classifier | None:
    """Load the classifier that a recipe names, or the one that lies in the folder, or train it.

    None if the recipe names none.
    """
    table = spec.classifier
    if table is None:
        return None
    if table.prior is not None:
        return load_classifier(find_entry("priors", table.prior))
    if (out / CLASSIFIER).is_file():
        return load_classifier(out)
    name = spec.data.name if table.data is None else table.data
    if table.data is None:
        train, labels = data.train, data.labels
    else:
        own = load_images(name, "train", prepare=spec.data.prepare, seed=spec.seed)
        train, labels = _as_tensor(own), _labels(own)
    n_classes = int(labels.max()) + 1
    settings = {"kind": table.kind, "image_shape": list(train.shape[1:]), "n_classes": n_classes}
    settings |= {} if table.channels is None else {"channels": table.channels}
    classifier = train_classifier(train, labels, settings, table, seed=spec.seed)
    test = load_images(name, "test", prepare=spec.data.prepare, seed=spec.seed)
    right = accuracy(classifier, _as_tensor(test).float() / 255, _labels(test))
    save_classifier(classifier, out, facts={"test_accuracy": f"{right:.4f}", "data": name})
    return classifier
