"""Beams by EngiBench's `beams2d`, where it is installed: its simulation and its optimiser.

References
----------
Felten and others, EngiBench: a framework for data-driven engineering design research, arXiv 2508.00831.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciadv.errors import MissingPackageError

PACKAGE = "engibench"


def problem(volume: float, radius: float, load: float) -> Any:
    """Return EngiBench's problem of 50 x 100 elements for a condition.

    Raises
    ------
    MissingPackageError
        EngiBench is not installed.
    """
    try:
        module = import_module("engibench.problems.beams2d.v0")
    except ImportError as error:
        raise MissingPackageError(
            "beams are compared by engibench; pip install 'engibench[beams2d]'"
        ) from error
    # the number of the loaded corner is rounded down there
    return module.Beams2D(config={"volfrac": volume, "rmin": radius, "forcedist": load + 1e-9})


def simulated(volume: float, radius: float, load: float, density: Tensor) -> float:
    """Return the compliance of densities ``(50, 100)`` by EngiBench's simulation."""
    return float(problem(volume, radius, load).simulate(density.double().numpy())[0])


def optimised(volume: float, radius: float, load: float) -> Tensor:
    """Return the densities ``(50, 100)`` that EngiBench's optimiser ends at, from even density."""
    design, _ = problem(volume, radius, load).optimize()
    return torch.from_numpy(np.ascontiguousarray(design))
