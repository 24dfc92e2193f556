"""Draw models.png: a draw from the prior and a crop that it has not made, by latents and cell by cell."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure

from benchmarks.scans.seismic_crosswell import l_bfgs, smooth_start
from sciadv.catalogue import load_problem
from sciadv.solvers import LevenbergMarquardt

#: One of each kind of models in crosswell.npz; gradients of plain inversion, those of the bench.
ROWS, N_GRADIENTS = [0, 2], 60


def main() -> None:
    """Write the picture beside this file."""
    torch.set_num_threads(1)
    problem = load_problem("seismic-crosswell").subset(ROWS)
    assert problem.truth is not None
    start = smooth_start(problem)
    columns = {
        "truth": problem.truth,
        "latents, one random start": LevenbergMarquardt(1, starts="random", halve_at=()).solve(problem).x,
        "start of plain inversion": start,
        "plain inversion, L-BFGS": l_bfgs(problem, start, N_GRADIENTS),
    }
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    axes = figure.subplots(len(ROWS), len(columns), sharex=True, sharey=True)
    for row, kind in enumerate(("a draw from the prior", "a held-out crop")):
        line = axes[row]
        for axis, (name, models) in zip(line, columns.items(), strict=True):
            image = axis.imshow(2500 - 500 * models[row, 0], vmin=2000, vmax=2500, extent=(0, 120, 250, 0))
            axis.set_title("" if row else name, fontsize=8)
        line[0].set_ylabel(f"{kind}\ndepth [m]")
        line[0].plot([3.0] * 3, [25, 125, 225], "r*")
        line[0].plot([117.0] * 24, [11 + 10 * i for i in range(24)], "w.", markersize=3)
    figure.colorbar(image, ax=axes, label="velocity [m/s]", shrink=0.6)
    figure.savefig(Path(__file__).with_name("models.png"), dpi=110)


if __name__ == "__main__":
    main()
