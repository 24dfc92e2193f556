"""Make measurements.npz: counts behind four head CT slices of the test split, and the slices.

The slices are of MedNIST (B. J. Erickson, Mayo Clinic), CC BY-SA 4.0; so is the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sciadv.catalogue import build_parts, problem_spec
from sciadv.data.datasets import load_images

SLICES, SEED = (120, 440, 620, 900), 1


def main() -> None:
    """Measure and write the file beside this one."""
    folder = Path(__file__).parent
    x = load_images("head-ct", "test").grey(SLICES)
    forward, likelihood, _ = build_parts(problem_spec(folder / "problem.toml"), (1, 64, 64), folder=folder)
    y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(SEED))
    np.savez_compressed(
        folder / "measurements.npz",
        y=y.numpy(),
        truth=x.numpy(),
        licence=np.array("CC BY-SA 4.0: MedNIST, B. J. Erickson, Mayo Clinic"),
    )


if __name__ == "__main__":
    main()
