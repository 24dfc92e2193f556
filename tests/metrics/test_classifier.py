from pathlib import Path

import pytest
import torch

from sciadv.errors import InputError, WeightsError
from sciadv.metrics import accuracy, classify, load_classifier, save_classifier
from sciadv.nets import build_seeded

SPEC: dict[str, object] = {"kind": "conv-classifier", "image_shape": [1, 8, 8], "n_classes": 3, "channels": 2}


def test_a_saved_classifier_loads_and_gives_the_same(tmp_path: Path) -> None:
    net = build_seeded(SPEC, 0)
    save_classifier(net, tmp_path, facts={"accuracy": "0.9"})
    x = torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    loaded = load_classifier(tmp_path)
    assert torch.allclose(classify(loaded, x, batch=3).logits, classify(net, x).logits, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_accuracy_is_the_share_of_right_classes() -> None:
    net = build_seeded(SPEC, 0)
    x = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = classify(net, x).classes.clone()
    labels[:5] = (labels[:5] + 1) % 3
    assert accuracy(net, x, labels) == pytest.approx(0.75)


def test_a_folder_without_a_classifier_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has no classifier"):
        load_classifier(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = save_classifier(build_seeded(SPEC, 0), tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="is not a sciadv classifier"):
        load_classifier(tmp_path)


def test_a_network_of_the_users_own_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_classifier(torch.nn.Linear(1, 1), tmp_path)
