"""The small classifier whose features, classes and accuracy measure images: its file, passes in batches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from sciadv.errors import WeightsError
from sciadv.files.cards import CLASSIFIER, read_card, require_stated
from sciadv.files.folders import as_path
from sciadv.files.weights import read_tensor_file, write_tensors
from sciadv.nets import ConvClassifier, net_spec
from sciadv.nets.loading import load_net


@runtime_checkable
class Classifier(Protocol):
    """Anything with class logits and features, both from a batch of images."""

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return class logits ``(batch, classes)``."""
        ...

    def features(self, x: Tensor, /) -> Tensor:
        """Return features ``(batch, features)``."""
        ...


@dataclass(frozen=True)
class ClassifierOutput:
    """Features ``(n, features)`` and logits ``(n, classes)`` of a set of images."""

    features: Tensor
    logits: Tensor

    @property
    def classes(self) -> Tensor:
        """Most probable class of each image ``(n,)``."""
        return self.logits.argmax(1)


def classify(classifier: Classifier, images: Tensor, *, batch: int = 500) -> ClassifierOutput:
    """Pass images ``(n, channels, height, width)`` through a classifier without gradients."""
    with torch.no_grad():
        parts = torch.split(images, batch)
        features = torch.cat([classifier.features(part) for part in parts])
        logits = torch.cat([classifier(part) for part in parts])
    return ClassifierOutput(features, logits)


def accuracy(classifier: Classifier, images: Tensor, labels: Tensor) -> float:
    """Share of the images whose most probable class is their label."""
    return float((classify(classifier, images).classes == labels.to(images.device)).double().mean())


def save_classifier(
    classifier: nn.Module, folder: Path | str, *, facts: dict[str, str] | None = None
) -> Path:
    """Write ``classifier.safetensors`` to a folder; `facts` (accuracy, data) go into its header.

    Raises
    ------
    InputError
        The classifier is not one of `sciadv.nets`.
    """
    tensors = {f"classifier.{k}": t for k, t in classifier.state_dict().items()}
    header = {"nets": json.dumps({"classifier": net_spec(classifier)}), **(facts or {})}
    return write_tensors(as_path(folder, "folder") / CLASSIFIER, tensors, header)


def load_classifier(folder: Path | str, *, device: torch.device | str = "cpu") -> ConvClassifier:
    """Load the classifier that lies in a prior's folder, in evaluation mode. Runs no code from the file.

    Raises
    ------
    WeightsError
        There is none, or the file is truncated, corrupted or not a classifier of sciadv.
    """
    place = as_path(folder, "folder")
    path = place / CLASSIFIER
    if not path.exists():
        raise WeightsError(f"{place} has no {CLASSIFIER}; train the prior's recipe with a [classifier] table")
    file = read_tensor_file(path, what="a sciadv classifier", advice="Fetch it again.")
    require_stated(file, read_card(place))
    nets = file.entry("nets")
    net = load_net(file, nets.get("classifier") if isinstance(nets, dict) else None, "classifier")
    if not isinstance(net, ConvClassifier):
        raise WeightsError(f"{path} holds a {type(net).__name__}, not a classifier. Fetch it again.")
    return net.to(device).requires_grad_(False)
