"""Make the mask, and the measurements of inpainting, deblurring and super-resolution; no image is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.reconstruct.restorations import CASES
from sciadv.catalogue import build_parts, problem_spec
from sciadv.data.datasets import load_images

PROBLEMS = Path(__file__).parents[1]
#: Test images; the benches take others.
FIRST, LAST = 9000, 9012
#: Pixels seen: a fifth.
N_SEEN = 157


def main() -> None:
    """Measure and write the files of all three problems."""
    order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
    np.save(PROBLEMS / "inpainting" / "mask.npy", (order < N_SEEN).reshape(1, 28, 28).numpy())
    for problem in ("inpainting", "deblurring", "super-resolution"):
        for case, (file, data) in CASES.items():
            folder = PROBLEMS / problem
            if (folder / file).is_file():
                test = load_images(data, "test")
                x = test.grey(slice(FIRST, LAST))
                forward, likelihood, _ = build_parts(problem_spec(folder / file), (1, 28, 28), folder=folder)
                y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(1))
                np.savez(folder / f"{case}.npz", y=y.numpy(), labels=test.labels[FIRST:LAST])


if __name__ == "__main__":
    main()
