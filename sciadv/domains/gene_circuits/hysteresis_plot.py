"""Pictures of switching: the output of circuits on a ramp of an inducer up and down."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.switching import Switching
from sciadv.domains.gene_circuits.circuit_plot import gene_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_hysteresis(
    x: Float[Tensor, "batch 7 genes genes"],
    test: Switching | None = None,
    *,
    n_columns: int = 4,
) -> Figure:
    """Draw the output of each circuit by the dose: on the way up, and on the way down.

    Input and output are those of the widest closed loop; thresholds are dotted.

    Parameters
    ----------
    x
        Circuits.
    test
        Doses, and which genes are induced and looked at; the standard one if None.
    n_columns
        Panels beside each other.
    """
    from matplotlib.figure import Figure

    test = Switching() if test is None else test
    measured = test.measure(x)
    n_rows = math.ceil(len(x) / n_columns)
    figure = Figure(figsize=(2.6 * n_columns, 2.2 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).flat
    doses = 10**test.ramp.decades
    for k, panel in enumerate(panels):
        if k >= len(x) or bool(measured["input_gene"][k].isnan()):
            panel.set_axis_off()
            continue
        source, output = (int(measured[name][k]) for name in ("input_gene", "output_gene"))
        levels, _ = test.ramp.follow(x[k : k + 1], replace(test.ends, input_gene=source))
        up, down = levels[:, :, 0, 0, output]
        panel.plot(doses, up, color="#1f4e79", label="up")
        panel.plot(doses, down, color="#d9722e", ls="--", label="down")
        for name in ("lower_threshold", "upper_threshold"):
            if not bool(measured[name][k].isnan()):
                panel.axvline(float(measured[name][k]), color="0.7", lw=0.8, ls=":")
        panel.set(xscale="log", yscale="log")
        panel.set_xlabel(f"dose on {gene_name(source)}", fontsize=7)
        panel.set_ylabel(f"level of {gene_name(output)}", fontsize=7)
        width = float(measured["hysteresis_width"][k])
        found = f"{width:.1f} decades" if width > 0 else "no closed loop"
        panel.set_title(f"{k + 1}: {found}", fontsize=8)
        panel.tick_params(labelsize=6)
    named = figure.axes[0].get_legend_handles_labels()
    figure.legend(*named, loc="outside upper right", ncols=2, frameon=False, fontsize=7)
    return figure
