"""Make measurements.npz: a head CT slice of the test split from 16 views with Poisson noise, and the slice.

The slice is of MedNIST (B. J. Erickson, Mayo Clinic), CC BY-SA 4.0; so is the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.scans.scans import ct_counts, ct_data
from sciadv.data.datasets import load_images
from sciadv.forward import ParallelBeam

SLICE, SEED = 440, 1


def main() -> None:
    """Measure and write the file beside this one."""
    x = load_images("head-ct", "test").grey([SLICE])
    forward = ParallelBeam((1, 64, 64), [180 * i / 16 for i in range(16)])  # as in problem.toml
    y, sigma = ct_data(forward, ct_counts(forward, x, seed=SEED))
    np.savez_compressed(
        Path(__file__).with_name("measurements.npz"),
        y=y.numpy(),
        sigma=sigma[0].numpy(),
        truth=x.numpy(),
        licence=np.array("CC BY-SA 4.0: MedNIST, B. J. Erickson, Mayo Clinic"),
    )


if __name__ == "__main__":
    main()
