"""Make measurements.npz: four breast MR slices of the test split by four coils, an eighth of k-space.

The slices are of MedNIST (B. J. Erickson, Mayo Clinic), CC BY-SA 4.0; so is the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks.scans.scans import MR_SIGMA
from sciadv.data.datasets import load_images
from sciadv.forward import MultiCoilFourier, birdcage_sensitivities, cartesian_mask
from sciadv.likelihood import Gaussian

SLICES, SEED, N_COILS = (120, 380, 620, 900), 1, 4


def main() -> None:
    """Measure and write the file beside this one."""
    x = load_images("breast-mr", "test").grey(SLICES)
    mask, maps = cartesian_mask(64, 8, seed=0), birdcage_sensitivities((64, 64), N_COILS)
    forward = MultiCoilFourier((1, 64, 64), mask, maps)  # as in problem.toml
    y = Gaussian(MR_SIGMA).sample(forward(x), generator=torch.Generator().manual_seed(SEED))
    np.savez_compressed(
        Path(__file__).with_name("measurements.npz"),
        y=y.numpy(),
        mask=mask.numpy(),
        sensitivities=maps.numpy(),
        truth=x.numpy(),
        licence=np.array("CC BY-SA 4.0: MedNIST, B. J. Erickson, Mayo Clinic"),
    )


if __name__ == "__main__":
    main()
