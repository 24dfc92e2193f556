"""Numbers measured on trajectories of a network for many parameter sets: periods, amplitudes, levels.

Many sets are integrated in one batch, each with its own steps; few, those that are too stiff for that and
networks with events are integrated one by one by an implicit method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, SolveError, UnknownNameError
from sciadv.physics.dynamics.adaptive import TimedRate, integrate
from sciadv.physics.dynamics.integration import Span, Tolerances
from sciadv.physics.dynamics.oscillations import measure_oscillations
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.network import ReactionNetwork
from sciadv.physics.reactions.stiff import Accuracy, check_expressed, trajectories

MEASURES = ("period", "amplitude", "duty", "mean", "highest", "lowest", "level")


@dataclass(frozen=True)
class Measure:
    """One number of a trajectory.

    Parameters
    ----------
    kind
        One of `MEASURES`: ``level`` is the last one; period, amplitude and duty are NaN where a trajectory
        does not oscillate or has not settled.
    of
        The quantity: a species, a parameter with a rule, a reaction's rate.
    """

    kind: str
    of: str

    @staticmethod
    def read(text: str) -> Measure:
        """Return what a text such as ``"period of PX"`` asks for.

        Raises
        ------
        InputError
            It is no such text.
        UnknownNameError
            There is no such measure.
        """
        kind, _, of = text.partition(" of ")
        if not of.strip():
            raise InputError(f"a measure is a text such as 'period of S', but it is {text!r}")
        if kind.strip() not in MEASURES:
            raise UnknownNameError("measure of a trajectory", kind.strip(), MEASURES)
        return Measure(kind.strip(), of.strip())


@dataclass(frozen=True)
class Course:
    """How trajectories are followed.

    Parameters
    ----------
    end
        Time to follow them to.
    settled
        Time after which they are measured: what comes before is left out. Half of `end` if None.
    n_samples
        Samples between the two.
    relative, absolute
        Errors of a step, in parts of a level and of its size at the start.
    max_steps
        Steps after which a set counts as stiff.
    batch_from
        Sets from which one batch is quicker than one set after the other.
    """

    end: float
    settled: float | None = None
    n_samples: int = 1000
    relative: float = 1e-7
    absolute: float = 1e-9
    max_steps: int = 20_000
    batch_from: int = 64

    def span(self) -> Span:
        """Return what of time is kept."""
        return Span(
            self.end, self.n_samples, keep_from=0.5 * self.end if self.settled is None else self.settled
        )


def measured(
    network: ReactionNetwork,
    measures: Sequence[Measure],
    course: Course,
    *,
    values: Mapping[str, Tensor],
) -> Float[Tensor, "batch measures"]:
    """Return measures for each set of values; NaN where a set cannot be integrated or does not oscillate.

    Parameters
    ----------
    network
        What is integrated.
    measures
        What is measured.
    course
        How long and how exactly trajectories are followed.
    values
        Values of parameters or initial levels by name ``(batch,)``.

    Raises
    ------
    InputError
        The network has parts that are not expressed.
    UnknownNameError
        It has no such quantity.
    """
    check_expressed(network)
    equations = Equations(network)
    names = tuple(dict.fromkeys(measure.of for measure in measures))
    equations.quantity_tape(names)
    with torch.no_grad():
        levels = _sampled(equations, names, course, values)
        found = [_measure(one, levels[:, names.index(one.of)], course) for one in measures]
    return torch.stack(found, 1)


def _sampled(
    equations: Equations, names: tuple[str, ...], course: Course, values: Mapping[str, Tensor]
) -> Float[Tensor, "samples names batch"]:
    """Return quantities at the samples; NaN where a set cannot be integrated."""
    y, constants = equations.start(values)
    if equations.network.events or y.shape[1] < course.batch_from:
        return _one_by_one(equations, names, course, values)
    span = course.span()

    def rates(index: Tensor) -> TimedRate:
        held = constants[:, index]
        return lambda x, t: equations.rates(t, x, held)

    scale = torch.maximum(y.abs(), y.abs().amax(0, keepdim=True).clamp_min(1e-12) * 1e-3)
    tolerances = Tolerances(course.relative, course.absolute, max_steps=course.max_steps)
    kept = integrate(rates, y, span, scale=scale, tolerances=tolerances)
    levels = _quantities(equations, names, span.times().to(y), kept.levels, constants)
    stiff = (~kept.is_done).nonzero()[:, 0]
    if len(stiff):
        rest = {key: value[stiff] for key, value in values.items()}
        levels[:, :, stiff] = _one_by_one(equations, names, course, rest)
    return levels


def _quantities(
    equations: Equations, names: tuple[str, ...], times: Tensor, kept: Tensor, constants: Tensor
) -> Float[Tensor, "samples names batch"]:
    """Return quantities at all samples ``(samples, batch, states)`` at once."""
    n_samples, batch, _ = kept.shape
    flat = equations.quantities(
        names,
        times.repeat_interleave(batch),
        kept.flatten(0, 1).T,
        constants.repeat(1, n_samples),
    )
    return flat.reshape(len(names), n_samples, batch).transpose(0, 1)


def _one_by_one(
    equations: Equations, names: tuple[str, ...], course: Course, values: Mapping[str, Tensor]
) -> Float[Tensor, "samples names batch"]:
    """Return quantities at the samples, set by set, by an implicit method; NaN where that stops short."""
    times = course.span().times()
    n = max((len(value) for value in values.values()), default=1)
    found = []
    for k in range(n):
        one = {key: value[k] for key, value in values.items()}
        accuracy = Accuracy(course.relative, course.absolute)
        try:
            alone = trajectories(equations.network, times, names=names, values=one, accuracy=accuracy)
            found.append(alone.levels[:, :, 0])
        except SolveError:  # one set may fail, others not
            found.append(torch.full((len(times), len(names)), torch.nan, dtype=torch.float64))
    return torch.stack(found, -1)


def _measure(measure: Measure, levels: Float[Tensor, "samples batch"], course: Course) -> Tensor:
    """Return one measure of each set."""
    plain = {
        "mean": levels.mean(0),
        "highest": levels.amax(0),
        "lowest": levels.amin(0),
        "level": levels[-1],
    }
    if measure.kind in plain:
        return plain[measure.kind]
    known = levels.isfinite().all(0)
    found = measure_oscillations(torch.where(known, levels, 0.0), spacing=course.span().spacing)
    values: Tensor = getattr(found, measure.kind)
    return torch.where(known & found.is_settled(), values, torch.nan)
