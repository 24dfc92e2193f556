"""The problem: a prior, a forward operator, a likelihood, constraints and the data; checked once, here."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.constraint import Constraint, check_constraints
from sciadv.errors import InputError
from sciadv.forward import Forward, as_forward
from sciadv.forward.base import output_dtype
from sciadv.likelihood import Likelihood, real_view
from sciadv.nets.private_copy import sharing_copy
from sciadv.prior import Prior
from sciadv.types import as_device


@dataclass(frozen=True)
class SolverSettings:
    """The solver that a problem asks for, as the ``[solver]`` table of a ``problem.toml`` does.

    Parameters
    ----------
    name
        Name in the registry of solvers.
    restarts
        Starts per measurement; the solver's own default if None.
    """

    name: str = "auto"
    restarts: int | None = None


@dataclass(frozen=True, eq=False, init=False)
class Problem:
    """Find the candidates x = G(z) whose predictions F(x) agree with the measurements y.

    The objective per measurement is ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2``; with
    ``latent_weight=1`` its minimum is the maximum a posteriori latent.

    Parameters
    ----------
    prior
        The latent law and generator.
    forward
        A `Forward`, or anything `sciadv.forward.as_forward` takes: a matrix, a SciPy, PyLops, deepinv or ODL
        operator, a function.
    likelihood
        How far a prediction may lie from the data.
    measurements
        ``(batch, *forward.out_shape)``, a tensor or array: real measured data, never simulated from a truth
        here.
    latent_weight
        Weight of the latent law, >= 0. More than 1 says that the generator does not reach every true x, so
        that the data should be trusted less than their noise says.
    name
        The name in reports.
    truth
        The true candidates ``(batch, *in_shape)`` where they are known, for scores only; no solver reads it.
    labels
        One label per measurement ``(batch,)`` where they are known, for scores only.
    constraints
        What a candidate must never do; searches keep them, and a `Solution` says by which margins.
    solver
        The solver that `sciadv.solve` takes if it is given none.

    Raises
    ------
    InputError
        Shapes or precisions do not fit, `measurements` has NaN or Inf, `latent_weight` is negative, truth or
        labels are of another number of measurements, or a constraint takes other candidates.
    """

    prior: Prior
    forward: Forward
    likelihood: Likelihood
    measurements: Tensor
    latent_weight: float
    name: str
    truth: Tensor | None
    labels: Tensor | None
    constraints: tuple[Constraint, ...]
    solver: SolverSettings

    def __init__(  # noqa: PLR0913, PLR0917  # one argument a noun
        self,
        prior: Prior,
        forward: object,
        likelihood: Likelihood,
        measurements: Tensor | npt.NDArray[Any],
        latent_weight: float = 1.0,
        name: str = "custom",
        truth: Tensor | None = None,
        labels: Tensor | None = None,
        constraints: Sequence[Constraint] = (),
        solver: SolverSettings = SolverSettings(),  # frozen
    ) -> None:
        """Wrap the operator and check everything against everything, once."""
        operator = as_forward(forward, in_shape=prior.out_shape, device=prior.device)
        if operator.in_shape != prior.out_shape:
            raise InputError(
                f"the prior {prior.name!r} generates {prior.out_shape}, but the operator takes "
                f"{operator.in_shape}; was it made for images of another size or channel order?"
            )
        if operator.dtype.to_real() != prior.dtype.to_real():
            raise InputError(
                f"the prior {prior.name!r} generates {prior.dtype}, but the operator takes {operator.dtype}; "
                f"make both with one precision"
            )
        if not latent_weight >= 0:
            raise InputError(f"latent_weight must be >= 0, but it is {latent_weight}")
        checked = check_measurements(measurements, operator)
        limits = check_constraints(constraints, prior.out_shape)
        for known, told in (("truth", truth), ("labels", labels)):
            if told is not None and len(told) != len(checked):
                raise InputError(
                    f"{known} has {len(told)} rows for {len(checked)} measurements; give one for each, or "
                    f"None (`with_measurements` drops those of other data)"
                )
        for own, value in zip(
            fields(self),
            (prior, operator, likelihood, checked, latent_weight, name, truth, labels, limits, solver),
            strict=True,
        ):
            object.__setattr__(self, own.name, value)  # frozen

    @property
    def n_problems(self) -> int:
        """How many measurements are solved at once."""
        return len(self.measurements)

    @property
    def n_measurements(self) -> int:
        """How many real numbers one measurement has; a complex one counts twice."""
        return real_view(self.measurements[:1]).shape[1]

    def margins(self, x: Tensor) -> Tensor | None:
        """Return how far candidates are below each limit, in parts of it ``(batch, constraints)``.

        None without constraints; a negative margin is a broken constraint.
        """
        if not self.constraints:
            return None
        with torch.no_grad():
            return torch.stack([constraint.margin(x) for constraint in self.constraints], 1)

    def to(self, device: torch.device | str) -> Problem:
        """Return the problem with its networks, operator and data on another device; this one stays."""
        target = as_device(device)
        return replace(
            self,
            prior=self.prior.to(target),
            forward=sharing_copy(self.forward, "the operator").to(target),
            likelihood=self.likelihood.to(target),
            measurements=self.measurements.to(target),
            truth=None if self.truth is None else self.truth.to(target),
            constraints=tuple(constraint.to(target) for constraint in self.constraints),
        )

    def private(self) -> Problem:
        """Return the problem with a copy of the prior's networks of its own, for one thread.

        Networks that keep something from one call to the next, and those whose layers are reached into by
        hooks, must not be shared by threads. Weights are shared.
        """
        own = copy.copy(self)
        object.__setattr__(own, "prior", replace(self.prior))  # frozen
        return own

    def subset(self, index: slice | list[int] | Tensor) -> Problem:
        """Return the problem with some of its measurements."""
        truth = None if self.truth is None else self.truth[index]
        labels = None if self.labels is None else self.labels[index]
        return replace(self, measurements=self.measurements[index], truth=truth, labels=labels)

    def with_measurements(self, measurements: Tensor | npt.NDArray[Any]) -> Problem:
        """Return the problem with other measurements; truth and labels of the old ones are dropped."""
        return Problem(
            self.prior,
            self.forward,
            self.likelihood,
            measurements,
            self.latent_weight,
            self.name,
            constraints=self.constraints,
            solver=self.solver,
        )


def check_measurements(measurements: Tensor | npt.NDArray[Any], forward: Forward) -> Tensor:
    """Return the measurements as a tensor on the operator's device, or say what is wrong with them.

    Raises
    ------
    InputError
        Not numbers, the wrong shape, empty, NaN or Inf, or complex where the operator gives real data.
    """
    try:
        y = torch.as_tensor(measurements, device=forward.device)
    except (TypeError, ValueError) as error:
        raise InputError(f"measurements are not an array of numbers: {error}") from error
    expected = ("batch", *forward.out_shape)
    if y.shape[1:] != forward.out_shape:
        hint = (
            "add the batch: y[None]"
            if y.shape == forward.out_shape
            else "were they made with another operator?"
        )
        raise InputError(
            f"measurements have shape {tuple(y.shape)}, but the operator gives "
            f"({', '.join(map(str, expected))}); {hint}"
        )
    if len(y) == 0:
        raise InputError("measurements are empty: the first dimension, the batch, is 0")
    bad = (~torch.isfinite(torch.view_as_real(y) if y.is_complex() else y)).nonzero()
    if len(bad):
        first = tuple(int(i) for i in bad[0][: y.ndim])
        raise InputError(
            f"measurements hold {len(bad)} NaN or Inf of {y.numel()}, the first at index {first}; "
            f"drop those data from the operator (a mask) or repair them"
        )
    predicted = output_dtype(forward)
    if y.is_complex() and not predicted.is_complex:
        raise InputError(
            "measurements are complex, but the operator gives real data; take the part it predicts"
        )
    return y.to(predicted)
