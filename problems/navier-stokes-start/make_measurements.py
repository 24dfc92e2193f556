"""Make measurements.npz: flows that began as four MNIST test digits; the digits are not kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sciadv.catalogue import build_parts, problem_spec
from sciadv.data.datasets import load_images

#: Test digits.
FIRST, LAST, SEED = 9000, 9004, 1


def main() -> None:
    """Measure and write the file beside this one."""
    folder = Path(__file__).parent
    test = load_images("mnist", "test")
    x = test.grey(slice(FIRST, LAST))
    forward, likelihood, _ = build_parts(problem_spec(folder / "problem.toml"), (1, 28, 28), folder=folder)
    y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(SEED))
    np.savez(folder / "measurements.npz", y=y.numpy(), labels=test.labels[FIRST:LAST])


if __name__ == "__main__":
    main()
