"""Held-out images: each seed has its own, after those for tuning, and they begin again at the end."""

import numpy as np

from benchmarks.held_out import FIRST_IMAGE, held_out
from sciadv.data.datasets import Images

N_TEST = FIRST_IMAGE + 30


def test_seeds_follow_one_another_and_begin_again() -> None:
    images = np.zeros((N_TEST, 1, 1), np.uint8)
    images[FIRST_IMAGE:, 0, 0] = np.arange(30)
    test = Images(images, np.zeros(N_TEST, np.uint8), "")
    first = [round(255 * float(held_out(test, 8, seed=seed)[0])) for seed in range(4)]
    assert first == [0, 8, 16, 2]
    assert held_out(test, 8, seed=2).shape == (8, 1, 1, 1)
