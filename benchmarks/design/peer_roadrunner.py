"""The peer of the circuits' simulator: libroadrunner, CVODE on compiled models, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciadv.domains.gene_circuits.exchange.antimony import to_antimony


def compile_models(x: Tensor, initial: Tensor) -> list[Any]:
    """Return runners of circuits ``(batch, 7, genes, genes)`` from their Antimony text through SBML."""
    import antimony
    import roadrunner

    runners = []
    for circuit, start in zip(x, initial, strict=True):
        antimony.clearPreviousLoads()
        antimony.loadAntimonyString(to_antimony(circuit, initial=start))
        runner = roadrunner.RoadRunner(antimony.getSBMLString("circuit"))
        runner.integrator.maximum_num_steps = 1_000_000
        runners.append(runner)
    return runners


def trajectories(
    runners: list[Any], *, start: float = 0.0, t_end: float, n: int, rtol: float, atol: float = 1e-12
) -> Tensor:
    """Return levels at n even times after `start`, ``(times, batch, genes)``, float64."""
    levels = []
    for runner in runners:
        runner.reset()
        runner.integrator.relative_tolerance, runner.integrator.absolute_tolerance = rtol, atol
        names = sorted(runner.model.getFloatingSpeciesIds())
        if start > 0:
            runner.simulate(0, start, 2, names)
        levels.append(np.array(runner.simulate(start, t_end, n + 1, names))[1:])
    return torch.from_numpy(np.stack(levels, 1))
