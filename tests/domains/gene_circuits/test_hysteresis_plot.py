"""Loops are drawn with their thresholds, and circuits without one say so."""

import torch

from sciadv.domains.gene_circuits.behaviours.responses import Ends, Ramp
from sciadv.domains.gene_circuits.behaviours.switching import Switching
from sciadv.domains.gene_circuits.hysteresis_plot import plot_hysteresis
from sciadv.physics.regulation.kinetics import Kinetics, pack

TOGGLE = -torch.eye(2).roll(1, 1)[None]


def toggle(hill: float) -> torch.Tensor:
    edge, gene = torch.ones_like(TOGGLE), torch.ones(1, 2)
    return pack(Kinetics(TOGGLE, 0.1 * edge, hill * edge, 100 * edge, 50 * gene, gene, gene))


def test_loops_and_their_absence_are_drawn():
    x = torch.cat([toggle(3.0), toggle(1.0)])
    figure = plot_hysteresis(x, Switching(ramp=Ramp(n_doses=11), ends=Ends(0, 1)), n_columns=3)
    first, second, third = figure.axes
    assert "decades" in first.get_title()
    assert second.get_title() == "2: no closed loop"
    assert not third.axison
    assert len(first.lines) == 4
    assert len(second.lines) == 2
