"""Make measurements.npz: noisy random projections of 16 MNIST test digits; the digits are not kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sciadv.data.datasets import load_images
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian

#: Test digits; `sciadv bench compressed-sensing` takes others.
FIRST, LAST = 9000, 9016


def main() -> None:
    """Measure and write the file beside this one."""
    test = load_images("mnist", "test")
    x = test.grey(slice(FIRST, LAST))
    forward = GaussianSensing((1, 28, 28), 100, seed=0)  # as in problem.toml
    y = Gaussian(0.1).sample(forward(x), generator=torch.Generator().manual_seed(1))
    np.savez(Path(__file__).with_name("measurements.npz"), y=y.numpy(), labels=test.labels[FIRST:LAST])


if __name__ == "__main__":
    main()
