"""Trajectories of many different circuits at once, integrated with controlled errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.dynamics.adaptive import TimedRate, integrate
from sciadv.physics.dynamics.integration import Integration, Span, Tolerances
from sciadv.physics.dynamics.rosenbrock import integrate_stiff
from sciadv.physics.regulation.hill import HillEquations
from sciadv.physics.regulation.kinetics import Kinetics

Rate = Callable[[Tensor], Tensor]


def simulate(
    kinetics: Kinetics,
    initial: Float[Tensor, "batch states"],
    *,
    t_end: float = 50.0,
    n_kept: int = 0,
    keep_from: float = 0.0,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> Float[Tensor, "kept batch states"]:
    """Integrate circuits from their initial levels; the last kept state is that at `t_end`.

    Parameters
    ----------
    kinetics
        The circuits, all different if need be.
    initial
        Levels at time 0, >= 0; their dtype is that of the arithmetic, and float32 suffices for an `rtol` of
        1e-6. Levels of protein ``(batch, genes)``, where mRNA and what matures start at what would keep them
        and are not returned; or whole states ``(batch, stages * genes)``, which are.
    t_end
        Time to integrate [time]; a gene's own time scale is 1 to 10.
    n_kept
        States kept at even times after `keep_from`; 0 keeps the last one only.
    keep_from
        Time after which states are kept.
    rtol, atol
        Largest error of one step, as a part of a level and of a gene's largest level.

    Raises
    ------
    InputError
        Initial levels of another shape, negative or not finite, times or tolerances that cannot be meant, or
        a circuit that is too stiff.
    """
    span = Span(t_end, n_kept=max(1, n_kept), keep_from=keep_from)
    return integrated(kinetics, initial, span, Tolerances(rtol, atol)).check().levels


def integrated(
    kinetics: Kinetics,
    initial: Float[Tensor, "batch states"],
    span: Span,
    tolerances: Tolerances | None = None,
) -> Integration:
    """Integrate circuits as `simulate` does, and return which could not be integrated instead of raising.

    Circuits that need more than `Tolerances.explicit_steps` are stiff: they are integrated implicitly, in
    float64.
    """
    rule = Tolerances() if tolerances is None else tolerances
    equations = HillEquations.of(kinetics)
    start = _state(equations, kinetics, initial)
    scale = equations.state(kinetics.largest.T)
    found = integrate(
        lambda index: autonomous(HillEquations.of(kinetics.rows(index))),
        start.contiguous(),
        span,
        scale=scale,
        tolerances=replace(rule, max_steps=min(rule.max_steps, rule.explicit_steps)),
        n_slots=max(256, min(4096, 2**17 // len(start) ** 2)),  # values of edges that a cache holds
    )
    stiff = (~found.is_done).nonzero()[:, 0]
    if len(stiff):
        some = kinetics.rows(stiff).to(torch.float64)
        again = integrate_stiff(
            lambda index: HillEquations.of(some.rows(index)),
            start[:, stiff].double(),
            span,
            scale=scale[:, stiff].double(),
            tolerances=rule,
        )
        found = found.with_rows(stiff, again)
    return replace(found, levels=found.levels[..., : initial.shape[1]])


def _state(equations: HillEquations, kinetics: Kinetics, initial: Tensor) -> Float[Tensor, "states batch"]:
    """Return the state at the start for levels of protein, or for a whole state."""
    n, n_genes = kinetics.presence.shape
    n_states = kinetics.model.n_stages * n_genes
    if tuple(initial.shape) not in ((n, n_genes), (n, n_states)):
        whole = f", or (batch, states), {(n, n_states)}" if n_states > n_genes else ""
        raise InputError(
            f"initial levels have shape {tuple(initial.shape)}, but (batch, genes) is {(n, n_genes)}{whole}"
        )
    if not bool(((initial >= 0) & initial.isfinite()).all()):
        raise InputError("initial levels must be finite and >= 0; concentrations are not negative")
    return initial.T if initial.shape[1] == n_states else equations.state(initial.T)


def autonomous(rate: Rate) -> TimedRate:
    """Return a rate that does not depend on time as a function of state and time."""
    return lambda x, t: rate(x)  # noqa: ARG005  # the integrator's signature
