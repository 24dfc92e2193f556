"""The watermark: bits come back through a PNG, nobody sees them, other keys read noise, misuse is said."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from PIL import Image

from sciadv.data.watermark import Watermark
from sciadv.errors import InputError
from sciadv.files.folders import find_entry
from sciadv.metrics import classify, frechet_distance
from sciadv.metrics.classifier import load_classifier
from sciadv.prior import Prior
from sciadv.recipes.images.exported import export_samples, read_origin, weights_mark


def images(n: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20)
@given(
    message=st.binary(min_size=1, max_size=4),
    side=st.integers(12, 20),
    channels=st.sampled_from([1, 3]),
    binary=st.booleans(),
)
def test_any_message_comes_back_from_any_images_in_whole_255ths(message, side, channels, binary) -> None:
    x = images(3, channels, side, side + 1)
    x = (x > 0.5).float() if binary else x
    marked = Watermark("key").write(x, message)
    assert Watermark("key").read(marked, len(message)) == [message] * 3
    assert float((marked * 255 - (marked * 255).round()).abs().max()) < 1e-4
    assert float(marked.min()) >= 0
    assert float(marked.max()) <= 1


def test_another_key_reads_noise() -> None:
    marked = Watermark("key").write(images(200, 1, 16, 16), b"abcd")
    bits = Watermark("other").read_bits(marked, 32)
    assert abs(float(bits.mean()) - 0.5) < 0.03
    assert b"abcd" not in Watermark("other").read(marked, 4)


def test_exported_samples_carry_their_prior_and_keep_their_distance(tmp_path) -> None:
    """Bit accuracy 1 through PNG files, and a feature-Frechet distance that changes by at most 1 %."""
    prior, judge = Prior.load("fashion"), load_classifier(find_entry("priors", "fashion"))
    folder = export_samples(prior, tmp_path / "out", n=100, seed=1, key="secret")
    files = sorted(folder.iterdir())
    read = (
        torch.stack([torch.from_numpy(np.array(Image.open(file))) for file in files])[:, None].float() / 255
    )
    assert Watermark("secret").read(read, 4) == [weights_mark(prior)] * 100
    plain = prior.sample(100, seed=1)
    assert float((read - plain).abs().max()) < 0.015
    real = classify(judge, prior.sample(300, seed=2)).features  # two sets of samples: a small distance
    before, after = (float(frechet_distance(classify(judge, x).features, real)) for x in (plain, read))
    assert abs(after - before) <= 0.01 * before
    origin = read_origin(files[3])
    assert origin["prior"] == "fashion"
    assert origin["number"] == 3
    assert origin["weights_sha256"] == prior.card["weights_sha256"]


def test_misuse_is_said_in_words(tmp_path) -> None:
    mark = Watermark("key")
    with pytest.raises(InputError, match="carry 16 bits at most, not 24"):
        mark.write(images(1, 1, 8, 8), b"abc")
    with pytest.raises(InputError, match=r"values in \[0, 1\]"):
        mark.write(2 * images(1, 1, 8, 8) - 1, b"a")
    with pytest.raises(InputError, match="at least one"):
        mark.write(images(1, 1, 8, 8), b"")
    prior = Prior(
        torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (1, 8, 8))), 2
    )
    with pytest.raises(InputError, match="no hash of its weights"):
        export_samples(prior, tmp_path / "a", key="k")
    export_samples(prior, tmp_path / "b", n=1)
    Image.open(tmp_path / "b" / "sample-000.png").save(tmp_path / "bare.png")
    with pytest.raises(InputError, match="does not say where it comes from"):
        read_origin(tmp_path / "bare.png")
    (tmp_path / "no.png").write_text("no")
    with pytest.raises(InputError, match="as an image"):
        read_origin(tmp_path / "no.png")
    with pytest.raises(InputError, match="one or three channels"):
        export_samples(Prior(torch.nn.Linear(2, 5), 2), tmp_path / "c")
