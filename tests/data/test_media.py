"""Media and their patches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.data.media import MEDIA, cut_patches, has_medium, read_medium
from sciadv.errors import InputError, UnknownNameError


@settings(max_examples=25)
@given(seed=st.integers(0, 99), shape=st.sampled_from([(4, 6), (3, 4, 5)]), is_isotropic=st.booleans())
def test_a_patch_is_a_piece_of_the_medium(seed: int, shape: tuple[int, ...], *, is_isotropic: bool) -> None:
    medium = np.arange(7 * 8 * 9, dtype=np.int64).reshape(7, 8, 9) % 251
    patches = cut_patches(medium.astype(np.uint8), shape, 3, seed=seed, is_isotropic=is_isotropic)
    assert patches.shape == (3, *shape)
    if not is_isotropic:  # the first axis is the slices'
        steps = np.diff(patches.astype(int), axis=-1) % 251
        assert (steps == 1).all()


def test_the_same_seed_cuts_the_same_patches() -> None:
    medium = np.random.default_rng(0).integers(0, 255, (20, 20)).astype(np.uint8)
    first, again, other = (cut_patches(medium, (5, 5), 4, seed=seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_patches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be cut"):
        cut_patches(np.zeros((4, 4), np.uint8), (5, 2), 1, seed=0)


def test_unknown_media_and_splits_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no medium"):
        read_medium("granite", "train")
    with pytest.raises(UnknownNameError, match="split"):
        read_medium("berea", "both")


def test_a_medium_that_is_not_there_says_whose_it_is(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    assert not has_medium("ketton")
    with pytest.raises(InputError, match="PorousMediaGan"):
        read_medium("ketton", "train")


@pytest.mark.skipif(not has_medium("buried-channels"), reason="no training image under SCIADV_DATA")
def test_the_parts_of_a_medium_do_not_touch() -> None:
    train, test = (read_medium("buried-channels", split) for split in ("train", "test"))
    assert train.shape == (1750, 2500)
    assert test.shape == (625, 2500)
    assert set(np.unique(train)) == {0, 255}
    assert not MEDIA["buried-channels"].is_isotropic
