"""Make gaussian.npz, fourier.npz and the mask: noisy magnitudes of 8 MNIST test digits; no digit is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.scans.phase_retrieval import seen_frequencies
from sciadv.catalogue import build_parts, problem_spec
from sciadv.data.datasets import load_images

#: Test digits; `sciadv bench phase-retrieval` takes others.
FIRST, LAST = 9000, 9008


def main() -> None:
    """Measure and write the files beside this one."""
    folder = Path(__file__).parent
    np.save(folder / "fourier_mask.npy", seen_frequencies(1568, 56, seed=0).numpy())
    test = load_images("mnist", "test")
    x = test.grey(slice(FIRST, LAST))
    for spec, name in (("problem.toml", "gaussian.npz"), ("fourier.toml", "fourier.npz")):
        forward, likelihood, _ = build_parts(problem_spec(folder / spec), (1, 28, 28), folder=folder)
        y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(1))
        np.savez(folder / name, y=y.numpy(), labels=test.labels[FIRST:LAST])


if __name__ == "__main__":
    main()
