"""What iterations on magnitudes share: the linear operator behind them, and where their rows stand."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import LinearForward
from sciadv.forward.imaging.magnitude import Magnitude
from sciadv.problem import Problem
from sciadv.types import Rows


@dataclass(frozen=True)
class Images(Rows):
    """Images `x` ``(rows, ...)``, and the misfit where the last step began ``(rows,)``."""

    x: Tensor
    misfit: Tensor
    objective: None = None


def linear_of(problem: Problem, method: str) -> LinearForward:
    """Return A of a problem whose data are ``|A x|``.

    Raises
    ------
    InputError
        The operator is no `Magnitude`.
    """
    if not isinstance(problem.forward, Magnitude):
        raise InputError(
            f"{method} needs magnitudes of a linear operator, but the operator is "
            f"{type(problem.forward).__name__}; use levenberg-marquardt, which takes any operator"
        )
    return problem.forward.linear
