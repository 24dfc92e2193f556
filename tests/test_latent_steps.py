"""Steps through latent space: interpolation keeps to the great circle, directions carry an attribute."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciadv.data.datasets import is_available, load_images
from sciadv.errors import InputError
from sciadv.files.folders import find_entry
from sciadv.metrics import classify
from sciadv.metrics.classifier import load_classifier
from sciadv.prior import Prior


@pytest.fixture(scope="module")
def linear() -> Prior:
    net = nn.Sequential(nn.Linear(6, 8, bias=False), nn.Unflatten(1, (1, 2, 4)))
    inverse = nn.Sequential(nn.Flatten(), nn.Linear(8, 6, bias=False))
    with torch.no_grad():
        inverse[1].weight.copy_(torch.linalg.pinv(net[0].weight))
    return Prior(net, 6, inverse)


def test_interpolation_has_both_ends_and_keeps_the_length_of_draws(linear: Prior) -> None:
    first, second = linear.sample_latent(2, seed=3)
    path = linear.interpolate(first, second, n=7)
    assert path.shape == (7, 1, 2, 4)
    torch.testing.assert_close(path[[0, -1]], linear(torch.stack([first, second])), rtol=0, atol=1e-5)
    lengths = linear.encode(path).norm(dim=1)
    assert float(lengths.min()) > 0.95 * float(torch.minimum(lengths[0], lengths[-1]))
    again = linear.interpolate(linear(first[None])[0], linear(second[None]), n=7)  # candidates are encoded
    torch.testing.assert_close(again, path, rtol=0, atol=1e-5)


def test_a_direction_is_the_difference_of_mean_latents(linear: Prior) -> None:
    z = linear.sample_latent(50, seed=0)
    step = torch.tensor([0.0, 2.0, 0.0, 0.0, -1.0, 0.0])
    torch.testing.assert_close(linear.direction(z + step, z), step, rtol=0, atol=1e-5)
    torch.testing.assert_close(linear.direction(linear(z + step), linear(z)), step, rtol=0, atol=1e-4)


def test_what_is_no_latent_is_refused_in_words(linear: Prior) -> None:
    with pytest.raises(InputError, match=r"first must be latents of length 6 or candidates, .* \(1, 5\)"):
        linear.interpolate(torch.zeros(1, 5), torch.zeros(6))
    with pytest.raises(InputError, match="n must be"):
        linear.interpolate(torch.zeros(6), torch.zeros(6), n=1)
    with pytest.raises(InputError, match="has no encoder"):
        Prior(linear.generator, 6).direction(torch.zeros(3, 1, 2, 4), torch.zeros(3, 1, 2, 4))


@pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not under SCIADV_DATA")
def test_the_shipped_digits_follow_directions_and_change_class_once_on_a_path() -> None:
    """Of held-out digits, most become the class that is added; a path from 3 to 8 changes class once."""
    prior, judge = Prior.load("mnist"), load_classifier(find_entry("priors", "mnist"))
    data = load_images("mnist", "test")
    images, labels = data.grey(), torch.from_numpy(data.labels.astype("int64"))
    of = {digit: images[labels == digit][:300] for digit in (3, 8)}
    step = prior.direction(of[8][:200], of[3][:200])
    with torch.no_grad():
        moved = prior(prior.encode(of[3][200:]) + 1.5 * step)
    assert float((classify(judge, moved).classes == 8).double().mean()) > 0.8  # 0.88 here
    changes = []
    for three, eight in zip(of[3][200:230], of[8][200:230], strict=True):
        classes = classify(judge, prior.interpolate(three, eight, n=7)).classes
        changes.append(int((classes.diff() != 0).sum()))
    assert sum(one == 1 for one in changes) > 0.6 * len(changes)  # 23 of 30 here
