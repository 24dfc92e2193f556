"""Draw figure.png: case 1, the answer of auto, draws of the posterior, and how likely a cell is a channel."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure

from sciadv.catalogue import load_problem
from sciadv.solvers import Auto, Laplace

N_DRAWS = 200


def main() -> None:
    """Write the picture beside this file."""
    torch.set_num_threads(1)
    problem = load_problem("gpr-crosshole")
    assert problem.truth is not None
    found = Auto().solve(problem)
    posterior = Laplace(n_samples=N_DRAWS).solve(problem).posterior
    assert posterior is not None
    truth = problem.truth > 0.5
    panels = {
        "truth,\nchannels dark": truth,
        "auto\n": found.x,
        "a draw of\nthe posterior": posterior.samples[:, 0],
        "another\n": posterior.samples[:, 1],
        "share of draws\nwith a channel": (posterior.samples > 0.5).double().mean(1),
        "wrong cells\nof auto": (found.x > 0.5) != truth,
    }
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True)
    for axis, (name, values) in zip(axes, panels.items(), strict=True):
        image = axis.imshow(values[0, 0].double(), cmap="gray_r", vmin=0, vmax=1, extent=(0, 6, 12.5, 0))
        axis.set_title(name, fontsize=8)
        axis.set_xlabel("x [m]", fontsize=8)
        axis.plot([0.0] * 24, [0.5 + 0.5 * i for i in range(24)], "r.", markersize=3, clip_on=False)
        axis.plot([6.0] * 24, [0.5 + 0.5 * i for i in range(24)], "b.", markersize=3, clip_on=False)
    axes[0].set_ylabel("depth [m]")
    figure.colorbar(image, ax=axes, shrink=0.7)
    figure.savefig(Path(__file__).with_name("figure.png"), dpi=110)


if __name__ == "__main__":
    main()
