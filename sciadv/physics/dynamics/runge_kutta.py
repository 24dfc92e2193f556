"""Embedded pairs of explicit Runge-Kutta methods, each with a polynomial between its steps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pair:
    """An explicit method whose last stage is the next step's first, with an estimate of its error.

    Parameters
    ----------
    name
        Words for a table.
    nodes
        Parts of a step at which the stages lie.
    rows
        Weights of the earlier stages in each stage after the first; the last row is the solution's.
    error
        Weights of the error estimate.
    dense
        ``dense[d][i]``: coefficient of ``theta^(d + 1)`` in stage i's weight at a part theta of a step.
    order
        The error estimate of a step of length h is of order ``h^order``.
    """

    name: str
    nodes: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]
    error: tuple[float, ...]
    dense: tuple[tuple[float, ...], ...]
    order: int

    def tensors(self, like: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return the stages' rows, the error's weights and the dense coefficients, as `like` is."""
        rows = [like.new_tensor(row) for row in self.rows]
        return rows, like.new_tensor(self.error), like.new_tensor(self.dense)


def tsitouras() -> Pair:
    """Return Tsitouras' pair of orders 5 and 4, six evaluations a step.

    At equal errors of the trajectories of oscillating circuits it needs 5 to 8 % fewer evaluations than
    Dormand and Prince's pair, and of methods of order 3 and 8 both need more at relative errors of 1e-3.

    References
    ----------
    Ch. Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption,
    Computers & Mathematics with Applications 62, 2011, pages 770-775, Table 1 and its interpolant.

    Examples
    --------
    >>> pair = tsitouras()
    >>> len(pair.error), round(sum(pair.rows[-1]), 12)
    (7, 1.0)
    """
    weights = (
        _quartic(-1.0530884977290216, (-1.3299890189751412, 0.0), (-1.4364028541716351, 0.7139816917074209)),
        _quartic(0.1017, (0.0, 0.0), (-2.1966568338249754, 1.2949852507374631)),
        _quartic(2.490627285651253, (0.0, 0.0), (-2.3853564547206166, 1.578034682080925)),
        _quartic(-16.548102889244902, (0.0, 0.0), (-1.8333333333333333, 0.75)),
        _quartic(47.37952196281928, (0.0, 0.0), (-1.86111850102591, 0.791677751538865)),
        _quartic(-34.87065786149661, (0.0, 0.0), (-1.8666666666666667, 0.8)),
        _quartic(2.5, (0.0, 0.0), (-1.6, 0.6)),
    )
    nodes = (0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0)
    dense = tuple(zip(*weights, strict=True))
    return Pair("Tsitouras 5(4)", nodes, _tsitouras_rows(), _tsitouras_error(), dense, order=5)


def _quartic(leading: float, first: tuple[float, float], second: tuple[float, float]) -> tuple[float, ...]:
    """Return coefficients of theta to theta^4: ``leading (theta^2 + p theta + q)(theta^2 + r theta + s)``."""
    (p, q), (r, s) = first, second
    return tuple(leading * part for part in (p * s + q * r, q + s + p * r, p + r, 1.0))


def _tsitouras_rows() -> tuple[tuple[float, ...], ...]:
    return (
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (
            5.86145544294642,
            -12.92096931784711,
            8.159367898576159,
            -0.071584973281401,
            -0.028269050394068383,
        ),
        (
            0.09646076681806523,
            0.01,
            0.4798896504144996,
            1.379008574103742,
            -3.290069515436081,
            2.324710524099774,
        ),
    )


def _tsitouras_error() -> tuple[float, ...]:
    return (
        -0.001780011052226,
        -0.000816434459657,
        0.007880878010262,
        -0.144711007173263,
        0.582357165452555,
        -0.458082105929187,
        1 / 66,
    )
