"""Make case_1.npz: the travel times and the model of the published case 1, from the authors' repository.

Run with ``SCIADV_DATA`` set to a folder with ``subsurface/gpr_case_1.npz``, whose arrays ``travel_times`` and
``model_true`` are those of github.com/elaloy/gan_for_gradient_based_inv at commit aeb48ea (MIT).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np


def main() -> None:
    """Write the file beside this one."""
    source = Path(os.environ["SCIADV_DATA"]) / "subsurface" / "gpr_case_1.npz"
    with np.load(source) as case:
        y, truth = case["travel_times"].astype(np.float32), case["model_true"].astype(np.float32)
    np.savez_compressed(Path(__file__).with_name("case_1.npz"), y=y[None], truth=truth[None, None])


if __name__ == "__main__":
    main()
