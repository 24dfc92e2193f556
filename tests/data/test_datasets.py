"""Data sets: the splits share nothing, the files are those expected, and errors say what to do."""

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from sciadv.data import datasets
from sciadv.data.datasets import Images, is_available, load_images
from sciadv.errors import InputError, UnknownNameError

has_slices = pytest.mark.skipif(not is_available("head-ct"), reason="MedNIST is not under SCIADV_DATA")


def write_slices(path, n):
    """Write `n` slices, the i-th of grey 10 i, as the MedNIST files hold them."""
    parts = []
    for i in range(n):
        buffer = io.BytesIO()
        Image.fromarray(np.full((64, 64), 10 * i, np.uint8)).save(buffer, "JPEG", quality=95)
        parts.append(buffer.getvalue())
    path.parent.mkdir(parents=True)
    joined = b"".join(parts)
    np.savez(path, jpeg=np.frombuffer(joined, np.uint8), offsets=np.cumsum([0, *map(len, parts)]))
    return joined


@pytest.mark.parametrize("rows", [slice(1, 3), [1, 2], (1, 2)])
def test_grey_values_are_the_images_over_255(rows):
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    grey = Images(images, np.zeros(4, np.uint8), "").grey(rows)
    assert grey.shape == (2, 1, 2, 3)
    np.testing.assert_array_equal(grey[:, 0].numpy(), images[1:3].astype(np.float32) / 255)


@pytest.mark.parametrize(("split", "first", "n"), [("train", 0, 8), ("test", 14, 10)])
def test_test_slices_are_the_last_block_of_the_file_and_the_gap_is_in_no_split(
    tmp_path, monkeypatch, split, first, n
):
    file = datasets._MEDNIST["head-ct"]
    joined = write_slices(tmp_path / file.path, 24)
    monkeypatch.setattr(datasets, "_N_TEST_SLICES", 10)
    monkeypatch.setattr(datasets, "_N_GAP", 6)
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    made = dataclasses.replace(file, sha256=hashlib.sha256(joined).hexdigest())
    monkeypatch.setitem(datasets._MEDNIST, "head-ct", made)
    got = load_images("head-ct", split)
    assert got.images.shape == (n, 64, 64)
    assert got.images.dtype == np.uint8
    assert np.abs(got.images[0].astype(int) - 10 * first).max() <= 1
    assert set(got.labels) == {0}


def test_slices_that_are_not_the_expected_ones_are_refused(tmp_path, monkeypatch):
    write_slices(tmp_path / datasets._MEDNIST["breast-mr"].path, 3)
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    with pytest.raises(InputError, match="sha256 differs"):
        load_images("breast-mr")


def test_slices_that_are_not_there_say_where_they_belong(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    monkeypatch.setenv("SCIADV_CACHE", str(tmp_path / "cache"))
    assert not is_available("abdomen-ct")
    with pytest.raises(InputError, match=r"AbdomenCT_jpeg\.npz is not under SCIADV_DATA"):
        load_images("abdomen-ct")


def test_an_unknown_data_set_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match="head-ct"):
        load_images("head")


def test_the_small_digits_are_there_without_any_file_and_the_splits_are_all_of_them():
    train, test = (load_images("digits-8", split) for split in ("train", "test"))
    assert is_available("digits-8")
    assert (train.images.shape, test.images.shape) == ((1300, 8, 8), (497, 8, 8))
    assert train.images.max() == 255
    assert set(test.labels) == set(range(10))


@has_slices
def test_all_slices_together_have_the_labels_of_their_classes():
    both = load_images("mednist", "test")
    assert both.images.shape == (3000, 64, 64)
    assert list(np.bincount(both.labels)) == [1000, 1000, 1000]


@has_slices
@pytest.mark.parametrize(("name", "n_train"), [("head-ct", 8400), ("breast-mr", 7354)])
def test_no_test_slice_is_a_copy_of_a_training_slice(name, n_train):
    train, test = (load_images(name, split).images for split in ("train", "test"))
    assert train.shape == (n_train, 64, 64)
    assert test.shape == (1000, 64, 64)
    copies = {x.tobytes() for x in train} & {x.tobytes() for x in test}
    assert all(len(set(copy)) == 1 for copy in copies)  # empty slices are alike, others are not


def test_train_and_test_crops_of_a_training_image_share_no_column(tmp_path, monkeypatch):
    file, image = datasets._CROPS["channels"], np.tile(np.arange(100, dtype=np.uint8), (30, 1))
    (tmp_path / file.path).parent.mkdir()
    np.savez(tmp_path / file.path, image=image)
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    small = dataclasses.replace(file, sha256=digest, crop=(12, 6))
    monkeypatch.setattr(datasets, "_CROPS", {"channels": small})
    monkeypatch.setattr(datasets, "_N_TEST_COLUMNS", 20)
    monkeypatch.setattr(datasets, "_CROP_VALUE", 1)
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    train, test = load_images("channels").images, load_images("channels", "test").images
    assert train.shape[1:] == test.shape[1:] == (12, 6)
    assert (train.min(), train.max(), test.min(), test.max()) == (0, 79, 80, 99)
    assert np.array_equal(load_images("channels", "test").images, test)


def test_channels_that_are_not_there_are_named_with_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"training_image_channels\.npz is not under SCIADV_DATA"):
        load_images("channels")
