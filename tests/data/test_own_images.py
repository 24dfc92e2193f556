"""A user's images: read in any format, axes found, refused in words, split by patient, range learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from sciadv.data.axes import arranged, guess_axes
from sciadv.data.image_data import ImageData, learn_range, named_data, own_data
from sciadv.data.own_images import Reading, crops, read_own
from sciadv.data.splits import split_rows
from sciadv.errors import InputError


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def folder_of(images: np.ndarray, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"slice{i}.png")
    return folder


def test_a_folder_of_pictures_is_read_in_the_order_that_people_count_in(tmp_path: Path) -> None:
    images = noise(12, 9, 8)
    found = read_own(folder_of(images, tmp_path / "a"))
    assert found.images.shape == (12, 1, 9, 8)
    assert np.array_equal(found.images[:, 0], images)  # slice10 after slice9


def test_colours_become_channels_and_grey_pictures_in_three_channels_one(tmp_path: Path) -> None:
    images = noise(5, 8, 8, 3)
    found = read_own(folder_of(images, tmp_path / "rgb"))
    assert np.array_equal(found.images, images.transpose(0, 3, 1, 2))
    grey = np.repeat(noise(5, 8, 8, 1), 3, axis=3)
    assert read_own(folder_of(grey, tmp_path / "grey")).images.shape == (5, 1, 8, 8)


def test_every_format_gives_the_same_slices(tmp_path: Path) -> None:
    stack = noise(30, 9, 8)
    np.save(tmp_path / "a.npy", stack)
    np.savez(tmp_path / "b.npz", images=stack, labels=np.arange(30))
    pages = [Image.fromarray(page) for page in stack]
    pages[0].save(tmp_path / "c.tif", save_all=True, append_images=pages[1:])
    for name in ("a.npy", "b.npz", "c.tif"):
        assert np.array_equal(read_own(tmp_path / name).images[:, 0], stack), name


def test_hdf5_is_read_and_asks_which_of_several_data_sets_is_meant(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    stack = noise(30, 9, 8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["scan/slices"] = stack
    assert np.array_equal(read_own(tmp_path / "a.h5").images[:, 0], stack)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["one"], file["two"] = stack, stack[:9]
    with pytest.raises(InputError, match=r"one, two.*key in \[data\]"):
        read_own(tmp_path / "b.h5")
    assert len(read_own(tmp_path / "b.h5", Reading(key="two")).images) == 9


def test_the_slices_of_a_nifti_volume_are_images(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    volume = np.random.default_rng(0).normal(size=(9, 8, 30)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "a.nii.gz")
    found = read_own(tmp_path / "a.nii.gz")
    assert np.allclose(found.images[:, 0], volume.transpose(2, 1, 0))


@given(st.integers(1, 3), st.integers(1, 4), st.randoms(use_true_random=False))
def test_axes_in_any_order_give_images_channels_sides(n_sides: int, channels: int, random) -> None:
    sides = "dhw"[3 - n_sides :]
    array = np.arange(5 * channels * 9**n_sides).reshape(5, channels, *(9,) * n_sides)
    letters = ["n", "c", *sides]
    order = list(range(len(letters)))
    first, second = random.sample(range(len(order)), 2)  # channels and images anywhere, sides in order
    moved = [i for i in order if i > 1]
    for position, axis in sorted(((first, 0), (second, 1))):
        moved.insert(min(position, len(moved)), axis)
    axes = "".join(letters[i] for i in moved)
    assert np.array_equal(arranged(array.transpose(moved), axes), array)


def test_shapes_that_no_image_has_are_refused() -> None:
    for shape in ((5,), (5, 9, 9, 9, 9, 3), (5, 9, 9, 9, 9)):
        with pytest.raises(InputError, match="axes"):
            guess_axes(shape)
    with pytest.raises(InputError, match="axes must have"):
        read_own(noise(40, 9, 9), Reading(axes="nnh"))


@given(st.integers(1, 3), st.integers(8, 20), st.integers(2, 8))
def test_crops_cover_the_image_once(n_sides: int, side: int, cut: int) -> None:
    items = np.arange(2 * 2 * side**n_sides).reshape(2, 2, *(side,) * n_sides)
    pieces = crops(items, (cut,) * n_sides)
    assert len(pieces) == 2 * (side // cut) ** n_sides
    assert len(np.unique(pieces)) == pieces.size
    assert np.array_equal(pieces[0], items[(0, slice(None), *(slice(cut),) * n_sides)])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.__setitem__((7, 0, 0), np.nan), "NaN or Inf, the first in image 7"),
        (lambda x: x.__setitem__(slice(None), 2.0), "constant"),
        (lambda x: x.__setitem__(4, 2.0), "1 of 60 images are constant.*number 4"),
        (lambda x: x.__setitem__(9, x[3]), "repeat an earlier one exactly.*number 9"),
        (lambda x: x.__setitem__((5, 0, 0), -99999.0), "missing values"),
    ],
)
def test_images_that_no_prior_can_be_learnt_from_are_refused_in_words(change, words) -> None:
    images = np.random.default_rng(0).normal(size=(60, 9, 8))
    change(images)
    with pytest.raises(InputError, match=words):
        own_data(images)


def test_constant_and_repeated_images_are_left_out_when_asked() -> None:
    images = np.random.default_rng(0).normal(size=(60, 9, 8))
    images[4], images[9] = 2.0, images[3]
    data = own_data(images, drop=True)
    assert len(data.train) + len(data.reference) + len(data.test) <= 58


def test_too_few_too_small_and_values_out_of_a_stated_range_are_refused() -> None:
    with pytest.raises(InputError, match="12 images are too few"):
        own_data(noise(12, 9, 8))
    with pytest.raises(InputError, match="sides are 8 or longer"):
        own_data(noise(60, 5, 9))
    with pytest.raises(InputError, match=r"range is 0 to 0\.5"):
        own_data(noise(60, 9, 8), limits=(0.0, 0.5))


def test_mixed_sizes_and_kinds_are_refused(tmp_path: Path) -> None:
    folder = folder_of(noise(9, 9, 8), tmp_path / "a")
    Image.fromarray(noise(11, 8)).save(folder / "odd.png")
    with pytest.raises(
        InputError, match=r"9 files of 9 x 8 in 1 channels, 1 files of 11 x 8 in 1 channels; odd\.png"
    ):
        read_own(folder)
    np.save(folder / "labels.npy", np.zeros(9))
    with pytest.raises(InputError, match="several kinds"):
        read_own(folder)


def test_a_missing_or_broken_file_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_own(tmp_path / "nothing")
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        read_own(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no files of images"):
        read_own(tmp_path / "empty")


@example(30, 1, 0)
@given(st.integers(30, 3000), st.integers(1, 40), st.integers(0, 5))
def test_no_image_is_in_two_parts_and_no_file_where_there_are_many(n: int, files: int, seed: int) -> None:
    groups = np.sort(np.arange(n) % files)
    split = split_rows(groups, seed=seed)
    parts = [set(split.train), set(split.reference), set(split.test)]
    assert not (parts[0] & parts[1])
    assert not (parts[0] & parts[2])
    assert not (parts[1] & parts[2])
    assert len(split.train) >= n // 3
    if len(np.unique(groups)) >= 10:
        owners = [set(groups[list(part)]) for part in parts if part]
        assert sum(map(len, owners)) == len(set().union(*owners))


def test_training_images_keep_away_from_the_neighbours_of_others() -> None:
    split = split_rows(np.zeros(2000, np.int64))
    held_out = np.concatenate([split.reference, split.test])
    distance = np.abs(split.train[:, None] - held_out[None]).min()
    assert distance > 9
    assert len(split.reference) >= 19  # for a p-value of 0.05


def test_floats_keep_their_units_and_the_range_has_a_margin_at_soft_ends_only() -> None:
    images = np.random.default_rng(0).normal(300.0, 20.0, (60, 9, 8)).clip(280)
    data = own_data(images)
    assert data.value_range is not None
    assert data.value_range.low == (280.0,)
    assert data.value_range.high[0] > images.max()
    unit = data.unit(data.train)
    assert 0 <= float(unit.min()) <= float(unit.max()) <= 1
    assert torch.allclose(data.values(data.train), data.train)


def test_channels_of_other_units_have_ranges_of_their_own() -> None:
    rng = np.random.default_rng(0)
    images = np.stack([rng.normal(size=(60, 9)), rng.normal(5000, 300, (60, 9))], 1)
    found = learn_range(images)
    assert found.low[0] != found.low[1]
    assert "by channel" in str(found)


def test_grey_values_of_8_bits_stand_for_0_to_1() -> None:
    data = own_data(noise(60, 9, 8))
    assert data.value_range is None
    assert float(data.values(data.train).max()) <= 1
    assert data.facts["value_range"] == "0 to 1 (8 bits)"


def test_the_reference_images_of_a_named_set_are_held_out() -> None:
    data: ImageData = named_data("digits-8", n_reference=100)
    whole = named_data("digits-8")
    assert len(whole.train) == len(data.train) + 100
    assert len(whole.reference) == 0
    assert torch.equal(whole.train[-100:], data.reference)
