"""The problem: a prior, a forward operator, a likelihood, constraints and the data; checked once, here."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import as_number, as_one_of, as_tensor, as_text, in_precision, shown
from sciadv.constraint import Constraint, check_constraints
from sciadv.drawing.notebook import Described
from sciadv.errors import InputError
from sciadv.forward import Forward, PropertyModel, as_forward
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


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Problem(Described):
    """Find the candidates x = G(z) whose predictions F(x) agree with the measurements y.

    The objective per measurement is ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2``; with
    ``latent_weight=1`` its minimum is the maximum a posteriori latent.

    Parameters
    ----------
    prior
        The latent distribution and the generator.
    forward
        A `Forward`, or anything `sciadv.forward.as_forward` takes: a matrix, a SciPy, PyLops, deepinv or ODL
        operator, a function.
    likelihood
        How far a prediction may lie from the data.
    measurements
        ``(batch, *forward.out_shape)``, a tensor or array: real measured data, never simulated from a truth
        here.
    latent_weight
        Weight of the latents' distribution, >= 0. More than 1 says that the generator does not reach every
        true x, so that the data should be trusted less than their noise says.
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
        A part is of another kind, shapes or precisions do not fit, `measurements` or the truth has NaN or
        Inf or is too large for the precision, the likelihood cannot give such data, `latent_weight` is
        negative or not finite, truth or labels are of another number of measurements, a constraint takes
        other candidates, or the generator is not what `sciadv.nets.generator_checks` asks for.
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
        as_one_of(prior, "prior", Prior, "a Prior")
        what = "a Likelihood, such as Gaussian(sigma)"
        as_one_of(likelihood, "likelihood", Likelihood, what)  # type: ignore[type-abstract]  # any of them
        as_one_of(solver, "solver", SolverSettings, "SolverSettings")
        operator = as_forward(forward, in_shape=prior.out_shape, device=prior.device)
        predicted = check_operator(operator, prior)
        y = check_measurements(measurements, operator, predicted.dtype)
        likelihood.check_data(y)
        values = {
            "prior": prior,
            "forward": operator,
            "likelihood": likelihood,
            "measurements": y,
            "latent_weight": as_number(latent_weight, "latent_weight", least=0),
            "name": as_text(name, "name"),
            "truth": check_truth(truth, len(y), operator),
            "labels": check_labels(labels, len(y)),
            "constraints": check_constraints(constraints, prior.out_shape),
            "solver": solver,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)  # frozen

    def facts_of_itself(self) -> dict[str, object]:
        """Return what it is, in a few words a part."""
        y = self.measurements
        return {
            "name": repr(self.name),
            "measurements": f"{len(y)} of shape {tuple(y.shape[1:])}",
            "prior": f"{self.prior.name!r}, latent {self.prior.latent_shape}",
            "forward": f"{type(self.forward).__name__} of {self.forward.in_shape}",
            "likelihood": repr(self.likelihood),
            "constraints": len(self.constraints) or None,
            "solver": self.solver.name,
        }

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
        object.__setattr__(own, "prior", self.prior.replica())  # frozen
        return own

    def subset(self, index: slice | list[int] | Tensor) -> Problem:
        """Return the problem with some of its measurements.

        Raises
        ------
        InputError
            The index is no slice, list or tensor of whole numbers in range, or it takes none.
        """
        rows = self._rows(index)
        truth = None if self.truth is None else self.truth[rows.to(self.truth.device)]
        labels = None if self.labels is None else self.labels[rows.to(self.labels.device)]
        return replace(self, measurements=self.measurements[rows], truth=truth, labels=labels)

    def _rows(self, index: slice | list[int] | Tensor) -> Tensor:
        """Return the numbers of the measurements that an index takes."""
        every = torch.arange(self.n_problems, device=self.measurements.device)
        try:
            wanted = index if isinstance(index, slice) else as_tensor(index, "index", device=every.device)
            rows = None if isinstance(wanted, Tensor) and wanted.is_floating_point() else every[wanted]
        except (InputError, IndexError, TypeError, ValueError):
            rows = None
        if rows is None or rows.ndim != 1 or len(rows) == 0:
            raise InputError(
                f"index must be a slice, or a list of whole numbers from {-self.n_problems} to "
                f"{self.n_problems - 1}, that takes at least one measurement, but it is {shown(index)}"
            )
        return rows

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


def check_operator(forward: Forward, prior: Prior) -> Tensor:
    """Return an operator's prediction of a draw of the prior, or say what is wrong with it.

    Raises
    ------
    InputError
        They differ in shape, precision or device, or the prediction of a draw has NaN or Inf; a property
        model's may, for designs that are not possible.
    """
    if forward.in_shape != prior.out_shape:
        raise InputError(
            f"the prior {prior.name!r} generates {prior.out_shape}, but the operator takes "
            f"{forward.in_shape}; was it made for images of another size or channel order?"
        )
    if forward.dtype.to_real() != prior.dtype.to_real():
        raise InputError(
            f"the prior {prior.name!r} generates {prior.dtype}, but the operator takes {forward.dtype}; "
            f"make both with one precision"
        )
    x = prior.example
    if x.is_complex() and not forward.dtype.is_complex:
        raise InputError(
            f"the prior {prior.name!r} generates {x.dtype}, but the operator takes {forward.dtype}"
        )
    with torch.no_grad():
        predicted: Tensor = forward(x.to(forward.device, forward.dtype))
    if tuple(predicted.shape) != (1, *forward.out_shape):
        raise InputError(
            f"the operator gives shape {tuple(predicted.shape)} for one candidate, but its out_shape is "
            f"{forward.out_shape}"
        )
    if not isinstance(forward, PropertyModel) and not bool(predicted.isfinite().all()):
        raise InputError(
            f"the operator gives NaN or Inf for a candidate that prior {prior.name!r} generates; look for "
            f"divisions by 0, logarithms and roots of negative numbers"
        )
    return predicted


def check_measurements(
    measurements: Tensor | npt.NDArray[Any], forward: Forward, predicted: torch.dtype
) -> Tensor:
    """Return the measurements in the precision of the predictions, or say what is wrong with them.

    Raises
    ------
    InputError
        Not numbers, the wrong shape, empty, NaN or Inf, too large for the precision, or complex where the
        operator gives real data.
    """
    y = as_tensor(measurements, "measurements", device=forward.device)
    expected = ("batch", *forward.out_shape)
    if y.shape[1:] != forward.out_shape or y.ndim == 0:
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
    _check_finite(y, "measurements", "drop those data from the operator (a mask) or repair them")
    if y.is_complex() and not predicted.is_complex:
        raise InputError(
            "measurements are complex, but the operator gives real data; take the part it predicts"
        )
    return in_precision(y, predicted, "measurements")


def check_truth(truth: Tensor | npt.NDArray[Any] | None, n: int, forward: Forward) -> Tensor | None:
    """Return the true candidates ``(n, *in_shape)``, or say what is wrong with them.

    Raises
    ------
    InputError
        Not numbers, the wrong shape or number, NaN or Inf, or too large for the precision.
    """
    if truth is None:
        return None
    x = as_tensor(truth, "truth", device=truth.device if isinstance(truth, Tensor) else forward.device)
    _check_rows(x, "truth", n)
    if tuple(x.shape[1:]) != forward.in_shape:
        raise InputError(
            f"truth has shape {tuple(x.shape)}, but candidates are "
            f"(batch, {', '.join(map(str, forward.in_shape))})"
        )
    if x.is_complex() and not forward.dtype.is_complex:
        raise InputError("truth is complex, but candidates are real")
    _check_finite(x, "truth", "leave it out where it is not known")
    in_precision(x, forward.dtype, "truth")
    return x


def check_labels(labels: Tensor | npt.NDArray[Any] | None, n: int) -> Tensor | None:
    """Return one label per measurement ``(n,)``, or say what is wrong with them.

    Raises
    ------
    InputError
        Not numbers, NaN, or not one for each measurement.
    """
    if labels is None:
        return None
    known = as_tensor(labels, "labels", device=labels.device if isinstance(labels, Tensor) else "cpu")
    _check_rows(known, "labels", n)
    if known.ndim != 1 or known.is_complex():
        raise InputError(f"labels must be one number each, shape ({n},), but they are {shown(labels)}")
    _check_finite(known, "labels", "leave them out where they are not known")
    return known


def _check_rows(values: Tensor, what: str, n: int) -> None:
    n_rows = len(values) if values.ndim else 0
    if n_rows != n:
        raise InputError(
            f"{what} has {n_rows} rows for {n} measurements; give one for each, or None (`with_measurements` "
            f"drops those of other data)"
        )


def _check_finite(values: Tensor, what: str, advice: str) -> None:
    bad = (~torch.isfinite(torch.view_as_real(values) if values.is_complex() else values)).nonzero()
    if len(bad):
        first = tuple(int(i) for i in bad[0][: values.ndim])
        raise InputError(
            f"{what} hold {len(bad)} NaN or Inf of {values.numel()}, the first at index {first}; {advice}"
        )
