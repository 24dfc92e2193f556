"""What recipes of images share: the data, their units, and the classifier that measures samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from sciadv.data.datasets import Images, load_images
from sciadv.data.image_data import ImageData, named_data, own_data
from sciadv.data.own_images import Reading
from sciadv.errors import InputError
from sciadv.files.cards import CLASSIFIER
from sciadv.files.release.released_priors import whole_prior
from sciadv.metrics import classify, frechet_distance, n_modes
from sciadv.metrics.classifier import Classifier, accuracy, load_classifier, save_classifier
from sciadv.nets import ConvClassifier, RangedEncoder, RangedGenerator, build_seeded
from sciadv.prior import Prior
from sciadv.schema import ImageRecipe, Recipe
from sciadv.schema.recipe_tables import ClassifierTable
from sciadv.trainings.fits.classifier_training import ClassifierSchedule, ClassifierTraining
from sciadv.trainings.loop import run

#: The path in a recipe whose images were given in Python.
GIVEN = "-"


def load_data(recipe: Recipe, spec: ImageRecipe) -> ImageData:
    """Load the images that a recipe, which says `spec`, is trained on.

    Raises
    ------
    InputError
        They are not there, or no prior can be learnt from them.
    """
    table = spec.data
    if recipe.images is not None:
        return recipe.images
    if table.name is not None:
        return named_data(table.name, prepare=table.prepare, n_reference=table.reference or 0, seed=spec.seed)
    if table.path == GIVEN:
        raise InputError(
            f"recipe {recipe.name!r} is of an array that was given in Python: train it by "
            f"sciadv.train(array, recipe), or save the array and put its path under [data]"
        )
    return own_data(
        recipe.folder / Path(str(table.path)).expanduser(),
        Reading(table.axes, table.key, table.crop),
        limits=table.range,
        drop=table.drop,
        licence=table.licence,
        seed=spec.seed,
    )


def in_units(prior: Prior, data: ImageData) -> Prior:
    """Return a prior of images in [0, 1] as one of images in the units of the data."""
    if data.value_range is None:
        return prior
    low, high = data.value_range.low, data.value_range.high
    encoder = None if prior.encoder is None else RangedEncoder(inner=prior.encoder, low=low, high=high)
    return replace(
        prior, generator=RangedGenerator(inner=prior.generator, low=low, high=high), encoder=encoder
    )


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
        return load_classifier(whole_prior(table.prior, also=(CLASSIFIER,)))
    if (out / CLASSIFIER).is_file():
        return load_classifier(out)
    name = str(table.data or spec.data.name)  # own images have no classes of their own
    if table.data is None and data.labels is not None:
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
